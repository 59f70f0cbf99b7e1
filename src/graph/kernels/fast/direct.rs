//! Convolution of any shape as products of pixels, read where they lie, with panels of weights; dense layers too.
//!
//! No pixel is copied to another place (no `im2col`): the rows that [`micro::product`] takes may overlap.

use rayon::prelude::*;

use super::{
    Isa,
    image::{After, Target, View},
    micro::{self, Left, MOST_ROWS, WIDTH},
};
use crate::graph::Control;

/// Weights in panels, `[groups][panels][depth][32]`, filled up with zeros.
#[derive(Debug, Clone)]
pub struct Panels {
    groups: usize,
    depth: usize,
    outputs: usize,
    values: Vec<f32>,
}

impl Panels {
    /// From `weight(output, place)`: `depth` weights for each of `outputs` outputs of each group; outputs are numbered
    /// through the groups.
    #[must_use]
    pub fn new(groups: usize, depth: usize, outputs: usize, weight: impl Fn(usize, usize) -> f32 + Sync) -> Self {
        let panels = outputs.div_ceil(WIDTH);
        let mut values = vec![0.0; groups * panels * depth * WIDTH];
        values.par_chunks_mut((depth * WIDTH).max(1)).enumerate().for_each(|(index, values)| {
            let (group, panel) = (index / panels, index % panels);
            for lane in 0..WIDTH.min(outputs - panel * WIDTH) {
                let output = group * outputs + panel * WIDTH + lane;
                for place in 0..depth {
                    values[place * WIDTH + lane] = weight(output, place);
                }
            }
        });
        Self { groups, depth, outputs, values }
    }

    /// How many elements such weights take.
    #[must_use]
    pub fn size(groups: usize, depth: usize, outputs: usize) -> usize {
        groups * outputs.next_multiple_of(WIDTH) * depth
    }

    /// Panels of one group.
    fn panels(&self) -> usize {
        self.outputs.div_ceil(WIDTH)
    }

    fn panel(&self, group: usize, panel: usize) -> &[f32] {
        let size = self.depth * WIDTH;
        &self.values[(group * self.panels() + panel) * size..][..size]
    }
}

/// A convolution's kernel; the input has its zeros around it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Steps from one output to the next.
    pub stride: [usize; 2],
    /// Distances between the kernel's places.
    pub dilation: [usize; 2],
}

/// Neighbouring output pixels whose inputs lie equally far apart.
#[derive(Clone, Copy)]
struct Run {
    /// Where the first one's input begins.
    input: usize,
    /// The first output pixel.
    pixel: usize,
    length: usize,
}

/// Pixels of a run at most: so many fit the cache beside a panel.
const PIXELS: usize = 8 * MOST_ROWS;

/// Convolves. A cancelled run leaves part of the output as it was.
///
/// # Panics
/// When sizes do not fit each other.
pub fn convolve(
    isa: Isa,
    input: View,
    weights: &Panels,
    window: Window,
    after: After,
    output: Target,
    control: &Control,
) {
    input.check();
    let Window { kernel, stride, dilation } = window;
    let inputs = input.channels / weights.groups;
    assert_eq!(weights.depth, kernel[0] * kernel[1] * inputs, "weights for other channels");
    assert_eq!(output.channels, weights.groups * weights.outputs, "an output for other channels");
    let sizes = [(input.rows, output.rows), (input.columns, output.columns)];
    for (axis, (size, outputs)) in sizes.into_iter().enumerate() {
        let last = outputs.saturating_sub(1) * stride[axis] + (kernel[axis] - 1) * dilation[axis];
        assert!(last < size, "the kernel leaves the picture");
    }
    // Where the kernel's columns lie side by side, a line of it is one stretch.
    let joined = dilation[1] == 1 && input.pixel == inputs;
    let left = Left {
        row: stride[1] * input.pixel,
        down: [kernel[0], dilation[0] * input.columns * input.pixel],
        across: if joined { [1, 0] } else { [kernel[1], dilation[1] * input.pixel] },
        length: if joined { kernel[1] * inputs } else { inputs },
    };
    let runs = runs(&input, window, &output);
    let panels = weights.groups * weights.panels();
    let one = |run: Run, panel: usize| {
        let (group, panel) = (panel / weights.panels(), panel % weights.panels());
        let values = &input.values[run.input + group * inputs..];
        let count = WIDTH.min(weights.outputs - panel * WIDTH);
        let channel = group * weights.outputs + panel * WIDTH;
        let mut tile = [0.0; MOST_ROWS * WIDTH];
        for first in (0..run.length).step_by(isa.rows()) {
            let rows = isa.rows().min(run.length - first);
            let values = &values[first * left.row..];
            micro::product(isa, rows, values, left, weights.panel(group, panel), &mut tile, WIDTH);
            // SAFETY: each run is worked on once with each panel, and the pair owns these channels of its pixels.
            unsafe { store(&tile, rows, run.pixel + first, channel, count, after, output) };
        }
    };
    let threads = rayon::current_num_threads();
    if runs.len() >= 2 * threads {
        // Several runs together, so that a panel serves them all while it is near.
        let together = (runs.len() / (2 * threads)).clamp(1, 8);
        runs.par_chunks(together).for_each(|runs| {
            for panel in 0..panels {
                if control.is_cancelled() {
                    return;
                }
                runs.iter().for_each(|&run| one(run, panel));
            }
        });
    } else {
        (0..panels).into_par_iter().for_each(|panel| {
            if !control.is_cancelled() {
                runs.iter().for_each(|&run| one(run, panel));
            }
        });
    }
}

/// The output in runs.
fn runs(input: &View, window: Window, output: &Target) -> Vec<Run> {
    let rows = output.batch * output.rows;
    if window.kernel == [1, 1] && window.stride == [1, 1] {
        // Pixel by pixel: the whole batch is one line.
        let pixels = rows * output.columns;
        let run = |first| Run { input: first * input.pixel, pixel: first, length: PIXELS.min(pixels - first) };
        return (0..pixels).step_by(PIXELS).map(run).collect();
    }
    let run = |row: usize| {
        let (picture, row_of_picture) = (row / output.rows, row % output.rows);
        let input = input.at(picture, row_of_picture * window.stride[0], 0);
        Run { input, pixel: row * output.columns, length: output.columns }
    };
    (0..rows).map(run).collect()
}

/// Adds what comes after and stores rows of a tile as pixels.
///
/// # Safety
/// Nobody else may use these channels of these pixels of the output.
unsafe fn store(tile: &[f32], rows: usize, pixel: usize, channel: usize, count: usize, after: After, output: Target) {
    for (row, tile) in tile.chunks_exact(WIDTH).take(rows).enumerate() {
        let pixel = pixel + row;
        // SAFETY: the pixel is one of the output's, which has these channels; nobody else uses them.
        let to = unsafe {
            std::slice::from_raw_parts_mut(output.cells.pointer(pixel * output.pixel + channel, count), count)
        };
        match after.bias.get(channel..channel + count) {
            Some(bias) => {
                for ((to, value), bias) in to.iter_mut().zip(tile).zip(bias) {
                    *to = value + bias;
                }
            }
            None => to.copy_from_slice(&tile[..count]),
        }
        if let Some(residual) = after.residual {
            let others = &residual.values[pixel * residual.pixel + channel..][..count];
            to.iter_mut().zip(others).for_each(|(to, other)| *to += other);
        }
        if let Some((low, high)) = after.limits {
            to.iter_mut().for_each(|to| *to = to.max(low).min(high));
        }
    }
}
