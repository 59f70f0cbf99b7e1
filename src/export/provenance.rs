//! `explanation.json`: what was found, and what is needed to find it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// Which program wrote it.
    pub program: ProgramRecord,
    /// Which model answered.
    pub model: ModelRecord,
    /// Where it ran (`cpu`, `cuda:0`, `metal`).
    pub device: String,
    /// Seed of everything random.
    pub seed: u64,
    /// When, UTC, RFC 3339.
    pub time: String,
    /// One a slice.
    pub results: Vec<ResultRecord>,
    /// The first stack: of a stack model, or of slices that were judged alone and joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<StackRecord>,
    /// All stacks, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<StackRecord>,
    /// What could not be explained, with the reason.
    pub failed: Vec<FailedSource>,
}

/// The program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgramRecord {
    /// `glassbox`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl ProgramRecord {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// The model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Name on the card.
    pub name: String,
    /// Version on the card.
    pub version: String,
    /// SHA-256 of the weights.
    pub sha256: String,
    /// SHA-256 of the card.
    pub card_sha256: String,
    /// Architecture on the card.
    pub architecture: String,
    /// Intended use on the card.
    pub intended_use: String,
    /// SHA-256 of the further weight files of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ensemble_sha256: Vec<String>,
    /// What large dense layers keep their weights in, where not in `f32` as everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dense_weights: Option<String>,
    /// The card's `[input]` table: the preprocessing.
    pub preprocessing: serde_json::Value,
}

/// One slice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResultRecord {
    /// The file, as it was named to the program.
    pub source: String,
    /// Series Instance UID, where there is one.
    pub series: Option<String>,
    /// SOP Instance UID, where there is one.
    pub sop_instance_uid: Option<String>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Index in the series, display order, from 0.
    pub slice: usize,
    /// Frame in the file, from 0.
    pub frame: usize,
    /// One an output, before the activation.
    pub logits: Vec<f32>,
    /// One a class.
    pub probabilities: Vec<f32>,
    /// The most probable classes, first = most probable.
    pub top: Vec<TopClass>,
    /// Only with a stochastic head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty: Option<UncertaintyRecord>,
    /// The maps that were written.
    pub maps: Vec<MapRecord>,
}

/// One of the most probable classes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TopClass {
    /// Index of the class.
    pub class: usize,
    /// Its name on the card.
    pub name: String,
    /// Its probability.
    pub probability: f32,
}

/// Moments and entropies over the passes; entropies in nats.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UncertaintyRecord {
    /// Number of passes.
    pub passes: usize,
    /// Mean probability of each class.
    pub mean: Vec<f32>,
    /// Standard deviation of each class.
    pub std: Vec<f32>,
    /// Median of each class.
    #[serde(default)]
    pub median: Vec<f32>,
    /// Central 50 % interval of each class.
    #[serde(default)]
    pub interval50: Vec<[f32; 2]>,
    /// Central 90 % interval of each class.
    pub interval90: Vec<[f32; 2]>,
    /// The share of the passes in which the class is the most probable one.
    #[serde(default)]
    pub top_probability: Vec<f32>,
    /// Probabilities of the plain network: means of random weights, no dropout, an ensemble's first member.
    #[serde(default)]
    pub point: Vec<f32>,
    /// What is random, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<String>,
    /// Whether the answer counts as determinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictRecord>,
    /// The exact distribution of the last class's probability, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact: Option<ExactRecord>,
    /// `.npy`, the probabilities of each pass, passes × classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<String>,
    /// Predictive entropy.
    pub entropy: f32,
    /// Its expected part within the passes.
    pub aleatoric: f32,
    /// Mutual information between prediction and weights.
    pub epistemic: f32,
}

/// Whether an answer counts as determinate, by the card's rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// Whether it does.
    pub sure: bool,
    /// With the reason.
    pub words: String,
    /// The rule, as on the card.
    pub rule: String,
}

/// The distribution of a probability whose logit is exactly normal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExactRecord {
    /// Mean of the logit.
    pub logit_mean: f32,
    /// Standard deviation of the logit.
    pub logit_std: f32,
    /// Mean of the probability.
    pub mean: f64,
    /// Median of the probability.
    pub median: f64,
    /// Central 50 % interval of the probability.
    pub interval50: [f64; 2],
    /// Central 90 % interval of the probability.
    pub interval90: [f64; 2],
}

/// One map on disk; file names are relative to `explanation.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MapRecord {
    /// Registry name of the method.
    pub method: String,
    /// Target layer; absent for pixel methods.
    pub layer: Option<String>,
    /// Explained class.
    pub class: usize,
    /// What the map is about, where that is not the class: `mean` or `deviation` of its map over draws, `unsureness`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Draws that the map was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<usize>,
    /// `.npy`, the raw map at its own resolution.
    pub raw: String,
    /// `.npy`, 0 ..= 1 at network input size.
    pub shown: String,
    /// `.png`, over the image.
    pub overlay: String,
    /// Smallest raw value.
    pub min: f32,
    /// Largest raw value.
    pub max: f32,
    /// Row and column of the largest raw value.
    pub peak: [usize; 2],
    /// How values are read: `positive`, `magnitude` or `signed`.
    #[serde(default)]
    pub reading: String,
    /// The class whose map was taken away from the explained one's, for a difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<usize>,
    /// Every parameter of the method with the value that it had.
    #[serde(default)]
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Seed of what was drawn; absent where it draws nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Numbers that came out beside the map, as the completeness gap of integrated gradients.
    #[serde(default)]
    pub facts: BTreeMap<String, f64>,
    /// For maps with one value a superpixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<SegmentsRecord>,
}

/// The superpixels of a map.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SegmentsRecord {
    /// `.npy`, the superpixel of each place, from 0.
    pub labels: String,
    /// The value of each superpixel.
    pub weights: Vec<f64>,
}

/// A stack network over the whole stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StackRecord {
    /// Series Instance UID of the stack.
    pub series: String,
    /// Logits of the stack.
    pub logits: Vec<f32>,
    /// Probabilities of the stack.
    pub probabilities: Vec<f32>,
    /// `shares[class][slice]`; sums over the slices to the logit minus the bias.
    pub shares: Vec<Vec<f32>>,
    /// For each feature the slice that won the maximum.
    pub winning_slice: Vec<usize>,
    /// `left_out[class][slice]`: how the logit changes when the slice is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Vec<f32>>,
    /// For each class the slice that decides: the largest share, or of slices judged alone the highest probability.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deciding_slice: Vec<usize>,
    /// How slices judged alone were joined into `probabilities`; absent with a stack model, which has the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<String>,
}

/// What could not be explained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FailedSource {
    /// The file.
    pub source: String,
    /// One sentence.
    pub reason: String,
}
