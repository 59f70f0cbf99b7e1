//! How values in network input relate to pixel values, and logits to probabilities: what a method has to know of a
//! model beside its graph.

use candle_core::{DType, Device, Tensor};

use super::ExplainError;

/// From logits to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Squash {
    /// The classes exclude each other.
    #[default]
    Softmax,
    /// Each logit for itself.
    Sigmoid,
    /// The outputs as they are.
    None,
}

/// The model's preprocessing after resizing: `(pixel / scale − mean) / std`, per channel in the network's order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputSpace {
    /// Pixel values are divided by it.
    pub scale: f64,
    /// Subtracted after scaling.
    pub mean: [f64; 3],
    /// Divided by after the mean.
    pub std: [f64; 3],
    /// Whether the network takes blue, green, red.
    pub reversed: bool,
    /// What makes probabilities of logits.
    pub squash: Squash,
}

impl InputSpace {
    /// Network input that is the pixel values themselves; softmax.
    pub const PLAIN: Self =
        Self { scale: 1.0, mean: [0.0; 3], std: [1.0; 3], reversed: false, squash: Squash::Softmax };

    /// The value of a channel (in the network's order) for a pixel value; channels beyond the third are treated as the
    /// third.
    #[must_use]
    pub fn normalised(&self, channel: usize, pixel: f64) -> f64 {
        let channel = channel.min(self.mean.len() - 1);
        (pixel / self.scale - self.mean[channel]) / self.std[channel]
    }

    /// The pixel value of a channel (in the network's order).
    #[must_use]
    pub fn pixel(&self, channel: usize, value: f64) -> f64 {
        (value * self.std[channel] + self.mean[channel]) * self.scale
    }

    /// The picture as people see it, `rows × columns` of red, green, blue, each 0..255 where the network's input was
    /// made from such values; a grey input is repeated. `input` is `[1, channels, rows, columns]` with 1 or 3 channels.
    ///
    /// # Errors
    /// [`ExplainError::Tensor`] when the shape is another or the tensor library fails.
    pub fn picture(&self, input: &Tensor) -> Result<Vec<[f64; 3]>, ExplainError> {
        let (_, channels, rows, columns) = input.dims4()?;
        let values = input.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let pixels = rows * columns;
        let colour = |pixel: usize| {
            [0, 1, 2].map(|colour: usize| {
                let channel = if channels < 3 {
                    0
                } else if self.reversed {
                    2 - colour
                } else {
                    colour
                };
                self.pixel(channel, values[channel * pixels + pixel])
            })
        };
        Ok((0..pixels).map(colour).collect())
    }

    /// Probabilities of logits, in `f64`.
    #[must_use]
    pub fn probabilities(&self, logits: &[f64]) -> Vec<f64> {
        match self.squash {
            Squash::None => logits.to_vec(),
            Squash::Sigmoid => logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect(),
            Squash::Softmax => {
                let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers: Vec<f64> = logits.iter().map(|logit| (logit - greatest).exp()).collect();
                let sum: f64 = powers.iter().sum();
                powers.into_iter().map(|power| power / sum).collect()
            }
        }
    }
}
