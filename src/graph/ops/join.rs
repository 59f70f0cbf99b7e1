//! Operations with several inputs: residual sums and concatenations.

use candle_core::Tensor;

use super::super::op::{Forward, Op, Result, Rule, Saved};

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

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let mut sum = inputs[0].clone();
        for &input in &inputs[1..] {
            sum = (sum + input)?;
        }
        Ok(Forward::stateless(sum))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        Ok(gradient.clone())
    }
}

/// The channels of all inputs, one after the other.
#[derive(Debug)]
pub struct Concat;

impl Op for Concat {
    fn kind(&self) -> &'static str {
        "Concat"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let Some((first, rest)) = inputs.split_first() else { return Err("it takes at least 1 input".to_owned()) };
        if first.len() < 2 {
            return Err("it joins dimension 1, which the first input lacks".to_owned());
        }
        let mut shape = first.to_vec();
        for other in rest {
            if other.len() != first.len() || other[0] != first[0] || other[2..] != first[2..] {
                return Err("all inputs must have the same shape but for dimension 1".to_owned());
            }
            shape[1] += other[1];
        }
        Ok(shape)
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        Ok(Forward::stateless(Tensor::cat(inputs, 1)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let start = saved.inputs[..which].iter().map(|shape| shape[1]).sum();
        gradient.narrow(1, start, saved.inputs[which][1])
    }
}
