//! The way back through a convolution of any stride, or one with few channels: each pixel's gradient times all weights,
//! then for each pixel of the input the sum of what belongs there (`col2im`).

use super::{
    super::{buffers, each::each},
    Isa, direct,
    image::{After, Target, View},
    lane::LANE,
    layout::Edges,
    micro::{self, Left, Panel, WIDTH},
};
use crate::graph::Control;

/// Elements of the products at a time (8 MiB), which stay near until they are added up; a single picture may take more.
const SCRATCH: usize = 1 << 21;

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
    let job = Job { isa, weights, window, edges, size: [rows, columns, channels] };
    let threads = rayon::current_num_threads();
    let evenly = gradient.batch.is_multiple_of(threads) || gradient.batch >= 4 * threads;
    if evenly && weights.groups() == 1 && window.dilation[1] == 1 {
        let pictures = gradient.values.chunks_exact(places * gradient.channels);
        each(pictures.zip(out.chunks_exact_mut(rows * columns * channels)), |(values, out)| {
            let view = View::new(values, [1, gradient.rows, gradient.columns, gradient.channels]);
            job.picture(view, out, control);
        });
        return;
    }
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

/// Elements of the products of one thread at a time (256 KiB): they stay in a core's second cache; a single
/// row may take more.
const BAND: usize = 1 << 16;

/// The way back through a layer of one group whose kernel's columns lie side by side.
struct Job<'a> {
    isa: Isa,
    weights: &'a direct::Panels,
    window: direct::Window,
    edges: Edges,
    /// Rows, columns and channels of the input.
    size: [usize; 3],
}

impl Job<'_> {
    /// One picture from beginning to end, by the thread that calls: the products of some rows of the gradient, which are
    /// then added where they belong. The last rows come first, so that all sums are in [`gather`]'s order.
    fn picture(&self, gradient: View, out: &mut [f32], control: &Control) {
        let Self {
            window: direct::Window { kernel, stride, dilation }, edges, size: [rows, columns, channels], ..
        } = *self;
        let (line, cut) = (kernel[1] * channels, edges.before[1] * channels);
        // Whole panels, and pixels that do not drive each other out of the cache.
        let (wide, pixel) = (self.weights.panels() * WIDTH + LANE, gradient.channels + LANE);
        let together = (BAND / (gradient.columns * wide).max(1)).clamp(1, gradient.rows.max(1));
        let mut products = buffers::take(together * gradient.columns * wide);
        let mut left = buffers::take(together * gradient.columns * pixel);
        out.fill(0.0);
        for end in (1..=gradient.rows).rev().step_by(together) {
            if control.is_cancelled() {
                break;
            }
            let band = end.saturating_sub(together)..end;
            let pixels = band.len() * gradient.columns;
            let values = &gradient.values[gradient.at(0, band.start, 0)..][..pixels * gradient.channels];
            for (to, from) in left.chunks_exact_mut(pixel).zip(values.chunks_exact(gradient.channels)) {
                to[..gradient.channels].copy_from_slice(from);
            }
            for panel in 0..self.weights.panels() {
                let values = self.weights.panel(0, panel);
                let (weights, products) = (Panel { values, next: values.len() }, &mut products[panel * WIDTH..]);
                micro::product(
                    self.isa,
                    pixels,
                    &left,
                    Left::matrix(pixel, gradient.channels),
                    weights,
                    products,
                    wide,
                );
            }
            for row in band.clone().rev() {
                let products = &products[(row - band.start) * gradient.columns * wide..][..gradient.columns * wide];
                for down in 0..kernel[0] {
                    let to = (row * stride[0] + down * dilation[0]).wrapping_sub(edges.before[0]);
                    if to < rows {
                        let out = &mut out[to * columns * channels..][..columns * channels];
                        let products = products.chunks_exact(wide).map(|products| &products[down * line..][..line]);
                        add_overlapping(products, stride[1] * channels, cut, out);
                    }
                }
            }
        }
        buffers::give(products);
        buffers::give(left);
    }
}

/// Adds one stretch a pixel to a row, each `step` elements behind the one before, the first `cut` elements before the row.
fn add_overlapping<'a>(stretches: impl Iterator<Item = &'a [f32]>, step: usize, cut: usize, row: &mut [f32]) {
    for (index, stretch) in stretches.enumerate() {
        let (to, skipped) = ((index * step).saturating_sub(cut), cut.saturating_sub(index * step));
        let (Some(to), Some(stretch)) = (row.get_mut(to..), stretch.get(skipped..)) else { continue };
        to.iter_mut().zip(stretch).for_each(|(to, from)| *to += from);
    }
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
        if groups == 1 && dilation[1] == 1 {
            // The kernel's row lies side by side in the products and in the picture.
            let length = kernel[1] * inputs;
            let products = line.chunks_exact(wide).map(|products| &products[down * length..][..length]);
            add_overlapping(products, stride[1] * inputs, edges.before[1] * inputs, out);
            continue;
        }
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
