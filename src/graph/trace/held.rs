//! Gradients on their way back, and who else has their memory.

use std::rc::Rc;

use candle_core::{Result, Tensor};

use crate::graph::kernels::{buffers, elementwise};

/// A gradient. Its memory goes to the next ones when nothing is left that shares it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub tensor: Tensor,
    /// One for all gradients that share the memory.
    shared: Rc<()>,
    /// Whether the memory was made for these gradients alone.
    is_own: bool,
}

impl Held {
    /// A gradient that was made for nobody else.
    pub fn own(tensor: Tensor) -> Self {
        Self { tensor, shared: Rc::new(()), is_own: true }
    }

    /// A gradient that somebody else has, too.
    pub fn lent(tensor: Tensor) -> Self {
        Self { tensor, shared: Rc::new(()), is_own: false }
    }

    /// What an operation made of this gradient that may have left it in its memory.
    pub fn turned_into(&self, tensor: Tensor) -> Self {
        Self { tensor, shared: Rc::clone(&self.shared), is_own: false }
    }

    /// Whether nobody else has the memory.
    pub fn is_free(&self) -> bool {
        self.is_own && Rc::strong_count(&self.shared) == 1
    }

    /// Gives the memory away if nobody else has it.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn give(self) -> Result<()> {
        if self.is_free() { buffers::give_tensor(&self.tensor) } else { Ok(()) }
    }

    /// The sum of two, in the memory of one of them if it is free.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn plus(self, other: Self) -> Result<Self> {
        if self.is_free()
            && let Some(sum) = elementwise::add_in_place(&self.tensor, &other.tensor)?
        {
            other.give()?;
            return Ok(Self::own(sum));
        }
        if other.is_free()
            && let Some(sum) = elementwise::add_in_place(&other.tensor, &self.tensor)?
        {
            self.give()?;
            return Ok(Self::own(sum));
        }
        let sum = elementwise::add(&self.tensor, &other.tensor)?;
        self.give()?;
        other.give()?;
        Ok(Self::own(sum))
    }
}
