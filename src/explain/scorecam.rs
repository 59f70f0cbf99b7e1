//! Score-CAM.

use candle_core::{DType, Device};

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    channels::{Planes, spatial_output, weighted_sum},
    resize::bilinear_corners,
    runs::{Watch, batch_like, batch_size},
    score::{Unit, scores},
};
use crate::graph::{Graph, INPUT, Keep, NodeId};

/// Keeps a mask's range from 0, as in pytorch-grad-cam.
const EPSILON: f32 = 1e-8;

/// Wang et al. 2020, as in pytorch-grad-cam: each channel, enlarged to the input (corners on corners) and scaled to
/// 0..1, masks the network's input; the channel's weight is the softmax over the channels of the masked inputs' scores.
pub(super) struct ScoreCam;

impl Method for ScoreCam {
    fn name(&self) -> &'static str {
        "scorecam"
    }

    fn label(&self) -> &'static str {
        "Score-CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "Where the network looked, without gradients: each channel counts by the score that what it lets through of the picture gets.",
            cannot: "Fine detail; the masked pictures are unlike any that the network has learned from, and a few channels with high scores decide alone.",
            costs: "One forward pass a channel of the layer: minutes for hundreds of channels.",
            paper: "Wang et al. 2020",
        }
    }

    fn needs_layer(&self) -> bool {
        true
    }

    fn is_costly(&self) -> bool {
        true
    }

    fn keeps(&self, _graph: &Graph, layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT).output_of(layer)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let activations = spatial_output(ask.trace, ask.layer, ask.slice)?;
        let input = ask.input()?;
        let (_, _, rows, columns) = input.dims4()?;
        let pixels = input.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let masked = |mask: &[f32]| -> Vec<f64> {
            let planes = pixels.chunks_exact(mask.len().max(1));
            planes.flat_map(|plane| plane.iter().zip(mask).map(|(&pixel, &part)| pixel * f64::from(part))).collect()
        };
        let at_once = batch_size(ask.graph(), INPUT, input.dims(), input.device())?;

        // A channel without a range lets nothing through; there are many of them after a ReLU, and one run serves all.
        let (flat, alive): (Vec<usize>, Vec<usize>) =
            (0..activations.channels).partition(|&channel| is_flat(&activations, channel));
        let mut found: Vec<Option<f64>> = vec![None; activations.channels];
        let mut watch = Watch::new(ask, alive.len());
        if !flat.is_empty() {
            let nothing = scores(ask, INPUT, &batch_like(&input, &[vec![0.0; pixels.len()]])?, Unit::Logit)?;
            for channel in flat {
                found[channel] = nothing.first().copied();
            }
        }
        for (part, channels) in alive.chunks(at_once).enumerate() {
            let batch: Vec<Vec<f64>> =
                channels.iter().map(|&channel| masked(&mask(&activations, channel, [rows, columns]))).collect();
            let scored = scores(ask, INPUT, &batch_like(&input, &batch)?, Unit::Logit)?;
            channels.iter().zip(scored).for_each(|(&channel, score)| found[channel] = Some(score));
            watch.done(part * at_once + channels.len(), || {
                weighted_sum(self.name(), ask, ask.layer, &activations, &softmax(&found))
            })?;
        }
        weighted_sum(self.name(), ask, ask.layer, &activations, &softmax(&found))
    }
}

/// Whether all values of a channel are the same.
fn is_flat(activations: &Planes, channel: usize) -> bool {
    let mut values = activations.planes().nth(channel).into_iter().flatten();
    let first = values.next();
    values.all(|value| Some(value) == first)
}

/// One channel at the input's size, 0 ..= 1.
fn mask(activations: &Planes, channel: usize, size: [usize; 2]) -> Vec<f32> {
    let values: Vec<f32> = activations.planes().nth(channel).into_iter().flatten().map(|&value| value as f32).collect();
    let mut mask = bilinear_corners(&values, [activations.rows, activations.columns], size);
    let (low, high) =
        mask.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    for value in &mut mask {
        *value = (*value - low) / (high - low + EPSILON);
    }
    mask
}

/// Softmax over the channels that have been scored; 0 for the others.
fn softmax(scores: &[Option<f64>]) -> Vec<f64> {
    let greatest = scores.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| score.map_or(0.0, |score| (score - greatest).exp())).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
