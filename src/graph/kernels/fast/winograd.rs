//! Convolution with stride 1 by Winograd's F(4×4, 3×3), 36 products where the plain sum takes 144, F(4×4, 5×5), 64 where it
//! takes 400, and for few pixels F(2×2, 3×3), 16 where it takes 36.
//!
//! Tiles of 6×6 or 8×8 pixels become tiles of 4×4, those of 4×4 tiles of 2×2 (Lavin and Gray 2016). For F(4×4, 3×3) the
//! points are 0, ±√½, ±√2 and ∞ instead of the usual 0, ±1, ±2, ∞ because they lose a third as much to rounding (Barabasz
//! et al. 2020).

mod points;
mod transform;

use std::cell::RefCell;

use super::{
    super::{buffers, each::each},
    Isa,
    image::{After, Cells, Target, View},
    lane::LANE,
    layout::Edges,
    micro::{self, Left, Panel, WIDTH},
};
use crate::graph::Control;
use transform::{Finish, Tiles, Transform};

/// Elements of transformed tiles that one thread works on at a time (384 KiB): with their products and weights they fit a
/// core's second cache.
const BLOCK: usize = 3 << 15;

/// Up to so many channels a thread takes its own tiles from beginning to end: with more, its weights would no longer
/// stay near from one block of tiles to the next.
const OWN: usize = 192;

/// Elements of transformed tiles that all threads share at a time (4 MiB): more would go to memory and back.
const SHARED: usize = 1 << 20;

/// So many weights for each of these elements at most: all weights are read for each such piece of work, so that where
/// there are many the pieces are larger.
const WEIGHTS_PER_ELEMENT: usize = 2;

/// Sides of a kernel and of the tiles of its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// 3 or 5.
    taps: usize,
    /// Pixels of the output.
    out: usize,
}

impl Tiling {
    /// F(2×2, 3×3): less than half of the plain sum's products, and less than twice as many weights.
    pub const SMALL: Self = Self { taps: 3, out: 2 };

    /// F(4×4, 3×3) or F(4×4, 5×5) for kernels of `taps` × `taps`: fewest products, and many weights.
    #[must_use]
    pub const fn large(taps: usize) -> Self {
        Self { taps, out: 4 }
    }

    /// Pixels along the side of a tile of the input.
    const fn side(self) -> usize {
        self.taps + self.out - 1
    }
}

/// Transformed weights, `[points][panels][inputs][32]`, filled up with zeros.
#[derive(Debug, Clone)]
pub struct Weights {
    tiling: Tiling,
    inputs: usize,
    outputs: usize,
    values: Vec<f32>,
}

impl Weights {
    /// From `weight(output, input, row, column)`; the transform is computed in `f64`.
    ///
    /// # Panics
    /// For other kernels than the tiling may have.
    #[must_use]
    pub fn new(
        tiling: Tiling,
        inputs: usize,
        outputs: usize,
        weight: impl Fn(usize, usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let mut values = vec![0.0; Self::size(tiling, inputs, outputs)];
        let cells = Cells::new(&mut values);
        let (panels, points) = (outputs.div_ceil(WIDTH), tiling.side() * tiling.side());
        each(0..panels * inputs, |index| {
            let (panel, input) = (index / inputs, index % inputs);
            for lane in 0..WIDTH.min(outputs - panel * WIDTH) {
                let kernel = |row, column| f64::from(weight(panel * WIDTH + lane, input, row, column));
                let transformed = points::of_kernel(tiling.taps, tiling.side(), kernel);
                for (point, value) in transformed.into_iter().take(points).enumerate() {
                    let place = ((point * panels + panel) * inputs + input) * WIDTH + lane;
                    // SAFETY: panel, input, lane and point together are met once, and there is room for all.
                    unsafe { cells.pointer(place, 1).write(value as f32) };
                }
            }
        });
        Self { tiling, inputs, outputs, values }
    }

    /// How many elements such weights take.
    #[must_use]
    pub fn size(tiling: Tiling, inputs: usize, outputs: usize) -> usize {
        tiling.side() * tiling.side() * inputs * outputs.next_multiple_of(WIDTH)
    }

    /// How many elements these weights take.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.values.len()
    }

    /// How the pictures are cut.
    #[cfg(test)]
    pub fn tiling(&self) -> Tiling {
        self.tiling
    }

    fn points(&self) -> usize {
        self.tiling.side() * self.tiling.side()
    }

    fn panels(&self) -> usize {
        self.outputs.div_ceil(WIDTH)
    }

    /// The weights of one panel at one point; `ahead` panels further lies the one that is taken next.
    fn panel(&self, panel: usize, point: usize, ahead: usize) -> Panel<'_> {
        let size = self.inputs * WIDTH;
        Panel { values: &self.values[(point * self.panels() + panel) * size..][..size], next: ahead * size }
    }
}

/// Buffers of one thread, kept from run to run.
#[derive(Default)]
struct Scratch {
    input: Vec<f32>,
    product: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Convolves with zeros around the pictures; with `pool` each 2×2 pixels of the result become
/// their maximum, an odd last row or column is dropped. A cancelled run leaves part of the output as it was.
///
/// # Panics
/// When sizes do not fit each other.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
pub fn convolve(
    isa: Isa,
    input: View,
    weights: &Weights,
    edges: Edges,
    after: After,
    pool: bool,
    output: Target,
    control: &Control,
) {
    input.check();
    let size = edges.around([input.rows, input.columns]).map(|size| size + 1 - weights.tiling.taps);
    assert_eq!(input.channels, weights.inputs, "weights for other channels");
    let expected = if pool { size.map(|side| side / 2) } else { size };
    assert_eq!([output.batch, output.rows, output.columns], [input.batch, expected[0], expected[1]]);
    assert_eq!(output.channels, weights.outputs, "an output for other channels");
    let (side, out) = (weights.tiling.side(), weights.tiling.out);
    let [down, across] = size.map(|size| size.div_ceil(out));
    let tiles = Tiles { side, out, down, across, size, padding: edges.before };
    let count = input.batch * tiles.down * tiles.across;
    let job = Job { isa, input, weights, tiles, after, pool, output, control };
    let threads = rayon::current_num_threads();
    let length = (BLOCK / (weights.points() * job.row())).clamp(micro::MOST_ROWS, 6 * micro::MOST_ROWS);
    if input.channels <= OWN && count >= 2 * threads * length {
        let blocks = count.div_ceil(length).next_multiple_of(threads);
        let length = count.div_ceil(blocks);
        each((0..count).step_by(length), |first| job.block(first..(first + length).min(count)));
    } else {
        let elements = SHARED.max(weights.values.len() / WEIGHTS_PER_ELEMENT);
        let length = elements / (weights.points() * job.row().max(job.product_row()));
        let blocks = count.div_ceil(length.max(1));
        let length = count.div_ceil(blocks.max(1)).max(1);
        for first in (0..count).step_by(length) {
            if control.is_cancelled() {
                return;
            }
            job.shared(first..(first + length).min(count));
        }
    }
}

/// One convolution.
#[derive(Clone, Copy)]
struct Job<'a> {
    isa: Isa,
    input: View<'a>,
    weights: &'a Weights,
    tiles: Tiles,
    after: After<'a>,
    pool: bool,
    output: Target,
    control: &'a Control,
}

impl Job<'_> {
    /// From one tile's transformed channels to the next one's: whole lanes, and not a power of two, so that tiles do not
    /// drive each other out of the cache.
    fn row(&self) -> usize {
        self.input.channels.next_multiple_of(LANE) + LANE
    }

    /// Some tiles from beginning to end, by the thread that calls.
    fn block(&self, tiles: std::ops::Range<usize>) {
        let (row, count) = (self.row(), tiles.len());
        let plane = plane(count * row);
        SCRATCH.with_borrow_mut(|Scratch { input, product }| {
            grow(input, self.weights.points() * plane);
            grow(product, self.weights.points() * self::plane(count * WIDTH));
            for (index, tile) in tiles.clone().enumerate() {
                let to = Transform { cells: Cells::new(input), plane, offset: index * row };
                // SAFETY: this thread alone has the buffer, which has room for so many tiles.
                unsafe { transform::input(self.isa, self.input, self.tiles, tile, to) };
            }
            for panel in 0..self.weights.panels() {
                if self.control.is_cancelled() {
                    return;
                }
                self.panel(panel, tiles.clone(), input, product);
            }
        });
    }

    /// From one tile's products to the next one's, where those with all panels lie side by side.
    fn product_row(&self) -> usize {
        self.weights.panels() * WIDTH + LANE
    }

    /// Some tiles, transformed by all threads; then each thread takes points, whose tiles stay near while all weights
    /// pass once.
    fn shared(&self, tiles: std::ops::Range<usize>) {
        let (row, product_row, count, panels) = (self.row(), self.product_row(), tiles.len(), self.weights.panels());
        let (plane, product_plane) = (plane(count * row), plane(count * product_row));
        let mut transformed = buffers::take(self.weights.points() * plane);
        let cells = Cells::new(&mut transformed);
        each(0..count, |index| {
            let to = Transform { cells, plane, offset: index * row };
            // SAFETY: each tile has a place of its own in the buffer, which has room for all.
            unsafe { transform::input(self.isa, self.input, self.tiles, tiles.start + index, to) };
        });
        let mut products = buffers::take(self.weights.points() * product_plane);
        let points = products.chunks_mut(product_plane).zip(transformed.chunks(plane));
        each(points.enumerate(), |(point, (products, tiles))| {
            for panel in 0..panels {
                if self.control.is_cancelled() {
                    return;
                }
                let left = Left::matrix(row, self.weights.inputs);
                let products = &mut products[panel * WIDTH..];
                micro::product(
                    self.isa,
                    count,
                    tiles,
                    left,
                    self.weights.panel(panel, point, 1),
                    products,
                    product_row,
                );
            }
        });
        if !self.control.is_cancelled() {
            each(0..count, |index| {
                for panel in 0..panels {
                    let offset = index * product_row + panel * WIDTH;
                    let from = Finish { plane: product_plane, offset, panel, after: self.after, pool: self.pool };
                    // SAFETY: each tile is finished once for each panel, and owns its pixels.
                    unsafe {
                        transform::output(self.isa, &products, self.tiles, tiles.start + index, from, self.output);
                    }
                }
            });
        }
        buffers::give(transformed);
        buffers::give(products);
    }

    /// The products of transformed tiles with one panel at all points, and what becomes of them.
    fn panel(&self, panel: usize, tiles: std::ops::Range<usize>, input: &[f32], product: &mut [f32]) {
        let (row, count) = (self.row(), tiles.len());
        let (plane, product_plane) = (plane(count * row), plane(count * WIDTH));
        let left = Left::matrix(row, self.weights.inputs);
        for point in 0..self.weights.points() {
            let input = &input[point * plane..][..count * row];
            let product = &mut product[point * product_plane..][..count * WIDTH];
            let weights = self.weights.panel(panel, point, self.weights.panels());
            micro::product(self.isa, count, input, left, weights, product, WIDTH);
        }
        for (index, tile) in tiles.enumerate() {
            let from =
                Finish { plane: product_plane, offset: index * WIDTH, panel, after: self.after, pool: self.pool };
            // SAFETY: each tile is finished once for each panel, and the pair owns these channels of its pixels.
            unsafe { transform::output(self.isa, product, self.tiles, tile, from, self.output) };
        }
    }
}

/// From one point's elements to the next point's: a line of the cache more than a multiple of a page, so that what lies at
/// one place of all points does not drive each other out of the cache.
fn plane(length: usize) -> usize {
    (length.saturating_sub(LANE)).next_multiple_of(1024) + LANE
}

/// Room for so many elements; what was there is of no interest.
fn grow(buffer: &mut Vec<f32>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
}
