//! Arithmetic on two inputs, or on one and a constant.

use candle_core::Tensor;

use super::super::support::Support;
use super::{
    super::{
        kernels::{binary, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    broadcast::{Broadcast, stretched},
    only,
    reduce::sum_keeping,
};

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `a + b`.
    Add,
    /// `a − b`.
    Sub,
    /// `a · b`.
    Mul,
    /// `a / b`.
    Div,
    /// `a` to the power of `b`.
    Pow,
    /// The larger one; NaN where either is. Two equal numbers get half of the gradient each, as in PyTorch.
    Max,
    /// The smaller one; NaN where either is. Two equal numbers get half of the gradient each, as in PyTorch.
    Min,
}

impl Arithmetic {
    /// The operation's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::Pow => "Pow",
            Self::Max => "Max",
            Self::Min => "Min",
        }
    }

    /// The result for two tensors that stretch over each other.
    pub(super) fn forward(self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        if !serve(a) {
            return composed_forward(self, a, b);
        }
        let layout = Broadcast::new(a.dims(), b.dims()).map_err(candle_core::Error::msg)?;
        binary::forward(self, a, b, &layout)
    }

    /// The gradient with respect to `a` (0) or `b` (1), of that one's shape.
    fn vjp(self, gradient: &Tensor, a: &Tensor, b: &Tensor, which: usize) -> Result<Tensor> {
        let whole = match (self, which) {
            (Self::Add, _) | (Self::Sub, 0) => gradient.clone(),
            (Self::Sub, _) => gradient.neg()?,
            (Self::Mul, 0) => Self::Mul.forward(gradient, b)?,
            (Self::Mul, _) => Self::Mul.forward(gradient, a)?,
            (Self::Div, 0) => Self::Div.forward(gradient, b)?,
            (Self::Div, _) => {
                let steep = Self::Div.forward(&Self::Div.forward(a, b)?, b)?.neg()?;
                Self::Mul.forward(gradient, &steep)?
            }
            (Self::Pow, 0) => {
                // b · a^(b − 1), which is 0 for b = 0 also where a is 0.
                let less = b.eq(0.0)?.where_cond(&b.zeros_like()?, &(b - 1.0)?)?;
                let steep = Self::Mul.forward(&Self::Pow.forward(a, &less)?, b)?;
                Self::Mul.forward(gradient, &steep)?
            }
            (Self::Pow, _) => {
                // a^b · ln a, which is 0 for a = 0.
                let logarithm = a.eq(0.0)?.where_cond(&a.ones_like()?, &a.contiguous()?)?.log()?;
                let steep = Self::Mul.forward(&Self::Pow.forward(a, b)?, &logarithm)?;
                Self::Mul.forward(gradient, &steep)?
            }
            (Self::Max | Self::Min, _) => {
                let (own, other) = if which == 0 { (a, b) } else { (b, a) };
                let wins = if self == Self::Max { own.broadcast_gt(other)? } else { own.broadcast_lt(other)? };
                let ties = (own.broadcast_eq(other)?.to_dtype(gradient.dtype())? * 0.5)?;
                Self::Mul.forward(gradient, &(wins.to_dtype(gradient.dtype())? + ties)?)?
            }
        };
        sum_to(&whole, if which == 0 { a.dims() } else { b.dims() })
    }

    /// Whether the way back needs the operands.
    fn needs_operands(self) -> bool {
        !matches!(self, Self::Add | Self::Sub)
    }
}

/// Arithmetic on two inputs, stretched over each other as NumPy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary(pub Arithmetic);

impl Op for Binary {
    fn kind(&self) -> &'static str {
        self.0.name()
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let &[a, b] = inputs else { return Err(format!("it takes 2 inputs, not {}", inputs.len())) };
        only(&[a])?;
        only(&[b])?;
        Broadcast::new(a, b).map(|layout| layout.shape)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let output = self.0.forward(inputs[0], inputs[1])?;
        Ok(Forward::with_state(output, record && self.0.needs_operands(), [inputs[0], inputs[1]]))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        if self.0.needs_operands() {
            let [a, b] = saved.state()?;
            return self.0.vjp(gradient, a, b, which);
        }
        let signed = if self.0 == Arithmetic::Sub && which == 1 { gradient.neg()? } else { gradient.clone() };
        sum_to(&signed, &saved.inputs[which])
    }
}

/// Arithmetic on an input and a constant, stretched over each other as NumPy does.
#[derive(Debug)]
pub struct BinaryConstant {
    arithmetic: Arithmetic,
    constant: Tensor,
    constant_first: bool,
}

impl BinaryConstant {
    /// `input ∘ constant`, or `constant ∘ input` where the constant comes first.
    #[must_use]
    pub fn new(arithmetic: Arithmetic, constant: Tensor, constant_first: bool) -> Self {
        Self { arithmetic, constant, constant_first }
    }

    /// What is done with the two.
    #[must_use]
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// The constant.
    #[must_use]
    pub fn constant(&self) -> &Tensor {
        &self.constant
    }

    /// Whether the constant is the first operand.
    #[must_use]
    pub fn constant_first(&self) -> bool {
        self.constant_first
    }

    /// Two things in the operands' order.
    fn ordered<'a, T: ?Sized>(&self, input: &'a T, constant: &'a T) -> (&'a T, &'a T) {
        if self.constant_first { (constant, input) } else { (input, constant) }
    }
}

impl Op for BinaryConstant {
    fn kind(&self) -> &'static str {
        self.arithmetic.name()
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        only(&[self.constant.dims()])?;
        Broadcast::new(input, self.constant.dims()).map(|layout| layout.shape)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let (a, b) = self.ordered(inputs[0], &self.constant);
        let needs_input = !matches!(self.arithmetic, Arithmetic::Add | Arithmetic::Sub | Arithmetic::Mul);
        Ok(Forward::with_state(self.arithmetic.forward(a, b)?, record && needs_input, [inputs[0]]))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let back = match self.arithmetic {
            Arithmetic::Sub if self.constant_first => gradient.neg()?,
            Arithmetic::Add | Arithmetic::Sub => gradient.clone(),
            Arithmetic::Mul => Arithmetic::Mul.forward(gradient, &self.constant)?,
            other => {
                let [input] = saved.state()?;
                let (a, b) = self.ordered(input, &self.constant);
                return other.vjp(gradient, a, b, usize::from(self.constant_first));
            }
        };
        sum_to(&back, &saved.inputs[which])
    }

    /// Constants of several numbers count as learned; a single one (an ε, a factor) does not.
    fn parameters(&self) -> usize {
        if self.constant.elem_count() > 1 { self.constant.elem_count() } else { 0 }
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("constant", &self.constant)]
    }
}

/// The result from tensor operations.
pub(super) fn composed_forward(arithmetic: Arithmetic, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    // The tensor library's maximum does not keep NaN; a sum does.
    let or_nan = |best: Tensor| {
        let [a_nan, b_nan] = [a, b].map(|x| x.ne(x));
        a_nan?.broadcast_add(&b_nan?)?.where_cond(&a.broadcast_add(b)?, &best)
    };
    match arithmetic {
        Arithmetic::Add => a.broadcast_add(b),
        Arithmetic::Sub => a.broadcast_sub(b),
        Arithmetic::Mul => a.broadcast_mul(b),
        Arithmetic::Div => a.broadcast_div(b),
        Arithmetic::Pow => power(a, b),
        Arithmetic::Max => or_nan(a.broadcast_maximum(b)?),
        Arithmetic::Min => or_nan(a.broadcast_minimum(b)?),
    }
}

/// `a` to the power of `b`. The tensor library takes it by logarithms, which negative numbers and 0 to the power of 0 have
/// not. Infinite negative numbers to powers that are not whole are NaN here, and zeros have no sign.
fn power(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = a.shape().broadcast_shape_binary_op(b.shape(), "power")?;
    let [a, b] = [a, b].map(|x| x.broadcast_as(&shape)?.contiguous());
    let (a, b) = (a?, b?);
    let size = a.abs()?.pow(&b)?;
    let half = (&b * 0.5)?;
    let is_odd = (b.floor()?.eq(&b)? * half.floor()?.ne(&half)?)?;
    let is_broken = b.floor()?.ne(&b)?;
    let nan = (a.zeros_like()? + f64::NAN)?;
    let of_negative = is_odd.where_cond(&size.neg()?, &is_broken.where_cond(&nan, &size)?)?;
    let zeros = a.zeros_like()?;
    let signed = a.lt(&zeros)?.where_cond(&of_negative, &size)?;
    let ones = a.ones_like()?;
    let is_one = (b.eq(&zeros)? + a.eq(&ones)?)?;
    is_one.where_cond(&ones, &signed)
}

/// The sum over all dimensions that were stretched from `shape`.
pub(super) fn sum_to(whole: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if whole.dims() == shape {
        return Ok(whole.clone());
    }
    sum_keeping(whole, &stretched(whole.dims(), shape))?.reshape(shape)
}
