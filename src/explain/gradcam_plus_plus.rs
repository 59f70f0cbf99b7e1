//! Grad-CAM++.

use super::{About, Ask, Attribution, ExplainError, Group, Method, channels::gradient_map};
use crate::graph::{Graph, Keep, NodeId};

/// Keeps the denominator from 0, as in pytorch-grad-cam.
const EPSILON: f64 = 1e-6;

/// Chattopadhay et al. 2018, as in pytorch-grad-cam: `α = g² / (2g² + (Σ A)·g³ + 1e-6)`, 0 where `g = 0`, and
/// `wₖ = Σ ReLU(g)·α`.
pub(super) struct GradCamPlusPlus;

impl Method for GradCamPlusPlus {
    fn name(&self) -> &'static str {
        "gradcamplusplus"
    }

    fn label(&self) -> &'static str {
        "Grad-CAM++"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the network looked, every occurrence of the finding: channels weighted by their positive gradients, each by its share.",
            cannot: "Fine detail, or evidence against the class; its weights divide by small numbers, so early layers are unsteady.",
            costs: "One forward pass and one backward pass to the layer.",
            paper: "Chattopadhay et al. 2018",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let control = ask.control.steadily();
        gradient_map(self.name(), &Ask { control: &control, ..*ask }, |evidence| {
            let channels = evidence.activations.planes().zip(evidence.gradients.planes());
            channels.map(|(activation, gradient)| weight(activation.iter().sum(), gradient)).collect()
        })
    }
}

/// One channel's weight from the sum of its activations and its gradients.
fn weight(activation_sum: f64, gradient: &[f64]) -> f64 {
    let share = |g: f64| {
        let square = g * g;
        if g == 0.0 { 0.0 } else { square / (2.0 * square + activation_sum * square * g + EPSILON) }
    };
    gradient.iter().map(|&g| g.max(0.0) * share(g)).sum()
}
