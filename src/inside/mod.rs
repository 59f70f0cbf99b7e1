//! What happens inside a network: what its channels do over many images, what their filters look like, what excites
//! them most, how far they see, where images lie in a layer's space, and what all this says about the training.
//!
//! Everything here is a pure function of a graph, of runs of it and of numbers taken from them. It stands on
//! `graph` and `explain` alone; the engine and the command line decide which images are run and when.

mod activity;
pub mod check;
mod embedding;
mod error;
mod filters;
mod receptive;
mod strongest;
mod summary;

pub use activity::{ActivityTally, ChannelActivity, LayerActivity};
pub use check::{Finding, LayerReport, Report, Severity};
pub use embedding::{Embedding, Plane, Projection, greatest_perplexity, pca, project, tsne};
pub use error::InsideError;
pub use filters::{FilterKind, Filters, filters, layers_with_filters};
pub use receptive::ReceptiveField;
pub use strongest::{Excited, Strongest, StrongestTally};
pub use summary::{ChannelSummary, LayerSummary};

/// An image that could not be taken into account.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Skipped {
    /// Its place in the list of images.
    pub input: usize,
    /// One sentence for people.
    pub reason: String,
}
