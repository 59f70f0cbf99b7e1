//! What can be wrong with a Keras model, before the names of file and card are added.

use crate::model::{Mismatch, ModelError};

/// A Keras model that cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file itself, or the whole of its network.
    File(String),
    /// One layer.
    Layer { layer: String, class: String, reason: String },
    /// A key of the card that contradicts the file.
    Card { key: &'static str, found: String, expected: String },
    /// Tensors that are missing, left over or of another shape.
    Mismatch(Mismatch),
    /// The tensor library.
    Tensor(candle_core::Error),
}

impl From<candle_core::Error> for Fault {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(error)
    }
}

impl Fault {
    /// The error with the names of the weight file and the card.
    pub fn named(self, weights: &str, card: &str) -> ModelError {
        let (weights, card) = (weights.to_owned(), card.to_owned());
        match self {
            Self::File(reason) => ModelError::WeightFile { weights, reason },
            Self::Layer { layer, class, reason } => ModelError::Layer { layer, class, reason, weights },
            Self::Card { key, found, expected } => ModelError::CardValue { card, key: key.to_owned(), found, expected },
            Self::Mismatch(mismatch) => ModelError::Mismatch { weights, mismatch },
            Self::Tensor(error) => ModelError::Tensor(error),
        }
    }
}
