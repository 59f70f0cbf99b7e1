//! What one image does in one layer, channel by channel: small enough to be kept for every image of a folder.

use candle_core::{DType, Tensor};

use super::InsideError;
use crate::graph::{NodeId, Trace};

/// One channel on one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelSummary {
    /// Sum over the places, in double precision.
    pub sum: f64,
    /// Smallest value.
    pub least: f32,
    /// Largest value.
    pub greatest: f32,
    /// Places with a value above 0.
    pub active: u32,
    /// Places at or beyond the limits of the activation function, where some were given.
    pub saturated: u32,
    /// The place of the largest value, row-major; the first of equal ones.
    pub peak: u32,
}

/// One layer on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSummary {
    /// Rows; 1 for a layer without.
    pub rows: usize,
    /// Columns; 1 for a layer without.
    pub columns: usize,
    /// One a channel, or feature.
    pub channels: Vec<ChannelSummary>,
}

impl LayerSummary {
    /// Places of a channel.
    #[must_use]
    pub fn places(&self) -> usize {
        self.rows * self.columns
    }

    /// The mean of each channel: the layer's code of the image (global average pooling; the features themselves of a
    /// layer without rows and columns).
    #[must_use]
    pub fn code(&self) -> Vec<f32> {
        let places = self.places().max(1) as f64;
        self.channels.iter().map(|channel| (channel.sum / places) as f32).collect()
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.channels.len() * size_of::<ChannelSummary>() + size_of::<Self>()
    }

    /// The output of `layer` for one element of the batch, which the run must have kept. Values outside `limits` or on
    /// them count as saturated.
    ///
    /// # Errors
    /// [`InsideError::NotKept`], [`InsideError::Shape`] for an output with other than two or four dimensions,
    /// [`InsideError::NotFinite`].
    pub fn of(trace: &Trace, layer: NodeId, slice: usize, limits: Option<(f32, f32)>) -> Result<Self, InsideError> {
        let name = || trace.graph().name_of(layer);
        let output = trace.output(layer).ok_or_else(|| InsideError::NotKept { layer: name() })?;
        let summary = Self::of_tensor(output, slice, limits);
        summary.map_err(|error| match error {
            InsideError::Shape { shape, .. } => InsideError::Shape { layer: name(), shape },
            InsideError::NotFinite { .. } => InsideError::NotFinite { layer: name() },
            other => other,
        })
    }

    fn of_tensor(output: &Tensor, slice: usize, limits: Option<(f32, f32)>) -> Result<Self, InsideError> {
        let shape = output.dims();
        let (channels, rows, columns) = match *shape {
            [_, channels] => (channels, 1, 1),
            [_, channels, rows, columns] => (channels, rows, columns),
            _ => return Err(InsideError::Shape { layer: String::new(), shape: shape.to_vec() }),
        };
        let values = output.get(slice)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        let places = rows * columns;
        if places == 0 || values.len() != channels * places {
            return Err(InsideError::Shape { layer: String::new(), shape: shape.to_vec() });
        }
        let summaries: Vec<ChannelSummary> = values.chunks_exact(places).map(|plane| summary(plane, limits)).collect();
        if summaries.iter().any(|channel| !channel.sum.is_finite()) {
            return Err(InsideError::NotFinite { layer: String::new() });
        }
        Ok(Self { rows, columns, channels: summaries })
    }
}

/// A channel of at least one place; a sum that is not finite marks values that are not.
fn summary(plane: &[f32], limits: Option<(f32, f32)>) -> ChannelSummary {
    let (mut sum, mut active, mut saturated) = (0.0_f64, 0_u32, 0_u32);
    let (mut least, mut greatest, mut peak) = (f32::INFINITY, f32::NEG_INFINITY, 0_u32);
    for (place, &value) in plane.iter().enumerate() {
        sum += f64::from(value);
        active += u32::from(value > 0.0);
        least = least.min(value);
        if value > greatest {
            (greatest, peak) = (value, place as u32);
        }
        if let Some((low, high)) = limits {
            saturated += u32::from(value <= low || value >= high);
        }
    }
    ChannelSummary { sum, least, greatest, active, saturated, peak }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_channel_is_summed_up_and_ties_go_to_the_first() {
        let values = vec![0.0_f32, 2.0, 2.0, -1.0, 0.0, 0.0, 0.0, 0.0];
        let tensor = Tensor::from_vec(values, (1, 2, 2, 2), &Device::Cpu).unwrap();
        let summary = LayerSummary::of_tensor(&tensor, 0, Some((-1.0, 2.0))).unwrap();
        let first = summary.channels[0];
        assert_eq!((first.sum, first.least, first.greatest, first.active), (3.0, -1.0, 2.0, 2));
        assert_eq!((first.peak, first.saturated), (1, 3));
        assert_eq!(summary.code(), [0.75, 0.0]);
    }

    #[test]
    fn values_that_are_not_finite_and_odd_shapes_are_refused() {
        let nan = Tensor::from_vec(vec![1.0_f32, f32::NAN], (1, 2), &Device::Cpu).unwrap();
        assert!(matches!(LayerSummary::of_tensor(&nan, 0, None), Err(InsideError::NotFinite { .. })));
        let odd = Tensor::zeros((1, 2, 3), DType::F32, &Device::Cpu).unwrap();
        assert!(matches!(LayerSummary::of_tensor(&odd, 0, None), Err(InsideError::Shape { .. })));
    }
}
