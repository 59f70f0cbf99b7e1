//! Passes of a stochastic network: where they begin, drawing more of them, and what they say together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use rayon::prelude::*;

use super::super::outcome::UncertaintyResult;
use super::{Failure, draw_failure, values};
use crate::graph::{Control, Keep, Trace};
use crate::model::Model;
use crate::model::card::Activation;
use crate::uncertainty::{Classes, Density, LogitNormal, Sampler, Start, Summary};

/// Between two descriptions of passes that are still being drawn.
const INTERVAL: Duration = Duration::from_millis(250);

/// What the passes of one slice begin with: all that is the same in each of them.
#[derive(Debug, Clone)]
pub struct Beginning {
    start: Start,
    /// Logits of the plain network.
    point: Vec<f32>,
    exact: Option<LogitNormal>,
}

/// Passes that have been drawn, in their order; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Passes {
    /// Logits, `[passes × outputs]`, in parts as they came.
    parts: Vec<Arc<Vec<f32>>>,
    count: usize,
}

impl Passes {
    /// What they take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.len() * size_of::<f32>()).sum()
    }

    /// How many passes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    fn add(&mut self, logits: Vec<f32>, count: usize) {
        if !logits.is_empty() {
            self.parts.push(Arc::new(logits));
        }
        self.count = count;
    }

    /// The logits of the first `count` passes.
    fn first(&self, count: usize, outputs: usize) -> Vec<f32> {
        self.parts.iter().flat_map(|part| part.iter().copied()).take(count * outputs).collect()
    }
}

/// The sampler of a model, or a sentence that it has none.
pub(super) fn sampler(model: &Model) -> Result<&Sampler, Failure> {
    model.sampler.as_deref().ok_or_else(|| {
        Failure::because(format!(
            "Nothing in {} is random (no stochastic head or layer, no dropout, no ensemble): it gives one answer, not \
             a spread",
            model.card.name
        ))
    })
}

/// What a run must keep so that passes can begin from it.
pub(super) fn needs(sampler: &Sampler) -> Keep {
    sampler.cut().iter().fold(Keep::nothing(), |keep, &node| keep.output_of(node))
}

impl Beginning {
    /// From a run of the plain network that kept what passes need.
    pub(super) fn of(
        model: &Model,
        trace: &Trace,
        input: &Tensor,
        logits: &[f32],
        control: &Control,
    ) -> Result<Self, Failure> {
        let sampler = sampler(model)?;
        let start = sampler.start(trace, input, control)?;
        let exact = match (sampler.head(), sampler.cut()) {
            (Some(_), &[features]) => trace.output(features).map(values).transpose()?,
            _ => None,
        };
        let exact = exact.and_then(|features| exact_distribution(model, &features));
        Ok(Self { start, point: logits.to_vec(), exact })
    }

    /// What it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.start.bytes() + self.point.len() * size_of::<f32>()
    }
}

/// Goes on from the passes drawn earlier until there are as many as wanted (an ensemble in which nothing else is random
/// has no more than members), and describes them. `interim` is given what has been drawn a few times a second.
///
/// # Errors
/// When there are too many to keep, the network fails, or on cancellation; what `interim` was given stays true.
pub fn draw(
    model: &Model,
    beginning: &Beginning,
    earlier: Passes,
    (wanted, seed): (usize, u64),
    control: &Control,
    interim: &mut dyn FnMut(&Passes, Arc<UncertaintyResult>),
) -> Result<(Passes, Arc<UncertaintyResult>), Failure> {
    let sampler = sampler(model)?;
    let wanted = sampler.passes(wanted);
    let mut drawn = earlier;
    let mut pending: Vec<f32> = Vec::new();
    let mut shown = Instant::now();
    let mut pause = INTERVAL;
    let from = drawn.count.min(wanted);
    if drawn.count < wanted {
        let mut take = |count: usize, logits: &[f32]| {
            pending.extend_from_slice(logits);
            if count < wanted && shown.elapsed() >= pause {
                drawn.add(std::mem::take(&mut pending), count);
                let begun = Instant::now();
                interim(&drawn, Arc::new(describe(model, &drawn, count, beginning)));
                // Describing must not take more than a part of the time.
                pause = INTERVAL.max(begun.elapsed() * 8);
                shown = Instant::now();
            }
        };
        sampler.draw(&beginning.start, from..wanted, seed, control, &mut take).map_err(draw_failure)?;
        drawn.add(pending, wanted);
    }
    let result = describe(model, &drawn, wanted, beginning);
    Ok((drawn, Arc::new(result)))
}

/// The first passes: probabilities, their summary, densities and the verdict.
fn describe(model: &Model, drawn: &Passes, passes: usize, beginning: &Beginning) -> UncertaintyResult {
    let outputs = beginning.point.len().max(1);
    let logits = drawn.first(passes, outputs);
    let probabilities: Vec<f32> = logits.chunks_exact(outputs).flat_map(|logits| model.probabilities(logits)).collect();
    let count = probabilities.len() / passes.max(1);
    let classes = model.class_relation();
    let summary = if classes == Classes::Exclusive {
        Summary::of(&probabilities, count)
    } else {
        // Several sigmoids are several yes-or-no questions, not one distribution over classes.
        Summary::of_independent(&probabilities, count)
    };
    let density = |class: usize| {
        let of_class: Vec<f32> = probabilities.iter().skip(class).step_by(count).copied().collect();
        Density::of(&of_class)
    };
    let densities = (0..count).into_par_iter().map(density).collect();
    let verdict = model.card.uncertainty.indeterminate.judge(&summary, &model.classes, classes);
    let point = model.probabilities(&beginning.point);
    UncertaintyResult { probabilities, passes, summary, densities, point, exact: beginning.exact, verdict }
}

/// The exact distribution of the probability, where the network ends with one sigmoid behind a dense Flipout layer.
fn exact_distribution(model: &Model, features: &[f32]) -> Option<LogitNormal> {
    let head = model.sampler.as_ref()?.head()?;
    if model.card.output.activation != Activation::Sigmoid || head.outputs() != 1 {
        return None;
    }
    let (mean, std) = head.exact_moments(features).ok()?;
    Some(LogitNormal { mean: mean[0], std: std[0] })
}
