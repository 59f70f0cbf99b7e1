//! Convolution without unfolding, for groups of so few channels that a matrix product has nothing to work on: depthwise
//! convolutions above all.

use std::ops::Range;

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::{
        Control,
        ops::{Conv2d, Sizes},
    },
    CHUNK,
    conv::inside,
    read, tensor,
};

/// A piece of one output row and the piece of an input row that one place of the kernel reads for it.
struct Piece {
    /// The columns of the output.
    columns: Range<usize>,
    /// The first column of the input; the next ones lie a stride apart.
    first: usize,
    /// The column of the kernel.
    place: usize,
}

/// The pieces of a row, one for each column of the kernel that reads inside the input.
fn pieces(conv: &Conv2d, sizes: Sizes) -> Vec<Piece> {
    let [stride, padding] = [conv.stride[1], conv.padding[1]];
    let piece = |place: usize| {
        let across = place * conv.dilation[1];
        let columns = inside(across, stride, padding, sizes.input[1], sizes.output[1]);
        let first = (columns.start * stride + across).checked_sub(padding)?;
        (!columns.is_empty()).then_some(Piece { columns, first, place })
    };
    (0..sizes.kernel[1]).filter_map(piece).collect()
}

/// The input row that a kernel's row reads for an output row, if it is inside.
fn row(conv: &Conv2d, sizes: Sizes, output: usize, place: usize) -> Option<usize> {
    let row = (output * conv.stride[0] + place * conv.dilation[0]).checked_sub(conv.padding[0])?;
    (row < sizes.input[0]).then_some(row)
}

/// The output, `[batch, out, rows, columns]`.
pub(super) fn forward<T: WithDType>(conv: &Conv2d, input: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    let Sizes { batch, groups, inputs, outputs, kernel, .. } = sizes;
    let (places, plane) = (sizes.output[0] * sizes.output[1], sizes.input[0] * sizes.input[1]);
    let bias = conv.bias.as_ref().map(Tensor::to_vec1::<T>).transpose()?;
    let pieces = pieces(conv, sizes);
    let taps = kernel[0] * kernel[1];
    let result = read(input, |values: &[T]| {
        read(&conv.weight, |weight: &[T]| {
            let mut result = vec![T::zero(); batch * groups * outputs * places];
            result.par_chunks_mut(places).enumerate().with_min_len(grain(sizes)).for_each(|(index, result)| {
                if control.is_cancelled() {
                    return;
                }
                let channel = index % (groups * outputs);
                let block = index / (groups * outputs) * groups + channel / outputs;
                if let Some(bias) = &bias {
                    result.fill(bias[channel]);
                }
                let values = &values[block * inputs * plane..][..inputs * plane];
                let weight = &weight[channel * inputs * taps..][..inputs * taps];
                for (values, weight) in values.chunks(plane).zip(weight.chunks(taps)) {
                    for (output, line) in result.chunks_mut(sizes.output[1]).enumerate() {
                        for (place, weight) in weight.chunks(kernel[1]).enumerate() {
                            let Some(row) = row(conv, sizes, output, place) else { continue };
                            let values = &values[row * sizes.input[1]..][..sizes.input[1]];
                            for piece in &pieces {
                                let line = &mut line[piece.columns.clone()];
                                add(line, 1, &values[piece.first..], conv.stride[1], weight[piece.place]);
                            }
                        }
                    }
                }
            });
            control.checked()?;
            Ok(result)
        })
    })?;
    tensor(result, (batch, groups * outputs, sizes.output[0], sizes.output[1]))
}

/// The gradient with respect to the input, `[batch, in, rows, columns]`.
pub(super) fn vjp<T: WithDType>(conv: &Conv2d, gradient: &Tensor, sizes: Sizes, control: &Control) -> Result<Tensor> {
    let Sizes { batch, groups, inputs, outputs, kernel, .. } = sizes;
    let (places, plane) = (sizes.output[0] * sizes.output[1], sizes.input[0] * sizes.input[1]);
    let pieces = pieces(conv, sizes);
    let taps = kernel[0] * kernel[1];
    let back = read(gradient, |gradient: &[T]| {
        read(&conv.weight, |weight: &[T]| {
            let mut back = vec![T::zero(); batch * groups * inputs * plane];
            back.par_chunks_mut(plane).enumerate().with_min_len(grain(sizes)).for_each(|(index, back)| {
                if control.is_cancelled() {
                    return;
                }
                let (block, input) = (index / inputs, index % inputs);
                let gradient = &gradient[block * outputs * places..][..outputs * places];
                for (output, gradient) in gradient.chunks(places).enumerate() {
                    let channel = block % groups * outputs + output;
                    let weight = &weight[(channel * inputs + input) * taps..][..taps];
                    for (output, line) in gradient.chunks(sizes.output[1]).enumerate() {
                        for (place, weight) in weight.chunks(kernel[1]).enumerate() {
                            let Some(row) = row(conv, sizes, output, place) else { continue };
                            let back = &mut back[row * sizes.input[1]..][..sizes.input[1]];
                            for piece in &pieces {
                                let line = &line[piece.columns.clone()];
                                let end = piece.first + (line.len() - 1) * conv.stride[1] + 1;
                                add(&mut back[piece.first..end], conv.stride[1], line, 1, weight[piece.place]);
                            }
                        }
                    }
                }
            });
            control.checked()?;
            Ok(back)
        })
    })?;
    tensor(back, (batch, groups * inputs, sizes.input[0], sizes.input[1]))
}

/// Adds a multiple of numbers that lie `from_step` apart to numbers that lie `to_step` apart, as many as there are.
fn add<T: WithDType>(to: &mut [T], to_step: usize, from: &[T], from_step: usize, factor: T) {
    match (to_step, from_step) {
        (1, 1) => to.iter_mut().zip(from).for_each(|(to, &from)| *to += from * factor),
        (1, 2) => {
            let (pairs, rest) = from.as_chunks::<2>();
            let whole = to.len().min(pairs.len());
            to[..whole].iter_mut().zip(pairs).for_each(|(to, pair)| *to += pair[0] * factor);
            if let (Some(to), Some(&from)) = (to.get_mut(whole), rest.first()) {
                *to += from * factor;
            }
        }
        _ => {
            let pairs = to.iter_mut().step_by(to_step).zip(from.iter().step_by(from_step));
            pairs.for_each(|(to, &from)| *to += from * factor);
        }
    }
}

/// How many planes one thread takes at least.
fn grain(sizes: Sizes) -> usize {
    let work = sizes.output[0] * sizes.output[1] * sizes.kernel[0] * sizes.kernel[1] * sizes.inputs;
    (CHUNK / work.max(1)).max(1)
}
