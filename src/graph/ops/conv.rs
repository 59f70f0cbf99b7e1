//! Two-dimensional convolution.

use candle_core::{Tensor, bail};

use super::super::support::{Span, Support};
use super::{
    super::{
        Control,
        kernels::{
            conv,
            fast::{Extras, Packed, Prepared, edges_of},
            serve,
        },
        op::{Forward, Op, Result, Rule, Saved},
    },
    count, image_shape,
};

/// Convolution with weights of shape `[out, in / groups, rows, columns]`.
#[derive(Debug)]
pub struct Conv2d {
    pub(in crate::graph) weight: Tensor,
    pub(in crate::graph) bias: Option<Tensor>,
    pub(in crate::graph) stride: [usize; 2],
    pub(in crate::graph) padding: [usize; 2],
    /// Zeros after the input's rows and columns, where they are not as many as before.
    pub(in crate::graph) padding_end: Option<[usize; 2]>,
    pub(in crate::graph) dilation: [usize; 2],
    pub(in crate::graph) groups: usize,
    packed: Packed,
}

/// The sizes of one convolution.
#[derive(Debug, Clone, Copy)]
pub(in crate::graph) struct Sizes {
    pub batch: usize,
    pub groups: usize,
    /// Channels of the input in one group.
    pub inputs: usize,
    /// Channels of the output in one group.
    pub outputs: usize,
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub kernel: [usize; 2],
}

impl Conv2d {
    /// A convolution with stride 1, no padding, no dilation and one group; `bias` of shape `[out]`.
    ///
    /// # Errors
    /// When the weight hasn't four dimensions or the bias has another shape.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (out, ..) = weight.dims4()?;
        if let Some(bias) = &bias
            && bias.dims() != [out]
        {
            bail!("a bias of shape {:?} for {out} channels", bias.dims());
        }
        Ok(Self {
            weight,
            bias,
            stride: [1; 2],
            padding: [0; 2],
            padding_end: None,
            dilation: [1; 2],
            groups: 1,
            packed: Packed::default(),
        })
    }

    /// The same with these steps along rows and columns.
    #[must_use]
    pub fn stride(mut self, stride: [usize; 2]) -> Self {
        self.stride = stride;
        self
    }

    /// The same with zeros around the input, in rows and columns.
    #[must_use]
    pub fn padding(mut self, padding: [usize; 2]) -> Self {
        self.padding = padding;
        self
    }

    /// The same with this many zeros after the input's rows and columns; those of [`Conv2d::padding`] stay before.
    #[must_use]
    pub fn padding_end(mut self, padding: [usize; 2]) -> Self {
        self.padding_end = Some(padding);
        self
    }

    /// The same with these distances between the places of the kernel.
    #[must_use]
    pub fn dilation(mut self, dilation: [usize; 2]) -> Self {
        self.dilation = dilation;
        self
    }

    /// The same with channels in groups that do not mix.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// The same without zeros around the input; both share their packed weights.
    #[must_use]
    pub(in crate::graph) fn unpadded(&self) -> Self {
        let (weight, bias) = (self.weight.clone(), self.bias.clone());
        Self { weight, bias, padding: [0; 2], padding_end: None, packed: self.packed.of_twin(), ..*self }
    }

    /// The weights, `[out, in / groups, rows, columns]`.
    #[must_use]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The same convolution with other weights and another bias.
    ///
    /// # Errors
    /// When the shapes are not those of this one.
    pub fn with_weights(&self, weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        if weight.dims() != self.weight.dims() {
            bail!("weights of shape {:?} for {:?}", weight.dims(), self.weight.dims());
        }
        let Self { stride, padding, padding_end, dilation, groups, .. } = *self;
        Ok(Self { stride, padding, padding_end, dilation, groups, ..Self::new(weight, bias)? })
    }

    /// The bias, `[out]`.
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How many groups of channels do not mix.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups
    }

    /// All sizes for an input of this shape, or why there are none.
    pub(in crate::graph) fn sizes(&self, shape: &[usize]) -> Result<Sizes, String> {
        let &[out, inputs, height, width] = self.weight.dims() else {
            return Err("its weights lack a dimension".to_owned());
        };
        let groups = self.groups;
        if groups == 0 || out % groups != 0 {
            return Err(format!("{out} channels cannot be in {groups} groups"));
        }
        if shape[1] != inputs * groups {
            return Err(format!("it takes {} channels, not {}", inputs * groups, shape[1]));
        }
        let kernel = [height, width];
        let mut output = [0; 2];
        for axis in 0..2 {
            let (stride, length) = (self.stride[axis], shape[2 + axis] + self.padded()[axis]);
            let reach = self.reach(kernel)[axis];
            if stride == 0 || kernel[axis] == 0 || reach >= length {
                return Err(format!(
                    "a kernel of {} places (dilation {}, stride {stride}) does not fit in {length} with padding",
                    kernel[axis], self.dilation[axis]
                ));
            }
            output[axis] = (length - reach - 1) / stride + 1;
        }
        let input = [shape[2], shape[3]];
        Ok(Sizes { batch: shape[0], groups, inputs, outputs: out / groups, input, output, kernel })
    }

    /// The layer with packed weights, which does more than convolve in one go; `None` where plain kernels do it.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub(in crate::graph) fn prepared(&self, input: &Tensor, control: &Control) -> Result<Option<&Prepared>> {
        if !control.precision().packs() {
            return Ok(None);
        }
        let sizes = self.sizes(input.dims()).map_err(candle_core::Error::msg)?;
        self.packed.forward(self, input, sizes, control)
    }

    /// The zeros before and after the input, together, in rows and columns.
    pub(super) fn padded(&self) -> [usize; 2] {
        let end = self.padding_end.unwrap_or(self.padding);
        [0, 1].map(|axis| self.padding[axis] + end[axis])
    }

    /// The distance between the first and the last place of the kernel.
    pub(super) fn reach(&self, kernel: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.dilation[axis] * kernel[axis].saturating_sub(1))
    }
}

impl Op for Conv2d {
    fn kind(&self) -> &'static str {
        "Conv2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let sizes = self.sizes(&image_shape(inputs)?)?;
        Ok(vec![sizes.batch, sizes.groups * sizes.outputs, sizes.output[0], sizes.output[1]])
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        let &[_, _, rows, columns] = self.weight.dims() else { return Support::Everything };
        Support::Windows([0, 1].map(|axis| Span::Regular {
            kernel: [rows, columns][axis],
            stride: self.stride[axis],
            before: self.padding[axis],
            dilation: self.dilation[axis],
        }))
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.forward_under(inputs, record, &Control::default())
    }

    fn forward_under(&self, inputs: &[&Tensor], _record: bool, control: &Control) -> Result<Forward> {
        let input = inputs[0];
        let sizes = self.sizes(input.dims()).map_err(candle_core::Error::msg)?;
        let output = if let Some(prepared) = self.prepared(input, control)? {
            prepared.run(input, edges_of(self), Extras::default(), control)?
        } else if serve(input) {
            conv::forward(self, input, sizes, control)?
        } else {
            composed_forward(self, input)?
        };
        Ok(Forward::stateless(output))
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
        let sizes = self.sizes(&saved.inputs[which]).map_err(candle_core::Error::msg)?;
        let packs = control.precision().packs();
        let packed = if packs { self.packed.back(self, gradient, sizes, control)? } else { None };
        if let Some(back) = packed {
            back.run(gradient, &saved.inputs[which], control)
        } else if serve(gradient) {
            conv::vjp(self, gradient, sizes, control)
        } else {
            composed_vjp(self, gradient, sizes)
        }
    }

    fn macs(&self, _inputs: &[&[usize]], output: &[usize]) -> u64 {
        count(output) * count(&self.weight.dims()[1..])
    }

    fn parameters(&self) -> usize {
        self.weight.elem_count() + self.bias.as_ref().map_or(0, Tensor::elem_count)
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        [("weight", Some(&self.weight)), ("bias", self.bias.as_ref())]
            .into_iter()
            .filter_map(|(name, tensor)| Some((name, tensor?)))
            .collect()
    }
}

/// The output from tensor operations.
pub(super) fn composed_forward(conv: &Conv2d, input: &Tensor) -> Result<Tensor> {
    let end = conv.padding_end.unwrap_or(conv.padding);
    let product = plain(input, [conv.padding, end], &conv.weight, conv.stride, conv.dilation, conv.groups)?;
    match &conv.bias {
        Some(bias) => product.broadcast_add(&bias.reshape((1, bias.elem_count(), 1, 1))?),
        None => Ok(product),
    }
}

/// The gradient from tensor operations: the output's gradient with zeros between its elements, convolved with the
/// flipped kernels whose input and output channels are exchanged.
pub(super) fn composed_vjp(conv: &Conv2d, gradient: &Tensor, sizes: Sizes) -> Result<Tensor> {
    let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
    let mut spread = gradient.contiguous()?;
    let reach = conv.reach(kernel);
    let mut after = [0; 2];
    for (axis, after) in after.iter_mut().enumerate() {
        let padded_length = sizes.input[axis] + conv.padded()[axis];
        let spread_length = (sizes.output[axis] - 1) * conv.stride[axis] + 1;
        spread = dilate(&spread, 2 + axis, conv.stride[axis])?;
        *after = padded_length - spread_length;
    }
    let exchanged = conv
        .weight
        .reshape((groups, outputs, inputs, kernel[0] * kernel[1]))?
        .transpose(1, 2)?
        .contiguous()?
        .reshape((groups * inputs, outputs, kernel[0], kernel[1]))?;
    let flipped = flip(&flip(&exchanged, 2)?, 3)?;
    let full = plain(&spread, [reach, after], &flipped, [1; 2], conv.dilation, groups)?;
    let [down, across] = conv.padding;
    full.narrow(2, down, sizes.input[0])?.narrow(3, across, sizes.input[1])?.contiguous()
}

/// A convolution with zeros before and after rows and columns. The tensor library has one stride, one dilation and one
/// padding for both axes: where strides differ, the places between are dropped afterwards; where dilations do, zeros are
/// put between the kernel's places; other padding is joined to the input.
fn plain(
    input: &Tensor,
    [before, after]: [[usize; 2]; 2],
    weight: &Tensor,
    stride: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
) -> Result<Tensor> {
    let is_depthwise = groups > 1 && weight.dims()[..2] == [groups, 1];
    let own = before[0];
    let (padding, input) = if !is_depthwise && before == [own; 2] && after == [own; 2] {
        (own, input.contiguous()?)
    } else {
        let rows = input.pad_with_zeros(2, before[0], after[0])?;
        (0, rows.pad_with_zeros(3, before[1], after[1])?.contiguous()?)
    };
    if is_depthwise {
        return by_places(&input, weight, stride, dilation);
    }
    let (weight, dilation) = if dilation[0] == dilation[1] {
        (weight.clone(), dilation[0])
    } else {
        (dilate(&dilate(weight, 2, dilation[0])?, 3, dilation[1])?, 1)
    };
    if stride[0] == stride[1] {
        return in_parts(&input, &weight, [padding, stride[0], dilation, groups], PATCHES);
    }
    let mut dense = in_parts(&input, &weight, [padding, 1, dilation, groups], PATCHES)?;
    for (axis, step) in stride.into_iter().enumerate() {
        let count = dense.dim(2 + axis)?.div_ceil(step);
        dense = steps(&dense, 2 + axis, 0, step, count)?;
    }
    Ok(dense)
}

/// Numbers that what the kernel sees at each place may be, laid out for all pictures together (1 GiB of `f32`).
const PATCHES: usize = 1 << 28;

/// The tensor library's convolution with padding, stride, dilation and groups. On a GPU it lays out what the kernel sees at
/// each place and counts that in 32 bits without looking: of many pictures so few go at once that this is `most` numbers,
/// where one alone isn't more. A picture that alone is more than 32 bits count is refused, although not every GPU's library
/// lays patches out.
pub(super) fn in_parts(
    input: &Tensor,
    weight: &Tensor,
    [padding, stride, dilation, groups]: [usize; 4],
    most: usize,
) -> Result<Tensor> {
    let (batch, _, height, width) = input.dims4()?;
    let (_, inputs, tall, wide) = weight.dims4()?;
    let count = |length: usize, kernel: usize| (length + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
    let patches = inputs * tall * wide * count(height, tall) * count(width, wide);
    if u32::try_from(patches).is_err() {
        bail!(
            "a convolution of {height}×{width} pixels with {inputs} channels of {tall}×{wide} is too large for the GPU"
        );
    }
    let at_once = (most / patches.max(1)).max(1);
    if at_once >= batch {
        return input.conv2d(weight, padding, stride, dilation, groups);
    }
    let part = |first: usize| {
        let part = input.narrow(0, first, at_once.min(batch - first))?;
        part.conv2d(weight, padding, stride, dilation, groups)
    };
    Tensor::cat(&(0..batch).step_by(at_once).map(part).collect::<Result<Vec<_>>>()?, 0)
}

/// One kernel a channel, without padding, place of the kernel by place: the tensor library convolves group by group, which
/// are hundreds here.
fn by_places(input: &Tensor, weight: &Tensor, stride: [usize; 2], dilation: [usize; 2]) -> Result<Tensor> {
    let (channels, _, tall, wide) = weight.dims4()?;
    let (_, _, height, width) = input.dims4()?;
    let count =
        |axis: usize, length: usize, kernel: usize| (length - dilation[axis] * (kernel - 1) - 1) / stride[axis] + 1;
    let [rows, columns] = [count(0, height, tall), count(1, width, wide)];
    let mut sum: Option<Tensor> = None;
    for y in 0..tall {
        let strip = steps(input, 2, y * dilation[0], stride[0], rows)?;
        for x in 0..wide {
            let values = steps(&strip, 3, x * dilation[1], stride[1], columns)?;
            let weight = weight.narrow(2, y, 1)?.narrow(3, x, 1)?.reshape((1, channels, 1, 1))?;
            let product = values.broadcast_mul(&weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + product)?,
                None => product,
            });
        }
    }
    sum.ok_or_else(|| candle_core::Error::msg("a convolution kernel without places"))
}

/// The elements `first, first + step, …` along one dimension, `count` of them.
fn steps(tensor: &Tensor, dimension: usize, first: usize, step: usize, count: usize) -> Result<Tensor> {
    if step == 1 {
        return tensor.narrow(dimension, first, count);
    }
    let kept: Vec<u32> = (0..count).map(|index| (first + index * step) as u32).collect();
    tensor.index_select(&Tensor::from_vec(kept, count, tensor.device())?, dimension)
}

/// Zeros between the elements along one dimension, so that neighbours come to lie `step` apart.
fn dilate(tensor: &Tensor, dimension: usize, step: usize) -> Result<Tensor> {
    let length = tensor.dim(dimension)?;
    if step == 1 || length == 1 {
        return Ok(tensor.clone());
    }
    let spread = tensor.unsqueeze(dimension + 1)?.pad_with_zeros(dimension + 1, 0, step - 1)?;
    let mut shape = tensor.dims().to_vec();
    shape[dimension] = length * step;
    spread.contiguous()?.reshape(shape)?.narrow(dimension, 0, (length - 1) * step + 1)?.contiguous()
}

/// The elements along one dimension in reverse.
fn flip(tensor: &Tensor, dimension: usize) -> Result<Tensor> {
    let length = tensor.dim(dimension)? as u32;
    let reversed: Vec<u32> = (0..length).rev().collect();
    tensor.index_select(&Tensor::from_vec(reversed, length as usize, tensor.device())?, dimension)
}
