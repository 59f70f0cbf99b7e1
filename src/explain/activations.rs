//! What a layer gives for one slice, channel by channel.

use super::{ExplainError, channels::layer_output};
use crate::graph::{NodeId, Trace};

/// The output of one layer for one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Activations {
    /// The layer's name.
    pub layer: String,
    /// Channels, or features of a layer without rows and columns.
    pub channels: usize,
    /// Rows; 1 for a layer without.
    pub rows: usize,
    /// Columns; 1 for a layer without.
    pub columns: usize,
    /// `channels × rows × columns`, in the network's own unit.
    pub values: Vec<f32>,
    /// Smallest value of each channel.
    pub minimum: Vec<f32>,
    /// Largest value of each channel.
    pub maximum: Vec<f32>,
    /// Mean of each channel.
    pub mean: Vec<f32>,
}

impl Activations {
    /// One channel, `rows × columns`.
    #[must_use]
    pub fn channel(&self, channel: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.rows * self.columns).nth(channel)
    }
}

/// The output of `layer` for one element of the batch; the run must have kept it ([`crate::graph::Keep::output_of`]).
///
/// # Errors
/// [`ExplainError::NotKept`], [`ExplainError::NoSlice`], or [`ExplainError::NotSpatial`] for an output with other than
/// two or four dimensions.
pub fn activations(trace: &Trace, layer: NodeId, slice: usize) -> Result<Activations, ExplainError> {
    let output = layer_output(trace, layer, slice)?;
    let (mut minimum, mut maximum, mut mean) = (Vec::new(), Vec::new(), Vec::new());
    for channel in output.planes() {
        minimum.push(channel.iter().copied().fold(f64::INFINITY, f64::min) as f32);
        maximum.push(channel.iter().copied().fold(f64::NEG_INFINITY, f64::max) as f32);
        mean.push((channel.iter().sum::<f64>() / channel.len() as f64) as f32);
    }
    Ok(Activations {
        layer: trace.graph().nodes()[layer].name.clone(),
        channels: output.channels,
        rows: output.rows,
        columns: output.columns,
        values: output.values.iter().map(|&value| value as f32).collect(),
        minimum,
        maximum,
        mean,
    })
}
