//! Grad-CAM.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    channels::{Evidence, gradient_map},
};
use crate::graph::{Graph, Keep, NodeId};

/// Selvaraju et al. 2017: `αₖ` is the mean over space of `∂y/∂Aₖ`; the map is `Σ αₖ Aₖ`.
pub(super) struct GradCam;

impl Method for GradCam {
    fn name(&self) -> &'static str {
        "gradcam"
    }

    fn label(&self) -> &'static str {
        "Grad-CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the network looked: the layer's channels, weighted by their mean gradient.",
            cannot: "Fine detail: it is as coarse as the layer, and says nothing about what speaks against the class.",
            costs: "One forward pass and one backward pass to the layer.",
            paper: "Selvaraju et al. 2017",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        gradient_map(self.name(), ask, mean_gradients)
    }
}

/// The mean of each channel's gradient.
pub(super) fn mean_gradients(evidence: &Evidence) -> Vec<f64> {
    evidence.gradients.planes().map(|gradient| gradient.iter().sum::<f64>() / gradient.len() as f64).collect()
}
