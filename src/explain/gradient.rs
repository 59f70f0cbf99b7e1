//! The gradient of the score at the pixels.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    pixels::{pixel_map, target_signal},
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule};

/// Simonyan et al. 2014: `∂y/∂x`, shown as the greatest magnitude over the channels.
pub(super) struct Gradient;

impl Method for Gradient {
    fn name(&self) -> &'static str {
        "gradient"
    }

    fn label(&self) -> &'static str {
        "Gradient"
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        About {
            shows: "Which pixels would change the score most if they changed a little.",
            cannot: "What the score is made of: a pixel that matters but is saturated gets nothing, and noise of the network shows as speckle.",
            costs: "One forward and one backward pass.",
            paper: "Simonyan et al. 2014",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().gradients_to(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        pixel_map(self.name(), ask, Reading::Magnitude, &target_signal(ask, Rule::Gradient)?)
    }
}
