//! Normalisations.

use candle_core::Tensor;

use super::{Import, window::image};
use crate::{
    graph::ops::{Arithmetic, BatchNorm2d, BinaryConstant, GroupNorm, InstanceNorm2d, LayerNorm, LocalResponseNorm},
    model::onnx::{
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value, size},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("BatchNormalization", batch),
    ("InstanceNormalization", instance),
    ("LayerNormalization", layer),
    ("GroupNormalization", group),
    ("LRN", local_response),
];

fn channels(step: &Step) -> Result<usize> {
    let at = step.node(0)?;
    at.shape.get(1).copied().ok_or_else(|| Fault::malformed("its input has no channels"))
}

fn epsilon(step: &Step) -> Result<f64> {
    let epsilon = step.float("epsilon", 1e-5);
    if epsilon.is_finite() && epsilon >= 0.0 { Ok(epsilon) } else { Err(Fault::malformed("`epsilon` is no number")) }
}

fn batch(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    if step.flag("training_mode") {
        return Err(Fault::unsupported("`training_mode`; export the network for inference"));
    }
    if step.int("spatial", 1) == 0 {
        return Err(Fault::unsupported("`spatial` 0"));
    }
    let channels = channels(step)?;
    let mut tensors = Vec::with_capacity(4);
    for (which, what) in ["scale", "bias", "mean", "variance"].into_iter().enumerate() {
        tensors.push(context.shaped(step.constant(which + 1)?, what, &[channels])?);
    }
    let [scale, bias, mean, variance] = tensors.as_slice() else {
        return Err(Fault::malformed("it has too few inputs"));
    };
    let epsilon = epsilon(step)?;
    if at.shape.len() == 4 {
        let norm = BatchNorm2d::new(scale.clone(), bias.clone(), mean, variance, epsilon)?;
        return Ok(one(context.layer(step, norm, &[at])?));
    }
    // Features after a dense layer: the same per feature, as a product and a sum.
    let factor = (scale / (variance + epsilon)?.sqrt()?)?;
    let shift = (bias - (mean * &factor)?)?;
    let shape: Vec<usize> = [channels].into_iter().chain(at.shape[2..].iter().map(|_| 1)).collect();
    let (factor, shift) = (factor.reshape(shape.as_slice())?, shift.reshape(shape)?);
    let scaled = context.part(step, "scale", BinaryConstant::new(Arithmetic::Mul, factor, false), &[at])?;
    Ok(one(context.layer(step, BinaryConstant::new(Arithmetic::Add, shift, false), &[&scaled])?))
}

fn instance(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let channels = channels(step)?;
    let scale = context.shaped(step.constant(1)?, "scale", &[channels])?;
    let bias = context.shaped(step.constant(2)?, "bias", &[channels])?;
    let norm = InstanceNorm2d::new(scale, bias, epsilon(step)?)?;
    if at.shape.len() == 4 {
        return Ok(one(context.layer(step, norm, &[at])?));
    }
    // Groups of channels in a row, as older exporters write a group normalisation.
    let count: usize = at.shape.iter().skip(2).product();
    let spread = context.reshape(step, at, &[channels, 1, count])?;
    let normal = context.layer(step, norm, &[&spread])?;
    let rest = at.shape[1..].to_vec();
    Ok(one(context.reshape(step, &normal, &rest)?))
}

fn layer(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let axis = step.axis("axis", -1, at.shape.len())?;
    if axis == 0 {
        return Err(Fault::unsupported("a normalisation over the batch"));
    }
    let shape = at.shape[axis..].to_vec();
    let weight = context.shaped(step.constant(1)?, "scale", &shape)?;
    let bias = step.optional_constant(2)?.map(|bias| context.shaped(bias, "bias", &shape)).transpose()?;
    let norm = LayerNorm::new(shape, Some(weight), bias, epsilon(step)?)?;
    Ok(one(context.layer(step, norm, &[at])?))
}

fn group(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    image(at)?;
    let (channels, groups) = (channels(step)?, size("num_groups", step.int("num_groups", 0), 1)?);
    if channels % groups != 0 {
        return Err(Fault::malformed(format!("{channels} channels cannot be in {groups} groups")));
    }
    let of_channels = |which, what| -> Result<Tensor> {
        let constant = step.constant(which)?;
        // Before opset 21 there is one number for each group.
        if constant.dims() == [groups] {
            let spread = context.tensor(constant)?.reshape((groups, 1))?.repeat((1, channels / groups))?;
            return Ok(spread.flatten_all()?);
        }
        context.shaped(constant, what, &[channels])
    };
    let norm = GroupNorm::new(groups, of_channels(1, "scale")?, of_channels(2, "bias")?, epsilon(step)?)?;
    Ok(one(context.layer(step, norm, &[at])?))
}

fn local_response(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    image(at)?;
    let norm = LocalResponseNorm {
        size: size("size", step.int("size", 0), 1)?,
        alpha: step.float("alpha", 1e-4),
        beta: step.float("beta", 0.75),
        k: step.float("bias", 1.0),
    };
    Ok(one(context.layer(step, norm, &[at])?))
}
