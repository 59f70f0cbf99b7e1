//! Why a file could not be read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file, or one image of it, could not be read. Each message is one sentence that ends in the path.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The operating system refused, or the file is gone.
    #[error("Could not read the file ({source}): {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The content is of no format that Glassbox reads.
    #[error("Not an image of a known format: {}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
    },
    /// The content begins as its format does and then breaks that format's rules.
    #[error("Damaged {format} file, {reason}: {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The format that the content began as ("DICOM", "PNG").
        format: &'static str,
        /// What is wrong, with the value found and the one expected; no full stop.
        reason: String,
    },
    /// The file is sound and uses something that Glassbox does not read.
    #[error("This kind of {format} file cannot be shown, {reason}: {}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The format ("DICOM", "NIfTI").
        format: &'static str,
        /// What is not supported, and what to do where there is something; no full stop.
        reason: String,
    },
    /// A frame was asked for that the file does not have.
    #[error("Frame {frame} was asked for and the file has {frames}: {}", path.display())]
    NoSuchFrame {
        /// The file.
        path: PathBuf,
        /// The frame asked for, from 0.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
}

impl StudyError {
    /// The content breaks the rules of `format`.
    pub fn damaged(path: &Path, format: &'static str, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), format, reason: reason.into() }
    }

    /// The content is sound and of a kind that is not read.
    pub fn unsupported(path: &Path, format: &'static str, reason: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_path_buf(), format, reason: reason.into() }
    }

    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::NotAnImage { path }
            | Self::Damaged { path, .. }
            | Self::Unsupported { path, .. }
            | Self::NoSuchFrame { path, .. } => path,
        }
    }
}
