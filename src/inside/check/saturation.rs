//! Activation functions at their limits.

use super::finding::percent;
use super::{Check, Finding, Report, Severity};

/// From this share of saturated activations on a layer needs attention.
const HIGH: f32 = 0.5;
/// From this share on it is serious.
const VERY_HIGH: f32 = 0.9;

/// Bounded activation functions whose units sit at the bounds.
pub(super) struct Saturation;

impl Check for Saturation {
    fn name(&self) -> &'static str {
        "saturation"
    }

    fn title(&self) -> &'static str {
        "Saturation"
    }

    fn definition(&self) -> &'static str {
        "An activation is saturated where its function has gone flat: a sigmoid below 0.01 or above 0.99, a hyperbolic \
         tangent or softsign beyond ±0.99, a hard or clipped function at its bound (the zero of a rectifier counts as \
         sparsity instead). Functions without bounds are not judged."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        let saturated = report.layers.iter().filter_map(|layer| Some((layer, layer.saturation?)));
        saturated
            .filter(|(_, share)| *share >= HIGH)
            .map(|(layer, share)| Finding {
                kind: self.name(),
                severity: if share >= VERY_HIGH { Severity::Serious } else { Severity::Attention },
                layer: Some(layer.layer.clone()),
                channels: Vec::new(),
                what: format!(
                    "{} of the activations of {} ({}) are at the limits of the function.",
                    percent(share),
                    layer.layer,
                    layer.op
                ),
                rule: format!("Attention from {}, serious from {} of a layer's activations.", percent(HIGH), percent(VERY_HIGH)),
                advice: "Where a function is flat, no gradient comes back and the layers before it learn slowly. Smaller \
                         initial weights, normalisation before the function, a lower learning rate or another function \
                         help. In a gate (squeeze and excitation) saturation may be what the network means: open or shut."
                    .to_owned(),
                source: "Glorot and Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks."
                    .to_owned(),
            })
            .collect()
    }
}
