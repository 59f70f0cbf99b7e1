//! `exam.json`: what an exam found, plane by plane and combined, and what is needed to find it again.

use serde::{Deserialize, Serialize};

use super::{FailedSource, ModelRecord, ProgramRecord};

/// The whole file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExamReport {
    /// Which program wrote it.
    pub program: ProgramRecord,
    /// The exam card.
    pub exam: ExamRecord,
    /// The models, in the order of the card, each once.
    pub models: Vec<ModelRecord>,
    /// Where they ran (`cpu`, `cuda:0`, `metal`).
    pub device: String,
    /// When, UTC, RFC 3339.
    pub time: String,
    /// One a study.
    pub studies: Vec<ExamStudyRecord>,
    /// What could not be read or judged, with the reason.
    pub failed: Vec<FailedSource>,
}

/// The exam card.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExamRecord {
    /// Name on the card.
    pub name: String,
    /// Version on the card.
    pub version: String,
    /// Intended use on the card.
    pub intended_use: String,
    /// SHA-256 of the card.
    pub card_sha256: String,
}

/// One study.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExamStudyRecord {
    /// Study Instance UID.
    pub study: String,
    /// Which series each plane is.
    pub planes: Vec<PlaneRecord>,
    /// Names of the planes that the study does not have.
    pub missing: Vec<String>,
    /// What the models said of the planes.
    pub answers: Vec<AnswerRecord>,
    /// The table: one a task.
    pub tasks: Vec<TaskRecord>,
}

/// Which series a plane is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaneRecord {
    /// Name of the column.
    pub name: String,
    /// Series Instance UID; absent where the study has none.
    pub series: Option<String>,
    /// Series Description.
    pub description: Option<String>,
    /// Number of slices.
    pub slices: usize,
    /// Series that fit as well.
    pub others: Vec<String>,
    /// Why this one, or why none.
    pub why: String,
}

/// One model on one plane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerRecord {
    /// Name of the plane.
    pub plane: String,
    /// The model, by its place in `models`.
    pub model: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Logits of the stack; empty for a network that judges each slice alone.
    pub logits: Vec<f32>,
    /// Probabilities of the stack.
    pub probabilities: Vec<f32>,
    /// How slices judged alone were joined; absent for a network that takes the whole stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
    /// `shares[class][slice]`; sums over the slices to the logit minus the bias. Empty where slices are judged alone.
    pub shares: Vec<Vec<f32>>,
    /// `left_out[class][slice]`: change of the logit without the slice. Empty where slices are judged alone.
    pub left_out: Vec<Vec<f32>>,
    /// Probabilities of each slice taken alone, `[slice][class]`.
    pub per_slice: Vec<Vec<f32>>,
}

/// One row of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Name of the task.
    pub name: String,
    /// One a plane that a model judges for it.
    pub planes: Vec<CellRecord>,
    /// The combined answer.
    pub combined: CombinedRecord,
}

/// One cell of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CellRecord {
    /// Name of the plane.
    pub plane: String,
    /// The model, by its place in `models`; absent where the plane is missing and no other needed it.
    pub model: Option<usize>,
    /// Its class for the task.
    pub class: Option<usize>,
    /// Probability of the class.
    pub probability: Option<f32>,
    /// Its logit, where the network has one for the whole stack.
    pub logit: Option<f32>,
    /// The slice that decided, display order, from 0.
    pub deciding_slice: Option<usize>,
    /// Of a stochastic network that judges slices alone: the central 90 % interval on the deciding slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval90: Option<[f32; 2]>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A combined answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CombinedRecord {
    /// `mean` or `logistic`.
    pub rule: String,
    /// The probability; absent where the rule gives none.
    pub probability: Option<f64>,
    /// Names of the planes that were missing or failed.
    pub missing: Vec<String>,
    /// How it came about, in a sentence.
    pub words: String,
}
