//! What the passes of a stochastic network say together.

use super::super::outcome::UncertaintyResult;
use crate::model::Model;
use crate::model::card::Activation;
use crate::uncertainty::{Classes, Density, LogitNormal, Summary};

/// Passes of logits (passes × outputs) → probabilities, their summary, densities and the verdict. `point` are the logits
/// of the plain network.
pub(super) fn describe(model: &Model, logits: &[f32], point: &[f32], exact: Option<LogitNormal>) -> UncertaintyResult {
    let outputs = point.len().max(1);
    let passes = logits.len() / outputs;
    let probabilities: Vec<f32> = logits.chunks_exact(outputs).flat_map(|logits| model.probabilities(logits)).collect();
    let count = probabilities.len() / passes.max(1);
    let classes = classes(model);
    let summary = if classes == Classes::Exclusive {
        Summary::of(&probabilities, count)
    } else {
        // Several sigmoids are several yes-or-no questions, not one distribution over classes.
        Summary::of_independent(&probabilities, count)
    };
    let densities = (0..count)
        .map(|class| {
            let of_class: Vec<f32> = probabilities.iter().skip(class).step_by(count).copied().collect();
            Density::of(&of_class)
        })
        .collect();
    let verdict = model.card.uncertainty.indeterminate.judge(&summary, &model.classes, classes);
    let point = model.probabilities(point);
    UncertaintyResult { probabilities, passes, summary, densities, point, exact, verdict }
}

/// How the model's classes belong together. One sigmoid whose card names a single class is a yes or no.
fn classes(model: &Model) -> Classes {
    match model.card.output.activation {
        Activation::None => Classes::NoProbabilities,
        _ if model.is_exclusive() && model.classes.len() > 1 => Classes::Exclusive,
        _ => Classes::Independent,
    }
}

/// The exact distribution of the probability, where the network ends with one sigmoid behind a dense Flipout layer.
pub(super) fn exact(model: &Model, features: &[f32]) -> Option<LogitNormal> {
    let head = model.stochastic.as_ref()?;
    if model.card.output.activation != Activation::Sigmoid || head.dense.outputs() != 1 {
        return None;
    }
    let (mean, std) = head.dense.exact_moments(features).ok()?;
    Some(LogitNormal { mean: mean[0], std: std[0] })
}
