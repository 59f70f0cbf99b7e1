//! What a layer gives for one slice, channel by channel.

use super::{
    ExplainError,
    channels::{Planes, layer_output},
    target::{Objective, Target},
};
use crate::graph::{Control, NodeId, Rule, Trace};

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
    /// What each channel adds to the logit of a class, where one was asked for; see [`contributions`].
    pub contributions: Option<Vec<f32>>,
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
        contributions: None,
    })
}

/// What each channel of `layer` adds to the explained logit: Σ over its places of gradient × activation.
///
/// Exact where everything behind the layer is linear: behind a global average pooling and a linear layer it is weight ×
/// mean activation, and the contributions sum to the logit minus the bias. Elsewhere it is the first-order share. The
/// run must have kept the layer's output and what the gradient needs ([`crate::graph::Keep::gradients_to`]).
///
/// # Errors
/// As [`activations`], and when there is no such class or the gradient cannot be taken.
pub fn contributions(
    trace: &Trace,
    layer: NodeId,
    slice: usize,
    target: &Target,
    control: &Control,
) -> Result<Vec<f32>, ExplainError> {
    let output = layer_output(trace, layer, slice)?;
    let seed = Objective::of(trace, target, slice)?.seed(trace.target(), slice)?;
    let gradient = trace.vjp(trace.target_node(), &seed, layer, Rule::Gradient, control)?;
    let name = trace.graph().name_of(layer);
    let gradient = Planes::of(&gradient, slice, &name)?;
    let sums: Vec<f32> = output
        .planes()
        .zip(gradient.planes())
        .map(|(values, gradients)| values.iter().zip(gradients).map(|(value, gradient)| value * gradient).sum::<f64>())
        .map(|sum| sum as f32)
        .collect();
    if sums.iter().any(|sum| !sum.is_finite()) {
        return Err(ExplainError::NotFinite { layer: name });
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::graph::ops::{AdaptiveAvgPool2d, Flatten, Linear, Relu};
    use crate::graph::{GraphBuilder, INPUT, Keep};

    #[test]
    fn behind_average_pooling_and_a_linear_layer_contributions_are_weight_times_mean() {
        let mut builder = GraphBuilder::new();
        let relu = builder.add("relu", Relu, &[INPUT]);
        let pool = builder.add("pool", AdaptiveAvgPool2d::GLOBAL, &[relu]);
        let flat = builder.add("flat", Flatten, &[pool]);
        let weight = Tensor::from_vec(vec![0.5_f64, -2.0, 1.5, 3.0, 0.25, -1.0], (2, 3), &Device::Cpu).unwrap();
        let bias = Tensor::from_vec(vec![0.125_f64, -0.5], 2, &Device::Cpu).unwrap();
        builder.add("fc", Linear::new(weight, Some(bias)).unwrap(), &[flat]);
        let graph = Arc::new(builder.finish().unwrap());
        let values: Vec<f64> = (0..12).map(|n| f64::from(n % 5) - 1.5).collect();
        let input = Tensor::from_vec(values, (1, 3, 2, 2), &Device::Cpu).unwrap();
        let keep = Keep::nothing().output_of(relu).gradients_to(relu);
        let control = Control::default();
        let trace = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
        let shown = activations(&trace, relu, 0).unwrap();
        assert!(shown.contributions.is_none());
        let logits = trace.target().to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
        for (class, weights, bias) in [(0, [0.5, -2.0, 1.5], 0.125), (1, [3.0, 0.25, -1.0], -0.5)] {
            let found = contributions(&trace, relu, 0, &Target::class(class), &control).unwrap();
            // Exact but for the rounding of the means to single precision.
            for (channel, weight) in weights.into_iter().enumerate() {
                assert!((found[channel] - weight * shown.mean[channel]).abs() < 1e-6, "{found:?}");
            }
            let sum: f32 = found.iter().sum();
            assert!((f64::from(sum) - (logits[class] - bias)).abs() < 1e-6, "{sum} {logits:?}");
        }
        let negative = Target { sign: -1.0, ..Target::class(0) };
        let found = contributions(&trace, relu, 0, &negative, &control).unwrap();
        assert!((found.iter().sum::<f32>() as f64 + logits[0] - 0.125).abs() < 1e-6);
        assert!(contributions(&trace, relu, 0, &Target::class(2), &control).is_err());
    }
}
