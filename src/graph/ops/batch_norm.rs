//! Batch normalisation in inference: one scale and one shift a channel.

use candle_core::{DType, Tensor};

use super::super::support::Support;
use super::{
    super::{
        kernels::{elementwise, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    only,
};

/// `y = (x − mean) / √(variance + ε) · weight + bias`, per channel (dimension 1), over an input of two dimensions or
/// more.
#[derive(Debug)]
pub struct BatchNorm2d {
    weight: Tensor,
    bias: Tensor,
    /// `weight / √(variance + ε)`, `[channels]`.
    scale: Tensor,
    /// `bias − mean · scale`, `[channels]`.
    shift: Tensor,
}

impl BatchNorm2d {
    /// A layer from its learned and its running tensors, each of shape `[channels]`.
    ///
    /// # Errors
    /// When the shapes differ or the tensor library fails.
    pub fn new(weight: Tensor, bias: Tensor, mean: &Tensor, variance: &Tensor, epsilon: f64) -> Result<Self> {
        let precise = |tensor: &Tensor| tensor.to_device(&candle_core::Device::Cpu)?.to_dtype(DType::F64);
        let scale = (precise(&weight)? / (precise(variance)? + epsilon)?.sqrt()?)?;
        let shift = (precise(&bias)? - (precise(mean)? * &scale)?)?;
        let scale = scale.to_dtype(weight.dtype())?.to_device(weight.device())?;
        let shift = shift.to_dtype(weight.dtype())?.to_device(weight.device())?;
        Ok(Self { weight, bias, scale, shift })
    }

    /// What each channel is multiplied with and what is added then, `[channels]` each.
    pub(in crate::graph) fn scale_and_shift(&self) -> (&Tensor, &Tensor) {
        (&self.scale, &self.shift)
    }
}

impl Op for BatchNorm2d {
    fn kind(&self) -> &'static str {
        "BatchNorm2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = only(inputs)?;
        let expected = self.scale.elem_count();
        match shape.get(1) {
            Some(&channels) if channels == expected => Ok(shape.to_vec()),
            Some(channels) => Err(format!("it takes {expected} channels, not {channels}")),
            None => Err("it takes a batch dimension and channels".to_owned()),
        }
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let input = inputs[0];
        let output = if serve(input) {
            elementwise::affine(input, &self.scale, Some(&self.shift), false)?
        } else {
            composed_affine(input, &self.scale, Some(&self.shift))?
        };
        Ok(Forward::stateless(output))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        if serve(gradient) {
            elementwise::affine(gradient, &self.scale, None, false)
        } else {
            composed_affine(gradient, &self.scale, None)
        }
    }

    fn vjp_in_place(&self, gradient: &Tensor, _saved: &Saved, _rule: Rule) -> Result<Option<Tensor>> {
        elementwise::scale_in_place(gradient, &self.scale)
    }

    fn parameters(&self) -> usize {
        self.weight.elem_count() + self.bias.elem_count()
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("weight", &self.weight), ("bias", &self.bias)]
    }
}

/// `x · scale + shift` per channel from tensor operations.
pub(super) fn composed_affine(input: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    let mut shape = vec![1; input.rank()];
    shape[1] = scale.elem_count();
    let per_channel = |tensor: &Tensor| tensor.reshape(shape.as_slice());
    let scaled = input.broadcast_mul(&per_channel(scale)?)?;
    match shift {
        Some(shift) => scaled.broadcast_add(&per_channel(shift)?),
        None => Ok(scaled),
    }
}
