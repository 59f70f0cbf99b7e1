//! Activations that are layers.

use candle_core::Tensor;

use super::{
    super::{activation, fault::Fault, site::Site, tensor::At},
    dense::reordered,
};
use crate::graph::ops::{Add, Arithmetic, BinaryConstant, PRelu, Relu};

/// `Activation`, `ReLU`, `LeakyReLU`, `ELU`, `Softmax`.
pub(super) fn function(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let layer = site.step.layer;
    let kind = site.check(activation::layer(&layer.class, &layer.settings, site.step.dialect))?;
    match kind {
        Some(kind) if kind != activation::Kind::Linear && !site.is_cut => site.activate("", kind, input),
        _ => Ok(input.clone()),
    }
}

/// One learned slope a channel, or one a place: `max(x, 0) + α · min(x, 0)`.
pub(super) fn prelu(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    let mut shape = input.keras_shape();
    for axis in site.check(site.settings().integers("shared_axes"))?.unwrap_or_default() {
        match usize::try_from(axis - 1).ok().and_then(|index| shape.get_mut(index)) {
            Some(size) => *size = 1,
            None => return Err(site.fault(format!("`shared_axes` has {axis}"))),
        }
    }
    let alpha = site.take(0, &["alpha"], &shape)?;
    let shared = shape[..shape.len() - 1].iter().all(|&size| size == 1);
    if shared {
        let channels = alpha.elem_count();
        let slope = alpha.reshape(channels)?;
        let slope = if channels == 1 { slope } else { reordered(&slope, &input.order)? };
        let slope = site.place(&slope)?;
        return Ok(site.add(PRelu::new(slope)?, &[input])?.ordered(input.order.clone()));
    }
    if shape.len() != 3 {
        return Err(site.fault(format!("its slopes have the shape {shape:?}")));
    }
    let alpha = site.place(&alpha.permute((2, 0, 1))?.contiguous()?.unsqueeze(0)?)?;
    let positive = site.add_part("positive", Relu, &[input])?;
    let zero = site.place(&Tensor::new(&[0.0_f32], alpha.device())?)?;
    let negative = site.add_part("negative", BinaryConstant::new(Arithmetic::Min, zero, false), &[input])?;
    let negative = site.add_part("slope", BinaryConstant::new(Arithmetic::Mul, alpha, false), &[&negative])?;
    site.add_part("sum", Add, &[&positive, &negative])
}
