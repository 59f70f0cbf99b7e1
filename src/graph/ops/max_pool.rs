//! Maximum pooling with recorded switches.

use candle_core::Tensor;

use super::super::support::{Span, Support};
use super::{
    super::{
        Control,
        kernels::{max_pool, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    image_shape,
    windows::Axis,
};

/// The largest value of each window; at a tie the first in row-major order wins, as in PyTorch, and NaN wins over
/// all. The switches, which say which place of its window won, are the state for the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Steps along rows and columns.
    pub stride: [usize; 2],
    /// Places before the input's rows and columns, which never win.
    pub padding: [usize; 2],
    /// Places after the input's rows and columns, which never win.
    pub padding_end: [usize; 2],
    /// Distances between the places of the kernel.
    pub dilation: [usize; 2],
    /// Whether the last window may reach over the edge.
    pub ceil: bool,
}

impl MaxPool2d {
    /// A pooling without padding or dilation, whose windows end inside the input.
    #[must_use]
    pub const fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: [0; 2], padding_end: [0; 2], dilation: [1; 2], ceil: false }
    }

    /// A pooling that is the same along rows and columns.
    #[must_use]
    pub const fn square(kernel: usize, stride: usize, padding: usize, ceil: bool) -> Self {
        Self::new([kernel; 2], [stride; 2]).padding([padding; 2], [padding; 2]).ceil(ceil)
    }

    /// The same with places that never win before and after the input, in rows and columns.
    #[must_use]
    pub const fn padding(mut self, begin: [usize; 2], end: [usize; 2]) -> Self {
        self.padding = begin;
        self.padding_end = end;
        self
    }

    /// The same with these distances between the places of the kernel.
    #[must_use]
    pub const fn dilation(mut self, dilation: [usize; 2]) -> Self {
        self.dilation = dilation;
        self
    }

    /// The same, where the last window may or may not reach over the edge.
    #[must_use]
    pub const fn ceil(mut self, ceil: bool) -> Self {
        self.ceil = ceil;
        self
    }

    /// Rows and columns of the output of an input with these.
    pub(in crate::graph) fn output(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let axis = |which: usize| {
            let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(|pair| pair[which]);
            let padding = [self.padding[which], self.padding_end[which]];
            Axis { kernel, stride, padding, dilation, ceil: self.ceil }.windows(size[which])
        };
        Ok([axis(0)?, axis(1)?])
    }
}

impl Op for MaxPool2d {
    fn kind(&self) -> &'static str {
        "MaxPool2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = image_shape(inputs)?;
        let [rows, columns] = self.output([shape[2], shape[3]])?;
        Ok(vec![shape[0], shape[1], rows, columns])
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Windows([0, 1].map(|axis| Span::Regular {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            before: self.padding[axis],
            dilation: self.dilation[axis],
        }))
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.forward_under(inputs, record, &Control::default())
    }

    fn forward_under(&self, inputs: &[&Tensor], record: bool, control: &Control) -> Result<Forward> {
        let input = inputs[0];
        let (_, _, rows, columns) = input.dims4()?;
        let size = self.output([rows, columns]).map_err(candle_core::Error::msg)?;
        if serve(input) {
            let (output, switches) = max_pool::forward(input, self, size, record, control)?;
            return Ok(Forward { output, state: switches.into_iter().collect() });
        }
        let (output, switches) = composed_forward(input, self, size, record)?;
        Ok(Forward { output, state: switches.into_iter().collect() })
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
        let size = [saved.inputs[which][2], saved.inputs[which][3]];
        let [switches] = saved.state()?;
        if serve(gradient) {
            max_pool::vjp(gradient, switches, self, size, control)
        } else {
            composed_vjp(gradient, switches, self, size)
        }
    }
}

/// The output and, if they are asked for, the switches from tensor operations: a running maximum over the places of the
/// window.
pub(super) fn composed_forward(
    input: &Tensor,
    pool: &MaxPool2d,
    [rows, columns]: [usize; 2],
    record: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let padded = padded(input, pool, [rows, columns])?;
    if !record && pool.dilation == [1; 2] {
        return Ok((unrecorded(&padded, pool, [rows, columns])?, None));
    }
    let mut best: Option<(Tensor, Option<Tensor>)> = None;
    for y in 0..pool.kernel[0] {
        let strip = padded.index_select(&places(y * pool.dilation[0], pool.stride[0], rows, input)?, 2)?;
        for x in 0..pool.kernel[1] {
            let values = strip.index_select(&places(x * pool.dilation[1], pool.stride[1], columns, input)?, 3)?;
            let place = (y * pool.kernel[1] + x) as u32;
            let place = record.then(|| Tensor::full(place, values.shape(), input.device())).transpose()?;
            best = Some(match best {
                None => (values, place),
                Some((largest, switches)) => {
                    // NaN wins and stays.
                    let wins = (values.gt(&largest)? + values.ne(&values)?)?;
                    let switches = match (place, switches) {
                        (Some(place), Some(switches)) => Some(wins.where_cond(&place, &switches)?),
                        _ => None,
                    };
                    (wins.where_cond(&values, &largest)?, switches)
                }
            });
        }
    }
    best.ok_or_else(|| candle_core::Error::msg("a pooling kernel without places"))
}

/// The largest values by the tensor library's own pooling, which may pass over NaN: where a window holds one, it is put
/// back.
fn unrecorded(padded: &Tensor, pool: &MaxPool2d, output: [usize; 2]) -> Result<Tensor> {
    let mut seen = padded.clone();
    for (axis, count) in output.into_iter().enumerate() {
        seen = seen.narrow(2 + axis, 0, (count - 1) * pool.stride[axis] + pool.kernel[axis])?;
    }
    let seen = seen.contiguous()?;
    let [kernel, stride] = [pool.kernel, pool.stride].map(<(usize, usize)>::from);
    let pooled = |tensor: &Tensor| tensor.max_pool2d_with_stride(kernel, stride);
    let largest = pooled(&seen)?;
    let is_nan = pooled(&seen.ne(&seen)?.to_dtype(seen.dtype())?)?.gt(0.0)?;
    let nan = Tensor::full(f32::NAN, largest.shape(), seen.device())?.to_dtype(seen.dtype())?;
    is_nan.where_cond(&nan, &largest)
}

/// The gradient from tensor operations: for each place of the window, the gradients that it won, put back there.
pub(super) fn composed_vjp(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    let (batch, channels, rows, columns) = gradient.dims4()?;
    let [tall, wide] = extent(pool, [height, width], [rows, columns]);
    let gradient = gradient.contiguous()?;
    let zeros = gradient.zeros_like()?;
    let mut sum = Tensor::zeros((batch, channels, tall, wide), gradient.dtype(), gradient.device())?;
    for y in 0..pool.kernel[0] {
        let mut strip = Tensor::zeros((batch, channels, rows, wide), gradient.dtype(), gradient.device())?;
        for x in 0..pool.kernel[1] {
            let won = switches.eq((y * pool.kernel[1] + x) as u32)?.where_cond(&gradient, &zeros)?;
            strip = strip.index_add(&places(x * pool.dilation[1], pool.stride[1], columns, &gradient)?, &won, 3)?;
        }
        sum = sum.index_add(&places(y * pool.dilation[0], pool.stride[0], rows, &gradient)?, &strip, 2)?;
    }
    sum.narrow(2, pool.padding[0], height)?.narrow(3, pool.padding[1], width)?.contiguous()
}

/// Rows and columns that all windows together reach over, at least those of the padded input.
fn extent(pool: &MaxPool2d, size: [usize; 2], output: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| {
        let reach = (pool.kernel[axis] - 1) * pool.dilation[axis];
        let reached = (output[axis] - 1) * pool.stride[axis] + reach + 1;
        reached.max(size[axis] + pool.padding[axis] + pool.padding_end[axis])
    })
}

/// The input with −∞ around it, as far as windows reach.
fn padded(input: &Tensor, pool: &MaxPool2d, output: [usize; 2]) -> Result<Tensor> {
    let (_, _, height, width) = input.dims4()?;
    let [tall, wide] = extent(pool, [height, width], output);
    let mut padded = input.clone();
    for (dimension, before, whole) in [(2, pool.padding[0], tall), (3, pool.padding[1], wide)] {
        let after = whole - before - padded.dim(dimension)?;
        let border = |length: usize| -> Result<Tensor> {
            let mut shape = padded.dims().to_vec();
            shape[dimension] = length;
            Tensor::full(f32::NEG_INFINITY, shape, input.device())?.to_dtype(input.dtype())
        };
        let parts: Vec<Tensor> = match (before, after) {
            (0, 0) => continue,
            (0, _) => vec![padded.clone(), border(after)?],
            (_, 0) => vec![border(before)?, padded.clone()],
            _ => vec![border(before)?, padded.clone(), border(after)?],
        };
        padded = Tensor::cat(&parts, dimension)?;
    }
    padded.contiguous()
}

/// The indices `first, first + stride, …`, `count` of them.
fn places(first: usize, stride: usize, count: usize, like: &Tensor) -> Result<Tensor> {
    let indices: Vec<u32> = (0..count).map(|index| (first + index * stride) as u32).collect();
    Tensor::from_vec(indices, count, like.device())
}
