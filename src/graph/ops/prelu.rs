//! ReLU with a learned slope below 0.

use candle_core::{Tensor, bail};

use super::super::support::Support;
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    binary::Arithmetic,
    only,
};

/// `x` where positive, `slope · x` elsewhere, with one slope for all or one a channel (He et al. 2015).
#[derive(Debug)]
pub struct PRelu {
    slope: Tensor,
}

impl PRelu {
    /// A layer with one slope, or one for each channel (dimension 1), in a tensor of any shape.
    ///
    /// # Errors
    /// When there is no slope.
    pub fn new(slope: Tensor) -> Result<Self> {
        if slope.elem_count() == 0 {
            bail!("a rectifier without a slope");
        }
        Ok(Self { slope: if slope.rank() == 1 { slope } else { slope.flatten_all()? } })
    }

    /// 1 where the input is positive, the slope elsewhere.
    fn slopes(&self, input: &Tensor) -> Result<Tensor> {
        let mut shape = vec![1; input.rank()];
        if self.slope.elem_count() > 1 {
            shape[1] = self.slope.elem_count();
        }
        let slopes = self.slope.reshape(shape)?.broadcast_as(input.shape())?.contiguous()?;
        input.gt(0.0)?.where_cond(&input.ones_like()?, &slopes)
    }
}

impl Op for PRelu {
    fn kind(&self) -> &'static str {
        "PReLU"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let slopes = self.slope.elem_count();
        if slopes > 1 && input.get(1) != Some(&slopes) {
            return Err(format!("it takes {slopes} channels"));
        }
        Ok(input.to_vec())
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let slopes = self.slopes(inputs[0])?;
        let output = Arithmetic::Mul.forward(inputs[0], &slopes)?;
        Ok(Forward::with_state(output, record, [&slopes]))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let [slopes] = saved.state()?;
        Arithmetic::Mul.forward(gradient, slopes)
    }

    fn parameters(&self) -> usize {
        self.slope.elem_count()
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("weight", &self.slope)]
    }
}
