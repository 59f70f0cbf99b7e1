//! Model cards, weight files and the zoo of architectures; all become a [`crate::graph::Graph`].

pub mod card;
mod catalogue;
mod error;
pub mod exam;
pub mod formula;
mod input;
mod keras;
mod layers;
pub mod listing;
mod load;
mod loaded;
mod narrow;
mod onnx;
mod source;
#[cfg(test)]
mod tests;
mod weights;
pub mod zoo;

pub use card::Card;
pub use catalogue::{Catalogue, Entry, ExamEntry};
pub use error::{Mismatch, Misshapen, ModelError};
pub use exam::{Exam, ExamCard, ExamError};
pub use input::{Fit, Input};
pub use layers::LayerInfo;
pub use loaded::Model;
pub use narrow::{Deviation, MOST_DEVIATION, Narrow};
pub use onnx::OnnxError;
pub use weights::Weights;
