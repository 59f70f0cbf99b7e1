//! A factor and a summand for each channel, over the channels of several pictures side by side.

use std::ops::Range;

use super::{
    Isa,
    isa::by_isa,
    lane::{LANE, Lane},
};

/// Pixels that lie with the channels last.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// `[pixels][channels]`.
    pub values: &'a [f32],
    /// How many a pixel has.
    pub channels: usize,
}

impl Part<'_> {
    /// Some of the pixels.
    ///
    /// # Panics
    /// When they are not there.
    #[must_use]
    pub fn pixels(&self, which: Range<usize>) -> Self {
        Self { values: &self.values[which.start * self.channels..which.end * self.channels], ..*self }
    }
}

/// What is done with each channel of all parts, counted through them.
#[derive(Debug, Clone, Copy)]
pub struct Normal<'a> {
    /// Factors.
    pub scale: &'a [f32],
    /// Summands.
    pub shift: &'a [f32],
    /// Nothing that is a number comes out less than this.
    pub least: f32,
}

/// `max(x · scale + shift, least)` of each pixel's channels of all parts, one part's after the other; NaN stays NaN.
///
/// # Panics
/// When sizes do not fit each other.
pub fn normalise(isa: Isa, parts: &[Part], normal: Normal, out: &mut [f32]) {
    let whole = parts.iter().map(|part| part.channels).sum();
    assert!(normal.scale.len() == whole && normal.shift.len() == whole, "factors for other channels");
    let pixels = out.len().checked_div(whole).unwrap_or(0);
    assert_eq!(out.len(), pixels * whole, "part of a pixel");
    assert!(parts.iter().all(|part| part.values.len() == pixels * part.channels), "pixels are missing");
    // SAFETY: sizes have just been checked, and `isa` names what the processor has.
    unsafe { by_isa!(isa => normalise_in[][](parts: &[Part], normal: Normal, out: &mut [f32])) };
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions.
#[inline(always)]
unsafe fn normalise_in<L: Lane>(parts: &[Part], normal: Normal, out: &mut [f32]) {
    let whole = normal.scale.len();
    let least = L::splat(normal.least);
    let mut before = 0;
    for part in parts {
        let pixels = part.values.len() / part.channels.max(1);
        for first in (0..part.channels).step_by(LANE) {
            let count = LANE.min(part.channels - first);
            // SAFETY: there are a factor and a summand for each channel of all parts, and as many pixels in each part and
            // in `out` (`normalise`).
            unsafe {
                let scale = L::load_some(normal.scale.as_ptr().add(before + first), count);
                let shift = L::load_some(normal.shift.as_ptr().add(before + first), count);
                for pixel in 0..pixels {
                    let value = L::load_some(part.values.as_ptr().add(pixel * part.channels + first), count);
                    let value = least.max(value.mul(scale).add(shift));
                    value.store_some(out.as_mut_ptr().add(pixel * whole + before + first), count);
                }
            }
        }
        before += part.channels;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::noise, *};

    #[test]
    fn channels_of_all_parts_are_normalised_side_by_side() {
        for isa in Isa::all() {
            for (pixels, channels) in [(1, vec![1]), (5, vec![16, 64]), (7, vec![37, 3, 20]), (0, vec![4])] {
                let whole: usize = channels.iter().sum();
                let (scale, shift) = (noise(whole, 4), noise(whole, 5));
                let mut values: Vec<Vec<f32>> = channels.iter().map(|channels| noise(pixels * channels, 6)).collect();
                if let Some(value) = values[0].first_mut() {
                    *value = f32::NAN;
                }
                let part = |(values, &channels)| Part { values, channels };
                let parts: Vec<Part> = values.iter().map(Vec::as_slice).zip(&channels).map(part).collect();
                for least in [0.0, f32::NEG_INFINITY] {
                    let normal = Normal { scale: &scale, shift: &shift, least };
                    let mut out = vec![-7.0; pixels * whole];
                    normalise(isa, &parts, normal, &mut out);
                    for (pixel, out) in out.chunks(whole).enumerate() {
                        let seen = parts.iter().flat_map(|part| &part.values[pixel * part.channels..][..part.channels]);
                        for (place, (found, value)) in out.iter().zip(seen).enumerate() {
                            // The same two roundings on every processor.
                            let expected = value * scale[place] + shift[place];
                            let expected = if expected < least { least } else { expected };
                            assert!(*found == expected || found.is_nan() && value.is_nan(), "{isa:?} {channels:?}");
                        }
                    }
                }
            }
        }
    }
}
