//! What goes into `explanation.json` of a model, a slice and a stack.

use std::path::{Path, PathBuf};

use glassbox::engine::compute::aggregate;
use glassbox::engine::{StackResult, UncertaintyResult};
use glassbox::export::{
    ExactRecord, FailedSource, ModelRecord, StackRecord, TopClass, UncertaintyRecord, VerdictRecord,
};
use glassbox::model::Model;
use glassbox::study::{Opened, Plane, Series};

/// Classes listed under `top`.
const TOP: usize = 5;

/// What could not even be opened, by the names the user gave.
pub fn failed_to_open(opened: &Opened, arguments: &[PathBuf]) -> Vec<FailedSource> {
    let named = |path: &Path| {
        let relative = arguments.iter().find_map(|argument| path.strip_prefix(argument).ok());
        relative.filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path).display().to_string()
    };
    let failed = opened.failed.iter();
    failed.map(|failure| FailedSource { source: named(&failure.path), reason: failure.reason.clone() }).collect()
}

/// The most probable classes, the first the most probable.
pub fn top_classes(model: &Model, probabilities: &[f32]) -> Vec<TopClass> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order
        .into_iter()
        .take(TOP)
        .map(|class| TopClass { class, name: model.classes[class].clone(), probability: probabilities[class] })
        .collect()
}

/// What the passes of a stochastic network say.
pub fn uncertainty_record(model: &Model, result: &UncertaintyResult) -> UncertaintyRecord {
    let summary = &result.summary;
    let verdict = &result.verdict;
    let exact = result.exact.map(|exact| ExactRecord {
        logit_mean: exact.mean,
        logit_std: exact.std,
        mean: exact.mean(),
        median: exact.quantile(0.5),
        interval50: [exact.quantile(0.25), exact.quantile(0.75)],
        interval90: [exact.quantile(0.05), exact.quantile(0.95)],
    });
    UncertaintyRecord {
        passes: result.passes,
        mean: summary.mean.clone(),
        std: summary.std.clone(),
        median: summary.median.clone(),
        interval50: summary.interval50.clone(),
        interval90: summary.interval90.clone(),
        top_probability: summary.top_probability.clone(),
        point: result.point.clone(),
        random: model.randomness.clone(),
        verdict: Some(VerdictRecord { sure: verdict.sure, words: verdict.words.clone(), rule: verdict.rule.clone() }),
        exact,
        draws: None,
        entropy: summary.entropy,
        aleatoric: summary.aleatoric,
        epistemic: summary.epistemic,
    }
}

/// A stack network over a series.
pub fn stack_record(series: &Series, result: StackResult) -> StackRecord {
    StackRecord {
        series: series.uid.clone(),
        logits: result.logits,
        probabilities: result.probabilities,
        shares: result.shares,
        winning_slice: result.winning_slice,
        left_out: result.left_out,
        deciding_slice: result.deciding_slice,
        aggregate: None,
    }
}

/// Slices of a series that were judged alone, joined as the card says; `None` where they are no stack: a single
/// picture, or pictures that nothing but a folder holds together unless the card asks for it.
pub fn joined_record(series: &Series, model: &Model, slices: &[&[f32]]) -> Option<StackRecord> {
    let rule = model.card.output.aggregate;
    if slices.len() < 2 || (series.likely_plane() == Plane::Unknown && rule.is_none()) {
        return None;
    }
    let rule = rule.unwrap_or_default();
    let joined = aggregate(rule, slices)?;
    Some(StackRecord {
        series: series.uid.clone(),
        logits: Vec::new(),
        probabilities: joined.probabilities,
        shares: Vec::new(),
        winning_slice: Vec::new(),
        left_out: Vec::new(),
        deciding_slice: joined.deciding_slice,
        aggregate: Some(rule.words()),
    })
}

/// Which model answered.
pub fn model_record(model: &Model) -> Result<ModelRecord, String> {
    Ok(ModelRecord {
        name: model.card.name.clone(),
        version: model.card.version.clone(),
        sha256: model.weights_sha256.clone(),
        card_sha256: model.card_sha256.clone(),
        architecture: model.card.architecture.clone(),
        intended_use: model.card.intended_use.clone(),
        ensemble_sha256: model.ensemble_sha256.clone(),
        dense_weights: model.narrow.as_ref().map(|narrow| narrow.kept_in.name().to_owned()),
        preprocessing: serde_json::to_value(&model.card.input).map_err(|error| error.to_string())?,
    })
}
