//! Gradient × input.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    channels::layer_output,
    pixels::{pixel_map, target_signal},
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule};

/// Shrikumar et al. 2016: `x ⊙ ∂y/∂x`. In a network of ReLUs and poolings without biases it adds up to the score.
pub(super) struct GradientXInput;

impl Method for GradientXInput {
    fn name(&self) -> &'static str {
        "gradientxinput"
    }

    fn label(&self) -> &'static str {
        "Gradient × input"
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        About {
            shows: "What each pixel adds to the score or takes from it, as far as the network is linear around this picture.",
            cannot: "Pixels that are 0 in network input, which get nothing whatever they mean; biases are nobody's.",
            costs: "One forward and one backward pass.",
            paper: "Shrikumar et al. 2016",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT).gradients_to(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let mut field = target_signal(ask, Rule::Gradient)?;
        let input = layer_output(ask.trace, INPUT, ask.slice)?;
        field.values.iter_mut().zip(&input.values).for_each(|(gradient, value)| *gradient *= value);
        pixel_map(self.name(), ask, Reading::Signed, &field)
    }
}
