//! Values of interest: windows and VOI LUTs (DICOM PS3.3 C.11.2).

use super::lut::table_index;
use super::{picture::finite_range, quantiles::Quantiles};

/// How a window maps values to the screen (VOI LUT Function, PS3.3 C.11.2.1.2 and .3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum VoiFunction {
    /// LINEAR: `(x − (c − 0.5)) / (w − 1) + 0.5` within `c − 0.5 ± (w − 1) / 2`; a width below 1 counts as 1.
    #[default]
    Linear,
    /// `LINEAR_EXACT`: `(x − c) / w + 0.5` within `c ± w / 2`.
    LinearExact,
    /// SIGMOID: `1 / (1 + exp(−4 (x − c) / w))`.
    Sigmoid,
}

/// One choice of what part of the value range the screen shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Voi {
    /// Centre and width in units of the modality LUT's output.
    Window {
        /// Window Center (0028,1050).
        centre: f64,
        /// Window Width (0028,1051).
        width: f64,
        /// VOI LUT Function (0028,1056).
        function: VoiFunction,
        /// Window Center & Width Explanation (0028,1055).
        explanation: Option<String>,
    },
    /// A table over modality values: entry `clamp(v − first, 0, len − 1)`, entries 0 ..= 2^bits − 1.
    Table {
        /// The modality value that the first entry is for.
        first: i64,
        /// Bits of an entry.
        bits: u16,
        /// The entries.
        values: Vec<u16>,
        /// LUT Explanation (0028,3003).
        explanation: Option<String>,
    },
}

impl Voi {
    /// A linear window.
    #[must_use]
    pub fn window(centre: f64, width: f64) -> Self {
        Self::Window { centre, width, function: VoiFunction::Linear, explanation: None }
    }

    /// The linear window whose darkest value is `low` and whose brightest is `high`: 0 and 255 for a picture of
    /// 8 bits, which it leaves exactly as it is. At least one unit of the 24 bits of an f32 wide.
    #[must_use]
    pub fn range(low: f32, high: f32) -> Self {
        let (low, high) = (f64::from(low.min(high)), f64::from(low.max(high)));
        let centre = f64::midpoint(low, high);
        // LINEAR_EXACT has no offset of half a unit and is as well defined for values between 0 and 1.
        let width = (high - low).max(centre.abs() * 1e-6).max(1e-12);
        Self::Window { centre, width, function: VoiFunction::LinearExact, explanation: None }
    }

    /// The window from the `low`th to the `high`th percentile of the values, numbers only; of more than 2¹⁶ values
    /// every nth is looked at. All of the range, where both percentiles are one value; percentiles count to a tenth.
    #[must_use]
    pub fn percentiles(values: &[f32], low: f64, high: f64) -> Self {
        let (low, high) = Quantiles::of(values).between(low, high, finite_range(values));
        Self::range(low, high)
    }

    /// Brightness of a value, from 0 (black) to 1 (white), before any inversion; 0 for what is not a number.
    #[must_use]
    pub fn level(&self, value: f32) -> f32 {
        self.curve().level(value)
    }

    /// Brightness of values, as [`Voi::level`].
    #[must_use]
    pub fn apply(&self, values: &[f32]) -> Vec<f32> {
        let curve = self.curve();
        match curve {
            Curve::Ramp { scale, offset } => values.iter().map(|v| ramp(*v, scale, offset)).collect(),
            _ => values.iter().map(|v| curve.level(*v)).collect(),
        }
    }

    /// Screen values of 8 bits, `round(255 · level)`.
    #[must_use]
    pub fn apply8(&self, values: &[f32], invert: bool) -> Vec<u8> {
        let flip = if invert { 255 } else { 0 };
        let curve = self.curve();
        if let Curve::Ramp { scale, offset } = curve {
            // One multiplication and one addition a pixel. The cast saturates and turns what is not a number to 0.
            let (scale, offset) = (scale * 255.0, offset * 255.0 + 0.5);
            return values.iter().map(|v| (v * scale + offset) as u8 ^ flip).collect();
        }
        values.iter().map(|v| (curve.level(*v) * 255.0 + 0.5) as u8 ^ flip).collect()
    }

    /// What the file calls it.
    #[must_use]
    pub fn explanation(&self) -> Option<&str> {
        match self {
            Self::Window { explanation, .. } | Self::Table { explanation, .. } => explanation.as_deref(),
        }
    }

    /// Centre and width; of a table, those of the values that it covers.
    #[must_use]
    pub fn centre_width(&self) -> (f64, f64) {
        match self {
            Self::Window { centre, width, .. } => (*centre, *width),
            Self::Table { first, values, .. } => {
                let length = values.len() as f64;
                (*first as f64 + length / 2.0, length)
            }
        }
    }

    fn curve(&self) -> Curve<'_> {
        match self {
            Self::Window { centre, width, function, .. } => window_curve(*centre, *width, *function),
            Self::Table { first, bits, values, .. } => {
                let most = ((1_u32 << (*bits).clamp(1, 16)) - 1) as f32;
                Curve::Table { first: *first, values, most }
            }
        }
    }
}

fn window_curve(centre: f64, width: f64, function: VoiFunction) -> Curve<'static> {
    let (middle, extent) = match function {
        VoiFunction::Linear => (centre - 0.5, width - 1.0),
        VoiFunction::LinearExact | VoiFunction::Sigmoid => (centre, width),
    };
    if !(extent > 0.0 && extent.is_finite() && middle.is_finite()) {
        return Curve::Step { above: middle as f32 };
    }
    if function == VoiFunction::Sigmoid {
        return Curve::Sigmoid { centre: middle as f32, steepness: (4.0 / extent) as f32 };
    }
    Curve::Ramp { scale: (1.0 / extent) as f32, offset: (0.5 - middle / extent) as f32 }
}

/// A [`Voi`] made ready for many values.
enum Curve<'a> {
    Ramp {
        scale: f32,
        offset: f32,
    },
    Sigmoid {
        centre: f32,
        steepness: f32,
    },
    /// A window of no extent: black up to a value, white above.
    Step {
        above: f32,
    },
    Table {
        first: i64,
        values: &'a [u16],
        most: f32,
    },
}

impl Curve<'_> {
    fn level(&self, value: f32) -> f32 {
        if value.is_nan() {
            return 0.0;
        }
        match self {
            Self::Ramp { scale, offset } => ramp(value, *scale, *offset),
            // `max` turns ∞ − ∞ into 0.
            Self::Sigmoid { centre, steepness } => (1.0 / (1.0 + (-steepness * (value - centre)).exp())).max(0.0),
            Self::Step { above } => f32::from(u8::from(value > *above)),
            Self::Table { first, values, most } => table_index(f64::from(value), *first, values.len())
                .and_then(|index| values.get(index))
                .map_or(0.0, |entry| (f32::from(*entry) / most).min(1.0)),
        }
    }
}

fn ramp(value: f32, scale: f32, offset: f32) -> f32 {
    // `max` turns what is not a number into 0.
    (value * scale + offset).clamp(0.0, 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(centre: f64, width: f64, function: VoiFunction) -> Voi {
        Voi::Window { centre, width, function, explanation: None }
    }

    #[test]
    fn the_standards_examples() {
        // PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 maps 0..4095 to the whole output range.
        let full = window(2048.0, 4096.0, VoiFunction::Linear);
        assert_eq!([full.level(0.0), full.level(4095.0)], [0.0, 1.0]);
        assert!((full.level(2048.0) - 2048.0 / 4095.0).abs() < 1e-6);
        // c = 0, w = 1: x <= -0.5 is black, everything above is white.
        let step = window(0.0, 1.0, VoiFunction::Linear);
        assert_eq!([step.level(-1.0), step.level(-0.5), step.level(0.0), step.level(1.0)], [0.0, 0.0, 1.0, 1.0]);
        // c = 0, w = 100: below -50 black, above 49 white, between (x + 0.5) / 99 + 0.5.
        let brain = window(0.0, 100.0, VoiFunction::Linear);
        assert_eq!([brain.level(-50.0), brain.level(49.0), brain.level(50.0)], [0.0, 1.0, 1.0]);
        assert!((brain.level(-49.0) - (-48.5 / 99.0 + 0.5)).abs() < 1e-6);
    }

    #[test]
    fn exact_and_sigmoid() {
        // PS3.3 C.11.2.1.3.2: c = 127, w = 254 maps 0 to black and 254 to white.
        let exact = window(127.0, 254.0, VoiFunction::LinearExact);
        assert!(exact.level(0.0).abs() < 1e-6 && (exact.level(254.0) - 1.0).abs() < 1e-6);
        assert!((exact.level(127.0) - 0.5).abs() < 1e-6);
        // C.11.2.1.3.1: 0.5 at the centre, 1/(1 + e^-2) half a width above.
        let sigmoid = window(100.0, 40.0, VoiFunction::Sigmoid);
        assert_eq!(sigmoid.level(100.0), 0.5);
        assert!((sigmoid.level(120.0) - 1.0 / (1.0 + (-2.0_f32).exp())).abs() < 1e-6);
        assert!((sigmoid.level(80.0) + sigmoid.level(120.0) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn eight_bits_stay_as_they_are() {
        let values: Vec<f32> = (0..=255_u16).map(f32::from).collect();
        let same: Vec<u8> = (0..=255).collect();
        assert_eq!(Voi::window(128.0, 256.0).apply8(&values, false), same);
        assert_eq!(Voi::range(0.0, 255.0).apply8(&values, false), same);
        let inverted: Vec<u8> = (0..=255).rev().collect();
        assert_eq!(Voi::range(0.0, 255.0).apply8(&values, true), inverted);
    }

    #[test]
    fn tables_hold_their_ends() {
        let table = Voi::Table { first: -1, bits: 8, values: vec![0, 51, 255], explanation: None };
        let levels = table.apply(&[-9.0, -1.0, 0.0, 1.0, 9.0]);
        assert_eq!(levels, [0.0, 0.0, 0.2, 1.0, 1.0]);
        assert_eq!(table.apply8(&[0.0], true), [204]);
    }

    #[test]
    fn nothing_absurd_comes_out() {
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0];
        for width in [0.0, -5.0, f64::NAN, f64::INFINITY, 1e-300, 1e300] {
            for function in [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid] {
                for centre in [0.0, 1e300, f64::NAN] {
                    let voi = window(centre, width, function);
                    assert!(voi.apply(&odd).iter().all(|level| (0.0..=1.0).contains(level)), "{voi:?}");
                    assert_eq!(voi.apply8(&odd, false)[0], 0, "{voi:?}");
                }
            }
        }
    }
}
