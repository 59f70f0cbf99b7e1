//! What an operation can do: infer its shape, compute, and send a gradient back.

use std::{any::Any, fmt::Debug};

use candle_core::{Tensor, bail};

/// The result of a tensor computation.
pub type Result<T, E = candle_core::Error> = std::result::Result<T, E>;

/// How ReLU sends a gradient `g` back through its input `x`; all other operations do the same under each rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rule {
    /// The derivative: `g · [x > 0]`, exactly 0 at `x = 0`.
    #[default]
    Gradient,
    /// Guided backpropagation (Springenberg et al. 2015): `max(g, 0) · [x > 0]`.
    Guided,
    /// Deconvnet (Zeiler and Fergus 2014): `max(g, 0)`.
    Deconvnet,
}

/// What a forward step gives.
#[derive(Debug)]
pub struct Forward {
    /// The operation's output.
    pub output: Tensor,
    /// What the way back needs beside the shapes, if it was asked for: switches of a max pooling, winners, signs.
    pub state: Option<Tensor>,
}

impl Forward {
    /// An output that needs nothing for the way back.
    #[must_use]
    pub fn stateless(output: Tensor) -> Self {
        Self { output, state: None }
    }
}

/// What a run has kept of one node for the way back.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The shapes of the node's inputs.
    pub inputs: Vec<Vec<usize>>,
    /// The state that [`Op::forward`] gave.
    pub state: Option<Tensor>,
}

impl Saved {
    /// The state of an operation that always has one.
    ///
    /// # Errors
    /// When the forward step recorded none.
    pub fn state(&self) -> Result<&Tensor> {
        let Some(state) = &self.state else { bail!("the forward step recorded no state for the way back") };
        Ok(state)
    }
}

/// One operation with its weights. Tensors are NCHW or `[batch, features]`, `f32` or `f64`, on any device.
pub trait Op: Any + Debug + Send + Sync {
    /// The operation's name, as `Conv2d`.
    fn kind(&self) -> &'static str;

    /// The shape of the output for inputs of these shapes.
    ///
    /// # Errors
    /// What the operation expects, as the end of a sentence, when it cannot take them.
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String>;

    /// The output. With `record` also the state that [`Op::vjp`] needs.
    ///
    /// The inputs have shapes that [`Op::shape`] accepts.
    ///
    /// # Errors
    /// When the tensor library fails.
    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward>;

    /// The gradient with respect to input number `which`, given the `gradient` with respect to the output.
    ///
    /// # Errors
    /// When the tensor library fails or the forward step was not recorded.
    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor>;

    /// How many numbers the operation has learned.
    fn parameters(&self) -> usize {
        0
    }

    /// The learned tensors by their name in the source framework (`weight`, `bias`), for display.
    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        Vec::new()
    }
}
