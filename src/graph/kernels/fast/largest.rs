//! The largest of several pixels, channel by channel.

use super::{
    Isa,
    lane::{Array, LANE, Lane},
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
    unsafe {
        match isa {
            Isa::Plain => largest_in::<Array>(values, windows, out),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::largest_avx2(values, windows, out),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::largest_avx512(values, windows, out),
        }
    }
}

/// The versions compiled for instructions that not every processor has.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::lane::x86::{One, Two};
    use super::{Windows, largest_in};

    // SAFETY of both: the caller's.

    #[target_feature(enable = "avx2,fma")]
    pub unsafe fn largest_avx2(values: &[f32], windows: Windows, out: &mut [f32]) {
        unsafe { largest_in::<Two>(values, windows, out) }
    }

    #[target_feature(enable = "avx512f")]
    pub unsafe fn largest_avx512(values: &[f32], windows: Windows, out: &mut [f32]) {
        unsafe { largest_in::<One>(values, windows, out) }
    }
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
