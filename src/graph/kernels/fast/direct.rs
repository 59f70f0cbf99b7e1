//! Convolution of any shape as products of pixels, read where they lie, with panels of weights; dense layers too.
//!
//! No pixel is copied to another place (no `im2col`): the rows that [`micro::product`] takes may overlap.

use super::{
    super::{buffers, each::each},
    Isa,
    image::{After, Target, View},
    lane::LANE,
    micro::{self, Left, MOST_ROWS, Panel, Place, WIDTH},
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
        each(values.chunks_mut((depth * WIDTH).max(1)).enumerate(), |(index, values)| {
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

    /// How many groups of channels do not mix.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Panels of one group.
    pub fn panels(&self) -> usize {
        self.outputs.div_ceil(WIDTH)
    }

    /// Whether a convolution to rows of so many columns is as fast row by row: all weights stay near, and pixels are read
    /// where they lie.
    pub fn by_rows(&self, window: Window, columns: usize) -> bool {
        self.values.len() <= NEAR && columns >= NARROW && !window.is_single()
    }

    /// The weights of one panel, `[depth][32]`.
    pub fn panel(&self, group: usize, panel: usize) -> &[f32] {
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

impl Window {
    /// Whether each output sees the one pixel at its place.
    fn is_single(self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1]
    }

    /// # Panics
    /// When it leaves the picture: kernels rely on it.
    pub fn check(&self, input: &View, [batch, rows, columns]: [usize; 3]) {
        let sizes = [(input.rows, rows), (input.columns, columns)];
        for (axis, (size, outputs)) in sizes.into_iter().enumerate() {
            let last = outputs.saturating_sub(1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis];
            assert!(last < size, "the kernel leaves the picture");
        }
        assert_eq!(input.batch, batch, "pictures are missing");
    }
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
    window.check(&input, [output.batch, output.rows, output.columns]);
    let row = Row::new(isa, input, weights, window, after);
    let single = window.is_single();
    let collides = single && (input.pixel * size_of::<f32>()).is_multiple_of(COLLISION) && weights.panels() >= 4;
    if weights.groups == 1 && (collides || !single && output.columns < NARROW) {
        return gathered(isa, input, weights, window, after, output, control);
    }
    let runs = runs(&input, window, &output);
    let panels = weights.groups * weights.panels();
    let size = weights.depth * WIDTH;
    // Neighbouring runs with one panel; the next one is asked for during the last of them.
    let all = |runs: &[Run], panel: usize| {
        for (index, &run) in runs.iter().enumerate() {
            // SAFETY: each run is worked on once with each panel, and the pair owns these channels of its pixels.
            unsafe { row.run(run, panel, if index + 1 == runs.len() { size } else { 0 }, output) };
        }
    };
    let threads = rayon::current_num_threads();
    if runs.len() >= 2 * threads {
        // Several runs together, so that a panel serves them all while it is near; more pieces where all panels are near.
        let pieces = threads * if weights.values.len() <= NEAR { 8 } else { 2 };
        let together = (runs.len() / pieces).clamp(1, 8);
        each(runs.chunks(together), |runs| {
            for panel in 0..panels {
                if control.is_cancelled() {
                    return;
                }
                all(runs, panel);
            }
        });
    } else {
        each(0..panels, |panel| {
            if !control.is_cancelled() {
                all(&runs, panel);
            }
        });
    }
}

/// What computes one run after the other of a convolution.
pub struct Row<'a> {
    isa: Isa,
    input: View<'a>,
    weights: &'a Panels,
    window: Window,
    after: After<'a>,
    left: Left,
}

impl<'a> Row<'a> {
    /// # Panics
    /// When sizes do not fit each other.
    pub fn new(isa: Isa, input: View<'a>, weights: &'a Panels, window: Window, after: After<'a>) -> Self {
        input.check();
        let Window { kernel, stride, dilation } = window;
        let inputs = input.channels / weights.groups;
        assert_eq!(weights.depth, kernel[0] * kernel[1] * inputs, "weights for other channels");
        // Where the kernel's columns lie side by side, a line of it is one stretch.
        let joined = dilation[1] == 1 && input.pixel == inputs;
        let left = Left {
            row: stride[1] * input.pixel,
            down: [kernel[0], dilation[0] * input.columns * input.pixel],
            across: if joined { [1, 0] } else { [kernel[1], dilation[1] * input.pixel] },
            length: if joined { kernel[1] * inputs } else { inputs },
        };
        Self { isa, input, weights, window, after, left }
    }

    /// One row of a picture, of so many columns, to the pixels of `output` from `pixel` on.
    ///
    /// # Safety
    /// The output must have these pixels, and nobody else may use them; [`Window::check`] must have let the size pass.
    pub unsafe fn compute(&self, [picture, row]: [usize; 2], columns: usize, output: Target, pixel: usize) {
        let panels = self.weights.groups * self.weights.panels();
        let run = Run { input: self.input.at(picture, row * self.window.stride[0], 0), pixel, length: columns };
        for panel in 0..panels {
            let next = if panel + 1 == panels { 0 } else { self.weights.depth * WIDTH };
            // SAFETY: the caller's.
            unsafe { self.run(run, panel, next, output) };
        }
    }

    /// Some pixels with one panel; `next` elements behind it lies the one that is taken next.
    ///
    /// # Safety
    /// The output must have these channels of these pixels, and nobody else may use them.
    unsafe fn run(&self, run: Run, panel: usize, next: usize, output: Target) {
        let Self { weights, .. } = self;
        assert_eq!(output.channels, weights.groups * weights.outputs, "an output for other channels");
        let (group, panel) = (panel / weights.panels(), panel % weights.panels());
        let values = &self.input.values[run.input + group * (self.input.channels / weights.groups)..];
        let count = WIDTH.min(weights.outputs - panel * WIDTH);
        let channel = group * weights.outputs + panel * WIDTH;
        let place = Place { pixel: run.pixel, channel, count };
        let panel = Panel { values: weights.panel(group, panel), next };
        // SAFETY: the caller's.
        unsafe { micro::pixels(self.isa, run.length, values, self.left, panel, place, self.after, output) };
    }
}

/// Weights of so many elements (512 KiB) stay in a core's second cache beside what else is in there.
const NEAR: usize = 1 << 17;

/// Output pictures narrower than this would leave the products too few rows at a time, and read the weights over and over.
const NARROW: usize = 12;

/// Pixels that lie multiples of so many bytes apart drive each other out of the nearest cache.
const COLLISION: usize = 2048;

/// Convolves after what each pixel sees has been copied side by side (`im2col`).
fn gathered(isa: Isa, input: View, weights: &Panels, window: Window, after: After, output: Target, control: &Control) {
    let Window { kernel, stride, dilation } = window;
    let (inputs, depth) = (input.channels, weights.depth);
    let collides = (depth * size_of::<f32>()).is_multiple_of(COLLISION);
    let pixel = if collides { depth + LANE } else { depth };
    let mut seen = buffers::take(output.batch * output.rows * output.columns * pixel);
    each(seen.chunks_exact_mut(output.columns * pixel).enumerate(), |(row, seen)| {
        let (picture, row) = (row / output.rows, row % output.rows * stride[0]);
        for (column, seen) in seen.chunks_exact_mut(pixel).enumerate() {
            for (place, seen) in seen[..depth].chunks_exact_mut(inputs).enumerate() {
                let row = row + place / kernel[1] * dilation[0];
                let column = column * stride[1] + place % kernel[1] * dilation[1];
                seen.copy_from_slice(&input.values[input.at(picture, row, column)..][..inputs]);
            }
        }
    });
    let single = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] };
    let Target { batch, rows, columns, .. } = output;
    let view = View { values: &seen, batch, rows, columns, channels: depth, pixel };
    convolve(isa, view, weights, single, after, output, control);
    buffers::give(seen);
}

/// The output in runs.
fn runs(input: &View, window: Window, output: &Target) -> Vec<Run> {
    let rows = output.batch * output.rows;
    if window.is_single() {
        // Pixel by pixel: the whole batch is one line.
        let pixels = rows * output.columns;
        // As many for each thread.
        let count = pixels.div_ceil(PIXELS).next_multiple_of(rayon::current_num_threads());
        let length = pixels.div_ceil(count).next_multiple_of(MOST_ROWS);
        let run = |first| Run { input: first * input.pixel, pixel: first, length: length.min(pixels - first) };
        return (0..pixels).step_by(length).map(run).collect();
    }
    let run = |row: usize| {
        let (picture, row_of_picture) = (row / output.rows, row % output.rows);
        let input = input.at(picture, row_of_picture * window.stride[0], 0);
        Run { input, pixel: row * output.columns, length: output.columns }
    };
    (0..rows).map(run).collect()
}
