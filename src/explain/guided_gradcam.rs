//! Guided Grad-CAM.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    bilinear,
    channels::gradient_map,
    gradcam::mean_gradients,
    parameters::{Kind, Parameter},
    pixels::{pixel_map, target_signal},
    rectifiers::{RECTIFIERS, rules},
    resize::nearest,
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule};

/// How Grad-CAM is enlarged.
const ENLARGED: Parameter = Parameter {
    name: "enlarged",
    label: "Enlarged",
    sentence: "How Grad-CAM is brought to the size of the picture: bilinear as in the paper, or nearest, Captum's default.",
    kind: Kind::Choice {
        options: &[("bilinear", "Bilinear, as in the paper"), ("nearest", "Nearest, Captum's default")],
        default: "bilinear",
    },
};

/// Selvaraju et al. 2017: guided backpropagation times Grad-CAM, whose negative part is 0, enlarged to the input. As
/// Captum's `GuidedGradCam` with the same way of enlarging.
pub(super) struct GuidedGradCam;

impl Method for GuidedGradCam {
    fn name(&self) -> &'static str {
        "guidedgradcam"
    }

    fn label(&self) -> &'static str {
        "Guided Grad-CAM"
    }

    fn group(&self) -> Group {
        Group::Deconvnet
    }

    fn about(&self) -> About {
        About {
            shows: "Sharp outlines, cut to where Grad-CAM looks for the class.",
            cannot: "More about the class than Grad-CAM: the outlines within are those of guided backpropagation, whatever the class.",
            costs: "One forward pass, one backward pass to the pixels and one to the layer.",
            paper: "Selvaraju et al. 2017",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[ENLARGED, RECTIFIERS]
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(layer).gradients_to(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let map = gradient_map(self.name(), ask, mean_gradients)?;
        let mut field = target_signal(ask, rules(ask.settings, Rule::Guided))?;
        let coarse: Vec<f32> = map.values.iter().map(|value| value.max(0.0)).collect();
        let (from, to) = ([map.rows, map.columns], [field.rows, field.columns]);
        let large = match ask.settings.choice(&ENLARGED) {
            "nearest" => nearest(&coarse, from, to),
            _ => bilinear(&coarse, from, to),
        };
        for plane in field.values.chunks_exact_mut(large.len().max(1)) {
            plane.iter_mut().zip(&large).for_each(|(value, &part)| *value *= f64::from(part));
        }
        pixel_map(self.name(), ask, Reading::Magnitude, &field)
    }
}
