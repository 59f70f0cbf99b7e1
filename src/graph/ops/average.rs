//! Average poolings. Each is a linear map that separates into rows and columns, described by its windows.

use candle_core::{Device, Tensor};

use super::super::support::{Span, Support};
use super::{
    super::{
        kernels::{average, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    image_shape,
    windows::{Axis, Window, adaptive},
};

/// Average pooling with a fixed kernel.
#[derive(Debug, Clone, Copy)]
pub struct AvgPool2d {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Steps along rows and columns.
    pub stride: [usize; 2],
    /// Zeros before the input's rows and columns.
    pub padding: [usize; 2],
    /// Zeros after the input's rows and columns.
    pub padding_end: [usize; 2],
    /// Whether the last window may reach over the edge.
    pub ceil: bool,
    /// Whether padding counts in the divisor (`count_include_pad`, PyTorch's default).
    pub count_padding: bool,
}

/// Average pooling to a fixed size, whatever the input's; `[1, 1]` is the global average.
#[derive(Debug, Clone, Copy)]
pub struct AdaptiveAvgPool2d {
    /// Rows and columns of the output.
    pub size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// The mean over all of space.
    pub const GLOBAL: Self = Self { size: [1, 1] };

    fn windows(&self, shape: &[usize]) -> [Vec<Window>; 2] {
        [adaptive(shape[2], self.size[0]), adaptive(shape[3], self.size[1])]
    }
}

impl AvgPool2d {
    /// A pooling without padding, whose windows end inside the input.
    #[must_use]
    pub const fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: [0; 2], padding_end: [0; 2], ceil: false, count_padding: true }
    }

    /// The same with zeros before and after the input, in rows and columns.
    #[must_use]
    pub const fn padding(mut self, begin: [usize; 2], end: [usize; 2]) -> Self {
        self.padding = begin;
        self.padding_end = end;
        self
    }

    /// The same, where the last window may or may not reach over the edge.
    #[must_use]
    pub const fn ceil(mut self, ceil: bool) -> Self {
        self.ceil = ceil;
        self
    }

    /// The same, where padding counts in the divisor or not.
    #[must_use]
    pub const fn count_padding(mut self, count_padding: bool) -> Self {
        self.count_padding = count_padding;
        self
    }

    fn windows(&self, shape: &[usize]) -> Result<[Vec<Window>; 2], String> {
        let axis = |which: usize| {
            let [kernel, stride] = [self.kernel, self.stride].map(|pair| pair[which]);
            let padding = [self.padding[which], self.padding_end[which]];
            Axis { kernel, stride, padding, dilation: 1, ceil: self.ceil }.list(shape[2 + which], self.count_padding)
        };
        Ok([axis(0)?, axis(1)?])
    }
}

impl Op for AvgPool2d {
    fn kind(&self) -> &'static str {
        "AvgPool2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = image_shape(inputs)?;
        let [rows, columns] = self.windows(&shape)?;
        Ok(vec![shape[0], shape[1], rows.len(), columns.len()])
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Windows([0, 1].map(|axis| Span::Regular {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            before: self.padding[axis],
            dilation: 1,
        }))
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let windows = self.windows(inputs[0].dims()).map_err(candle_core::Error::msg)?;
        Ok(Forward::stateless(forward(inputs[0], &windows)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let shape = &saved.inputs[which];
        vjp(gradient, &self.windows(shape).map_err(candle_core::Error::msg)?, [shape[2], shape[3]])
    }
}

impl Op for AdaptiveAvgPool2d {
    fn kind(&self) -> &'static str {
        "AdaptiveAvgPool2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [batch, channels, ..] = image_shape(inputs)?;
        Ok(vec![batch, channels, self.size[0], self.size[1]])
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        let windows = self.windows(inputs[which]);
        let listed = |windows: Vec<Window>| windows.iter().map(|window| Some((window.start, window.end - 1))).collect();
        Support::Windows(windows.map(|windows| Span::Listed(listed(windows))))
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        Ok(Forward::stateless(forward(inputs[0], &self.windows(inputs[0].dims()))?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let shape = &saved.inputs[which];
        vjp(gradient, &self.windows(shape), [shape[2], shape[3]])
    }
}

fn forward(input: &Tensor, windows: &[Vec<Window>; 2]) -> Result<Tensor> {
    if serve(input) { average::forward(input, windows) } else { composed_forward(input, windows) }
}

fn vjp(gradient: &Tensor, windows: &[Vec<Window>; 2], size: [usize; 2]) -> Result<Tensor> {
    if serve(gradient) { average::vjp(gradient, windows, size) } else { composed_vjp(gradient, windows, size) }
}

/// The output as two matrix products, or as one mean.
pub(super) fn composed_forward(input: &Tensor, [rows, columns]: &[Vec<Window>; 2]) -> Result<Tensor> {
    let (batch, channels, height, width) = input.dims4()?;
    let is_whole = |windows: &[Window], length| *windows == [Window { start: 0, end: length, count: length }];
    if is_whole(rows, height) && is_whole(columns, width) {
        let places = input.contiguous()?.reshape((batch, channels, height * width))?;
        return places.mean_keepdim(2)?.reshape((batch, channels, 1, 1));
    }
    let across = matrix(columns, width, input)?.t()?;
    let down = matrix(rows, height, input)?;
    let narrow = input.contiguous()?.reshape((batch * channels * height, width))?.matmul(&across)?;
    let narrow = narrow.reshape((batch * channels, height, columns.len()))?;
    down.broadcast_matmul(&narrow)?.reshape((batch, channels, rows.len(), columns.len()))
}

/// The gradient as two matrix products.
pub(super) fn composed_vjp(
    gradient: &Tensor,
    [rows, columns]: &[Vec<Window>; 2],
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    let (batch, channels, outputs, narrow) = gradient.dims4()?;
    let across = matrix(columns, width, gradient)?;
    let down = matrix(rows, height, gradient)?.t()?.contiguous()?;
    let wide = gradient.contiguous()?.reshape((batch * channels * outputs, narrow))?.matmul(&across)?;
    let wide = wide.reshape((batch * channels, outputs, width))?;
    down.broadcast_matmul(&wide)?.reshape((batch, channels, height, width))
}

/// The averaging along one axis as a matrix `[windows, length]`, of the type and on the device of `like`.
fn matrix(windows: &[Window], length: usize, like: &Tensor) -> Result<Tensor> {
    let mut values = vec![0.0_f64; windows.len() * length];
    for (row, window) in values.chunks_exact_mut(length).zip(windows) {
        row[window.start..window.end].fill(1.0 / window.count as f64);
    }
    let matrix = Tensor::from_vec(values, (windows.len(), length), &Device::Cpu)?;
    matrix.to_dtype(like.dtype())?.to_device(like.device())
}
