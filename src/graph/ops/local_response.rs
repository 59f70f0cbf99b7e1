//! Local response normalisation, as AlexNet's first version has it.

use candle_core::{Device, Tensor};

use super::super::support::Support;
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    only,
};

/// `y = x / (k + alpha / size · Σ x²)^beta`, the sum over `size` neighbouring channels: `⌊(size − 1) / 2⌋` before and
/// `⌈(size − 1) / 2⌉` after, as ONNX says (Krizhevsky et al. 2012).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalResponseNorm {
    /// How many channels are summed over.
    pub size: usize,
    /// The factor of the mean square.
    pub alpha: f64,
    /// The exponent.
    pub beta: f64,
    /// What is added to the mean square.
    pub k: f64,
}

impl LocalResponseNorm {
    /// Which channels are summed over for which, as a matrix `[channels, channels]` of 0 and 1.
    fn neighbours(self, channels: usize, like: &Tensor) -> Result<Tensor> {
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        let mut matrix = vec![0.0_f64; channels * channels];
        for (channel, row) in matrix.chunks_mut(channels).enumerate() {
            row[channel.saturating_sub(before)..(channel + after + 1).min(channels)].fill(1.0);
        }
        Tensor::from_vec(matrix, (channels, channels), &Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())
    }

    /// The factor of the sum of squares.
    fn scale(self) -> f64 {
        self.alpha / self.size as f64
    }
}

/// `[batch, channels, everything else]`.
fn planes(tensor: &Tensor) -> Result<Tensor> {
    tensor.contiguous()?.reshape((tensor.dim(0)?, tensor.dim(1)?, ()))
}

impl Op for LocalResponseNorm {
    fn kind(&self) -> &'static str {
        "LocalResponseNorm"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        if input.len() < 2 || self.size == 0 {
            return Err("it takes a batch dimension and channels, and a size of at least 1".to_owned());
        }
        Ok(input.to_vec())
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let input = planes(inputs[0])?;
        let neighbours = self.neighbours(input.dim(1)?, &input)?;
        let base = neighbours.broadcast_matmul(&input.sqr()?)?.affine(self.scale(), self.k)?;
        let output = (&input * base.powf(-self.beta)?)?.reshape(inputs[0].shape())?;
        Ok(Forward::with_state(output, record, [&input, &base]))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let [input, base] = saved.state()?;
        let shape = gradient.shape();
        let gradient = planes(gradient)?;
        // What each channel's own denominator sends to all channels that it sums over.
        let shared = ((&gradient * input)? * base.powf(-self.beta - 1.0)?)?;
        let neighbours = self.neighbours(input.dim(1)?, input)?.t()?.contiguous()?;
        let through = (input * neighbours.broadcast_matmul(&shared)?)?;
        let direct = (gradient * base.powf(-self.beta)?)?;
        (direct - (through * (2.0 * self.beta * self.scale()))?)?.reshape(shape)
    }
}
