//! SmoothGrad.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    noisy::{LEVEL, SAMPLES, Statistic, with_gaussian_noise},
    parameters::{Parameter, Preset, Value},
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Smilkov et al. 2017: the mean of the signed gradients of noisy copies of the input, shown as the gradient is.
pub(super) struct SmoothGrad;

impl Method for SmoothGrad {
    fn name(&self) -> &'static str {
        "smoothgrad"
    }

    fn label(&self) -> &'static str {
        "SmoothGrad"
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        About {
            shows: "Which pixels the score depends on, with less speckle: the mean gradient of many slightly noisy copies.",
            cannot: "What the score is made of; with much noise it explains pictures that nobody has taken.",
            costs: "A forward and a backward pass a copy.",
            paper: "Smilkov et al. 2017",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn is_costly(&self) -> bool {
        true
    }

    fn draws(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[SAMPLES, LEVEL]
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset { label: "Quick", sentence: "A first look.", values: &[("samples", Value::Integer(8))] },
            Preset { label: "Calm", sentence: "For a figure.", values: &[("samples", Value::Integer(100))] },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        with_gaussian_noise(ask, Statistic::Mean)
    }
}
