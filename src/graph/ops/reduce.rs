//! One number from all elements along some dimensions.

use candle_core::{D, DType, Tensor};

use super::super::support::{Span, Support};
use super::{
    super::{
        kernels::{rows, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    binary::Arithmetic,
    function::Function,
    map::Map,
    only,
    rows::{Rows, check, reduced},
};

/// What is made of several numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The largest; NaN over all. The gradient goes to the first one in row-major order, as in a max pooling.
    Max,
    /// The smallest; NaN under all. The gradient goes to the first one in row-major order.
    Min,
    /// The sum of their absolute values.
    L1,
    /// The square root of the sum of their squares; its gradient at 0 is 0.
    L2,
    /// Their product.
    Prod,
    /// The sum of their squares.
    SumSquare,
    /// `ln Σ eˣ`.
    LogSumExp,
}

/// A [`Reduction`] along some dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// What is made of the elements.
    pub kind: Reduction,
    /// The dimensions along which they are taken together; without any each element stays by itself.
    pub dimensions: Vec<usize>,
    /// Whether these dimensions stay, with length 1.
    pub keep: bool,
}

/// The largest value of each channel, `[batch, channels, 1, 1]`; the gradient goes to the first one in row-major order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalMaxPool;

impl Reduction {
    fn name(self) -> &'static str {
        match self {
            Self::Mean => "ReduceMean",
            Self::Sum => "ReduceSum",
            Self::Max => "ReduceMax",
            Self::Min => "ReduceMin",
            Self::L1 => "ReduceL1",
            Self::L2 => "ReduceL2",
            Self::Prod => "ReduceProd",
            Self::SumSquare => "ReduceSumSquare",
            Self::LogSumExp => "ReduceLogSumExp",
        }
    }

    /// One number for each row of a matrix, `[rows, 1]`, and what the way back needs.
    fn forward(self, matrix: &Tensor) -> Result<(Tensor, Vec<Tensor>)> {
        if matches!(self, Self::Max | Self::Min) {
            let winners = winners(matrix, self == Self::Max)?;
            return Ok((matrix.gather(&winners, 1)?, vec![winners]));
        }
        let output = if serve(matrix) { rows::reduce(self, matrix)? } else { composed(self, matrix)? };
        let state = match self {
            Self::Sum | Self::Mean => vec![],
            Self::L1 | Self::SumSquare | Self::Prod => vec![matrix.clone()],
            _ => vec![matrix.clone(), output.clone()],
        };
        Ok((output, state))
    }

    /// The gradient with respect to the matrix `[rows, length]` from that of its rows' numbers, `[rows, 1]`.
    fn vjp(self, gradient: &Tensor, saved: &Saved, (rows, length): (usize, usize)) -> Result<Tensor> {
        let times = |slope: &Tensor| Arithmetic::Mul.forward(slope, gradient);
        match self {
            Self::Sum => gradient.broadcast_as((rows, length))?.contiguous(),
            Self::Mean => (gradient / length as f64)?.broadcast_as((rows, length))?.contiguous(),
            Self::Max | Self::Min => {
                let [winners] = saved.state()?;
                let zeros = Tensor::zeros((rows, length), gradient.dtype(), gradient.device())?;
                zeros.scatter_add(winners, gradient, 1)
            }
            Self::L1 => {
                let [matrix] = saved.state()?;
                times(&Map(Function::Sign).forward(&[matrix], false)?.output)
            }
            Self::SumSquare => {
                let [matrix] = saved.state()?;
                times(&(matrix * 2.0)?)
            }
            Self::L2 => {
                let [matrix, norm] = saved.state()?;
                let norm = norm.eq(0.0)?.where_cond(&norm.ones_like()?, norm)?;
                times(&Arithmetic::Div.forward(matrix, &norm)?)
            }
            Self::LogSumExp => {
                let [matrix, total] = saved.state()?;
                times(&Arithmetic::Sub.forward(matrix, total)?.exp()?)
            }
            Self::Prod => {
                let [matrix] = saved.state()?;
                times(&others(matrix)?)
            }
        }
    }
}

/// One window over everything.
fn whole(length: usize) -> Span {
    Span::Listed(vec![length.checked_sub(1).map(|last| (0, last))])
}

impl Op for Reduce {
    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        check(input, &self.dimensions)?;
        Ok(reduced(input, &self.dimensions, self.keep))
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        match (self.dimensions.as_slice(), inputs[which]) {
            ([1], [_, _, _, _]) if self.keep => Support::Same,
            ([2, 3], &[_, _, rows, columns]) if self.keep => Support::Windows([whole(rows), whole(columns)]),
            _ => Support::Everything,
        }
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let shape = inputs[0].dims();
        let (output, state) = self.kind.forward(&Rows::new(shape, &self.dimensions).matrix(inputs[0])?)?;
        let output = output.reshape(reduced(shape, &self.dimensions, self.keep))?;
        Ok(Forward { output, state: if record { state } else { Vec::new() } })
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let rows = Rows::new(&saved.inputs[which], &self.dimensions);
        let gradient = gradient.contiguous()?.reshape((rows.count, 1))?;
        rows.tensor(&self.kind.vjp(&gradient, saved, (rows.count, rows.length))?)
    }
}

impl GlobalMaxPool {
    fn reduce() -> Reduce {
        Reduce { kind: Reduction::Max, dimensions: vec![2, 3], keep: true }
    }
}

impl Op for GlobalMaxPool {
    fn kind(&self) -> &'static str {
        "GlobalMaxPool"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        super::image_shape(inputs)?;
        Self::reduce().shape(inputs)
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        Self::reduce().support(inputs, which)
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        Self::reduce().forward(inputs, record)
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        Self::reduce().vjp(gradient, which, saved, rule)
    }
}

/// The sum over these dimensions, which stay with length 1.
pub(super) fn sum_keeping(tensor: &Tensor, dimensions: &[usize]) -> Result<Tensor> {
    let reduce = Reduce { kind: Reduction::Sum, dimensions: dimensions.to_vec(), keep: true };
    Ok(reduce.forward(&[tensor], false)?.output)
}

/// The place of the first largest (or smallest) element of each row, `[rows, 1]`.
pub(super) fn winners(matrix: &Tensor, largest: bool) -> Result<Tensor> {
    if serve(matrix) { rows::winners(matrix, largest) } else { composed_winners(matrix, largest) }
}

/// The winners from tensor operations.
pub(super) fn composed_winners(matrix: &Tensor, largest: bool) -> Result<Tensor> {
    let (rows, length) = matrix.dims2()?;
    let nan = matrix.ne(matrix)?;
    // Without NaN the best value is that of the tensor library; a row with NaN is won by its first one.
    let replaced = nan.where_cond(&matrix.zeros_like()?, matrix)?;
    let best = if largest { replaced.max_keepdim(1)? } else { replaced.min_keepdim(1)? };
    let has_nan = nan.to_dtype(DType::F32)?.max_keepdim(1)?.broadcast_as((rows, length))?.contiguous()?;
    let equal = matrix.broadcast_eq(&best)?;
    let wins = has_nan.gt(0.0)?.where_cond(&nan, &equal)?;
    let places = Tensor::arange(0_u32, length as u32, matrix.device())?.broadcast_as((rows, length))?.contiguous()?;
    let none = Tensor::full(length as u32, (rows, length), matrix.device())?;
    wins.where_cond(&places, &none)?.min_keepdim(1)
}

/// The reduction of each row from tensor operations, `[rows, 1]`; not for maxima and minima.
pub(super) fn composed(kind: Reduction, matrix: &Tensor) -> Result<Tensor> {
    match kind {
        Reduction::Sum => matrix.sum_keepdim(1),
        Reduction::Mean => matrix.mean_keepdim(1),
        Reduction::L1 => matrix.abs()?.sum_keepdim(1),
        Reduction::L2 => matrix.sqr()?.sum_keepdim(1)?.sqrt(),
        Reduction::SumSquare => matrix.sqr()?.sum_keepdim(1),
        Reduction::LogSumExp => {
            let largest = matrix.max_keepdim(1)?;
            matrix.broadcast_sub(&largest)?.exp()?.sum_keepdim(1)?.log()? + largest
        }
        Reduction::Max => matrix.max_keepdim(1),
        Reduction::Min => matrix.min_keepdim(1),
        Reduction::Prod => {
            let mut products = matrix.contiguous()?;
            while products.dim(D::Minus1)? > 1 {
                let half = products.dim(D::Minus1)? / 2;
                let odd = products.narrow(1, 2 * half, products.dim(D::Minus1)? - 2 * half)?;
                let pairs = (products.narrow(1, 0, half)? * products.narrow(1, half, half)?)?;
                products = if odd.dim(1)? == 0 { pairs } else { Tensor::cat(&[pairs, odd], 1)? };
            }
            Ok(products)
        }
    }
}

/// For each element the product of all others of its row, also where some are 0.
fn others(matrix: &Tensor) -> Result<Tensor> {
    let zero = matrix.eq(0.0)?;
    let zeros = zero.to_dtype(matrix.dtype())?.sum_keepdim(1)?;
    let replaced = zero.where_cond(&matrix.ones_like()?, matrix)?;
    let (product, _) = Reduction::Prod.forward(&replaced)?;
    let without = |count: f64| product.mul(&zeros.eq(count)?.to_dtype(matrix.dtype())?);
    let at_zero = without(1.0)?.broadcast_as(matrix.shape())?.contiguous()?;
    zero.where_cond(&at_zero, &Arithmetic::Div.forward(&without(0.0)?, &replaced)?)
}
