//! Operations with several inputs: residual sums and concatenations.

use candle_core::Tensor;

use super::super::{
    kernels::{elementwise, join},
    op::{Forward, Op, Result, Rule, Saved},
    support::Support,
};

/// The sum of any number of inputs of one shape.
#[derive(Debug)]
pub struct Add;

impl Op for Add {
    fn kind(&self) -> &'static str {
        "Add"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let Some((first, rest)) = inputs.split_first() else { return Err("it takes at least 1 input".to_owned()) };
        if rest.iter().any(|shape| shape != first) {
            return Err("all inputs must have the same shape".to_owned());
        }
        Ok(first.to_vec())
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let mut sum = inputs[0].clone();
        for &input in &inputs[1..] {
            sum = elementwise::add(&sum, input)?;
        }
        Ok(Forward::stateless(sum))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        Ok(gradient.clone())
    }
}

/// All inputs one after the other along one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat {
    /// The dimension along which they are joined.
    pub dimension: usize,
}

impl Concat {
    /// The channels of all inputs, one after the other.
    pub const CHANNELS: Self = Self::along(1);

    /// A concatenation along this dimension.
    #[must_use]
    pub const fn along(dimension: usize) -> Self {
        Self { dimension }
    }
}

impl Op for Concat {
    fn kind(&self) -> &'static str {
        "Concat"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let joined = self.dimension;
        let Some((first, rest)) = inputs.split_first() else { return Err("it takes at least 1 input".to_owned()) };
        if first.len() <= joined {
            return Err(format!("it joins dimension {joined}, which the first input lacks"));
        }
        let mut shape = first.to_vec();
        for other in rest {
            let fits = |(which, (a, b)): (usize, (&usize, &usize))| which == joined || a == b;
            if other.len() != first.len() || !first.iter().zip(*other).enumerate().all(fits) {
                return Err(format!("all inputs must have the same shape but for dimension {joined}"));
            }
            shape[joined] += other[joined];
        }
        Ok(shape)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        if self.dimension <= 1 { Support::Same } else { Support::Everything }
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let joined = if self.dimension == 1 && join::suits(inputs) {
            join::channels(inputs)?
        } else {
            Tensor::cat(inputs, self.dimension)?
        };
        Ok(Forward::stateless(joined))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let length = |shape: &Vec<usize>| shape[self.dimension];
        let start = saved.inputs[..which].iter().map(length).sum();
        let length = length(&saved.inputs[which]);
        if self.dimension == 1 && join::suits(&[gradient]) {
            return join::some_channels(gradient, start, length);
        }
        gradient.narrow(self.dimension, start, length)
    }
}
