//! Deconvnet of the class score.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    parameters::Parameter,
    pixels::{pixel_map, target_signal},
    rectifiers::{RECTIFIERS, rules},
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule};

/// Zeiler and Fergus 2014, from the class's score: what goes back is rectified at each ReLU, `max(g, 0)`, whatever the
/// ReLU let through on the way there; max pooling by its recorded switches.
pub(super) struct Deconvnet;

impl Method for Deconvnet {
    fn name(&self) -> &'static str {
        "deconvnet"
    }

    fn label(&self) -> &'static str {
        "Deconvnet"
    }

    fn group(&self) -> Group {
        Group::Deconvnet
    }

    fn about(&self) -> About {
        About {
            shows: "What kind of picture would excite the class, placed by the pooling switches of this one.",
            cannot: "Where the class is: apart from the switches nothing on the way back knows this picture.",
            costs: "One forward and one backward pass.",
            paper: "Zeiler and Fergus 2014",
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
        let field = target_signal(ask, rules(ask.settings, Rule::Deconvnet))?;
        pixel_map(self.name(), ask, Reading::Magnitude, &field)
    }
}
