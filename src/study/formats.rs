//! The registry of file formats: one entry a reader, chosen by content and never by extension alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Instance, Pixels, StudyError, dicom_format, nifti, npy, raster};
use crate::display::Voi;

/// Bytes of a file's beginning that are enough to tell every format.
pub(super) const START_BYTES: usize = 4096;

/// Bytes of a file's beginning that nearly always hold all headers of an image whose pixels follow uncompressed.
pub(super) const HEAD_BYTES: usize = 32 << 10;

/// What a file holds.
#[derive(Debug)]
pub(super) enum Content {
    /// Images, one [`Instance`] each.
    Images(Vec<Instance>),
    /// A directory (DICOMDIR): paths of other files, relative to the folder that it lies in.
    References(Vec<PathBuf>),
}

/// A file that has been taken apart, from which single frames can be decoded.
pub(super) trait Parsed: Send + Sync {
    /// Decodes one frame, counted from 0.
    fn pixels(&self, path: &Path, frame: usize) -> Result<Pixels, StudyError>;

    /// One window for all frames, where the file names none and its frames belong together.
    fn window(&self) -> Option<Voi> {
        None
    }

    /// Whether there is more than one frame, so that it pays to keep the file for the next.
    fn has_more_frames(&self) -> bool {
        true
    }

    /// Bytes that this value keeps in memory.
    fn memory_bytes(&self) -> usize;
}

/// What the beginning of a file of so many bytes says of all of it; `None` where it is not enough.
type ContentOfHead = fn(&Path, &Arc<[u8]>, usize) -> Option<Content>;

/// Takes a file of one format apart.
type Parse = fn(&Path, Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError>;

/// One kind of file.
pub(super) struct Format {
    /// Name for messages.
    pub name: &'static str,
    /// Whether a file of this name that starts with these (up to [`START_BYTES`]) bytes is of this kind.
    pub recognises: fn(&Path, &[u8]) -> bool,
    /// Everything but the pixels.
    pub content: fn(&Path, &Arc<[u8]>) -> Result<Content, StudyError>,
    /// The same from the beginning of a file of so many bytes, where that is enough to know it; the rest, which can be
    /// a hundred times as much, is then not read until the pixels are wanted.
    pub content_of_head: ContentOfHead,
    /// Makes the file ready for decoding its frames.
    pub parse: Parse,
}

/// All formats; the first that recognises a file reads it.
static FORMATS: &[Format] = &[
    Format {
        name: dicom_format::NAME,
        recognises: dicom_format::recognises,
        content: dicom_format::content,
        content_of_head: dicom_format::content_of_head,
        parse: dicom_format::parse,
    },
    Format {
        name: npy::NAME,
        recognises: npy::recognises,
        content: npy::content,
        content_of_head: not_enough,
        parse: npy::parse,
    },
    Format {
        name: nifti::NAME,
        recognises: nifti::recognises,
        content: nifti::content,
        content_of_head: not_enough,
        parse: nifti::parse,
    },
    Format {
        name: raster::NAME,
        recognises: raster::recognises,
        content: raster::content,
        content_of_head: not_enough,
        parse: raster::parse,
    },
];

/// For formats that are read as a whole.
fn not_enough(_: &Path, _: &Arc<[u8]>, _: usize) -> Option<Content> {
    None
}

/// The format of a file, from its name and first bytes.
pub(super) fn recognise(path: &Path, start: &[u8]) -> Option<&'static Format> {
    FORMATS.iter().find(|format| (format.recognises)(path, start))
}

impl Format {
    /// [`Format::content`]; a panic within a decoder becomes an error.
    pub fn read_content(&self, path: &Path, bytes: &Arc<[u8]>) -> Result<Content, StudyError> {
        self.guarded(path, || (self.content)(path, bytes))
    }

    /// [`Format::content_of_head`]; where that panics, the whole file tells why.
    pub fn read_head(&self, path: &Path, head: &Arc<[u8]>, length: usize) -> Option<Content> {
        self.guarded(path, || Ok((self.content_of_head)(path, head, length))).ok().flatten()
    }

    /// [`Format::parse`]; a panic within a decoder becomes an error.
    pub fn read(&self, path: &Path, bytes: Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError> {
        self.guarded(path, || (self.parse)(path, bytes))
    }

    /// Decodes one frame; a panic within a decoder becomes an error.
    pub fn read_pixels(&self, parsed: &dyn Parsed, path: &Path, frame: usize) -> Result<Pixels, StudyError> {
        self.guarded(path, || parsed.pixels(path, frame))
    }

    fn guarded<T>(&self, path: &Path, work: impl FnOnce() -> Result<T, StudyError>) -> Result<T, StudyError> {
        // The closures borrow immutable bytes and build their result from nothing, so there is no state that a
        // panic could leave half changed.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let reason = format!("its decoder gave up ({})", panic_text(panic.as_ref()));
            Err(StudyError::damaged(path, self.name, reason))
        })
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}
