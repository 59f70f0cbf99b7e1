//! What goes into `explanation.json` of a model, a slice and a stack.

use std::path::{Path, PathBuf};

use glassbox::engine::{StackResult, UncertaintyResult};
use glassbox::export::{FailedSource, ModelRecord, StackRecord, TopClass, UncertaintyRecord};
use glassbox::model::Model;
use glassbox::study::{Opened, Series};

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

/// What the passes through a stochastic head say.
pub fn uncertainty_record(result: &UncertaintyResult) -> UncertaintyRecord {
    let summary = &result.summary;
    UncertaintyRecord {
        passes: result.passes,
        mean: summary.mean.clone(),
        std: summary.std.clone(),
        interval90: summary.interval90.clone(),
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
    }
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
        preprocessing: serde_json::to_value(&model.card.input).map_err(|error| error.to_string())?,
    })
}
