//! The product at the bottom of every convolution and dense layer: a few rows with a panel of columns.
//!
//! A panel is `[depth][32]`, 32 neighbouring columns of the right matrix, one of its rows after the other. The left rows
//! are read where they lie. The kernels hold a block of sums in registers all along the depth (Goto and van de Geijn
//! 2008).

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod halves;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
mod sink;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::{
    Isa,
    image::{After, Target},
};
pub use sink::Place;
use sink::{Rows, Tile};

/// Columns of a panel.
pub const WIDTH: usize = 32;

/// Rows held in registers at a time at most, whatever the processor.
pub const MOST_ROWS: usize = 14;

/// After so many products a sum goes to where the others of its element are added up: a sum of thousands one after the
/// other would lose several times as much to rounding.
const SUM: usize = 128;

/// How the left rows lie, in elements. A row is `down × across` stretches, as a convolution's kernel has rows and
/// columns.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// From one row to the next.
    pub row: usize,
    /// How many lines of stretches, and from one to the next.
    pub down: [usize; 2],
    /// How many stretches in a line, and from one to the next.
    pub across: [usize; 2],
    /// Elements of a stretch.
    pub length: usize,
}

impl Left {
    /// A plain matrix of `columns` columns, its rows `row` elements apart.
    #[must_use]
    pub fn matrix(row: usize, columns: usize) -> Self {
        Self { row, down: [1, 0], across: [1, 0], length: columns }
    }

    /// Elements of a row.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.down[0] * self.across[0] * self.length
    }

    /// Over how many elements `rows` rows reach.
    #[must_use]
    pub fn reach(&self, rows: usize) -> usize {
        let last = (rows - 1) * self.row + (self.down[0] - 1) * self.down[1] + (self.across[0] - 1) * self.across[1];
        last + self.length
    }

    /// Where a stretch begins in its row.
    #[inline(always)]
    fn stretch(&self, index: usize) -> usize {
        index / self.across[0] * self.down[1] + index % self.across[0] * self.across[1]
    }
}

/// One panel of the right matrix.
#[derive(Debug, Clone, Copy)]
pub struct Panel<'a> {
    /// `[depth][32]`.
    pub values: &'a [f32],
    /// How many elements behind this panel's beginning the one begins that is taken next, 0 where it is this one again:
    /// the memory there is asked for ahead. It need not exist.
    pub next: usize,
}

/// `out[i][j] = Σₖ left[i][k] · panel[k][j]` for `rows` rows and the panel's 32 columns; the rows of `out` lie `out_row`
/// elements apart.
///
/// # Panics
/// When one of the slices is too short.
pub fn product(isa: Isa, rows: usize, left: &[f32], shape: Left, panel: Panel, out: &mut [f32], out_row: usize) {
    if rows == 0 {
        return;
    }
    assert!(out.len() >= (rows - 1) * out_row + WIDTH, "there is no room for the product");
    let out = out.as_mut_ptr();
    for (first, now, block) in blocks(isa, rows, left, shape, panel) {
        // SAFETY: there is room for all rows, `blocks` has checked what is read, and `isa` names what the processor has.
        unsafe {
            let out = Rows { out: out.add(first * out_row), row: out_row };
            match isa {
                Isa::Plain => plain::block(now, block, out),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => neon::block(now, block, out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::avx2(now, block, out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => x86::avx512(now, block, out),
            }
        }
    }
}

/// The same, each row a pixel of the output from `place.pixel` on, after what follows the products.
///
/// # Panics
/// When one of the slices is too short, or there are more channels than a panel has.
///
/// # Safety
/// The output must have these channels of these pixels, and nobody else may use them.
#[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
pub unsafe fn pixels(
    isa: Isa,
    rows: usize,
    left: &[f32],
    shape: Left,
    panel: Panel,
    place: Place,
    after: After,
    output: Target,
) {
    assert!(place.count <= WIDTH, "a panel has not so many channels");
    let mut tile = Tile([0.0; MOST_ROWS * WIDTH]);
    for (first, now, block) in blocks(isa, rows, left, shape, panel) {
        let place = Place { pixel: place.pixel + first, ..place };
        // SAFETY: the output is the caller's, `blocks` has checked what is read, and `isa` names what the processor has.
        unsafe {
            match isa {
                Isa::Plain => plain::pixels(now, block, &mut tile, place, after, output),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => neon::pixels(now, block, &mut tile, place, after, output),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::avx2_pixels(now, block, &mut tile, place, after, output),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => x86::avx512_pixels(now, block, &mut tile, place, after, output),
            }
        }
    }
}

/// The rows in blocks that fit into registers: the first row of each, and how many.
///
/// # Panics
/// When one of the slices is too short.
fn blocks<'a>(
    isa: Isa,
    rows: usize,
    left: &'a [f32],
    shape: Left,
    panel: Panel<'a>,
) -> impl Iterator<Item = (usize, usize, Block)> + use<'a> {
    assert!(rows == 0 || left.len() >= shape.reach(rows), "the left rows are too short");
    assert!(shape.depth() > 0 && panel.values.len() >= shape.depth() * WIDTH, "the panel is too short");
    // Blocks of nearly one size: a short last one would wait for its sums.
    let step = rows.div_ceil(rows.div_ceil(isa.rows()).max(1)).max(1);
    let count = rows.div_ceil(step);
    let panel_start = panel.values.as_ptr();
    (0..rows).step_by(step).map(move |first| {
        // Each block asks for its part of the next panel: all at once, during one block, would be more than memory gives.
        let ahead = panel.next + shape.depth() * WIDTH * (first / step) / count;
        let block = Block {
            left: left[first * shape.row..].as_ptr(),
            shape,
            panel: panel_start,
            ahead,
            pace: WIDTH.div_ceil(count),
        };
        (first, step.min(rows - first), block)
    })
}

/// What a kernel works on: rows that fit into registers.
///
/// A kernel for `ROWS` rows reads `shape.reach(ROWS)` elements at `left` and `shape.depth() · 32` at `panel`.
#[derive(Clone, Copy)]
struct Block {
    left: *const f32,
    shape: Left,
    panel: *const f32,
    /// How far behind the panel's beginning memory is asked for ahead, and by how much that moves on with each of the
    /// panel's rows.
    ahead: usize,
    pace: usize,
}

/// Calls a kernel that is generic over the number of rows.
macro_rules! by_rows {
    ($kernel:ident, $rows:expr, $block:expr, $sink:expr, [$($count:literal)*]) => {
        match $rows {
            $($count => $kernel::<$count>($block, $sink),)*
            _ => unreachable!("a block has at most Isa::rows rows"),
        }
    };
}
use by_rows;
