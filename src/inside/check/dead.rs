//! Channels that never fire.

use super::finding::{counted, listed, percent};
use super::{Check, Finding, LayerReport, Report, Severity};

/// From this share of dead channels on a layer needs attention.
const MANY: f32 = 0.1;
/// From this share on it is serious.
const MOST: f32 = 0.4;

/// Channels that were 0 at every place of every image.
pub(super) struct Dead;

impl Check for Dead {
    fn name(&self) -> &'static str {
        "dead"
    }

    fn title(&self) -> &'static str {
        "Dead channels"
    }

    fn definition(&self) -> &'static str {
        "A channel is dead when its activation was exactly 0 at every place of every image that was run. A dead channel \
         adds nothing to any answer. Images of another kind may still wake it."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        report.layers.iter().filter(|layer| !layer.dead.is_empty()).map(|layer| finding(layer, report.inputs)).collect()
    }
}

fn finding(layer: &LayerReport, inputs: usize) -> Finding {
    let share = layer.dead.len() as f32 / layer.channels().max(1) as f32;
    let severity = match share {
        share if share >= MOST => Severity::Serious,
        share if share >= MANY => Severity::Attention,
        _ => Severity::Notice,
    };
    let (count, all) = (layer.dead.len(), layer.channels());
    Finding {
        kind: Dead.name(),
        severity,
        layer: Some(layer.layer.clone()),
        channels: layer.dead.clone(),
        what: format!(
            "{count} of {} ({}) of {}{} {} 0 everywhere on the {} seen: {}.",
            counted(all, "channel"),
            percent(share),
            layer.layer,
            layer.of_filters(),
            if count == 1 { "was" } else { "were" },
            counted(inputs, "image"),
            listed(&layer.dead),
        ),
        rule: format!(
            "Activation exactly 0 at all {} places of a channel. Notice from one channel on, attention from {}, serious \
             from {} of a layer's channels.",
            layer.positions,
            percent(MANY),
            percent(MOST)
        ),
        advice: "Lower the learning rate or warm it up, and check the initialisation and the biases: a rectifier that \
                 a large step has pushed below 0 for all inputs gets no gradient and cannot come back. Leaky or \
                 parametric rectifiers cannot die. In the first layer, smaller filters and a smaller stride, and \
                 limiting the norm of filters that dominate, revived dead filters. Channels that stay dead can be \
                 removed: the layer needs fewer filters."
            .to_owned(),
        source: "Lu et al. 2019, Dying ReLU and Initialization; He et al. 2015, Delving Deep into Rectifiers; Zeiler \
                 and Fergus 2014, Visualizing and Understanding Convolutional Networks; Stanford CS231n, Neural Networks \
                 Part 1."
            .to_owned(),
    }
}
