//! What can go wrong with a model: one clear sentence each, naming the file and what to do.

use std::{fmt, io, path::PathBuf};

use super::onnx::OnnxError;

/// A model card, a weight file or an input that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be read at all.
    #[error("The file could not be read ({source}): {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },

    /// The card is not valid TOML, or has an unknown or missing key.
    #[error("The model card is not valid: {reason}: {card}")]
    CardSyntax {
        /// The card's path, or its label where it is embedded.
        card: String,
        /// The parser's reason, with line and key.
        reason: String,
    },

    /// A key of the card has a value that cannot be used.
    #[error("In the model card `{key}` is {found}; expected {expected}: {card}")]
    CardValue {
        /// The card's path, or its label where it is embedded.
        card: String,
        /// The key with its table, as `input.size`.
        key: String,
        /// The value found.
        found: String,
        /// What the key may be.
        expected: String,
    },

    /// The card's checksum is not that of the weight file.
    #[error(
        "The weights' SHA-256 is {found}, but the model card says {expected}; get the right file or correct the card: {weights}"
    )]
    Checksum {
        /// The weight file.
        weights: String,
        /// The checksum computed.
        found: String,
        /// The checksum in the card.
        expected: String,
    },

    /// The weight file is damaged or of a kind that is not read.
    #[error("The weights cannot be read: {reason}: {weights}")]
    WeightFile {
        /// The weight file.
        weights: String,
        /// What is wrong and what to do.
        reason: String,
    },

    /// The weight file's tensors are not those of the architecture.
    #[error("The weights do not fit the architecture: {mismatch}: {weights}")]
    Mismatch {
        /// The weight file.
        weights: String,
        /// Which tensors are missing, left over or of the wrong shape.
        mismatch: Mismatch,
    },

    /// A layer of a file that describes its own network cannot be built.
    #[error("The layer `{layer}` ({class}) cannot be used: {reason}: {weights}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Its class in the framework.
        class: String,
        /// What is not supported or does not fit.
        reason: String,
        /// The file.
        weights: String,
    },

    /// The architecture cannot be built from these weights (a shape makes no sense).
    #[error("The network `{architecture}` cannot be built: {reason}")]
    Build {
        /// The architecture's name in the zoo.
        architecture: String,
        /// What is wrong.
        reason: String,
    },

    /// An ONNX file is damaged or holds something that is not computed here.
    #[error("The ONNX file cannot be used: {source}: {file}")]
    Onnx {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: Box<OnnxError>,
    },

    /// The picture cannot be made into an input of this network.
    #[error("The picture cannot be given to the network: {reason}")]
    Input {
        /// What is wrong and what to do.
        reason: String,
    },

    /// The tensor library failed (device out of memory, for one).
    #[error("The tensor library failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// The differences between the tensors of a weight file and those of an architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names that the architecture needs and the file lacks.
    pub missing: Vec<String>,
    /// Names in the file that the architecture has no use for.
    pub surplus: Vec<String>,
    /// Tensors of another shape than the architecture's.
    pub misshapen: Vec<Misshapen>,
    /// An architecture of the zoo that the file does fit.
    pub fits: Option<&'static str>,
}

/// One tensor of a wrong shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen {
    /// The tensor's name.
    pub name: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// The shape that the architecture needs.
    pub expected: Vec<usize>,
}

impl Mismatch {
    /// Whether there is no difference.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("missing {}", listed(&self.missing)));
        }
        if !self.misshapen.is_empty() {
            let texts: Vec<String> = self
                .misshapen
                .iter()
                .map(|m| format!("{} with shape {:?} where {:?} is expected", m.name, m.found, m.expected))
                .collect();
            parts.push(listed(&texts));
        }
        if !self.surplus.is_empty() {
            parts.push(format!("not part of the architecture: {}", listed(&self.surplus)));
        }
        if let Some(name) = self.fits {
            parts.push(format!("the file fits the architecture {name}"));
        }
        f.write_str(&parts.join("; "))
    }
}

/// How many names of one kind an error message spells out.
const SPELLED_OUT: usize = 8;

/// The first few texts, and how many more there are.
fn listed(texts: &[String]) -> String {
    let shown = texts[..texts.len().min(SPELLED_OUT)].join(", ");
    match texts.len().saturating_sub(SPELLED_OUT) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
