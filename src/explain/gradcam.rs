//! Grad-CAM.

use std::sync::Arc;

use super::{Attribution, ExplainError, Method, Params, Target, channels::gradient_map};
use crate::graph::{Control, Graph, Keep, NodeId, Trace};

/// Selvaraju et al. 2017: `αₖ` is the mean over space of `∂y/∂Aₖ`; the map is `Σ αₖ Aₖ`.
pub(super) struct GradCam;

impl Method for GradCam {
    fn name(&self) -> &'static str {
        "gradcam"
    }

    fn label(&self) -> &'static str {
        "Grad-CAM"
    }

    fn sentence(&self) -> &'static str {
        "Where the network looked: the layer's channels, weighted by their mean gradient (Selvaraju et al. 2017)."
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn suits(&self, _graph: &Graph) -> Result<(), ExplainError> {
        Ok(())
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(layer)
    }

    fn compute(
        &self,
        _graph: &Arc<Graph>,
        trace: &Trace,
        layer: NodeId,
        target: &Target,
        params: &Params,
        control: &Control,
    ) -> Result<Attribution, ExplainError> {
        gradient_map(self.name(), (trace, layer), (target, params), control, |evidence| {
            evidence.gradients.planes().map(|gradient| gradient.iter().sum::<f64>() / gradient.len() as f64).collect()
        })
    }
}
