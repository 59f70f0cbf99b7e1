//! ReLU and per-channel scaling.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{super::op::Rule, CHUNK, for_float, read, tensor};

/// `max(x, 0)`, where NaN stays NaN.
pub(in crate::graph) fn relu(input: &Tensor) -> Result<Tensor> {
    for_float!(input, relu_of(input))
}

fn relu_of<T: WithDType>(input: &Tensor) -> Result<Tensor> {
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        output.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(output, values)| {
            for (y, &x) in output.iter_mut().zip(values) {
                *y = if x < T::zero() { T::zero() } else { x };
            }
        });
        Ok(output)
    })?;
    tensor(output, input.shape())
}

/// The gradient of ReLU under a rule; `output` is ReLU's own.
pub(in crate::graph) fn relu_vjp(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Tensor> {
    for_float!(gradient, relu_vjp_of(gradient, output, rule))
}

fn relu_vjp_of<T: WithDType>(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Tensor> {
    let (needs_active, needs_positive) = match rule {
        Rule::Gradient => (true, false),
        Rule::Guided => (true, true),
        Rule::Deconvnet => (false, true),
    };
    let back = read(gradient, |gradient: &[T]| {
        read(output, |output: &[T]| {
            let mut back = vec![T::zero(); gradient.len()];
            let inputs = gradient.par_chunks(CHUNK).zip(output.par_chunks(CHUNK));
            back.par_chunks_mut(CHUNK).zip(inputs).for_each(|(back, (gradient, output))| {
                for ((b, &g), &y) in back.iter_mut().zip(gradient).zip(output) {
                    let passes = (!needs_active || y > T::zero()) && (!needs_positive || g > T::zero());
                    *b = if passes { g } else { T::zero() };
                }
            });
            Ok(back)
        })
    })?;
    tensor(back, gradient.shape())
}

/// `x · scale + shift`, scale and shift per channel, over `[batch, channels, …]`.
pub(in crate::graph) fn affine(input: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    for_float!(input, affine_of(input, scale, shift))
}

fn affine_of<T: WithDType>(input: &Tensor, scale: &Tensor, shift: Option<&Tensor>) -> Result<Tensor> {
    let (channels, plane) = (input.dim(1)?, input.dims()[2..].iter().product());
    let scale = scale.to_vec1::<T>()?;
    let shift = shift.map_or_else(|| Ok(vec![T::zero(); channels]), Tensor::to_vec1::<T>)?;
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); values.len()];
        let planes = output.par_chunks_mut(plane).zip(values.par_chunks(plane));
        let grain = (CHUNK / plane).max(1);
        planes.enumerate().with_min_len(grain).for_each(|(index, (output, values))| {
            let (scale, shift) = (scale[index % channels], shift[index % channels]);
            for (y, &x) in output.iter_mut().zip(values) {
                *y = x * scale + shift;
            }
        });
        Ok(output)
    })?;
    tensor(output, input.shape())
}
