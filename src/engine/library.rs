//! What is open, as an immutable snapshot.

use std::sync::Arc;

use crate::study::{Failure, Slice, Source, Study};

/// A snapshot of everything that is open. A new one replaces it on each change; `generation` tells them apart.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The studies, in the order in which they were opened.
    pub studies: Vec<Arc<Study>>,
    /// Files that could not be read, each with its reason.
    pub failed: Vec<Failure>,
    /// What is being opened right now, for people ("Reading headers: 120 of 500").
    pub opening: Option<String>,
    /// Rises with each change.
    pub generation: u64,
    /// A few sentences about the demo study while it is open.
    pub explanation: Option<String>,
}

impl Library {
    /// Every slice that is open.
    pub fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.studies.iter().flat_map(|study| &study.series).flat_map(|series| &series.slices)
    }

    /// Where every slice that is open comes from.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.slices().map(|slice| &slice.source)
    }
}
