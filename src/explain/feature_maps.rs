//! What single channels of a layer send back to the pixels: a deconvnet of feature maps.

use candle_core::{Device, Tensor};

use super::{
    Ask, Attribution, ExplainError,
    attribution::Reading,
    channels::{Planes, layer_output},
    pixels::{pixel_map, signal},
};
use crate::graph::{INPUT, Keep, NodeId, Rule};

/// One channel of a layer, sent back to the pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    /// The channel, counted from 0.
    pub channel: usize,
    /// Row and column of its strongest unit; the first in row-major order at a tie.
    pub unit: (usize, usize),
    /// The strongest unit's activation, in the network's own unit.
    pub activation: f32,
    /// What came back, signed, in network input: `input channels × rows × columns`. Nothing of it depends on a class.
    pub picture: Attribution,
}

/// What a run has to keep for [`feature_maps`] of a layer.
#[must_use]
pub fn keeps_of_feature_maps(layer: NodeId) -> Keep {
    Keep::nothing().output_of(layer).gradients_to(INPUT)
}

/// The `count` strongest channels of the asked layer (by their strongest unit), the strongest first, each sent back
/// to the pixels as [`feature_map`] does. Channels without a positive value are left out. Takes one backward pass a
/// channel; the target does not matter.
///
/// # Errors
/// As [`feature_map`].
pub fn feature_maps(ask: &Ask, count: usize, whole: bool) -> Result<Vec<FeatureMap>, ExplainError> {
    let output = layer_output(ask.trace, ask.layer, ask.slice)?;
    let strengths: Vec<f64> = output.planes().map(|plane| plane[strongest_unit(plane)]).collect();
    let mut order: Vec<usize> = (0..strengths.len()).filter(|&channel| strengths[channel] > 0.0).collect();
    // A stable sort: the lower channel first at a tie.
    order.sort_by(|&a, &b| strengths[b].total_cmp(&strengths[a]));
    order.truncate(count);
    let mut maps = Vec::with_capacity(order.len());
    for (done, &channel) in order.iter().enumerate() {
        ask.control.set_progress(done as f32 / order.len() as f32);
        maps.push(send_back(ask, &output, channel, whole)?);
    }
    ask.control.set_progress(1.0);
    Ok(maps)
}

/// Zeiler and Fergus 2014: every activation of the asked layer is set to 0 but one channel's strongest unit (with
/// `whole` the whole channel), negative ones too, and what is left goes back to the pixels: through convolutions by
/// their transpose, through max pooling by its switches, through ReLU rectified.
///
/// # Errors
/// [`ExplainError::NoChannel`], [`ExplainError::NotKept`] without [`keeps_of_feature_maps`],
/// [`ExplainError::NoSlice`], [`ExplainError::NotSpatial`] for an output of other than two or four dimensions,
/// [`ExplainError::NotFinite`], or cancellation.
pub fn feature_map(ask: &Ask, channel: usize, whole: bool) -> Result<FeatureMap, ExplainError> {
    let output = layer_output(ask.trace, ask.layer, ask.slice)?;
    send_back(ask, &output, channel, whole)
}

/// The channel with the strongest unit; the first at a tie.
pub(super) fn strongest_channel(ask: &Ask) -> Result<usize, ExplainError> {
    let output = layer_output(ask.trace, ask.layer, ask.slice)?;
    let strengths: Vec<f64> = output.planes().map(|plane| plane[strongest_unit(plane)]).collect();
    Ok(strongest_unit(&strengths))
}

fn send_back(ask: &Ask, output: &Planes, channel: usize, whole: bool) -> Result<FeatureMap, ExplainError> {
    let layer = || ask.graph().name_of(ask.layer);
    let Some(plane) = output.planes().nth(channel) else {
        return Err(ExplainError::NoChannel { layer: layer(), channel, channels: output.channels });
    };
    let strongest = strongest_unit(plane);
    let Some(whole_output) = ask.trace.output(ask.layer) else { return Err(ExplainError::NotKept { layer: layer() }) };
    let mut seed = vec![0.0_f64; whole_output.elem_count()];
    let first = ask.slice * output.values.len() + channel * plane.len();
    for (place, &value) in plane.iter().enumerate().filter(|&(place, _)| whole || place == strongest) {
        seed[first + place] = value.max(0.0);
    }
    let seed = Tensor::from_vec(seed, whole_output.shape(), &Device::Cpu)?;
    let seed = seed.to_dtype(whole_output.dtype())?.to_device(whole_output.device())?;
    let field = signal(ask, ask.layer, &seed, Rule::Deconvnet)?;
    Ok(FeatureMap {
        channel,
        unit: (strongest / output.columns, strongest % output.columns),
        activation: plane[strongest] as f32,
        picture: pixel_map("featuremap", ask, Reading::Magnitude, &field)?,
    })
}

/// Index of the largest value; the first at a tie.
fn strongest_unit(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}
