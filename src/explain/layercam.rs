//! LayerCAM.

use super::{About, Ask, Attribution, ExplainError, Group, Method, channels::place_map};
use crate::graph::{Graph, Keep, NodeId};

/// Jiang et al. 2021: `Σₖ max(gₖ, 0) ⊙ Aₖ`.
pub(super) struct LayerCam;

impl Method for LayerCam {
    fn name(&self) -> &'static str {
        "layercam"
    }

    fn label(&self) -> &'static str {
        "LayerCAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where more activation would raise the score: made for early layers too, whose maps are finer.",
            cannot: "What speaks against the class: negative gradients count as nothing.",
            costs: "One forward pass and one backward pass to the layer.",
            paper: "Jiang et al. 2021",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        place_map(self.name(), ask, |activation, gradient| gradient.max(0.0) * activation)
    }
}
