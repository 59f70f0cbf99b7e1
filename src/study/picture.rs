//! Stored values → [`Picture`]: modality LUT for grey, palette and luma-chroma conversion for colour.

use std::path::Path;

use super::{Photometric, Pixels, Slice, Stored, StudyError};
use crate::display::{GreyValues, ModalityLut, Picture, PictureKind, Voi};

/// Values between these percentiles are shown where nothing says what to show.
pub(super) const ROBUST_PERCENT: [f64; 2] = [0.5, 99.5];

impl Slice {
    /// The picture of this slice's stored values.
    ///
    /// Grey values go through the modality LUT. Where the slice names no window it is `whole` if given (one window
    /// for all slices of a volume), else 0..255 for 8 bits without a modality LUT, else from the 0.5th to the 99.5th
    /// percentile. Colour of more than 8 bits keeps its upper 8 bits: as many low bits are dropped as its largest
    /// sample has more than 8.
    ///
    /// # Errors
    /// Where number and kind of the samples do not go with the photometric interpretation.
    pub fn picture(&self, pixels: Pixels, whole: Option<&Voi>) -> Result<Picture, StudyError> {
        let path = &self.source.path;
        let expected = pixels.rows * pixels.columns * pixels.samples;
        if pixels.stored.len() != expected {
            let reason = format!("it has {} values and should have {expected}", pixels.stored.len());
            return Err(StudyError::damaged(path, "image", reason));
        }
        let kind = match (&self.photometric, pixels.samples) {
            (Photometric::Monochrome1 | Photometric::Monochrome2, 1) => self.grey(pixels.stored, whole),
            (Photometric::Palette { first, red, green, blue }, 1) => {
                PictureKind::Rgb { pixels: palette(&pixels.stored, *first, [red, green, blue]) }
            }
            (Photometric::Rgb, 3) => PictureKind::Rgb { pixels: eight_bits(pixels.stored, path)? },
            (Photometric::YbrFull, 3) => convert(eight_bits(pixels.stored, path)?, rgb_from_full),
            (Photometric::YbrPartial420, 3) => convert(eight_bits(pixels.stored, path)?, rgb_from_partial),
            (photometric, samples) => {
                let reason = format!("{samples} samples a pixel do not go with {}", photometric.name());
                return Err(StudyError::unsupported(path, "image", reason));
            }
        };
        Ok(Picture::new(pixels.rows, pixels.columns, kind))
    }

    fn grey(&self, stored: Stored, whole: Option<&Voi>) -> PictureKind {
        let is_plain = matches!(stored, Stored::U8(_)) && self.modality_lut == ModalityLut::IDENTITY;
        let values = modality_values(&self.modality_lut, stored);
        let voi = match (self.voi.is_empty(), whole) {
            (false, _) => self.voi.clone(),
            (_, Some(whole)) => vec![whole.clone()],
            _ if is_plain => vec![Voi::range(0.0, 255.0)],
            _ => vec![values.percentile_voi(ROBUST_PERCENT[0], ROBUST_PERCENT[1])],
        };
        PictureKind::Grey { values, voi, inverted: self.photometric == Photometric::Monochrome1 }
    }
}

impl Photometric {
    /// DICOM's term.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Monochrome1 => "MONOCHROME1",
            Self::Monochrome2 => "MONOCHROME2",
            Self::Rgb => "RGB",
            Self::YbrFull => "YBR_FULL",
            Self::YbrPartial420 => "YBR_PARTIAL_420",
            Self::Palette { .. } => "PALETTE COLOR",
        }
    }
}

/// Values after the modality LUT.
fn modality_values(lut: &ModalityLut, stored: Stored) -> GreyValues {
    match stored {
        Stored::U8(values) => GreyValues::of_codes(values, lut),
        Stored::I8(values) => GreyValues::of_codes(values, lut),
        Stored::U16(values) => GreyValues::of_codes(values, lut),
        Stored::I16(values) => GreyValues::of_codes(values, lut),
        Stored::U32(values) => lut.apply(&values).into(),
        Stored::I32(values) => lut.apply(&values).into(),
        Stored::F32(values) => lut.apply(&values).into(),
        Stored::F64(values) => lut.apply(&values).into(),
    }
}

/// Colours from tables (PS3.3 C.7.9): the entry for `v` is `clamp(v − first, 0, len − 1)`.
fn palette(stored: &Stored, first: i64, tables: [&Vec<u8>; 3]) -> Vec<u8> {
    let entry = |index: usize| {
        let offset = stored.get(index).unwrap_or(0.0) as i64 - first;
        tables.map(|table| {
            let last = table.len().saturating_sub(1);
            let at = usize::try_from(offset).unwrap_or(0).min(last);
            table.get(at).copied().unwrap_or(0)
        })
    };
    (0..stored.len()).flat_map(entry).collect()
}

/// Colour samples in 8 bits.
fn eight_bits(stored: Stored, path: &Path) -> Result<Vec<u8>, StudyError> {
    match stored {
        Stored::U8(values) => Ok(values),
        Stored::U16(values) => Ok(upper_bits(&values)),
        Stored::U32(values) => Ok(upper_bits(&values)),
        other => Err(StudyError::unsupported(path, "image", format!("its colours are of type {}", other.type_name()))),
    }
}

fn upper_bits<T: Copy + Into<u64>>(values: &[T]) -> Vec<u8> {
    let most: u64 = values.iter().map(|v| (*v).into()).max().unwrap_or(0);
    let drop = (u64::BITS - most.leading_zeros()).saturating_sub(8);
    values.iter().map(|v| ((*v).into() >> drop) as u8).collect()
}

fn convert(mut pixels: Vec<u8>, rgb: fn([f32; 3]) -> [f32; 3]) -> PictureKind {
    for pixel in pixels.chunks_exact_mut(3) {
        let colour = rgb([f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])]);
        pixel.copy_from_slice(&colour.map(|c| c.round() as u8));
    }
    PictureKind::Rgb { pixels }
}

/// The inverse of `YBR_FULL` (PS3.3 C.7.6.3.1.2).
fn rgb_from_full([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
}

/// The inverse of `YBR_PARTIAL_420` (PS3.3 C.7.6.3.1.2).
fn rgb_from_partial([y, cb, cr]: [f32; 3]) -> [f32; 3] {
    let (y, cb, cr) = (1.164_4 * (y - 16.0), cb - 128.0, cr - 128.0);
    [y + 1.596 * cr, y - 0.391_7 * cb - 0.813 * cr, y + 2.017_3 * cb]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::testing::plain_slice;

    fn colour(photometric: Photometric, samples: usize, stored: Stored) -> Result<Vec<u8>, StudyError> {
        let slice = Slice { samples, photometric, ..plain_slice("image", 1, 1) };
        let columns = stored.len() / samples;
        match slice.picture(Pixels::new(1, columns, samples, stored), None)?.kind {
            PictureKind::Rgb { pixels } => Ok(pixels),
            PictureKind::Grey { .. } => panic!("grey"),
        }
    }

    #[test]
    fn luma_and_chroma_become_rgb() {
        // Pure red: Y = 76.245, Cb = 84.97, Cr = 255.5 in the standard's equations, rounded.
        let red = colour(Photometric::YbrFull, 3, Stored::U8(vec![76, 85, 255])).unwrap();
        assert_eq!(red, [254, 0, 0]);
        assert_eq!(colour(Photometric::YbrFull, 3, Stored::U8(vec![100, 128, 128])).unwrap(), [100, 100, 100]);
        // Black and white of partial range.
        let partial = Stored::U8(vec![16, 128, 128, 235, 128, 128]);
        assert_eq!(colour(Photometric::YbrPartial420, 3, partial).unwrap(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn palettes_hold_their_ends() {
        let palette = Photometric::Palette { first: -1, red: vec![1, 2], green: vec![3, 4], blue: vec![5, 6] };
        let shown = colour(palette, 1, Stored::I16(vec![-9, -1, 0, 9])).unwrap();
        assert_eq!(shown, [1, 3, 5, 1, 3, 5, 2, 4, 6, 2, 4, 6]);
        let empty = Photometric::Palette { first: 0, red: vec![], green: vec![], blue: vec![] };
        assert_eq!(colour(empty, 1, Stored::U8(vec![3])).unwrap(), [0, 0, 0]);
    }

    #[test]
    fn deep_colour_keeps_its_upper_bits() {
        let shown = colour(Photometric::Rgb, 3, Stored::U16(vec![0, 2048, 4095])).unwrap();
        assert_eq!(shown, [0, 128, 255]);
        assert_eq!(colour(Photometric::Rgb, 3, Stored::U16(vec![1, 2, 3])).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn contradictions_are_errors() {
        assert!(colour(Photometric::Rgb, 1, Stored::U8(vec![1])).is_err());
        assert!(colour(Photometric::Monochrome2, 3, Stored::U8(vec![1, 2, 3])).is_err());
        assert!(colour(Photometric::Rgb, 3, Stored::I16(vec![1, 2, 3])).is_err());
        let short = Pixels::new(2, 2, 1, Stored::U8(vec![1]));
        assert!(plain_slice("image", 2, 2).picture(short, None).is_err());
    }

    #[test]
    fn windows_come_from_the_file_then_the_volume_then_the_values() {
        let mut slice = plain_slice("image", 1, 2);
        let voi = |slice: &Slice, stored: Stored, whole: Option<&Voi>| {
            slice.picture(Pixels::new(1, 2, 1, stored), whole).unwrap().default_voi()
        };
        assert_eq!(voi(&slice, Stored::U8(vec![7, 9]), None), Voi::range(0.0, 255.0));
        assert_eq!(voi(&slice, Stored::U16(vec![700, 900]), None), Voi::range(700.0, 900.0));
        let whole = Voi::range(1.0, 2.0);
        assert_eq!(voi(&slice, Stored::U16(vec![700, 900]), Some(&whole)), whole);
        slice.voi = vec![Voi::window(5.0, 6.0)];
        assert_eq!(voi(&slice, Stored::U16(vec![700, 900]), Some(&whole)), Voi::window(5.0, 6.0));
    }
}
