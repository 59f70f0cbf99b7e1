//! The kernel for processors whose registers hold the sums of half a panel at a time.

use super::{
    super::lane::{LANE, Lane},
    Block, SUM, WIDTH,
    sink::Sink,
};

/// How many lines of the panel ahead the memory is asked for: panels of large layers come from far away.
pub const AHEAD: usize = 32;

/// # Safety
/// See [`Block`]; `to` must have been made for so many rows, and the processor must have the lane's instructions.
#[inline(always)]
pub unsafe fn rows<L: Lane, const ROWS: usize>(block: Block, to: impl Sink<L>) {
    let Block { left, shape, panel, ahead, pace } = block;
    for half in 0..2 {
        let part = half * LANE;
        let mut sums = [L::splat(0.0); ROWS];
        let (mut added, mut missing, mut is_first) = (0, shape.depth(), true);
        let (mut line, mut next) = (panel.wrapping_add(part), panel.wrapping_add(ahead + part));
        for stretch in 0..shape.down[0] * shape.across[0] {
            let mut from = left.wrapping_add(shape.stretch(stretch));
            let mut rest = shape.length;
            while rest > 0 {
                let now = rest.min(SUM - added);
                for _ in 0..now {
                    // SAFETY: the addresses lie within what `Block` promises; what is only asked for need not exist.
                    unsafe {
                        let right = L::load(line);
                        L::ask(line.wrapping_add(WIDTH * AHEAD));
                        L::ask_later(next);
                        for (row, sums) in sums.iter_mut().enumerate() {
                            *sums = L::splat(*from.add(row * shape.row)).mul_add(right, *sums);
                        }
                    }
                    // Past the end these may point; nothing is read there.
                    (from, line, next) = (from.wrapping_add(1), line.wrapping_add(WIDTH), next.wrapping_add(pace));
                }
                (rest, added, missing) = (rest - now, added + now, missing - now);
                if missing == 0 {
                    // SAFETY: the caller's.
                    unsafe { to.put_last(half, sums, is_first) };
                } else if added == SUM {
                    // SAFETY: the caller's.
                    unsafe { to.put(half, sums, is_first) };
                    (sums, added, is_first) = ([L::splat(0.0); ROWS], 0, false);
                }
            }
        }
    }
}
