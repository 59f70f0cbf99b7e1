//! The attributes that describe pixel values (DICOM PS3.3 C.7.6.3, C.7.6.24).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::fault::{Fault, Outcome};
use super::parse::Element;

/// What a pixel value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Float,
    Double,
}

/// How pixel values lie in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ImageInfo {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    /// Colour planes one after the other instead of interleaved samples.
    pub planar: bool,
    pub bits_allocated: usize,
    pub bits_stored: usize,
    pub high_bit: usize,
    pub signed: bool,
    /// Photometric Interpretation as the file has it, in upper case.
    pub photometric: String,
    /// Number of Frames; `None` where the value is no number.
    pub declared_frames: Option<usize>,
    pub kind: Kind,
    pub pixels: Element,
}

impl ImageInfo {
    /// Reads the attributes; objects without an image say what they are.
    pub fn of(data: &DataSet<'_>, media_class: Option<&str>) -> Outcome<Self> {
        let places = [
            (tags::PIXEL_DATA, Kind::Integer),
            (tags::FLOAT_PIXEL_DATA, Kind::Float),
            (tags::DOUBLE_FLOAT_PIXEL_DATA, Kind::Double),
        ];
        let found = places.iter().find_map(|&(tag, kind)| data.element(tag).map(|element| (*element, kind)));
        let Some((pixels, kind)) = found else {
            return Err(super::refuse::reason_without_pixels(data, media_class));
        };
        let number = |tag: Tag, name: &str| {
            let value =
                data.integer(tag).ok_or_else(|| Fault::damaged(format!("it has pixel values and no {name}")))?;
            usize::try_from(value)
                .ok()
                .filter(|value| (1..=65535).contains(value))
                .ok_or_else(|| Fault::damaged(format!("its {name} is {value}")))
        };
        let rows = number(tags::ROWS, "Rows")?;
        let columns = number(tags::COLUMNS, "Columns")?;
        let bits_allocated = match kind {
            Kind::Integer => number(tags::BITS_ALLOCATED, "Bits Allocated")?,
            Kind::Float => 32,
            Kind::Double => 64,
        };
        let optional = |tag: Tag| data.integer(tag).and_then(|value| usize::try_from(value).ok());
        let bits_stored =
            optional(tags::BITS_STORED).filter(|bits| (1..=bits_allocated).contains(bits)).unwrap_or(bits_allocated);
        let high_bit = optional(tags::HIGH_BIT)
            .filter(|high| (bits_stored - 1..bits_allocated).contains(high))
            .unwrap_or(bits_stored - 1);
        let photometric = data.first_text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default().to_ascii_uppercase();
        let colour = matches!(photometric.as_str(), "RGB" | "HSV") || photometric.starts_with("YBR");
        let samples = optional(tags::SAMPLES_PER_PIXEL).unwrap_or(if colour { 3 } else { 1 });
        if samples != 1 && samples != 3 {
            return Err(Fault::unsupported(format!("its pixels have {samples} samples where 1 and 3 are shown")));
        }
        let declared_frames = match data.element(tags::NUMBER_OF_FRAMES) {
            Some(_) if data.bytes(tags::NUMBER_OF_FRAMES).is_some() => {
                optional(tags::NUMBER_OF_FRAMES).filter(|frames| *frames > 0)
            }
            _ => Some(1),
        };
        let mut info = Self {
            rows,
            columns,
            samples,
            planar: data.integer(tags::PLANAR_CONFIGURATION) == Some(1) && samples > 1,
            bits_allocated,
            bits_stored,
            high_bit,
            signed: data.integer(tags::PIXEL_REPRESENTATION) == Some(1),
            photometric,
            declared_frames,
            kind,
            pixels,
        };
        info.believe_the_size();
        Ok(info)
    }

    /// Native values that suffice for full chrominance have it, though the attributes say that it is shared by two
    /// pixels: so do many writers that have decompressed an image.
    fn believe_the_size(&mut self) {
        let there = (self.pixels.end - self.pixels.start) as u64 * 8;
        let frames = self.declared_frames.unwrap_or(1) as u64;
        let full = (self.pixel_count() * self.samples * self.bits_allocated) as u64;
        if self.is_half_chroma() && self.pixels.declared.is_some() && there >= full.saturating_mul(frames) {
            let name = if self.photometric == "YBR_FULL_422" { "YBR_FULL" } else { "YBR_PARTIAL_420" };
            name.clone_into(&mut self.photometric);
        }
    }

    /// Pixels of a frame.
    pub fn pixel_count(&self) -> usize {
        self.rows * self.columns
    }

    /// Chrominance at every second pixel only, as native values have it (PS3.3 C.7.6.3.1.2).
    pub fn is_half_chroma(&self) -> bool {
        matches!(self.photometric.as_str(), "YBR_FULL_422" | "YBR_PARTIAL_422") && self.samples == 3
    }

    /// Bits of a frame with native values.
    pub fn frame_bits(&self) -> u64 {
        let values = self.pixel_count() as u64 * if self.is_half_chroma() { 2 } else { self.samples as u64 };
        values * self.bits_allocated as u64
    }
}
