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

use self::knee::render::View;
use crate::study::Storage;

pub use export::{ExportError, export};
pub use models::{Embedded, exams, models};

/// The storage that holds the embedded studies; files are computed when they are read.
#[must_use]
pub fn storage() -> Arc<dyn Storage> {
    Arc::new(storage::Demo::new())
}

/// What to open in [`storage`]: two knees (torn, intact) and a handful of skin photographs. What is found first is
/// shown first, so the sagittal plane leads, the one in which knees are read.
#[must_use]
pub fn paths() -> Vec<PathBuf> {
    let of_content = |(folder, _, content)| match content {
        study::Content::Knee { .. } => {
            View::ALL.iter().map(|view| PathBuf::from(format!("{folder}/{}", view.name()))).collect()
        }
        study::Content::Skin(_) => vec![PathBuf::from(folder)],
    };
    study::content().into_iter().flat_map(of_content).collect()
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
