//! One slice, ready for the eye and for the network alike.

use super::{GreyValues, ModalityLut, Voi, quantiles::Quantiles};

/// One decoded slice after the modality LUT (grey) or after conversion to RGB (colour).
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
    /// The pixels.
    pub kind: PictureKind,
    range: (f32, f32),
    /// Of a grey picture.
    quantiles: Option<Quantiles>,
}

/// What the pixels of a [`Picture`] are.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureKind {
    /// Row-major values after the modality LUT.
    Grey {
        /// rows × columns values, in the unit of the modality LUT.
        values: GreyValues,
        /// The windows and tables that the file offers, first = default; never empty
        /// (a reader without one supplies the full range of the stored type or of the values).
        voi: Vec<Voi>,
        /// MONOCHROME1: the screen value is inverted after the VOI.
        inverted: bool,
    },
    /// Row-major interleaved RGB, 8 bit.
    Rgb {
        /// rows × columns × 3 values.
        pixels: Vec<u8>,
    },
}

impl Picture {
    /// A picture of `rows` × `columns` pixels. Their range and percentiles are taken here, once, so that
    /// [`Picture::range`] and [`Picture::percentile_voi`] cost the viewer nothing.
    #[must_use]
    pub fn new(rows: usize, columns: usize, kind: PictureKind) -> Self {
        let (range, quantiles) = match &kind {
            PictureKind::Grey { values, .. } => (values.range(), Some(values.quantiles())),
            PictureKind::Rgb { .. } => ((0.0, 255.0), None),
        };
        Self { rows, columns, kind, range, quantiles }
    }

    /// What the pixels take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.kind {
            PictureKind::Grey { values, .. } => values.bytes(),
            PictureKind::Rgb { pixels } => pixels.len(),
        }
    }

    /// Screen values, rows × columns. `invert` comes on top of the inversion of MONOCHROME1. Of a colour picture
    /// these are the luma (ITU-R BT.601) of what [`Picture::rgba8`] gives.
    #[must_use]
    pub fn grey8(&self, voi: &Voi, invert: bool) -> Vec<u8> {
        match &self.kind {
            PictureKind::Grey { values, inverted, .. } => values.shown(voi, *inverted != invert),
            PictureKind::Rgb { pixels } => {
                let table = colour_table(voi, invert);
                let shown = |v: u8| u32::from(table[usize::from(v)]);
                let luma = |p: &[u8]| (299 * shown(p[0]) + 587 * shown(p[1]) + 114 * shown(p[2]) + 500) / 1000;
                pixels.chunks_exact(3).map(|p| luma(p) as u8).collect()
            }
        }
    }

    /// Screen values, rows × columns × 4 (red, green, blue, 255). A window acts on each channel of a colour picture
    /// as brightness and contrast; without one a grey picture has its default, a colour picture is left as it is.
    #[must_use]
    pub fn rgba8(&self, voi: Option<&Voi>, invert: bool) -> Vec<u8> {
        match &self.kind {
            PictureKind::Grey { .. } => {
                let grey = match voi {
                    Some(voi) => self.grey8(voi, invert),
                    None => self.grey8(&self.default_voi(), invert),
                };
                let mut rgba = vec![255; grey.len() * 4];
                for (pixel, grey) in rgba.chunks_exact_mut(4).zip(grey) {
                    pixel.copy_from_slice(&[grey, grey, grey, 255]);
                }
                rgba
            }
            PictureKind::Rgb { pixels } => {
                let table = colour_table(voi.unwrap_or(&COLOUR_VOI), invert);
                let mut rgba = vec![255; pixels.len() / 3 * 4];
                for (pixel, rgb) in rgba.chunks_exact_mut(4).zip(pixels.chunks_exact(3)) {
                    for (shown, value) in pixel.iter_mut().zip(rgb) {
                        *shown = table[usize::from(*value)];
                    }
                }
                rgba
            }
        }
    }

    /// The window to begin with: the file's first one; 0..255 for colour.
    #[must_use]
    pub fn default_voi(&self) -> Voi {
        match &self.kind {
            PictureKind::Grey { voi, .. } => voi.first().cloned().unwrap_or_else(|| {
                let (low, high) = self.range();
                Voi::range(low, high)
            }),
            PictureKind::Rgb { .. } => COLOUR_VOI,
        }
    }

    /// Least and greatest finite value; (0, 255) for colour, (0, 0) where there is none.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        self.range
    }

    /// The window from the `low`th to the `high`th percentile of the values, to a tenth of a percent; colour: 0..255.
    #[must_use]
    pub fn percentile_voi(&self, low: f64, high: f64) -> Voi {
        self.quantiles.as_ref().map_or(COLOUR_VOI, |quantiles| {
            let (low, high) = quantiles.between(low, high, self.range);
            Voi::range(low, high)
        })
    }

    /// The value of a pixel after the modality LUT, or its red, green and blue; `None` outside.
    #[must_use]
    pub fn value_at(&self, row: usize, column: usize) -> Option<PixelValue> {
        if column >= self.columns || row >= self.rows {
            return None;
        }
        let index = row * self.columns + column;
        match &self.kind {
            PictureKind::Grey { values, .. } => values.get(index).map(PixelValue::Grey),
            PictureKind::Rgb { pixels } => {
                let rgb = pixels.get(index * 3..index * 3 + 3)?;
                Some(PixelValue::Rgb([rgb[0], rgb[1], rgb[2]]))
            }
        }
    }
}

/// What is at one pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PixelValue {
    /// After the modality LUT.
    Grey(f32),
    /// Red, green, blue.
    Rgb([u8; 3]),
}

/// Leaves 8 bits as they are.
const COLOUR_VOI: Voi =
    Voi::Window { centre: 128.0, width: 256.0, function: super::VoiFunction::Linear, explanation: None };

fn colour_table(voi: &Voi, invert: bool) -> Vec<u8> {
    let values: Vec<f32> = ModalityLut::IDENTITY.apply(&(0..=255).collect::<Vec<u8>>());
    voi.apply8(&values, invert)
}

/// Least and greatest finite value, (0, 0) where there is none.
pub(super) fn finite_range(values: &[f32]) -> (f32, f32) {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| {
        if v.is_finite() { (low.min(v), high.max(v)) } else { (low, high) }
    });
    if low <= high { (low, high) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: Vec<f32>, inverted: bool) -> Picture {
        let columns = values.len();
        Picture::new(
            1,
            columns,
            PictureKind::Grey { values: values.into(), voi: vec![Voi::range(0.0, 255.0)], inverted },
        )
    }

    #[test]
    fn monochrome1_is_inverted_after_the_window() {
        let values = vec![0.0, 51.0, 255.0];
        assert_eq!(grey(values.clone(), false).grey8(&Voi::range(0.0, 255.0), false), [0, 51, 255]);
        assert_eq!(grey(values.clone(), true).grey8(&Voi::range(0.0, 255.0), false), [255, 204, 0]);
        assert_eq!(grey(values, true).grey8(&Voi::range(0.0, 255.0), true), [0, 51, 255]);
    }

    #[test]
    fn colour_stays_or_is_windowed() {
        let picture = Picture::new(1, 2, PictureKind::Rgb { pixels: vec![0, 128, 255, 10, 20, 30] });
        assert_eq!(picture.rgba8(None, false), [0, 128, 255, 255, 10, 20, 30, 255]);
        assert_eq!(picture.rgba8(None, true)[..4], [255, 127, 0, 255]);
        let brighter = picture.rgba8(Some(&Voi::range(0.0, 128.0)), false);
        assert_eq!(brighter[..4], [0, 255, 255, 255]);
        // 0.299 · 10 + 0.587 · 20 + 0.114 · 30 = 18.15
        assert_eq!(picture.grey8(&Voi::range(0.0, 255.0), false)[1], 18);
    }

    #[test]
    fn ranges_skip_what_is_not_finite() {
        let picture = grey(vec![f32::NAN, 3.0, -2.0, f32::INFINITY], false);
        assert_eq!(picture.range(), (-2.0, 3.0));
        assert_eq!(grey(vec![f32::NAN], false).range(), (0.0, 0.0));
    }

    #[test]
    fn percentiles_leave_out_the_ends() {
        let mut values: Vec<f32> = (0..=1000_u16).map(f32::from).collect();
        values[0] = -1e6;
        let (centre, width) = grey(values, false).percentile_voi(1.0, 99.0).centre_width();
        assert_eq!((centre, width), (500.0, 980.0));
        let (_, width) = grey(vec![0.0, 0.0, 0.0, 7.0], false).percentile_voi(10.0, 20.0).centre_width();
        assert_eq!(width, 7.0);
    }

    #[test]
    fn pixels_have_values() {
        assert_eq!(grey(vec![1.0, 2.0], false).value_at(0, 1), Some(PixelValue::Grey(2.0)));
        assert_eq!(grey(vec![1.0, 2.0], false).value_at(1, 0), None);
    }
}
