//! The largest of several pixels, channel by channel.

use super::{
    Isa,
    isa::by_isa,
    lane::{LANE, Lane},
};

/// Windows side by side that all look the same.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// Where the pixels of a window begin, from the window's beginning on.
    pub offsets: &'a [usize],
    /// From one window to the next.
    pub step: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

/// The largest value of each channel in each window, the first of which begins where `values` do; NaN is larger than all.
/// Of windows without pixels it leaves `out` as it is.
///
/// # Panics
/// When values are missing, or `out` ends within a pixel.
pub fn largest(isa: Isa, values: &[f32], windows: Windows, out: &mut [f32]) {
    let Windows { offsets, step, channels } = windows;
    let Some(furthest) = offsets.iter().max() else { return };
    if out.is_empty() {
        return;
    }
    let count = out.len() / channels;
    assert!(count > 0 && out.len() == count * channels, "part of a pixel");
    let reach = (count - 1).checked_mul(step).and_then(|last| last.checked_add(furthest.checked_add(channels)?));
    assert!(reach.is_some_and(|reach| reach <= values.len()), "pixels are missing");
    // SAFETY: lengths have just been checked, and `isa` names what the processor has.
    unsafe { by_isa!(isa => largest_in[][](values: &[f32], windows: Windows, out: &mut [f32])) };
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions.
#[inline(always)]
unsafe fn largest_in<L: Lane>(values: &[f32], windows: Windows, out: &mut [f32]) {
    let Windows { offsets, step, channels } = windows;
    for window in 0..out.len() / channels {
        for first in (0..channels).step_by(LANE) {
            let count = LANE.min(channels - first);
            // SAFETY: `largest` has checked that each window's pixels are there, and that `out` has as many.
            unsafe {
                let from = values.as_ptr().add(window * step + first);
                let mut best = L::load_some(from.add(offsets[0]), count);
                for &offset in &offsets[1..] {
                    best = best.largest(L::load_some(from.add(offset), count));
                }
                best.store_some(out.as_mut_ptr().add(window * channels + first), count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::noise, *};

    #[test]
    fn the_largest_is_that_of_every_processor() {
        for isa in Isa::all() {
            for (windows, channels, step, offsets) in
                [(1, 1, 1, vec![0]), (4, 16, 32, vec![0, 16, 200]), (9, 37, 37, vec![37, 0, 74, 111])]
            {
                let reach = (windows - 1) * step + offsets.iter().max().unwrap() + channels;
                let mut values = noise(reach, 6);
                values[reach / 2] = f32::NAN;
                let mut out = vec![0.0; windows * channels];
                largest(isa, &values, Windows { offsets: &offsets, step, channels }, &mut out);
                for (place, found) in out.iter().enumerate() {
                    let first = place / channels * step + place % channels;
                    let seen: Vec<f32> = offsets.iter().map(|offset| values[first + offset]).collect();
                    let expected = seen.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let expected = if seen.iter().any(|value| value.is_nan()) { f32::NAN } else { expected };
                    assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{isa:?}");
                }
            }
            let mut out = [1.0];
            largest(isa, &[], Windows { offsets: &[], step: 1, channels: 1 }, &mut out);
            assert_eq!(out, [1.0]);
        }
    }

    #[test]
    #[should_panic(expected = "pixels are missing")]
    fn windows_beyond_the_picture_are_refused() {
        largest(Isa::best(), &[0.0; 6], Windows { offsets: &[0, 2], step: 2, channels: 1 }, &mut [0.0; 3]);
    }
}
