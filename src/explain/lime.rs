//! LIME.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use super::perturb::ridge::LinearModel;
use super::{
    About, Ask, Attribution, ExplainError, Fact, Group, Method,
    pace::Pace,
    parameters::{Kind, Parameter, Preset},
    perturb::{Coalitions, HIDDEN, KERNEL, QUICK, SEGMENTS, SUPERPIXELS, Scene, ridge, superpixels},
    score::Unit,
    superpixel::Superpixels,
};
use crate::graph::{Control, Graph, GraphError, INPUT, Keep, NodeId};

/// Ribeiro et al. 2016: a linear model of the class's probability around this picture, one coefficient a superpixel,
/// fitted to pictures in which random superpixels are hidden.
pub(super) struct Lime;

/// Width of the kernel that makes pictures with fewer hidden superpixels count more.
const WIDTH: f64 = 0.25;

/// How many pictures the linear model is fitted to.
const SAMPLES: Parameter = Parameter {
    name: "samples",
    label: "Samples",
    sentence: "In how many pictures random superpixels are hidden; the first has none hidden.",
    kind: Kind::Integer { min: 10, max: 5000, default: 1000 },
};

impl Method for Lime {
    fn name(&self) -> &'static str {
        "lime"
    }

    fn label(&self) -> &'static str {
        "LIME"
    }

    fn group(&self) -> Group {
        Group::Perturbation
    }

    fn about(&self) -> About {
        About {
            shows: "Which pieces of the picture raise or lower the class's probability, by a linear model around it.",
            cannot: "Pieces that matter only together; where its R² is low the linear model does not describe the \
                     network, and another seed gives other pieces.",
            costs: "One forward pass for each sample: a thousand.",
            paper: "Ribeiro et al. 2016",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn draws(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[SAMPLES, SUPERPIXELS, KERNEL, SEGMENTS, HIDDEN] }
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset { label: "Quick", sentence: "Few samples of few pieces: a first look.", values: QUICK },
            Preset {
                label: "Paper",
                sentence: "As the authors' program: quickshift, 1000 samples, mean colours.",
                values: &[],
            },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let superpixels = superpixels(ask)?;
        let samples = samples(superpixels.count, ask.settings.count(&SAMPLES), ask.seed);
        let scene = Scene::new(ask, &superpixels)?;
        let model = fit(ask, &scene, &samples)?;
        model.map(&scene)
    }
}

/// What LIME found from given samples.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalModel {
    /// The probability of the class for each sample.
    pub probabilities: Vec<f64>,
    /// How much each sample counts.
    pub weights: Vec<f64>,
    /// The linear model.
    pub linear: LinearModel,
}

impl LocalModel {
    fn map(&self, scene: &Scene) -> Result<Attribution, ExplainError> {
        let Self { linear, probabilities, .. } = self;
        let local = linear.intercept + linear.coefficients.iter().sum::<f64>();
        let facts = vec![
            Fact { name: "r_squared", label: "R² of the linear model", value: linear.r_squared },
            Fact { name: "intercept", label: "Intercept (everything hidden)", value: linear.intercept },
            Fact { name: "local_prediction", label: "Probability by the linear model", value: local },
            Fact { name: "probability", label: "Probability by the network", value: probabilities[0] },
        ];
        scene.map(Lime.name(), &linear.coefficients, facts)
    }
}

/// LIME's linear model for given superpixels and samples; the first sample should have everything visible.
///
/// # Errors
/// [`ExplainError`]: superpixels that are not the input's, no sample, values that are not finite, a run that did not
/// keep the input, or cancellation.
pub fn local_model(ask: &Ask, superpixels: &Superpixels, samples: &Coalitions) -> Result<LocalModel, ExplainError> {
    fit(ask, &Scene::new(ask, superpixels)?, samples)
}

/// Runs the samples and fits the model, also in between.
fn fit(ask: &Ask, scene: &Scene, samples: &Coalitions) -> Result<LocalModel, ExplainError> {
    let weights: Vec<f64> = samples.iter().map(kernel).collect();
    let mut probabilities = Vec::with_capacity(samples.len());
    let mut pace = Pace::new();
    scene.runs.each(
        samples.len(),
        Unit::Probability,
        |index, values| scene.hide(samples.get(index), values),
        |_, probability| {
            probabilities.push(probability);
            pace.show(|| {
                let model = modelled(samples, &weights, &probabilities, ask.control)?;
                (ask.interim)(model.map(scene)?);
                Ok(())
            })
        },
    )?;
    modelled(samples, &weights, &probabilities, ask.control)
}

/// The model of the first samples.
fn modelled(
    samples: &Coalitions,
    weights: &[f64],
    probabilities: &[f64],
    control: &Control,
) -> Result<LocalModel, ExplainError> {
    let found = ridge::fit(samples, weights, probabilities, control).map_err(GraphError::from)?;
    let linear = found.ok_or_else(|| ExplainError::NotFinite { layer: "input".to_owned() })?;
    Ok(LocalModel { probabilities: probabilities.to_vec(), weights: weights.to_vec(), linear })
}

/// How much a sample counts: `√exp(−d² / 0.25²)`, where `d` is the cosine distance to the sample with everything
/// visible.
fn kernel(visible: &[bool]) -> f64 {
    let part = visible.iter().filter(|visible| **visible).count() as f64 / visible.len().max(1) as f64;
    let distance = 1.0 - part.sqrt();
    (-(distance * distance) / (WIDTH * WIDTH)).exp().sqrt()
}

/// Random sets of superpixels, each visible with probability ½; the first has all.
fn samples(superpixels: usize, count: usize, seed: u64) -> Coalitions {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut samples = Coalitions::new(superpixels);
    samples.push(std::iter::repeat_n(true, superpixels));
    let mut bytes = vec![0_u8; superpixels];
    for _ in 1..count {
        random.fill_bytes(&mut bytes);
        samples.push(bytes.iter().map(|byte| byte & 1 == 1));
    }
    samples
}
