//! The kernels for AVX2 and AVX-512.

use super::{
    super::{
        image::{After, Target},
        lane::{
            LANE, Lane,
            x86::{One, Two},
        },
    },
    Block, Place, SUM, WIDTH, by_rows,
    halves::{self, AHEAD},
    sink::{Rows, Sink, Tile, Whole, finish},
};

// SAFETY of all: see `Block`; the sink must have been made for so many rows, and the processor must have the instructions.

#[target_feature(enable = "avx2,fma")]
pub unsafe fn avx2(rows: usize, block: Block, to: Rows) {
    unsafe { by_rows!(avx2_rows, rows, block, to, [1 2 3 4 5 6]) }
}

#[target_feature(enable = "avx2,fma")]
pub unsafe fn avx2_pixels(rows: usize, block: Block, tile: &mut Tile, place: Place, after: After, output: Target) {
    let products = tile.0.as_mut_ptr();
    unsafe {
        if place.count == WIDTH {
            let to = Whole::<Two>::new(products, rows, place, after, output);
            by_rows!(avx2_rows, rows, block, to, [1 2 3 4 5 6]);
        } else {
            avx2(rows, block, Rows { out: products, row: WIDTH });
            finish::<Two>(tile, rows, place, after, output);
        }
    }
}

#[target_feature(enable = "avx512f")]
pub unsafe fn avx512(rows: usize, block: Block, to: Rows) {
    unsafe { by_rows!(avx512_rows, rows, block, to, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]) }
}

#[target_feature(enable = "avx512f")]
pub unsafe fn avx512_pixels(rows: usize, block: Block, tile: &mut Tile, place: Place, after: After, output: Target) {
    let products = tile.0.as_mut_ptr();
    unsafe {
        if place.count == WIDTH {
            let to = Whole::<One>::new(products, rows, place, after, output);
            by_rows!(avx512_rows, rows, block, to, [1 2 3 4 5 6 7 8 9 10 11 12 13 14]);
        } else {
            avx512(rows, block, Rows { out: products, row: WIDTH });
            finish::<One>(tile, rows, place, after, output);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_rows<const ROWS: usize>(block: Block, to: impl Sink<Two>) {
    unsafe { halves::rows::<Two, ROWS>(block, to) }
}

#[target_feature(enable = "avx512f")]
unsafe fn avx512_rows<const ROWS: usize>(block: Block, to: impl Sink<One>) {
    let Block { left, shape, panel, ahead, pace } = block;
    let (mut near, mut far) = ([One::splat(0.0); ROWS], [One::splat(0.0); ROWS]);
    let (mut added, mut missing, mut is_first) = (0, shape.depth(), true);
    let (mut line, mut next) = (panel, panel.wrapping_add(ahead));
    for stretch in 0..shape.down[0] * shape.across[0] {
        let mut from = left.wrapping_add(shape.stretch(stretch));
        let mut rest = shape.length;
        while rest > 0 {
            let now = rest.min(SUM - added);
            for _ in 0..now {
                // SAFETY: the addresses lie within what `Block` promises; what is only asked for need not exist.
                unsafe {
                    let right = [One::load(line), One::load(line.add(LANE))];
                    One::ask(line.wrapping_add(WIDTH * AHEAD));
                    One::ask(line.wrapping_add(WIDTH * AHEAD + LANE));
                    One::ask_later(next);
                    One::ask_later(next.wrapping_add(LANE));
                    for row in 0..ROWS {
                        let factor = One::splat(*from.add(row * shape.row));
                        near[row] = factor.mul_add(right[0], near[row]);
                        far[row] = factor.mul_add(right[1], far[row]);
                    }
                }
                // Past the end these may point; nothing is read there.
                (from, line, next) = (from.wrapping_add(1), line.wrapping_add(WIDTH), next.wrapping_add(pace));
            }
            (rest, added, missing) = (rest - now, added + now, missing - now);
            if missing == 0 {
                // SAFETY: the caller's.
                unsafe {
                    to.put_last(0, near, is_first);
                    to.put_last(1, far, is_first);
                }
            } else if added == SUM {
                // SAFETY: the caller's.
                unsafe {
                    to.put(0, near, is_first);
                    to.put(1, far, is_first);
                }
                (near, far, added, is_first) = ([One::splat(0.0); ROWS], [One::splat(0.0); ROWS], 0, false);
            }
        }
    }
}
