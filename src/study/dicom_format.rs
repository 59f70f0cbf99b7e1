//! DICOM files among the other formats.

use std::path::Path;
use std::sync::Arc;

use super::dicom::{self, DicomFile};
use super::formats::{Content, Parsed};
use super::{Pixels, StudyError};

/// Name for messages.
pub(super) const NAME: &str = "DICOM";

/// Whether the beginning is that of a DICOM object, with or without a preamble.
pub(super) fn recognises(_: &Path, start: &[u8]) -> bool {
    dicom::recognises(start)
}

/// The frames, or the files that a DICOMDIR lists.
pub(super) fn content(path: &Path, bytes: &Arc<[u8]>) -> Result<Content, StudyError> {
    let file = DicomFile::parse(path, bytes)?;
    if file.is_directory() { file.references().map(Content::References) } else { file.instances().map(Content::Images) }
}

/// The frames, where the beginning holds everything but uncompressed pixels.
pub(super) fn content_of_head(path: &Path, head: &Arc<[u8]>, length: usize) -> Option<Content> {
    DicomFile::of_head(path, head, length)?.instances().ok().map(Content::Images)
}

/// Takes the file apart.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the formats share; most keep the bytes")]
pub(super) fn parse(path: &Path, bytes: Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError> {
    Ok(Arc::new(DicomFile::parse(path, &bytes)?))
}

impl Parsed for DicomFile {
    fn pixels(&self, _: &Path, frame: usize) -> Result<Pixels, StudyError> {
        Self::pixels(self, frame)
    }

    fn has_more_frames(&self) -> bool {
        self.frames() > 1
    }

    fn memory_bytes(&self) -> usize {
        Self::memory_bytes(self)
    }
}
