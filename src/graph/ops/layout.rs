//! Operations that compute nothing: the input, dropout (in inference), flattening.

use candle_core::{Tensor, bail};

use super::super::support::Support;
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    single,
};

/// The place where a network's input is fed, `[batch, channels, rows, columns]`.
#[derive(Debug)]
pub struct Input;

impl Op for Input {
    fn kind(&self) -> &'static str {
        "Input"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        single(inputs, 4).map(<[usize]>::to_vec)
    }

    fn forward(&self, _inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        bail!("an input is fed, not computed")
    }

    fn vjp(&self, _gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        bail!("an input depends on nothing")
    }
}

/// Dropout, which passes everything in inference.
#[derive(Debug)]
pub struct Dropout;

impl Op for Dropout {
    fn kind(&self) -> &'static str {
        "Dropout"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [input] = inputs else { return Err(format!("it takes 1 input, not {}", inputs.len())) };
        Ok(input.to_vec())
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        Ok(Forward::stateless(inputs[0].clone()))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        Ok(gradient.clone())
    }
}

/// Everything but the batch in one dimension, row-major: channel, row, column.
#[derive(Debug)]
pub struct Flatten;

impl Op for Flatten {
    fn kind(&self) -> &'static str {
        "Flatten"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [[batch, rest @ ..]] = inputs else { return Err("it takes 1 input with a batch dimension".to_owned()) };
        Ok(vec![*batch, rest.iter().product()])
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        Ok(Forward::stateless(inputs[0].flatten_from(1)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        gradient.reshape(saved.inputs[which].as_slice())
    }
}
