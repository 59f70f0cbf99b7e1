//! Guided backpropagation.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    parameters::Parameter,
    pixels::{pixel_map, target_signal},
    rectifiers::{RECTIFIERS, rules},
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule};

/// Springenberg et al. 2015: the gradient, where each ReLU lets through only what is positive both ways:
/// `max(g, 0) · [x > 0]`.
pub(super) struct GuidedBackprop;

impl Method for GuidedBackprop {
    fn name(&self) -> &'static str {
        "guidedbackprop"
    }

    fn label(&self) -> &'static str {
        "Guided backpropagation"
    }

    fn group(&self) -> Group {
        Group::Deconvnet
    }

    fn about(&self) -> About {
        About {
            shows: "Sharp outlines of what excites the layers on the way to the score.",
            cannot: "Which class it is for: its maps hardly change with the class, and resemble an edge filter (Adebayo et al. 2018).",
            costs: "One forward and one backward pass.",
            paper: "Springenberg et al. 2015",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[RECTIFIERS]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().gradients_to(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let field = target_signal(ask, rules(ask.settings, Rule::Guided))?;
        pixel_map(self.name(), ask, Reading::Magnitude, &field)
    }
}
