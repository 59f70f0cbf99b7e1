//! Antialiased bilinear resizing, equal to `Image.resize(size, BILINEAR)` of Pillow (before 13) bit for bit.
//!
//! As in Pillow's `Resample.c`: two passes, columns first, then rows; a triangle filter as wide as the reduction
//! (one source pixel when enlarging), cut off and normalised at the border. 8-bit pictures use coefficients with 22
//! fractional bits and are rounded to 8 bits between the passes; float pictures use `f64` coefficients and sums, and
//! are rounded to `f32` between the passes. An axis whose size fits is left alone.

use rayon::prelude::*;

/// What may be resized: 8-bit values, or floats.
pub trait Sample: Copy + Default + Send + Sync {
    /// A coefficient as this kind of value uses it.
    type Coefficient: Copy + Send + Sync;

    /// From a normalised weight, 0 ..= 1.
    fn coefficient(weight: f64) -> Self::Coefficient;

    /// The weighted sum.
    fn sum(terms: impl Iterator<Item = (Self, Self::Coefficient)>) -> Self;
}

/// Fractional bits of Pillow's 8-bit coefficients.
const PRECISION_BITS: u32 = 32 - 8 - 2;

impl Sample for u8 {
    type Coefficient = i32;

    fn coefficient(weight: f64) -> i32 {
        (0.5 + weight * f64::from(1 << PRECISION_BITS)) as i32
    }

    fn sum(terms: impl Iterator<Item = (Self, i32)>) -> Self {
        let half = 1 << (PRECISION_BITS - 1);
        let sum = terms.fold(half, |sum: i32, (value, weight)| sum + i32::from(value) * weight);
        (sum >> PRECISION_BITS).clamp(0, 255) as Self
    }
}

impl Sample for f32 {
    type Coefficient = f64;

    fn coefficient(weight: f64) -> f64 {
        weight
    }

    fn sum(terms: impl Iterator<Item = (Self, f64)>) -> Self {
        terms.fold(0.0, |sum, (value, weight)| sum + f64::from(value) * weight) as Self
    }
}

/// Resizes row-major interleaved values of `from` = (rows, columns) to `to`, neither with a side of 0.
pub fn resize<T: Sample>(values: &[T], from: (usize, usize), to: (usize, usize), channels: usize) -> Vec<T> {
    let narrowed;
    let mut current = values;
    if from.1 != to.1 {
        narrowed = columns(values, from, to.1, channels);
        current = &narrowed;
    }
    if from.0 == to.0 { current.to_vec() } else { rows(current, from.0, to.0, to.1 * channels) }
}

/// The source pixels of one target pixel.
struct Taps<C> {
    first: usize,
    weights: Vec<C>,
}

fn taps<T: Sample>(from: usize, to: usize) -> Vec<Taps<T::Coefficient>> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let inverse = 1.0 / support;
    (0..to)
        .map(|target| {
            let centre = (target as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            let weight = |source: usize| (1.0 - ((source as f64 - centre + 0.5) * inverse).abs()).max(0.0);
            let total: f64 = (first..end).map(weight).sum();
            let weights = (first..end).map(|source| T::coefficient(weight(source) / total)).collect();
            Taps { first, weights }
        })
        .collect()
}

fn columns<T: Sample>(values: &[T], (rows, from): (usize, usize), to: usize, channels: usize) -> Vec<T> {
    let taps = taps::<T>(from, to);
    let mut resized = vec![T::default(); rows * to * channels];
    let pairs = resized.par_chunks_exact_mut(to * channels).zip(values.par_chunks_exact(from * channels));
    pairs.for_each(|(target, source)| {
        for (pixel, taps) in target.chunks_exact_mut(channels).zip(&taps) {
            for (channel, value) in pixel.iter_mut().enumerate() {
                let sources = source[taps.first * channels + channel..].iter().step_by(channels);
                *value = T::sum(sources.copied().zip(taps.weights.iter().copied()));
            }
        }
    });
    resized
}

fn rows<T: Sample>(values: &[T], from: usize, to: usize, width: usize) -> Vec<T> {
    let taps = taps::<T>(from, to);
    let mut resized = vec![T::default(); to * width];
    resized.par_chunks_exact_mut(width).zip(taps.par_iter()).for_each(|(target, taps)| {
        for (column, value) in target.iter_mut().enumerate() {
            let sources = values[taps.first * width + column..].iter().step_by(width);
            *value = T::sum(sources.copied().zip(taps.weights.iter().copied()));
        }
    });
    resized
}

/// ITU-R BT.601 luma of interleaved RGB, in the integers that Pillow's `convert("L")` uses.
pub fn luma(rgb: &[u8]) -> Vec<u8> {
    let (pixels, _) = rgb.as_chunks::<3>();
    let luma = |&[red, green, blue]: &[u8; 3]| {
        let sum = u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000;
        (sum >> 16) as u8
    };
    pixels.iter().map(luma).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use sha2::{Digest, Sha256};

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
        luma: Luma,
    }

    #[derive(Deserialize)]
    struct Case {
        kind: String,
        from: (usize, usize),
        to: (usize, usize),
        sha256: String,
        first: Vec<f32>,
    }

    #[derive(Deserialize)]
    struct Luma {
        size: (usize, usize),
        sha256: String,
    }

    fn vectors() -> Vectors {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/resize/pillow.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// The formula of `make_resize.py`.
    fn states(count: usize) -> Vec<u32> {
        let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
        std::iter::successors(Some(1), next).skip(1).take(count).collect()
    }

    fn bytes(count: usize) -> Vec<u8> {
        states(count).into_iter().map(|state| (state >> 24) as u8).collect()
    }

    fn hex_digit(nibble: u8) -> char {
        char::from_digit(u32::from(nibble), 16).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect()
    }

    #[test]
    fn resized_pictures_equal_pillows_bit_for_bit() {
        for case in vectors().cases {
            let what = format!("{} {:?} to {:?}", case.kind, case.from, case.to);
            let count = case.from.0 * case.from.1;
            let (raw, first): (Vec<u8>, Vec<f32>) = if case.kind == "float" {
                let values: Vec<f32> = states(count)
                    .into_iter()
                    .map(|state| (f64::from(state) / 4_294_967_296.0 * 4000.0 - 1000.0) as f32)
                    .collect();
                let resized = resize(&values, case.from, case.to, 1);
                (resized.iter().flat_map(|value| value.to_le_bytes()).collect(), resized)
            } else {
                let channels = if case.kind == "rgb8" { 3 } else { 1 };
                let resized = resize(&bytes(count * channels), case.from, case.to, channels);
                (resized.clone(), resized.into_iter().map(f32::from).collect())
            };
            assert_eq!(first[..case.first.len()], case.first, "{what}");
            assert_eq!(hex(&raw), case.sha256, "{what}");
        }
    }

    #[test]
    fn luma_equals_pillows_bit_for_bit() {
        let Luma { size, sha256 } = vectors().luma;
        assert_eq!(hex(&luma(&bytes(size.0 * size.1 * 3))), sha256);
    }

    #[test]
    fn a_size_that_fits_is_left_alone() {
        assert_eq!(resize(&bytes(12), (4, 3), (4, 3), 1), bytes(12));
    }
}
