//! The kernel for every processor.

use super::{
    super::{
        image::{After, Target},
        lane::Array,
    },
    Block, Place, SUM, WIDTH, by_rows,
    sink::{Rows, Tile, finish},
};

/// Columns at a time: with four rows, eight registers of four numbers.
const PART: usize = 8;

/// # Safety
/// See [`Block`]; `to` must be for so many rows.
pub unsafe fn block(rows: usize, block: Block, to: Rows) {
    // SAFETY: the caller's.
    unsafe { by_rows!(of_rows, rows, block, to, [1 2 3 4]) }
}

/// # Safety
/// As [`block`]; nobody else may use these channels of these pixels of the output.
pub unsafe fn pixels(rows: usize, block: Block, tile: &mut Tile, place: Place, after: After, output: Target) {
    // SAFETY: the caller's; the tile has room for a block.
    unsafe {
        self::block(rows, block, Rows { out: tile.0.as_mut_ptr(), row: WIDTH });
        finish::<Array>(tile, rows, place, after, output);
    }
}

unsafe fn of_rows<const ROWS: usize>(block: Block, to: Rows) {
    let Block { left, shape, panel, .. } = block;
    for part in (0..WIDTH).step_by(PART) {
        let mut sums = [[0.0_f32; PART]; ROWS];
        let (mut added, mut missing, mut is_first) = (0, shape.depth(), true);
        let mut line = panel.wrapping_add(part);
        for stretch in 0..shape.down[0] * shape.across[0] {
            let mut from = left.wrapping_add(shape.stretch(stretch));
            let mut rest = shape.length;
            while rest > 0 {
                let now = rest.min(SUM - added);
                for _ in 0..now {
                    // SAFETY: the addresses lie within what `Block` promises.
                    unsafe {
                        let right: [f32; PART] = line.cast::<[f32; PART]>().read_unaligned();
                        for (row, sums) in sums.iter_mut().enumerate() {
                            let factor = *from.add(row * shape.row);
                            for column in 0..PART {
                                sums[column] += factor * right[column];
                            }
                        }
                    }
                    // Past the end these may point; nothing is read there.
                    (from, line) = (from.wrapping_add(1), line.wrapping_add(WIDTH));
                }
                (rest, added, missing) = (rest - now, added + now, missing - now);
                if added == SUM || missing == 0 {
                    // SAFETY: the caller's.
                    unsafe { store(&sums, is_first, to, part) };
                    (sums, added, is_first) = ([[0.0; PART]; ROWS], 0, false);
                }
            }
        }
    }
}

/// Writes sums, or adds them to the ones before.
unsafe fn store<const ROWS: usize>(sums: &[[f32; PART]; ROWS], is_first: bool, to: Rows, part: usize) {
    for (row, sums) in sums.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe {
            let out = to.out.add(row * to.row + part).cast::<[f32; PART]>();
            let before = if is_first { [0.0; PART] } else { out.read_unaligned() };
            out.write_unaligned(std::array::from_fn(|column| before[column] + sums[column]));
        }
    }
}
