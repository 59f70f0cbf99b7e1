//! How much of each layer is zero.

use super::finding::percent;
use super::{Check, Finding, LayerReport, Report, Severity};

/// From this share of zeros on a layer needs attention.
const HIGH: f32 = 0.95;
/// From this share on it is serious.
const VERY_HIGH: f32 = 0.99;
/// Up to this share a rectifier does next to nothing.
const LOW: f32 = 0.02;

/// Rectified layers that are nearly all zero, or hardly rectify.
pub(super) struct Sparsity;

impl Check for Sparsity {
    fn name(&self) -> &'static str {
        "sparsity"
    }

    fn title(&self) -> &'static str {
        "Sparsity by depth"
    }

    fn definition(&self) -> &'static str {
        "The sparsity of a rectified layer is the share of its activations, over all channels, places and images, that \
         are 0. Rectified networks have half to nine tenths; it usually rises with depth."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        // One place a channel and few images say nothing of shares.
        const FEWEST: u64 = 100;
        let judged = |layer: &&LayerReport| layer.rectifies && layer.positions >= FEWEST;
        report.layers.iter().filter(judged).filter_map(finding).collect()
    }
}

fn finding(layer: &LayerReport) -> Option<Finding> {
    let share = layer.sparsity;
    let (severity, meaning, advice) = if share >= HIGH {
        let severity = if share >= VERY_HIGH { Severity::Serious } else { Severity::Attention };
        let advice = "Little of the signal gets through, and little gradient comes back. Look for dead channels in this \
                      layer and before it; a lower learning rate, an initialisation made for rectifiers, batch \
                      normalisation or a smaller bias penalty help. A layer this sparse also has more filters than it \
                      uses.";
        (severity, "nearly all of its activations are 0", advice)
    } else if share <= LOW {
        let advice = "The rectifier passes everything, so that the layer is close to a linear one and adds little depth. \
                      Check biases and normalisation before it, and whether it rectifies what has been rectified already.";
        (Severity::Notice, "hardly any of its activations is 0", advice)
    } else {
        return None;
    };
    Some(Finding {
        kind: Sparsity.name(),
        severity,
        layer: Some(layer.layer.clone()),
        channels: Vec::new(),
        what: format!("{}{}: {meaning} ({}).", layer.layer, layer.of_filters(), percent(share)),
        rule: format!(
            "Attention from {}, serious from {} of zeros; notice up to {}.",
            percent(HIGH),
            percent(VERY_HIGH),
            percent(LOW)
        ),
        advice: advice.to_owned(),
        source:
            "Glorot, Bordes and Bengio 2011, Deep Sparse Rectifier Neural Networks; He et al. 2015, Delving Deep into \
                 Rectifiers; Ioffe and Szegedy 2015, Batch Normalization."
                .to_owned(),
    })
}
