//! VarGrad.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    noisy::{LEVEL, SAMPLES, Statistic, with_gaussian_noise},
    parameters::{Parameter, Preset, Value},
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Adebayo et al. 2018: the variance of the gradients of noisy copies of the input, as in Captum's noise tunnel.
pub(super) struct VarGrad;

impl Method for VarGrad {
    fn name(&self) -> &'static str {
        "vargrad"
    }

    fn label(&self) -> &'static str {
        "VarGrad"
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        About {
            shows: "Where the gradient is unsteady: how much it varies between slightly noisy copies of the picture.",
            cannot: "Whether a pixel speaks for or against the class; a steady, strong gradient counts as nothing.",
            costs: "A forward and a backward pass a copy.",
            paper: "Adebayo et al. 2018",
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
        with_gaussian_noise(ask, Statistic::Variance)
    }
}
