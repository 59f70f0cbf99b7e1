//! DICOM objects: from bytes to [`Instance`]s and stored values.
//!
//! The reader is this program's own, tolerant one: it keeps the places of elements instead of their values, so
//! that a header costs no copy and a declared length no memory, and it guesses what a file leaves out (preamble,
//! file meta information, transfer syntax, offset tables). Lookup order of a pixel value: fragments → frame →
//! decoder → stored value; the modality LUT, the window and colours come later ([`crate::display`]).
//!
//! Read are all uncompressed syntaxes, deflated, RLE, JPEG (8 and 12 bits, sequential, progressive, lossless),
//! JPEG-LS, JPEG 2000 and HTJ2K.

mod codec;
mod dataset;
mod decode;
mod directory;
mod encapsulated;
mod fault;
mod file;
mod frames;
mod guard;
mod image;
mod instances;
mod native;
mod parse;
mod place;
mod refuse;
mod syntax;
mod tables;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use file::DicomFile;

use super::{Instance, Pixels, StudyError};

/// Whether a file that starts with these bytes (some hundred suffice) is worth reading as DICOM.
#[must_use]
pub fn recognises(start: &[u8]) -> bool {
    syntax::looks_like_dicom(start)
}

/// Headers of a file: one [`Instance`] a frame.
///
/// # Errors
/// Where the bytes are no DICOM object, or one without an image that can be shown; the message says what it is.
pub fn headers(path: &Path, bytes: &Arc<[u8]>) -> Result<Vec<Instance>, StudyError> {
    DicomFile::parse(path, bytes)?.instances()
}

/// Stored values of a frame, counted from 0.
///
/// # Errors
/// Where there is no such frame, or its coding is damaged or not supported.
pub fn pixels(file: &DicomFile, frame: usize) -> Result<Pixels, StudyError> {
    file.pixels(frame)
}

/// The files that a DICOMDIR lists, relative to the folder that it lies in.
///
/// # Errors
/// Where the bytes are no DICOMDIR.
pub fn dicomdir(path: &Path, bytes: &Arc<[u8]>) -> Result<Vec<PathBuf>, StudyError> {
    DicomFile::parse(path, bytes)?.references()
}
