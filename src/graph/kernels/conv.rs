//! Convolution as matrix products over unfolded strips of the input, and its way back.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::{
        Control,
        ops::{Arithmetic, Broadcast, Conv2d, Sizes},
    },
    binary, direct, for_float,
    parts::parts,
    read, tensor,
};

/// Upper bound on the elements of one unfolded strip (8 MiB of `f32`), unless a single output row needs more.
const STRIP: usize = 1 << 21;

/// Up to how many pairs of a group's channels, in and out, convolving directly is faster: a matrix product over groups
/// of 4 in and 4 out already is half as fast again.
const NARROW: usize = 4;

/// The output, `[batch, out, rows, columns]`. Asks `control` before each part of the work.
///
/// # Errors
/// When the tensor library fails, or cancellation.
pub(in crate::graph) fn forward(conv: &Conv2d, input: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    for_float!(input, forward_of(conv, input, sizes, control))
}

fn forward_of<T: WithDType>(conv: &Conv2d, input: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    if is_narrow(sizes) {
        return direct::forward::<T>(conv, input, sizes, control);
    }
    let Sizes { batch, groups, inputs, outputs, .. } = sizes;
    let places = sizes.output[0] * sizes.output[1];
    let plane = sizes.input[0] * sizes.input[1];
    let weight = group_weights(conv, sizes)?;
    if is_pointwise(conv, sizes) {
        let product = products(&weight, input, sizes, control)?;
        let Some(bias) = &conv.bias else { return Ok(product) };
        let bias = bias.reshape((bias.elem_count(), 1, 1))?;
        let layout = Broadcast::new(product.dims(), bias.dims()).map_err(candle_core::Error::msg)?;
        return binary::forward(Arithmetic::Add, &product, &bias, &layout);
    }
    let bias = conv.bias.as_ref().map(Tensor::to_vec1::<T>).transpose()?;
    let result = read(input, |values: &[T]| {
        let mut result = vec![T::zero(); batch * groups * outputs * places];
        let blocks = result.chunks_mut(outputs * places).zip(values.chunks(inputs * plane));
        for (block, (result, values)) in blocks.enumerate() {
            let group = block % groups;
            for strip in strips(sizes) {
                control.checked()?;
                let unfolded = unfold(conv, values, sizes, &strip)?;
                let offset = strip.start * sizes.output[1];
                let length = strip.len() * sizes.output[1];
                let depth = weight[group].dim(1)?;
                for part in parts(outputs, depth * length, depth) {
                    control.checked()?;
                    let product = weight[group].narrow(0, part.start, part.len())?.matmul(&unfolded)?;
                    let result = &mut result[part.start * places..part.end * places];
                    read(&product, |product: &[T]| {
                        let channels = result.par_chunks_mut(places).zip(product.par_chunks(length));
                        channels.zip(part).for_each(|((result, product), channel)| {
                            let bias = bias.as_ref().map_or(T::zero(), |bias| bias[group * outputs + channel]);
                            for (y, &p) in result[offset..offset + length].iter_mut().zip(product) {
                                *y = p + bias;
                            }
                        });
                        Ok(())
                    })?;
                }
            }
        }
        Ok(result)
    })?;
    tensor(result, (batch, groups * outputs, sizes.output[0], sizes.output[1]))
}

/// The gradient with respect to the input, `[batch, in, rows, columns]`. Asks `control` before each part of the work.
///
/// # Errors
/// When the tensor library fails, or cancellation.
pub(in crate::graph) fn vjp(conv: &Conv2d, gradient: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    for_float!(gradient, vjp_of(conv, gradient, sizes, control))
}

fn vjp_of<T: WithDType>(conv: &Conv2d, gradient: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    if is_narrow(sizes) {
        return direct::vjp::<T>(conv, gradient, sizes, control);
    }
    let Sizes { batch, groups, inputs, outputs, .. } = sizes;
    let places = sizes.output[0] * sizes.output[1];
    let plane = sizes.input[0] * sizes.input[1];
    let weight = group_weights(conv, sizes)?;
    if is_pointwise(conv, sizes) {
        let transposed: Vec<Tensor> = weight.iter().map(Tensor::t).collect::<Result<_>>()?;
        return products(&transposed, gradient, sizes, control);
    }
    let gradient = gradient.contiguous()?.reshape((batch * groups, outputs, places))?;
    let mut back = vec![T::zero(); batch * groups * inputs * plane];
    for (block, back) in back.chunks_mut(inputs * plane).enumerate() {
        let gradient = gradient.get(block)?;
        let transposed = weight[block % groups].t()?;
        for strip in strips(sizes) {
            let length = strip.len() * sizes.output[1];
            let gradient = gradient.narrow(1, strip.start * sizes.output[1], length)?;
            let kernel = sizes.kernel[0] * sizes.kernel[1];
            // By whole channels of the input, each as many rows of the product as the kernel has places.
            for part in parts(inputs, kernel * outputs * length, kernel * outputs) {
                control.checked()?;
                let rows = transposed.narrow(0, part.start * kernel, part.len() * kernel)?;
                read(&rows.matmul(&gradient)?, |unfolded: &[T]| {
                    fold(conv, &mut back[part.start * plane..part.end * plane], unfolded, sizes, &strip);
                    Ok(())
                })?;
            }
        }
    }
    tensor(back, (batch, groups * inputs, sizes.input[0], sizes.input[1]))
}

/// Whether groups have too few channels for a matrix product to be worth the unfolding.
fn is_narrow(sizes: Sizes) -> bool {
    sizes.groups > 1 && sizes.inputs * sizes.outputs <= NARROW
}

/// Whether each place of the output sees the input's place alone, so that nothing has to be unfolded.
fn is_pointwise(conv: &Conv2d, sizes: Sizes) -> bool {
    sizes.kernel == [1, 1] && conv.stride == [1, 1] && conv.padding == [0, 0] && sizes.input == sizes.output
}

/// The product of each group's weights with its channels, for a convolution of single places.
fn products(weights: &[Tensor], channels: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    let blocks = sizes.batch * sizes.groups;
    let places = sizes.input[0] * sizes.input[1];
    let matrices = channels.contiguous()?.reshape((blocks, (), places))?;
    let mut products = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let (weight, matrix) = (&weights[block % sizes.groups], matrices.get(block)?);
        let (rows, depth) = weight.dims2()?;
        for part in parts(rows, depth * places, depth) {
            control.checked()?;
            products.push(weight.narrow(0, part.start, part.len())?.matmul(&matrix)?);
        }
    }
    let all = if let [only] = products.as_slice() { only.clone() } else { Tensor::cat(&products, 0)? };
    all.reshape((sizes.batch, (), sizes.input[0], sizes.input[1]))
}

/// Each group's weights as a matrix `[out, in · rows · columns]`.
fn group_weights(conv: &Conv2d, sizes: Sizes) -> Result<Vec<Tensor>> {
    let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
    let all = conv.weight.contiguous()?.reshape((groups, outputs, inputs * kernel[0] * kernel[1]))?;
    (0..groups).map(|group| all.get(group)).collect()
}

/// Ranges of output rows whose unfolded input stays within bounds.
fn strips(sizes: Sizes) -> impl Iterator<Item = std::ops::Range<usize>> {
    let depth = sizes.inputs * sizes.kernel[0] * sizes.kernel[1];
    let [rows, columns] = sizes.output;
    let step = (STRIP / (depth * columns)).clamp(1, rows);
    (0..rows).step_by(step).map(move |start| start..(start + step).min(rows))
}

/// The part of the output columns `0 .. count` that a place of the kernel reads from inside the input, and the input
/// column of the first.
pub(super) fn inside(
    offset: usize,
    stride: usize,
    padding: usize,
    length: usize,
    count: usize,
) -> std::ops::Range<usize> {
    // Output column x reads input column x · stride + offset − padding.
    let first = padding.saturating_sub(offset).div_ceil(stride);
    let end = (length + padding).saturating_sub(offset).div_ceil(stride);
    first.min(count)..end.min(count)
}

/// The matrix `[in · rows · columns of the kernel, places of the strip]` of the input values under each place.
fn unfold<T: WithDType>(conv: &Conv2d, values: &[T], sizes: Sizes, strip: &std::ops::Range<usize>) -> Result<Tensor> {
    let Sizes { inputs, input: [height, width], output: [_, columns], kernel, .. } = sizes;
    let depth = inputs * kernel[0] * kernel[1];
    let length = strip.len() * columns;
    let mut unfolded = vec![T::zero(); depth * length];
    unfolded.par_chunks_mut(length).enumerate().for_each(|(index, line)| {
        let (channel, place) = (index / (kernel[0] * kernel[1]), index % (kernel[0] * kernel[1]));
        let plane = &values[channel * height * width..][..height * width];
        let (down, across) = (place / kernel[1] * conv.dilation[0], place % kernel[1] * conv.dilation[1]);
        let reached = inside(across, conv.stride[1], conv.padding[1], width, columns);
        for (row, y) in strip.clone().enumerate() {
            let Some(y) = (y * conv.stride[0] + down).checked_sub(conv.padding[0]).filter(|&y| y < height) else {
                continue;
            };
            if reached.is_empty() {
                continue;
            }
            let source = &plane[y * width..][..width][reached.start * conv.stride[1] + across - conv.padding[1]..];
            let line = &mut line[row * columns..][..columns][reached.clone()];
            if conv.stride[1] == 1 {
                line.copy_from_slice(&source[..line.len()]);
            } else {
                for (to, &from) in line.iter_mut().zip(source.iter().step_by(conv.stride[1])) {
                    *to = from;
                }
            }
        }
    });
    tensor(unfolded, (depth, length))
}

/// Adds the gradients of an unfolded strip to those of the input values that they were copies of.
fn fold<T: WithDType>(conv: &Conv2d, back: &mut [T], unfolded: &[T], sizes: Sizes, strip: &std::ops::Range<usize>) {
    let Sizes { input: [height, width], output: [_, columns], kernel, .. } = sizes;
    let length = strip.len() * columns;
    let places = kernel[0] * kernel[1];
    let channels = back.par_chunks_mut(height * width).zip(unfolded.par_chunks(places * length));
    channels.for_each(|(plane, lines)| {
        for (place, line) in lines.chunks(length).enumerate() {
            let (down, across) = (place / kernel[1] * conv.dilation[0], place % kernel[1] * conv.dilation[1]);
            let reached = inside(across, conv.stride[1], conv.padding[1], width, columns);
            if reached.is_empty() {
                continue;
            }
            for (row, y) in strip.clone().enumerate() {
                let Some(y) = (y * conv.stride[0] + down).checked_sub(conv.padding[0]).filter(|&y| y < height) else {
                    continue;
                };
                let first = reached.start * conv.stride[1] + across - conv.padding[1];
                let target = &mut plane[y * width..][..width][first..];
                let line = &line[row * columns..][..columns][reached.clone()];
                if conv.stride[1] == 1 {
                    for (to, &from) in target.iter_mut().zip(line) {
                        *to += from;
                    }
                } else {
                    for (to, &from) in target.iter_mut().step_by(conv.stride[1]).zip(line) {
                        *to += from;
                    }
                }
            }
        }
    });
}
