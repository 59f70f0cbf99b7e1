//! Inverse wavelet transforms (ISO/IEC 15444-1 annex F), in place.
//!
//! A plane holds its subbands as they lie in one another: low left of high, low above high. Each level puts the samples
//! of the next larger resolution into their places, rows first, as the standard does, since the reversible filter rounds.

use super::plane::Plane;

/// Samples of the columns that are filtered together: a strip of a plane stays in the innermost cache.
const STRIP: usize = 16;

/// A filter as lifting steps on samples that are apart by parity.
pub(super) trait Filter {
    type Sample: Copy + Default;
    /// Lifts lines of samples, each `width` long: `low` first and every second one, `high` between.
    fn lift(low: &mut [Self::Sample], high: &mut [Self::Sample], width: usize);
}

/// Whole numbers, the 5/3 filter (F.3.8.2.1).
pub(super) struct Reversible;
/// The 9/7 filter (F.3.8.2.2), with constants and in the order of `OpenJPEG`, so that both round alike.
pub(super) struct Irreversible;

impl Filter for Reversible {
    type Sample = i32;

    fn lift(low: &mut [i32], high: &mut [i32], width: usize) {
        step(low, high, width, true, |sample, before, after| {
            sample.wrapping_sub(before.wrapping_add(after).wrapping_add(2) >> 2)
        });
        step(high, low, width, false, |sample, before, after| sample.wrapping_add(before.wrapping_add(after) >> 1));
    }
}

impl Filter for Irreversible {
    type Sample = f32;

    fn lift(low: &mut [f32], high: &mut [f32], width: usize) {
        const ALPHA: f32 = -1.586_134_3;
        const BETA: f32 = -0.052_980_118;
        const GAMMA: f32 = 0.882_911_1;
        const DELTA: f32 = 0.443_506_87;
        const K: f32 = 1.230_174_1;
        /// Twice the inverse of `K`: the gain of a high-pass subband is not in its step size.
        const TWO_BY_K: f32 = 1.625_732_4;
        for sample in low.iter_mut() {
            *sample *= K;
        }
        for sample in high.iter_mut() {
            *sample *= TWO_BY_K;
        }
        for (weight, of_low) in [(DELTA, true), (GAMMA, false), (BETA, true), (ALPHA, false)] {
            let lifted = |sample: f32, before: f32, after: f32| sample + (before + after) * -weight;
            if of_low {
                step(low, high, width, true, lifted);
            } else {
                step(high, low, width, false, lifted);
            }
        }
    }
}

/// Changes each line of `lines` by those of the other parity on both its sides; beyond an end, the one on this side is
/// taken twice. `lines` are the low ones or the high ones, which begin with the second line.
#[inline]
fn step<T: Copy>(lines: &mut [T], others: &[T], width: usize, low: bool, lifted: impl Fn(T, T, T) -> T) {
    let change = |lines: &mut [T], before: &[T], after: &[T]| {
        for ((sample, before), after) in lines.iter_mut().zip(before).zip(after) {
            *sample = lifted(*sample, *before, *after);
        }
    };
    let (first, rest) = lines.split_at_mut(if low { width } else { 0 });
    change(first, others, others);
    let between = others.len() - width;
    let (middle, last) = rest.split_at_mut(between.min(rest.len()));
    change(middle, others, &others[width..]);
    change(last, &others[between..], &others[between..]);
}

/// Makes of the subbands of all levels the picture.
pub(super) fn inverse<F: Filter>(plane: &mut Plane<F::Sample>, levels: u32) {
    let mut strip = Vec::new();
    for level in (0..levels).rev() {
        let (columns, rows) = (plane.columns.div_ceil(1 << level), plane.rows.div_ceil(1 << level));
        if columns > 1 {
            across::<F>(plane, columns, rows, &mut strip);
        }
        if rows > 1 {
            down::<F>(plane, columns, rows, &mut strip);
        }
    }
}

/// Filters rows, several side by side.
fn across<F: Filter>(plane: &mut Plane<F::Sample>, columns: usize, rows: usize, strip: &mut Vec<F::Sample>) {
    let middle = columns.div_ceil(2);
    strip.resize(columns, F::Sample::default());
    for row in 0..rows {
        let line = &mut plane.row_mut(row)[..columns];
        strip.copy_from_slice(line);
        let (low, high) = strip.split_at_mut(middle);
        F::lift(low, high, 1);
        interleave(low, high, line);
    }
}

fn interleave<T: Copy>(low: &[T], high: &[T], line: &mut [T]) {
    let (pairs, last) = line.as_chunks_mut::<2>();
    for ((pair, low), high) in pairs.iter_mut().zip(low).zip(high) {
        *pair = [*low, *high];
    }
    if let ([last], Some(low)) = (last, low.last()) {
        *last = *low;
    }
}

/// Filters columns, a strip of them at once.
fn down<F: Filter>(plane: &mut Plane<F::Sample>, columns: usize, rows: usize, strip: &mut Vec<F::Sample>) {
    let middle = rows.div_ceil(2);
    for first in (0..columns).step_by(STRIP) {
        let width = STRIP.min(columns - first);
        strip.clear();
        for row in 0..rows {
            strip.extend_from_slice(&plane.row(row)[first..first + width]);
        }
        let (low, high) = strip.split_at_mut(middle * width);
        F::lift(low, high, width);
        for row in 0..rows {
            let half = if row % 2 == 0 { &low[row / 2 * width..] } else { &high[row / 2 * width..] };
            plane.row_mut(row)[first..first + width].copy_from_slice(&half[..width]);
        }
    }
}
