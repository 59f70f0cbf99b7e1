//! HiResCAM.

use super::{About, Ask, Attribution, ExplainError, Group, Method, channels::place_map};
use crate::graph::{Graph, Keep, NodeId};

/// Draelos and Carin 2020: `Σₖ gₖ ⊙ Aₖ`, each place with its own gradient instead of the channel's mean.
pub(super) struct HiResCam;

impl Method for HiResCam {
    fn name(&self) -> &'static str {
        "hirescam"
    }

    fn label(&self) -> &'static str {
        "HiResCAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the layer raised the score: each place's activation times its own gradient, so the map highlights only what the network used.",
            cannot: "Fine detail, and at early layers a calm picture: nothing is averaged, so noise of the gradient stays.",
            costs: "One forward pass and one backward pass to the layer.",
            paper: "Draelos and Carin 2020",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        place_map(self.name(), ask, |activation, gradient| gradient * activation)
    }
}
