//! What a format's reader gives before slices are grouped.

use std::sync::Arc;

use super::types::{Patient, Slice};

/// One image (a file, or one frame of it) with the names of the study and the series that it belongs to.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The examination; frames of one file share it.
    pub study: Arc<StudyHead>,
    /// The series; frames of one file share it.
    pub series: Arc<SeriesHead>,
    /// The image itself.
    pub slice: Slice,
}

/// The attributes of a study that each of its files repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StudyHead {
    /// Study Instance UID, empty where the file has none.
    pub uid: String,
    /// The patient as this file names them.
    pub patient: Patient,
    /// Study Description, empty where unknown.
    pub description: String,
    /// Study Date as DICOM writes it (YYYYMMDD), empty where unknown.
    pub date: String,
}

/// The attributes of a series that each of its files repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesHead {
    /// Series Instance UID, empty where the file has none.
    pub uid: String,
    /// Series Number.
    pub number: Option<i32>,
    /// Series Description, empty where unknown.
    pub description: String,
    /// Modality ("CT", "MR"), empty where unknown.
    pub modality: String,
    /// Body Part Examined, empty where unknown.
    pub body_part: String,
}
