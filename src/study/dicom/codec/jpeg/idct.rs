//! Coefficients → samples: inverse DCT (T.81 A.3.3), level shift, and subsampled components to full size.

use super::dct::Plane;
use super::header::Frame;

/// The samples of all components, interleaved.
pub(super) fn image(frame: &Frame, planes: &[Plane]) -> Vec<u16> {
    let (most_across, most_down) = frame.most();
    let count = planes.len();
    let mut values = vec![0; frame.rows * frame.columns * count];
    for (index, (plane, component)) in planes.iter().zip(&frame.components).enumerate() {
        let samples = Samples::of(plane, frame.precision);
        // The component's own size (T.81 A.1.1), beyond which blocks hold padding.
        let own = (
            (frame.rows * component.down).div_ceil(most_down),
            (frame.columns * component.across).div_ceil(most_across),
        );
        let full = samples.enlarged(own, (most_down, component.down), (most_across, component.across), frame);
        for (place, value) in values[index..].iter_mut().step_by(count).zip(full) {
            *place = value;
        }
    }
    values
}

struct Samples {
    values: Vec<u16>,
    stride: usize,
}

impl Samples {
    fn of(plane: &Plane, precision: u8) -> Self {
        let stride = plane.across * 8;
        let mut values = vec![0; stride * plane.down * 8];
        let basis = Basis::new();
        let shift = (1u32 << (precision - 1)) as f32;
        let largest = ((1u32 << precision) - 1) as f32;
        for (at, block) in plane.coefficients.chunks_exact(64).enumerate() {
            let samples = basis.inverse(block);
            let corner = (at / plane.across) * 8 * stride + (at % plane.across) * 8;
            for (y, row) in samples.chunks_exact(8).enumerate() {
                let place = &mut values[corner + y * stride..corner + y * stride + 8];
                for (place, sample) in place.iter_mut().zip(row) {
                    *place = to_even(sample + shift).clamp(0.0, largest) as u16;
                }
            }
        }
        Self { values, stride }
    }

    /// The component at the size of the image; each pair is (largest factor, this factor).
    fn enlarged(self, own: (usize, usize), down: (usize, usize), across: (usize, usize), frame: &Frame) -> Vec<u16> {
        if down.0 == down.1 && across.0 == across.1 {
            // Nothing lies between samples of full size.
            let rows = self.values.chunks_exact(self.stride).take(frame.rows);
            return rows.flat_map(|row| &row[..frame.columns]).copied().collect();
        }
        let rows = positions(frame.rows, own.0, down);
        let columns = positions(frame.columns, own.1, across);
        let mut full = Vec::with_capacity(frame.rows * frame.columns);
        for &(upper, lower, lower_weight) in &rows {
            let upper = &self.values[upper * self.stride..];
            let lower = &self.values[lower * self.stride..];
            for &(left, right, right_weight) in &columns {
                let mix = |line: &[u16]| {
                    let (a, b) = (f32::from(line[left]), f32::from(line[right]));
                    a + (b - a) * right_weight
                };
                let (a, b) = (mix(upper), mix(lower));
                full.push((a + (b - a) * lower_weight).round() as u16);
            }
        }
        full
    }
}

/// Rounds as [`f32::round_ties_even`] where the result lies in the 16 bits of a sample; values beyond stay beyond. An
/// addition and a subtraction, where the function is a call on processors of the oldest kind.
fn to_even(value: f32) -> f32 {
    /// 1.5 · 2²³: beside it an f32 has no room for fractions.
    const NO_FRACTIONS: f32 = 12_582_912.0;
    (value + NO_FRACTIONS) - NO_FRACTIONS
}

/// For each position of the full size: two neighbouring samples and the weight of the second.
///
/// Samples lie at the centres of the pixels that they stand for; between them values are interpolated.
fn positions(full: usize, own: usize, (most, factor): (usize, usize)) -> Vec<(usize, usize, f32)> {
    let last = own.saturating_sub(1);
    let position = |at: usize| {
        if most == factor {
            return (at.min(last), at.min(last), 0.0);
        }
        let exact = ((at as f32 + 0.5) * factor as f32 / most as f32 - 0.5).clamp(0.0, last as f32);
        let first = exact as usize;
        (first, (first + 1).min(last), exact - first as f32)
    };
    (0..full).map(position).collect()
}

/// Cosines of the transform, scaled.
struct Basis {
    /// `rows[u][x]` = C(u)/2 · cos((2x+1)uπ/16).
    rows: [[f32; 8]; 8],
}

impl Basis {
    fn new() -> Self {
        let mut rows = [[0.0; 8]; 8];
        for (u, row) in rows.iter_mut().enumerate() {
            let scale = if u == 0 { 0.5f64.sqrt() } else { 1.0 } / 2.0;
            for (x, place) in row.iter_mut().enumerate() {
                let angle = (2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0;
                *place = (scale * angle.cos()) as f32;
            }
        }
        Self { rows }
    }

    fn inverse(&self, block: &[i32]) -> [f32; 64] {
        let mut across = [0.0; 64];
        for (row, out) in block.chunks_exact(8).zip(across.chunks_exact_mut(8)) {
            for (&coefficient, basis) in row.iter().zip(&self.rows) {
                if coefficient != 0 {
                    let coefficient = coefficient as f32;
                    for (place, cosine) in out.iter_mut().zip(basis) {
                        *place += coefficient * cosine;
                    }
                }
            }
        }
        let mut samples = [0.0; 64];
        for (row, basis) in across.chunks_exact(8).zip(&self.rows) {
            for (out, cosine) in samples.chunks_exact_mut(8).zip(basis) {
                for (place, value) in out.iter_mut().zip(row) {
                    *place += value * cosine;
                }
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_by_addition_is_rounding_to_even() {
        let shown = |value: f32| (to_even(value).clamp(0.0, 65535.0), value.round_ties_even().clamp(0.0, 65535.0));
        for step in -1_000_000..=4_000_000 {
            let (by_addition, rounded) = shown(step as f32 / 8.0);
            assert_eq!(by_addition, rounded, "{step} eighths");
        }
        for value in [1e7, -1e7, 1e20, -1e20, f32::INFINITY, f32::NEG_INFINITY, 0.499_999_97, 65_534.496] {
            let (by_addition, rounded) = shown(value);
            assert_eq!(by_addition, rounded, "{value}");
        }
    }

    #[test]
    fn a_constant_block() {
        let mut block = [0; 64];
        block[0] = 80;
        assert!(Basis::new().inverse(&block).iter().all(|sample| (sample - 10.0).abs() < 1e-5));
    }

    #[test]
    fn samples_lie_at_the_centre_of_what_they_stand_for() {
        let found = positions(4, 2, (2, 1));
        assert_eq!(found, [(0, 1, 0.0), (0, 1, 0.25), (0, 1, 0.75), (1, 1, 0.0)]);
    }
}
