//! The network check as files: `check.json` for programs and `check.html` for people.

mod base64;
mod charts;
mod filters;
mod page;

use serde::Serialize;

pub use page::page;

use super::{FailedSource, ModelRecord, ProgramRecord};
use crate::inside::{Report, check::CHECKS};
use crate::model::Narrow;

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
    /// How large dense layers keep their weights, where in 16 bits, and what that changes; null where all are in `f32`.
    pub narrow: Option<NarrowRecord>,
    /// Layers that the report is limited to; empty for all.
    pub layers: Vec<String>,
    /// What each kind of finding measures.
    pub definitions: Vec<Definition>,
    /// What was measured and found.
    pub report: Report,
    /// Images that could not be taken into account, with the reason.
    pub failed: Vec<FailedSource>,
}

/// Large dense layers whose weights are kept in 16 bits, and what that changes on the images of the check.
#[derive(Debug, Clone, Serialize)]
pub struct NarrowRecord {
    /// What the model says of itself.
    #[serde(flatten)]
    pub of_model: Narrow,
    /// How far the logits of the images deviate from those with `f32`, as a part of the largest.
    pub deviation_here: f64,
    /// How far they may.
    pub most_deviation: f64,
    /// The layer that maps were made at.
    pub map_layer: String,
    /// How far Grad-CAM maps of the most probable class there deviate, as a part of a map's maximum. Gradients move more
    /// than logits: a unit next to 0 between two dense layers that a ReLU passes or not takes its whole part with it.
    pub map_deviation_here: f64,
}

impl NarrowRecord {
    /// Whether the logits deviate by too much.
    #[must_use]
    pub fn is_too_far(&self) -> bool {
        self.deviation_here.is_nan() || self.deviation_here > self.most_deviation
    }

    /// In words for people.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "{} On these images they deviate by {:.1e}{}, Grad-CAM maps at {} by {:.1e} of their maximum.",
            self.of_model.words(),
            self.deviation_here,
            if self.is_too_far() { ", which is too much" } else { "" },
            self.map_layer,
            self.map_deviation_here,
        )
    }
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
