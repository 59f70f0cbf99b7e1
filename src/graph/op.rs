//! What an operation can do: infer its shape, compute, and send a gradient back.

use std::{any::Any, fmt::Debug};

use candle_core::{Tensor, bail};

use super::{Control, support::Support};

/// The result of a tensor computation.
pub type Result<T, E = candle_core::Error> = std::result::Result<T, E>;

/// How a rectifier sends a gradient `g` back through its input `x`; all other operations do the same under each rule.
///
/// Rectifiers are ReLU and [`Clip`](super::ops::Function::Clip) from 0 (`ReLU6`), for which `x > 0` reads `0 < x < 6`.
/// Functions that are smooth or leaky (`SiLU`, ELU, leaky ReLU, …) always send back their derivative, as in Captum.
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
    /// What the way back needs beside the shapes, if it was asked for: switches of a max pooling, winners, inputs.
    pub state: Vec<Tensor>,
}

impl Forward {
    /// An output that needs nothing for the way back.
    #[must_use]
    pub fn stateless(output: Tensor) -> Self {
        Self { output, state: Vec::new() }
    }

    /// An output and, where `record` asks for it, what the way back needs.
    #[must_use]
    pub fn with_state<const N: usize>(output: Tensor, record: bool, state: [&Tensor; N]) -> Self {
        let state = if record { state.into_iter().cloned().collect() } else { Vec::new() };
        Self { output, state }
    }
}

/// What a run has kept of one node for the way back.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The shapes of the node's inputs.
    pub inputs: Vec<Vec<usize>>,
    /// The state that [`Op::forward`] gave.
    pub state: Vec<Tensor>,
}

impl Saved {
    /// The state of an operation that keeps `N` tensors.
    ///
    /// # Errors
    /// When the forward step recorded another number of them.
    pub fn state<const N: usize>(&self) -> Result<[&Tensor; N]> {
        let tensors: Vec<&Tensor> = self.state.iter().collect();
        let found = tensors.len();
        let Ok(state) = tensors.try_into() else {
            bail!("the way back needs {N} recorded tensors, but the forward step recorded {found}")
        };
        Ok(state)
    }
}

/// One operation with its weights. Tensors are `f32` or `f64`, on any device; their first dimension is the batch, and
/// images are `[batch, channels, rows, columns]`.
pub trait Op: Any + Debug + Send + Sync {
    /// The operation's name, as `Conv2d`.
    fn kind(&self) -> &'static str;

    /// The shape of the output for inputs of these shapes.
    ///
    /// # Errors
    /// What the operation expects, as the end of a sentence, when it cannot take them.
    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String>;

    /// Which places of input number `which` a place of the output is computed from, for inputs of these shapes. Anywhere
    /// unless the operation knows better.
    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Everything
    }

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

    /// [`Op::forward`], which asks `control` on its way where one step may take long.
    ///
    /// # Errors
    /// Those of [`Op::forward`], and whatever there is once the control is cancelled.
    fn forward_under(&self, inputs: &[&Tensor], record: bool, _control: &Control) -> Result<Forward> {
        self.forward(inputs, record)
    }

    /// [`Op::vjp`], which asks `control` on its way where one step may take long.
    ///
    /// # Errors
    /// Those of [`Op::vjp`], and whatever there is once the control is cancelled.
    fn vjp_under(
        &self,
        gradient: &Tensor,
        which: usize,
        saved: &Saved,
        rule: Rule,
        _control: &Control,
    ) -> Result<Tensor> {
        self.vjp(gradient, which, saved, rule)
    }

    /// [`Op::vjp`] of a gradient that nobody shares, in whose memory the result is written; `None`, and the gradient as it
    /// was, where the operation can't.
    ///
    /// # Errors
    /// Those of [`Op::vjp`].
    fn vjp_in_place(&self, _gradient: &Tensor, _saved: &Saved, _rule: Rule) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// How many multiplications, each with its addition, one forward step takes in its sums of products. Operations that
    /// only look at or scale single elements count as 0, as they do in the literature.
    fn macs(&self, _inputs: &[&[usize]], _output: &[usize]) -> u64 {
        0
    }

    /// How many numbers the operation has learned.
    fn parameters(&self) -> usize {
        0
    }

    /// The learned tensors by their name in the source framework (`weight`, `bias`), for display.
    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        Vec::new()
    }
}
