//! Softmax and its logarithm.

use candle_core::Tensor;

use super::super::support::Support;
use super::{
    super::{
        kernels::{rows, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    only,
    rows::{Rows, check},
};

/// `eˣ / Σ eˣ` along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    /// The dimension whose elements sum to 1.
    pub dimension: usize,
}

/// `x − ln Σ eˣ` along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSoftmax {
    /// The dimension whose elements' exponentials sum to 1.
    pub dimension: usize,
}

impl Op for Softmax {
    fn kind(&self) -> &'static str {
        "Softmax"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        shape(inputs, self.dimension)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        if self.dimension == 1 { Support::Same } else { Support::Everything }
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        forward(inputs[0], self.dimension, false, record)
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        vjp(gradient, self.dimension, false, saved)
    }
}

impl Op for LogSoftmax {
    fn kind(&self) -> &'static str {
        "LogSoftmax"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        shape(inputs, self.dimension)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        if self.dimension == 1 { Support::Same } else { Support::Everything }
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        forward(inputs[0], self.dimension, true, record)
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        vjp(gradient, self.dimension, true, saved)
    }
}

fn shape(inputs: &[&[usize]], dimension: usize) -> Result<Vec<usize>, String> {
    let input = only(inputs)?;
    check(input, &[dimension])?;
    Ok(input.to_vec())
}

fn forward(input: &Tensor, dimension: usize, logarithm: bool, record: bool) -> Result<Forward> {
    let rows = Rows::new(input.dims(), &[dimension]);
    let matrix = rows.matrix(input)?;
    let output = if serve(input) { rows::softmax(&matrix, logarithm)? } else { composed_forward(&matrix, logarithm)? };
    Ok(Forward::with_state(rows.tensor(&output)?, record, [&output]))
}

fn vjp(gradient: &Tensor, dimension: usize, logarithm: bool, saved: &Saved) -> Result<Tensor> {
    let [output] = saved.state()?;
    let rows = Rows::new(gradient.dims(), &[dimension]);
    let matrix = rows.matrix(gradient)?;
    let back = if serve(gradient) {
        rows::softmax_vjp(&matrix, output, logarithm)?
    } else {
        composed_vjp(&matrix, output, logarithm)?
    };
    rows.tensor(&back)
}

/// The softmax of each row, or its logarithm, from tensor operations.
pub(super) fn composed_forward(matrix: &Tensor, logarithm: bool) -> Result<Tensor> {
    let shifted = matrix.broadcast_sub(&matrix.max_keepdim(1)?)?;
    let total = shifted.exp()?.sum_keepdim(1)?;
    if logarithm { shifted.broadcast_sub(&total.log()?) } else { shifted.exp()?.broadcast_div(&total) }
}

/// The gradient from tensor operations.
pub(super) fn composed_vjp(gradient: &Tensor, output: &Tensor, logarithm: bool) -> Result<Tensor> {
    if logarithm {
        gradient - output.exp()?.broadcast_mul(&gradient.sum_keepdim(1)?)?
    } else {
        let total = (gradient * output)?.sum_keepdim(1)?;
        output * gradient.broadcast_sub(&total)?
    }
}
