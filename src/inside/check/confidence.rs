//! Answers that are all certain.

use super::finding::{counted, percent};
use super::tally::CERTAIN;
use super::{Check, Finding, Report, Severity};

/// Fewer images say nothing of confidence.
const FEWEST: usize = 20;
/// From this share of certain answers on it is worth a notice.
const MANY: f32 = 0.9;

/// An output that saturates: nearly every image gets nearly all of the probability for one class.
pub(super) struct Confidence;

impl Check for Confidence {
    fn name(&self) -> &'static str {
        "confidence"
    }

    fn title(&self) -> &'static str {
        "Certainty of the answers"
    }

    fn definition(&self) -> &'static str {
        "An answer is certain when the most probable class has at least 99 %. Whether the certainty is deserved only \
         images with known answers can tell; a network that is certain of nearly everything is often overconfident. Not \
         judged on fewer than 20 images."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        let outputs = &report.outputs;
        let share = outputs.certain as f32 / outputs.inputs.max(1) as f32;
        if outputs.inputs < FEWEST || share < MANY {
            return Vec::new();
        }
        vec![Finding {
            kind: self.name(),
            severity: Severity::Notice,
            layer: None,
            channels: Vec::new(),
            what: format!(
                "The network was certain of {} of {} ({}); the mean of the greatest probability is {:.3}.",
                outputs.certain,
                counted(outputs.inputs, "image"),
                percent(share),
                outputs.mean_confidence
            ),
            rule: format!("Notice from {} of answers with at least {} for one class.", percent(MANY), percent(CERTAIN)),
            advice: "Compare confidence with accuracy on images with known answers (reliability diagram, expected \
                     calibration error). Temperature scaling on a validation set repairs overconfidence without changing \
                     any answer; label smoothing or weight decay in training lessen it."
                .to_owned(),
            source: "Guo et al. 2017, On Calibration of Modern Neural Networks; Müller et al. 2019, When Does Label \
                     Smoothing Help?"
                .to_owned(),
        }]
    }
}
