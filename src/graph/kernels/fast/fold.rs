//! The way back through a convolution of any stride, or one with few channels: each pixel's gradient times all weights,
//! then for each pixel of the input the sum of what belongs there (`col2im`).

use super::{
    super::{buffers, each::each},
    Isa, direct,
    image::{After, Target, View},
    layout::Edges,
};
use crate::graph::Control;

/// Elements of the products at a time (64 MiB); a single picture may take more.
const SCRATCH: usize = 1 << 24;

/// The gradient with respect to the input, `[batch, rows, columns, channels]`, from that with respect to the output.
///
/// `weights` are of a convolution of single pixels from a group's outputs to `[kernel rows][kernel columns][inputs]`;
/// `window` and `edges` are the layer's. A cancelled run leaves part of the result as it was.
///
/// # Panics
/// When sizes do not fit each other.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
pub fn back(
    isa: Isa,
    gradient: View,
    weights: &direct::Panels,
    window: direct::Window,
    edges: Edges,
    [rows, columns, channels]: [usize; 3],
    out: &mut [f32],
    control: &Control,
) {
    let direct::Window { kernel, .. } = window;
    let places = gradient.rows * gradient.columns;
    let wide = kernel[0] * kernel[1] * channels;
    assert_eq!(out.len(), gradient.batch * rows * columns * channels, "room for other pictures");
    assert_eq!(gradient.pixel, gradient.channels, "a gradient with gaps");
    let together = (SCRATCH / (places * wide).max(1)).clamp(1, gradient.batch.max(1));
    let mut products = buffers::take(together * places * wide);
    let single = direct::Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] };
    let pictures = gradient.values.chunks(together * places * gradient.channels);
    for (values, out) in pictures.zip(out.chunks_mut(together * rows * columns * channels)) {
        let batch = values.len() / (places * gradient.channels);
        let view = View::new(values, [batch, gradient.rows, gradient.columns, gradient.channels]);
        let target = Target::new(&mut products, [batch, gradient.rows, gradient.columns, wide], wide);
        direct::convolve(isa, view, weights, single, After::default(), target, control);
        if control.is_cancelled() {
            return;
        }
        let line = columns * channels;
        each(out.chunks_exact_mut(line).enumerate(), |(index, out)| {
            let (picture, row) = (index / rows, index % rows);
            let products = &products[picture * places * wide..][..places * wide];
            gather(
                products,
                [gradient.rows, gradient.columns],
                window,
                edges,
                row,
                [columns, channels, weights.groups()],
                out,
            );
        });
    }
    buffers::give(products);
}

/// One row of the input's gradient.
fn gather(
    products: &[f32],
    [out_rows, out_columns]: [usize; 2],
    window: direct::Window,
    edges: Edges,
    row: usize,
    [columns, channels, groups]: [usize; 3],
    out: &mut [f32],
) {
    let direct::Window { kernel, stride, dilation } = window;
    let (inputs, wide) = (channels / groups, kernel[0] * kernel[1] * channels);
    out.fill(0.0);
    for down in 0..kernel[0] {
        // The output's row that sees this row through the kernel's.
        let Some(from) = (row + edges.before[0]).checked_sub(down * dilation[0]) else { continue };
        if !from.is_multiple_of(stride[0]) || from / stride[0] >= out_rows {
            continue;
        }
        let line = &products[from / stride[0] * out_columns * wide..][..out_columns * wide];
        for (place, products) in line.chunks_exact(wide).enumerate() {
            for group in 0..groups {
                let first = (group * kernel[0] + down) * kernel[1];
                for across in 0..kernel[1] {
                    let column = (place * stride[1] + across * dilation[1]).wrapping_sub(edges.before[1]);
                    if column < columns {
                        let to = &mut out[column * channels + group * inputs..][..inputs];
                        let from = &products[(first + across) * inputs..][..inputs];
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        }
    }
}
