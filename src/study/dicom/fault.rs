//! Why a DICOM object cannot be read, before the path is known.

use std::path::Path;

use crate::study::StudyError;

/// A reason without its file; [`Fault::at`] names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The bytes are no DICOM object.
    #[error("not a DICOM object")]
    NotDicom,
    /// The object breaks DICOM's rules.
    #[error("{0}")]
    Damaged(String),
    /// The object is sound and not shown.
    #[error("{0}")]
    Unsupported(String),
    /// A frame beyond the last.
    #[error("frame {frame} of {frames}")]
    NoSuchFrame {
        /// The frame asked for.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
}

/// What every step of reading gives.
pub(super) type Outcome<T> = Result<T, Fault>;

impl Fault {
    pub fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged(reason.into())
    }

    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self::Unsupported(reason.into())
    }

    /// The error that a user sees, with its file.
    pub fn at(self, path: &Path) -> StudyError {
        match self {
            Self::NotDicom => StudyError::NotAnImage { path: path.to_path_buf() },
            Self::Damaged(reason) => StudyError::damaged(path, "DICOM", reason),
            Self::Unsupported(reason) => StudyError::unsupported(path, "DICOM", reason),
            Self::NoSuchFrame { frame, frames } => StudyError::NoSuchFrame { path: path.to_path_buf(), frame, frames },
        }
    }
}
