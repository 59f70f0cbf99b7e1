//! The kernel for NEON: six rows with half a panel take 24 of the 32 registers.

use super::{
    super::{
        image::{After, Target},
        lane::neon::Four,
    },
    Block, Place, WIDTH, by_rows,
    halves::rows as rows_of,
    sink::{Rows, Sink, Tile, Whole, finish},
};

// SAFETY of all: see `Block`; the sink must have been made for so many rows.

pub unsafe fn block(rows: usize, block: Block, to: Rows) {
    unsafe { by_rows!(of_rows, rows, block, to, [1 2 3 4 5 6]) }
}

pub unsafe fn pixels(rows: usize, block: Block, tile: &mut Tile, place: Place, after: After, output: Target) {
    let products = tile.0.as_mut_ptr();
    unsafe {
        if place.count == WIDTH {
            let to = Whole::<Four>::new(products, rows, place, after, output);
            by_rows!(of_rows, rows, block, to, [1 2 3 4 5 6]);
        } else {
            self::block(rows, block, Rows { out: products, row: WIDTH });
            finish::<Four>(tile, rows, place, after, output);
        }
    }
}

unsafe fn of_rows<const ROWS: usize>(block: Block, to: impl Sink<Four>) {
    unsafe { rows_of::<Four, ROWS>(block, to) }
}
