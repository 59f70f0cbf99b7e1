//! Kernel SHAP.

use super::{
    About, Ask, Attribution, ExplainError, Fact, Group, Method,
    pace::Pace,
    parameters::{Kind, Parameter, Preset, Value},
    perturb::{HIDDEN, KERNEL, QUICK, SEGMENTS, SUPERPIXELS, Scene, shapley::Plan, superpixels},
    score::Unit,
};
use crate::graph::{Graph, GraphError, INPUT, Keep, NodeId};

/// Lundberg and Lee 2017: the Shapley values of the superpixels, where a hidden superpixel does not play.
///
/// By weighted least squares under the constraint that the values sum to what all superpixels achieve together. With
/// up to 10 superpixels all coalitions are asked, and the values are exact.
pub(super) struct KernelShap;

/// More superpixels than these would need more runs and memory than anybody waits for.
const MOST: usize = 1000;

/// How many coalitions are asked.
const SAMPLES: Parameter = Parameter {
    name: "samples",
    label: "Coalitions",
    sentence: "How many sets of visible superpixels are tried: at least two for each superpixel, and all there are \
               with up to 10 superpixels.",
    kind: Kind::Integer { min: 10, max: 10_000, default: 1000 },
};

/// What the superpixels play for.
const SCORE: Parameter = Parameter {
    name: "score",
    label: "Score",
    sentence: "What the values add up to: the class's logit, which is the sum of what speaks for it, or its probability.",
    kind: Kind::Choice { options: &[("logit", "Logit"), ("probability", "Probability")], default: "logit" },
};

impl Method for KernelShap {
    fn name(&self) -> &'static str {
        "kernelshap"
    }

    fn label(&self) -> &'static str {
        "Kernel SHAP"
    }

    fn group(&self) -> Group {
        Group::Perturbation
    }

    fn about(&self) -> About {
        About {
            shows: "Each piece's fair share in the score: the shares add up to what the whole picture achieves.",
            cannot: "How pieces work together, as joint merit is split; what is put in place of a hidden piece decides \
                     what counts as merit.",
            costs: "One forward pass for each coalition: a thousand, and at least two for each piece.",
            paper: "Lundberg and Lee 2017",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn draws(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[SAMPLES, SCORE, SUPERPIXELS, KERNEL, SEGMENTS, HIDDEN] }
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset { label: "Quick", sentence: "Few coalitions of few pieces: a first look.", values: QUICK },
            Preset {
                label: "Paper",
                sentence: "As the authors' example for pictures: 50 SLIC superpixels, 1000 coalitions, probabilities.",
                values: &[("score", Value::Choice("probability")), ("superpixels", Value::Choice("slic"))],
            },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let superpixels = superpixels(ask)?;
        if superpixels.count > MOST {
            let reason = format!(
                "the picture falls into {} superpixels, more than {MOST}; choose SLIC or a wider quickshift kernel for fewer",
                superpixels.count
            );
            return Err(ExplainError::Settings { method: self.label(), reason });
        }
        let scene = Scene::new(ask, &superpixels)?;
        let plan = Plan::new(superpixels.count, ask.settings.count(&SAMPLES), ask.seed);
        let unit = if ask.settings.choice(&SCORE) == "probability" { Unit::Probability } else { Unit::Logit };
        let all = scene.runs.one(scene.runs.original(), unit)?;
        let none = scene.runs.one(scene.empty(), unit)?;

        let solve = |achieved: &[f64]| -> Result<Option<Attribution>, ExplainError> {
            let values = plan.values(achieved, none, all, ask.control).map_err(GraphError::from)?;
            let Some(values) = values else { return Ok(None) };
            let facts = vec![
                Fact {
                    name: "efficiency_gap",
                    label: "Sum of the values minus what they should sum to",
                    value: values.iter().sum::<f64>() - (all - none),
                },
                Fact { name: "everything_visible", label: "Score of the whole picture", value: all },
                Fact { name: "everything_hidden", label: "Score with everything hidden", value: none },
                Fact { name: "coalitions", label: "Coalitions tried", value: achieved.len() as f64 },
            ];
            scene.map(self.name(), &values, facts).map(Some)
        };
        let mut achieved = Vec::with_capacity(plan.coalitions.len());
        let mut pace = Pace::new();
        scene.runs.each(
            plan.coalitions.len(),
            unit,
            |index, values| scene.hide(plan.coalitions.get(index), values),
            |_, score| {
                achieved.push(score);
                // The first coalitions alone do not determine all values.
                if achieved.len() < 2 * superpixels.count {
                    return Ok(());
                }
                pace.show(|| {
                    solve(&achieved)?.into_iter().for_each(|map| (ask.interim)(map));
                    Ok(())
                })
            },
        )?;
        solve(&achieved)?.ok_or_else(|| ExplainError::NotFinite { layer: "input".to_owned() })
    }
}
