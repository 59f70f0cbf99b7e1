//! Normalisations with what was learned in training.

use candle_core::{Device, Tensor};

use super::{
    super::{
        fault::Fault,
        site::Site,
        tensor::{At, Order},
    },
    dense::reordered,
};
use crate::graph::ops::{BatchNorm2d, GroupNorm, LayerNorm, Transpose};

/// Takes `gamma` and `beta`, each where the layer has it, counting up from the first tensor.
fn scale_and_shift(site: &mut Site, shape: &[usize]) -> Result<(Option<Tensor>, Option<Tensor>, usize), Fault> {
    let (scale, center) = (site.settings().flag("scale", true), site.settings().flag("center", true));
    let gamma = if scale { Some(site.take(0, &["gamma"], shape)?) } else { None };
    let beta = if center { Some(site.take(usize::from(scale), &["beta"], shape)?) } else { None };
    Ok((gamma, beta, usize::from(scale) + usize::from(center)))
}

fn epsilon(site: &Site) -> Result<f64, Fault> {
    let epsilon = site.check(site.settings().number("epsilon", 1e-3))?;
    if epsilon < 0.0 { Err(site.fault(format!("`epsilon` is {epsilon}"))) } else { Ok(epsilon) }
}

/// The only axis, as a dimension of the graph; the last of Keras's is the default.
fn one_axis(site: &Site, input: &At) -> Result<usize, Fault> {
    match site.check(site.settings().integers("axis"))?.as_deref() {
        None => site.check(input.dimension(-1)),
        Some(&[axis]) => site.check(input.dimension(axis)),
        Some(axes) => Err(site.fault(format!("it has several axes, {axes:?}"))),
    }
}

fn filled(value: f32, count: usize) -> Result<Tensor, Fault> {
    Ok(Tensor::full(value, count, &Device::Cpu)?)
}

/// Batch normalisation of an image's channels, or of flat features.
pub(super) fn batch(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    if site.settings().flag("renorm", false) {
        return Err(site.fault("batch renormalisation is not supported"));
    }
    let dimension = one_axis(site, input)?;
    if dimension != 1 || input.shape.len() == 3 {
        let reason = format!("its axis is not that of the channels of a tensor of the shape {:?}", input.keras_shape());
        return Err(site.fault(reason));
    }
    let channels = input.shape[1];
    let (gamma, beta, next) = scale_and_shift(site, &[channels])?;
    let mean = site.take(next, &["moving_mean"], &[channels])?;
    let variance = site.take(next + 1, &["moving_variance"], &[channels])?;
    let epsilon = epsilon(site)?;
    let gamma = gamma.map_or_else(|| filled(1.0, channels), Ok)?;
    let beta = beta.map_or_else(|| filled(0.0, channels), Ok)?;
    let order = &input.order;
    let [gamma, beta, mean, variance] =
        [reordered(&gamma, order)?, reordered(&beta, order)?, reordered(&mean, order)?, reordered(&variance, order)?];
    let (gamma, beta) = (site.place(&gamma)?, site.place(&beta)?);
    Ok(site.add(BatchNorm2d::new(gamma, beta, &mean, &variance, epsilon)?, &[input])?.ordered(order.clone()))
}

/// Layer normalisation over the channels of each place, or over the whole image.
pub(super) fn layer(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    if site.settings().flag("rms_scaling", false) {
        return Err(site.fault("scaling by the root mean square is not supported"));
    }
    let axes = site.check(site.settings().integers("axis"))?.unwrap_or_else(|| vec![-1]);
    let mut dimensions = axes.iter().map(|&axis| site.check(input.dimension(axis))).collect::<Result<Vec<_>, _>>()?;
    dimensions.sort_unstable();
    let epsilon = epsilon(site)?;
    match (input.image(), dimensions.as_slice()) {
        (Ok([channels, ..]), [1]) => {
            let (gamma, beta, _) = placed(site, &[channels], |tensor| Ok(tensor.clone()))?;
            let at = site.add_part("channels_last", Transpose { order: vec![0, 2, 3, 1] }, &[input])?;
            let at = site.add_part("norm", LayerNorm::new(vec![channels], gamma, beta, epsilon)?, &[&at])?;
            site.add_part("channels_first", Transpose { order: vec![0, 3, 1, 2] }, &[&at])
        }
        (Ok([channels, rows, columns]), [1, 2, 3]) => {
            let first = |tensor: &Tensor| Ok(tensor.permute((2, 0, 1))?.contiguous()?);
            let (gamma, beta, _) = placed(site, &[rows, columns, channels], first)?;
            site.add(LayerNorm::new(vec![channels, rows, columns], gamma, beta, epsilon)?, &[input])
        }
        (Err(_), [last]) if last + 1 == input.shape.len() => {
            let features = input.shape[*last];
            let order = input.order.clone();
            let (gamma, beta, _) = placed(site, &[features], |tensor| reordered(tensor, &order))?;
            let norm = LayerNorm::new(vec![features], gamma, beta, epsilon)?;
            Ok(site.add(norm, &[input])?.ordered(input.order.clone()))
        }
        _ => {
            let reason = format!("its axes {axes:?} are not supported for the shape {:?}", input.keras_shape());
            Err(site.fault(reason))
        }
    }
}

/// As [`scale_and_shift`], each put into the graph's order and place.
fn placed(
    site: &mut Site,
    shape: &[usize],
    order: impl Fn(&Tensor) -> Result<Tensor, Fault>,
) -> Result<(Option<Tensor>, Option<Tensor>, usize), Fault> {
    let (gamma, beta, next) = scale_and_shift(site, shape)?;
    let place = |tensor: Option<Tensor>| tensor.map(|tensor| site.place(&order(&tensor)?)).transpose();
    Ok((place(gamma)?, place(beta)?, next))
}

/// Group normalisation of an image's channels; −1 groups are as many as channels.
pub(super) fn group(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let [channels, ..] = site.check(input.image())?;
    if one_axis(site, input)? != 1 {
        return Err(site.fault("its axis is not that of the channels"));
    }
    let groups = match site.check(site.settings().integers("groups"))?.as_deref() {
        None => 32,
        Some(&[-1]) => channels,
        Some(&[groups]) if groups > 0 && channels % groups as usize == 0 => groups as usize,
        other => return Err(site.fault(format!("{channels} channels cannot be in {other:?} groups"))),
    };
    let (gamma, beta, _) = scale_and_shift(site, &[channels])?;
    let gamma = gamma.map_or_else(|| filled(1.0, channels), Ok)?;
    let beta = beta.map_or_else(|| filled(0.0, channels), Ok)?;
    let (epsilon, gamma, beta) = (epsilon(site)?, site.place(&gamma)?, site.place(&beta)?);
    debug_assert_eq!(input.order, Order::Keras, "an image has Keras's order");
    site.add(GroupNorm::new(groups, gamma, beta, epsilon)?, &[input])
}
