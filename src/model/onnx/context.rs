//! What the importers of nodes build with.

use candle_core::{Device, Tensor};

use super::{
    constant::Constant,
    draft::Draft,
    error::{Fault, Result},
    names::Taken,
    step::{At, BATCH, Step, Value},
};
use crate::graph::{Op, ops};

/// The graph in the making.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub draft: Draft,
    /// Names of the layers so far and of those to come.
    pub taken: Taken,
    pub device: &'a Device,
}

impl Context<'_> {
    /// Adds the node's layer under its name.
    pub fn layer(&mut self, step: &Step, op: impl Op, inputs: &[&At]) -> Result<At> {
        let inputs: Vec<usize> = inputs.iter().map(|at| at.node).collect();
        self.draft.add(step.name.to_owned(), op, &inputs)
    }

    /// Adds one more layer that a node needs, named after what it is for.
    pub fn part(&mut self, step: &Step, part: &str, op: impl Op, inputs: &[&At]) -> Result<At> {
        let name = self.taken.unique(format!("{}.{part}", step.name));
        let inputs: Vec<usize> = inputs.iter().map(|at| at.node).collect();
        self.draft.add(name, op, &inputs)
    }

    /// A constant as an operation keeps it.
    pub fn tensor(&self, constant: &Constant) -> Result<Tensor> {
        constant.on(self.device)
    }

    /// A constant that must have this shape.
    pub fn shaped(&self, constant: &Constant, what: &str, shape: &[usize]) -> Result<Tensor> {
        if constant.dims() != shape {
            let reason = format!("its {what} has shape {:?}, but {shape:?} is expected", constant.dims());
            return Err(Fault::malformed(reason));
        }
        self.tensor(constant)
    }

    /// Adds a change of shape to `[batch, rest]`, unless there is none. The order of the elements stays.
    pub fn reshape(&mut self, step: &Step, at: &At, rest: &[usize]) -> Result<At> {
        if at.shape[1..] == *rest {
            return Ok(at.clone());
        }
        let name = self.taken.unique(format!("{}.reshape", step.name));
        self.reshape_named(name, at, rest)
    }

    /// As [`Context::reshape`], under this name.
    pub fn reshape_named(&mut self, name: String, at: &At, rest: &[usize]) -> Result<At> {
        let count = |shape: &[usize]| shape.iter().product::<usize>();
        if at.shape.first() != Some(&BATCH) || count(&at.shape[1..]) != count(rest) {
            return Err(Fault::unsupported("a shape that mixes pictures of a batch"));
        }
        if rest.len() == 1 && at.shape.len() > 1 {
            return self.draft.add(name, ops::Flatten, &[at.node]);
        }
        let shape = [0].into_iter().chain(rest.iter().map(|&length| length as i64)).collect();
        self.draft.add(name, ops::Reshape { shape }, &[at.node])
    }

    /// Adds a change of the dimensions' order. One after another becomes one, and none where they cancel each other.
    pub fn transpose(&mut self, name: String, at: &At, order: &[usize]) -> Result<At> {
        if order.first() != Some(&0) {
            return Err(Fault::unsupported("an order of dimensions that moves the batch"));
        }
        let (source, order) = match self.draft.op_as::<ops::Transpose>(at.node) {
            Some(first) => {
                let composed: Vec<usize> = order.iter().map(|&dimension| first.order[dimension]).collect();
                (self.draft.at(self.draft.node(at.node).inputs[0]), composed)
            }
            None => (at.clone(), order.to_vec()),
        };
        if order.iter().enumerate().all(|(place, &dimension)| place == dimension) {
            return Ok(source);
        }
        self.draft.add(name, ops::Transpose { order }, &[source.node])
    }
}

/// A single output that depends on the picture.
pub(super) fn one(at: At) -> Vec<Value> {
    vec![Value::Node(at)]
}
