//! Model cards, weight files and the zoo of architectures; all become a [`crate::graph::Graph`].

mod error;
mod weights;
pub mod zoo;

pub use error::{Mismatch, Misshapen, ModelError};
pub use weights::Weights;
