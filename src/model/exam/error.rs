//! What can be wrong with an exam card: one clear sentence each, naming the file and what to do.

use std::{io, path::PathBuf};

/// An exam card that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExamError {
    /// The file could not be read at all.
    #[error("The exam card could not be read ({source}): {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The card is not valid TOML, or has an unknown or missing key.
    #[error("The exam card is not valid: {reason}: {card}")]
    Syntax {
        /// The card's path, or its label where it is embedded.
        card: String,
        /// The parser's reason, with line and key.
        reason: String,
    },

    /// A key of the card has a value that cannot be used.
    #[error("In the exam card {key} is {found}; expected {expected}: {card}")]
    Value {
        /// The card's path, or its label where it is embedded.
        card: String,
        /// The key and where it stands: "`plane` of model 2".
        key: String,
        /// The value found.
        found: String,
        /// What the key may be.
        expected: String,
    },
}
