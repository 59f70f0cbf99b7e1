//! Model cards, weight files and the zoo of architectures; all become a [`crate::graph::Graph`].

pub mod card;
mod error;
mod input;
mod weights;
pub mod zoo;

pub use card::Card;
pub use error::{Mismatch, Misshapen, ModelError};
pub use input::{Fit, Input};
pub use weights::Weights;
