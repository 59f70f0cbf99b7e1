//! What a study is made of.

use std::path::PathBuf;

use crate::display::{ModalityLut, Voi};

/// One examination of one patient.
#[derive(Debug, Clone)]
pub struct Study {
    /// Study Instance UID; for files without one a stable name derived from the path.
    pub uid: String,
    pub patient: Patient,
    pub description: String,
    /// Study date as DICOM writes it (YYYYMMDD), empty where unknown.
    pub date: String,
    pub series: Vec<Series>,
}

/// The patient as the files name them; fields are empty where unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    pub name: String,
    pub id: String,
    pub birth_date: String,
    pub sex: String,
}

/// Slices that belong together, in display order.
#[derive(Debug, Clone)]
pub struct Series {
    /// Series Instance UID; for files without one a stable name derived from the path.
    pub uid: String,
    pub number: Option<i32>,
    pub description: String,
    pub modality: String,
    pub body_part: String,
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
}

/// The anatomical plane that a slice lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    Axial,
    Coronal,
    Sagittal,
    Oblique,
    /// No orientation is known (photographs, plain stacks).
    Unknown,
}

/// One two-dimensional image: a file, or one frame of it.
#[derive(Debug, Clone)]
pub struct Slice {
    pub source: Source,
    pub sop_instance_uid: Option<String>,
    pub sop_class_uid: Option<String>,
    pub transfer_syntax: Option<String>,
    pub instance_number: Option<i32>,
    pub rows: usize,
    pub columns: usize,
    /// Samples per pixel: 1 (grey or palette) or 3 (colour).
    pub samples: usize,
    pub photometric: Photometric,
    pub geometry: Option<Geometry>,
    /// Distance of pixel centres between rows and between columns.
    pub spacing_mm: Option<[f64; 2]>,
    pub thickness_mm: Option<f64>,
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
    Monochrome1,
    Monochrome2,
    Rgb,
    YbrFull,
    YbrPartial420,
    /// Red, green and blue tables; the entry of a stored value is `clamp(v − first, 0, len − 1)`.
    Palette {
        first: i64,
        red: Vec<u8>,
        green: Vec<u8>,
        blue: Vec<u8>,
    },
}
