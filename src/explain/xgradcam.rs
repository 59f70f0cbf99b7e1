//! XGrad-CAM.

use super::{About, Ask, Attribution, ExplainError, Group, Method, channels::gradient_map};
use crate::graph::{Graph, Keep, NodeId};

/// What pytorch-grad-cam adds to a channel's sum before it divides by it.
const EPSILON: f64 = 1e-7;

/// Fu et al. 2020, as in pytorch-grad-cam: `wₖ = Σ gₖ Aₖ / (Σ Aₖ + 1e-7)`.
pub(super) struct XGradCam;

impl Method for XGradCam {
    fn name(&self) -> &'static str {
        "xgradcam"
    }

    fn label(&self) -> &'static str {
        "XGrad-CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the network looked: channels weighted by their gradients where they are active, which adds up to the score better than Grad-CAM's mean.",
            cannot: "Fine detail; at layers with negative values it divides by sums near zero and is unsteady.",
            costs: "One forward pass and one backward pass to the layer.",
            paper: "Fu et al. 2020",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        gradient_map(self.name(), ask, |evidence| {
            let channels = evidence.activations.planes().zip(evidence.gradients.planes());
            channels
                .map(|(activation, gradient)| {
                    let sum: f64 = activation.iter().sum();
                    activation.iter().zip(gradient).map(|(a, g)| g * a / (sum + EPSILON)).sum()
                })
                .collect()
        })
    }
}
