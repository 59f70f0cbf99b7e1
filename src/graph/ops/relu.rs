//! ReLU, which differs between gradient, guided backpropagation and deconvnet (as does its like, `Clip` from 0).

use candle_core::Tensor;

use super::super::support::Support;
use super::super::{
    kernels::{elementwise, serve},
    op::{Forward, Op, Result, Rule, Saved},
};

/// `max(x, 0)`; NaN stays NaN, so that broken weights show. The gradient at 0 is 0.
#[derive(Debug)]
pub struct Relu;

impl Op for Relu {
    fn kind(&self) -> &'static str {
        "ReLU"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [input] = inputs else { return Err(format!("it takes 1 input, not {}", inputs.len())) };
        Ok(input.to_vec())
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let input = inputs[0];
        let output = if serve(input) { elementwise::relu(input)? } else { composed_forward(input)? };
        let state = if record { vec![output.clone()] } else { Vec::new() };
        Ok(Forward { output, state })
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        let [output] = saved.state()?;
        if serve(gradient) {
            elementwise::relu_vjp(gradient, output, rule)
        } else {
            composed_vjp(gradient, output, rule)
        }
    }

    fn vjp_in_place(&self, gradient: &Tensor, saved: &Saved, rule: Rule) -> Result<Option<Tensor>> {
        let [output] = saved.state()?;
        elementwise::relu_vjp_in_place(gradient, output, rule)
    }
}

/// The output from tensor operations.
pub(super) fn composed_forward(input: &Tensor) -> Result<Tensor> {
    let zeros = input.zeros_like()?;
    input.lt(&zeros)?.where_cond(&zeros, input)
}

/// The gradient from tensor operations.
pub(super) fn composed_vjp(gradient: &Tensor, output: &Tensor, rule: Rule) -> Result<Tensor> {
    let zeros = gradient.zeros_like()?;
    let rectified = match rule {
        Rule::Gradient => gradient.contiguous()?,
        Rule::Guided | Rule::Deconvnet => gradient.gt(0.0)?.where_cond(&gradient.contiguous()?, &zeros)?,
    };
    match rule {
        Rule::Gradient | Rule::Guided => output.gt(0.0)?.where_cond(&rectified, &zeros),
        Rule::Deconvnet => Ok(rectified),
    }
}
