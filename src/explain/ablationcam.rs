//! Ablation-CAM.

use candle_core::Tensor;

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    channels::{spatial_output, weighted_sum},
    runs::{Watch, batch_like, batch_size},
    score::{Unit, scores_of_feeds},
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Desai and Ramaswamy 2020: a channel's weight is the part of the score that is lost when the channel is set to 0,
/// `(y − yₖ) / y`. As in the paper and in pytorch-grad-cam the sign turns where the score itself is negative; where it
/// is exactly 0 the drop counts undivided.
///
/// At layers with negative values pytorch-grad-cam sets the channel to 10⁷ and more below the smallest value of its
/// batch, so that its maps depend on the batch size; here it is 0, as in the paper, at every layer.
pub(super) struct AblationCam;

impl Method for AblationCam {
    fn name(&self) -> &'static str {
        "ablationcam"
    }

    fn label(&self) -> &'static str {
        "Ablation-CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the network looked, without gradients: each channel counts by how much of the score goes when it is switched off.",
            cannot: "Fine detail, or channels that stand in for each other: switching off one of them changes little. Where the score is negative the map's sign turns.",
            costs: "One run from the layer on for each of its channels: quick for late layers, minutes for early ones.",
            paper: "Desai and Ramaswamy 2020",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn is_costly(&self) -> bool {
        true
    }

    fn keeps(&self, graph: &Graph, layer: NodeId) -> Keep {
        // The input is kept for its shape.
        let keep = Keep::nothing().output_of(INPUT).output_of(layer);
        graph.beside(layer).into_iter().fold(keep, Keep::output_of)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let activations = spatial_output(ask.trace, ask.layer, ask.slice)?;
        let output = ask.element(ask.layer)?;
        let beside = ask
            .graph()
            .beside(ask.layer)
            .into_iter()
            .map(|node| Ok((node, ask.element(node)?)))
            .collect::<Result<Vec<_>, ExplainError>>()?;
        let score = |batch: Tensor| {
            let elements = batch.dim(0)?;
            let mut feeds = vec![(ask.layer, batch)];
            for (node, element) in &beside {
                let mut times = vec![1; element.rank()];
                times[0] = elements;
                feeds.push((*node, element.repeat(times)?));
            }
            scores_of_feeds(ask, &feeds, Unit::Logit)
        };
        let original = score(output.clone())?.first().copied().unwrap_or(f64::NAN);
        let whole = if original == 0.0 { 1.0 } else { original };

        // Switching off what is 0 already changes nothing.
        let places = activations.rows * activations.columns;
        let alive: Vec<usize> = (0..activations.channels)
            .filter(|channel| activations.values[channel * places..][..places].iter().any(|&value| value != 0.0))
            .collect();
        let at_once = batch_size(ask.graph(), ask.layer, ask.input()?.dims(), output.device())?;
        let mut weights = vec![0.0_f64; activations.channels];
        let mut watch = Watch::new(ask, alive.len());
        for (part, channels) in alive.chunks(at_once).enumerate() {
            let ablated: Vec<Vec<f64>> = channels
                .iter()
                .map(|channel| {
                    let mut ablated = activations.values.clone();
                    ablated[channel * places..][..places].fill(0.0);
                    ablated
                })
                .collect();
            let scored = score(batch_like(&output, &ablated)?)?;
            channels.iter().zip(scored).for_each(|(&channel, score)| weights[channel] = (original - score) / whole);
            watch.done(part * at_once + channels.len(), || {
                weighted_sum(self.name(), ask, ask.layer, &activations, &weights)
            })?;
        }
        weighted_sum(self.name(), ask, ask.layer, &activations, &weights)
    }
}
