//! The network check as files: `check.json` for programs and `check.html` for people.

mod base64;
mod charts;
mod filters;
mod page;

use serde::Serialize;

pub use page::page;

use super::{FailedSource, ModelRecord, ProgramRecord};
use crate::inside::{Report, check::CHECKS};

/// The whole of `check.json`.
#[derive(Debug, Clone, Serialize)]
pub struct CheckRecord {
    /// Which program wrote it.
    pub program: ProgramRecord,
    /// Which model was checked.
    pub model: ModelRecord,
    /// The names of its classes.
    pub classes: Vec<String>,
    /// Where it ran (`cpu`, `cuda:0`, `metal`).
    pub device: String,
    /// When, UTC, RFC 3339.
    pub time: String,
    /// SHA-256 over the SHA-256 of the images' files in their order, each in lower-case hexadecimal: says whether two
    /// checks saw the same images, without naming any.
    pub inputs_sha256: String,
    /// Layers that the report is limited to; empty for all.
    pub layers: Vec<String>,
    /// What each kind of finding measures.
    pub definitions: Vec<Definition>,
    /// What was measured and found.
    pub report: Report,
    /// Images that could not be taken into account, with the reason.
    pub failed: Vec<FailedSource>,
}

/// What a kind of finding measures.
#[derive(Debug, Clone, Serialize)]
pub struct Definition {
    /// Its name in the findings.
    pub kind: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Plain sentences.
    pub definition: &'static str,
}

/// What all kinds of finding measure, in their order.
#[must_use]
pub fn definitions() -> Vec<Definition> {
    let define = |check: &&dyn crate::inside::check::Check| Definition {
        kind: check.name(),
        title: check.title(),
        definition: check.definition(),
    };
    CHECKS.iter().map(define).collect()
}
