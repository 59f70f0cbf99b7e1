//! What a study is made of.

use std::path::PathBuf;

use crate::display::{ModalityLut, Voi};

/// One examination of one patient.
#[derive(Debug, Clone)]
pub struct Study {
    /// Study Instance UID; for files without one a stable name derived from the path.
    pub uid: String,
    /// Who was examined, as the first file says.
    pub patient: Patient,
    /// Study Description, empty where unknown.
    pub description: String,
    /// Study date as DICOM writes it (YYYYMMDD), empty where unknown.
    pub date: String,
    /// By series number, then UID.
    pub series: Vec<Series>,
}

/// The patient as the files name them; fields are empty where unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// Patient's Name (0010,0010), as DICOM writes it (`FAMILY^GIVEN`).
    pub name: String,
    /// Patient ID (0010,0020).
    pub id: String,
    /// Patient's Birth Date (0010,0030), YYYYMMDD.
    pub birth_date: String,
    /// Patient's Sex (0010,0040): M, F or O.
    pub sex: String,
}

/// Slices that belong together, in display order.
#[derive(Debug, Clone)]
pub struct Series {
    /// Series Instance UID; for files without one a stable name derived from the path. Where a series had to be
    /// split into several stacks the others have `#2`, `#3`, … behind it.
    pub uid: String,
    /// Series Number.
    pub number: Option<i32>,
    /// Series Description, empty where unknown.
    pub description: String,
    /// DICOM's code ("CT", "MR"), empty where unknown.
    pub modality: String,
    /// Body Part Examined, empty where unknown.
    pub body_part: String,
    /// From the orientation of the first slice.
    pub plane: Plane,
    /// Time-major: the slice at position `p` and time `t` is `slices[t * positions() + p]`.
    /// Positions ascend along the normal of the slices.
    pub slices: Vec<Slice>,
    /// Number of times each position was acquired; 1 for an ordinary stack.
    pub times: usize,
}

impl Series {
    /// Number of slice positions (slices of one time point).
    #[must_use]
    pub fn positions(&self) -> usize {
        self.slices.len() / self.times.max(1)
    }

    /// The plane; where the files don't say, the one that the description or the path names.
    #[must_use]
    pub fn likely_plane(&self) -> Plane {
        if self.plane != Plane::Unknown {
            return self.plane;
        }
        let mut name = self.description.to_lowercase();
        if let Some(slice) = self.slices.first() {
            name.push_str(&slice.source.path.to_string_lossy().to_lowercase());
        }
        [("axial", Plane::Axial), ("coronal", Plane::Coronal), ("sagittal", Plane::Sagittal)]
            .into_iter()
            .find(|(word, _)| name.contains(word))
            .map_or(Plane::Unknown, |(_, plane)| plane)
    }
}

/// The anatomical plane that a slice lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Across the body; slices run from inferior to superior.
    Axial,
    /// Along the body, facing front; slices run from anterior to posterior.
    Coronal,
    /// Along the body, facing a side; slices run from right to left.
    Sagittal,
    /// Further than [`PLANE_TOLERANCE_DEGREES`](super::PLANE_TOLERANCE_DEGREES) from each of these.
    Oblique,
    /// No orientation is known (photographs, plain stacks).
    Unknown,
}

/// One two-dimensional image: a file, or one frame of it.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The file and the frame in it.
    pub source: Source,
    /// SOP Instance UID of the file.
    pub sop_instance_uid: Option<String>,
    /// SOP Class UID of the file.
    pub sop_class_uid: Option<String>,
    /// Transfer Syntax UID of the file.
    pub transfer_syntax: Option<String>,
    /// Instance Number of the file.
    pub instance_number: Option<i32>,
    /// Height in pixels.
    pub rows: usize,
    /// Width in pixels.
    pub columns: usize,
    /// Samples per pixel: 1 (grey or palette) or 3 (colour).
    pub samples: usize,
    /// What the samples mean.
    pub photometric: Photometric,
    /// Where it lies in the patient, where that is known.
    pub geometry: Option<Geometry>,
    /// Distance of pixel centres between rows and between columns.
    pub spacing_mm: Option<[f64; 2]>,
    /// Slice Thickness.
    pub thickness_mm: Option<f64>,
    /// Stored values → values with a meaning.
    pub modality_lut: ModalityLut,
    /// Unit of the modality LUT's output ("HU"), empty where unknown.
    pub unit: String,
    /// Windows and VOI LUTs that the file offers, first = default; may be empty.
    pub voi: Vec<Voi>,
    /// What tells acquisitions of one position apart (acquisition time, temporal index, b-value, echo),
    /// comparable as numbers.
    pub time_key: Option<f64>,
}

/// Where a slice's pixels are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Frame in the file, from 0.
    pub frame: usize,
}

/// Where a slice lies in the patient (DICOM PS3.3 C.7.6.2, LPS millimetres).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Centre of the first pixel.
    pub origin_mm: [f64; 3],
    /// Unit vector of increasing column index.
    pub along_row: [f64; 3],
    /// Unit vector of increasing row index.
    pub along_column: [f64; 3],
    /// Distance between rows, distance between columns.
    pub spacing_mm: [f64; 2],
}

/// Photometric Interpretation (DICOM PS3.3 C.7.6.3.1.2), of the values as they come out of the decoder.
#[derive(Debug, Clone, PartialEq)]
pub enum Photometric {
    /// Grey, the least value is white.
    Monochrome1,
    /// Grey, the least value is black.
    Monochrome2,
    /// Red, green, blue.
    Rgb,
    /// Luma and colour differences, all of full range; also `YBR_FULL_422` once brought to full resolution.
    YbrFull,
    /// Luma 16..235 and colour differences 16..240 (of 8 bits).
    YbrPartial420,
    /// Red, green and blue tables; the entry of a stored value is `clamp(v − first, 0, len − 1)`.
    Palette {
        /// The stored value that the first entries are for.
        first: i64,
        /// Red, 8 bits.
        red: Vec<u8>,
        /// Green, as many.
        green: Vec<u8>,
        /// Blue, as many.
        blue: Vec<u8>,
    },
}
