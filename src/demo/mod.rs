//! The demo: phantoms whose lesions are known to the pixel, embedded studies made of them, and small models trained
//! on such phantoms. All of it is SYNTHETIC and computed from seeds; it doubles as a test object.

pub mod dicom;
mod export;
pub mod knee;
mod models;
pub mod random;
pub mod skin;
mod storage;
mod study;

use std::path::PathBuf;
use std::sync::Arc;

use crate::study::Storage;

pub use export::{ExportError, export};
pub use models::{Embedded, models};

/// The storage that holds the embedded studies; files are computed when they are read.
#[must_use]
pub fn storage() -> Arc<dyn Storage> {
    Arc::new(storage::Demo::new())
}

/// What to open in [`storage`]: two knees (torn, intact) and a handful of skin photographs.
#[must_use]
pub fn paths() -> Vec<PathBuf> {
    study::content().into_iter().map(|(folder, ..)| folder.into()).collect()
}

/// What the viewer says about the demo study.
#[must_use]
pub fn explanation() -> &'static str {
    study::EXPLANATION
}

/// The phantom that one of the embedded knees shows.
#[must_use]
pub fn knee_case(torn: bool) -> knee::render::Knee {
    study::knee(torn)
}
