//! The matrix product of two inputs.

use candle_core::Tensor;

use super::{
    super::{
        Control,
        kernels::parts::matmul,
        op::{Forward, Op, Result, Rule, Saved},
    },
    binary::sum_to,
    broadcast::Broadcast,
    count, only,
};

/// The matrix product of two inputs over their last two dimensions; those before stretch over each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatMul;

impl Op for MatMul {
    fn kind(&self) -> &'static str {
        "MatMul"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let &[a, b] = inputs else { return Err(format!("it takes 2 inputs, not {}", inputs.len())) };
        let ([a_batch @ .., rows, inner], [b_batch @ .., other, columns]) = (only(&[a])?, only(&[b])?) else {
            return Err("it takes matrices, of at least 2 dimensions".to_owned());
        };
        if inner != other {
            return Err(format!("rows of {inner} elements cannot be multiplied with columns of {other}"));
        }
        let batch = Broadcast::new(a_batch, b_batch)?.shape;
        Ok([batch.as_slice(), &[*rows, *columns]].concat())
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.forward_under(inputs, record, &Control::default())
    }

    fn forward_under(&self, inputs: &[&Tensor], record: bool, control: &Control) -> Result<Forward> {
        let output = matmul(&inputs[0].contiguous()?, &inputs[1].contiguous()?, control)?;
        Ok(Forward::with_state(output, record, [inputs[0], inputs[1]]))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        self.vjp_under(gradient, which, saved, rule, &Control::default())
    }

    fn vjp_under(
        &self,
        gradient: &Tensor,
        which: usize,
        saved: &Saved,
        _rule: Rule,
        control: &Control,
    ) -> Result<Tensor> {
        let [a, b] = saved.state()?;
        let transposed = |matrix: &Tensor| matrix.t()?.contiguous();
        let gradient = gradient.contiguous()?;
        let whole = if which == 0 {
            matmul(&gradient, &transposed(b)?, control)?
        } else {
            matmul(&transposed(a)?, &gradient, control)?
        };
        sum_to(&whole, &saved.inputs[which])
    }

    fn macs(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        count(output) * inputs[0].last().map_or(0, |&inner| inner as u64)
    }
}
