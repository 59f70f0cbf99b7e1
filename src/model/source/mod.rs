//! Where graphs come from: the zoo, or a file that holds the graph beside its weights.
//!
//! A source takes a [`Request`] and gives what it [`Built`]; all that follows (shapes, classes, layers) is the same for
//! each and stands in `load`.

mod posterior;
mod zoo;

use std::path::Path;

use candle_core::Device;
use sha2::{Digest, Sha256};

use super::{
    Card, ModelError, keras, onnx,
    zoo::{Architecture, ZOO},
};
use crate::{
    graph::Graph,
    uncertainty::{StochasticHead, WeightPosterior},
};

/// What a network is built from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// The card; `classes` holds the names of a `classes_file` already.
    pub card: &'a Card,
    /// The card's path, or what stands for it in messages.
    pub card_label: &'a str,
    /// The weight file.
    pub bytes: &'a [u8],
    /// The weight file's path, or what stands for it in messages.
    pub label: &'a str,
    /// The folder of the weight file; built-in models have none.
    pub folder: Option<&'a Path>,
    /// Where the network will run.
    pub device: &'a Device,
}

/// A network as its source gives it.
#[derive(Debug)]
pub(super) struct Built {
    /// The network; its output is the raw logits, `[batch, classes]`, or `[batch, classes, rows, columns]` where each
    /// pixel is classified.
    pub graph: Graph,
    /// Whether a batch is the slices of one stack and gives one row of logits.
    pub stack: bool,
    /// The stochastic last layer, if the card's head is one.
    pub stochastic: Option<StochasticHead>,
    /// Distributions over weights, that of the stochastic last layer included.
    pub posteriors: Vec<WeightPosterior>,
    /// What a user should know of how the file was read, one sentence each.
    pub notes: Vec<String>,
    /// What [`Request::checksum`] gave.
    pub sha256: String,
}

/// One way to a graph.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// An architecture known here, filled with named tensors.
    Zoo(&'static Architecture),
    /// An ONNX file.
    Onnx,
    /// A Keras file.
    Keras,
}

impl Source {
    /// The source that a card's `architecture` names.
    pub fn find(architecture: &str) -> Option<Self> {
        match architecture {
            "onnx" => Some(Self::Onnx),
            "keras" => Some(Self::Keras),
            name => super::zoo::find(name).map(Self::Zoo),
        }
    }

    /// All that a card's `architecture` may be.
    pub fn names() -> Vec<&'static str> {
        ZOO.iter().map(|architecture| architecture.name).chain(["onnx", "keras"]).collect()
    }

    /// Builds the network.
    ///
    /// # Errors
    /// [`ModelError::Checksum`] when the card has another checksum; otherwise what does not fit, naming the file.
    pub fn build(self, request: &Request) -> Result<Built, ModelError> {
        match self {
            Self::Zoo(architecture) => zoo::build(architecture, request),
            Self::Onnx => onnx::build(request),
            Self::Keras => keras::build(request),
        }
    }
}

impl Request<'_> {
    /// The SHA-256 of the weight file and the files that it refers to (as `cat FILE COMPANIONS… | sha256sum`),
    /// lower-case hexadecimal, checked against the card's.
    ///
    /// # Errors
    /// [`ModelError::Checksum`] when the card has another one.
    pub fn checksum<'a>(&self, companions: impl IntoIterator<Item = &'a [u8]>) -> Result<String, ModelError> {
        let mut hasher = Sha256::new_with_prefix(self.bytes);
        companions.into_iter().for_each(|bytes| hasher.update(bytes));
        let found = hex(&hasher.finalize());
        match &self.card.sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(&found) => Err(ModelError::Checksum {
                weights: self.label.to_owned(),
                found,
                expected: expected.to_ascii_lowercase(),
            }),
            _ => Ok(found),
        }
    }

    /// An error about a key of the card.
    pub fn refuse(&self, key: &str, found: String, expected: String) -> ModelError {
        ModelError::CardValue { card: self.card_label.to_owned(), key: key.to_owned(), found, expected }
    }
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
