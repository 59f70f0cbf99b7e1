//! Functions of one number, and those over classes.

use super::Import;
use crate::{
    graph::ops::{Function, LogSoftmax, Map, PRelu, Relu, Softmax},
    model::onnx::{
        constant::Constant,
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("Relu", |context, step| Ok(one(context.layer(step, Relu, &[step.node(0)?])?))),
    ("LeakyRelu", |context, step| map(context, step, Function::LeakyRelu { slope: step.float("alpha", 0.01) })),
    ("PRelu", prelu),
    ("Elu", |context, step| map(context, step, Function::Elu { alpha: step.float("alpha", 1.0) })),
    ("Selu", selu),
    ("Celu", |context, step| map(context, step, Function::Celu { alpha: step.float("alpha", 1.0) })),
    ("Sigmoid", |context, step| map(context, step, Function::Sigmoid)),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |context, step| map(context, step, Function::HardSwish)),
    ("Swish", swish),
    ("Gelu", gelu),
    ("Mish", |context, step| map(context, step, Function::Mish)),
    ("Clip", clip),
    ("Tanh", |context, step| map(context, step, Function::Tanh)),
    ("Erf", |context, step| map(context, step, Function::Erf)),
    ("Softplus", |context, step| map(context, step, Function::Softplus)),
    ("Softsign", |context, step| map(context, step, Function::Softsign)),
    ("Exp", |context, step| map(context, step, Function::Exp)),
    ("Log", |context, step| map(context, step, Function::Log)),
    ("Sqrt", |context, step| map(context, step, Function::Sqrt)),
    ("Neg", |context, step| map(context, step, Function::Neg)),
    ("Abs", |context, step| map(context, step, Function::Abs)),
    ("Reciprocal", |context, step| map(context, step, Function::Reciprocal)),
    ("Sign", |context, step| map(context, step, Function::Sign)),
    ("Floor", |context, step| map(context, step, Function::Floor)),
    ("Ceil", |context, step| map(context, step, Function::Ceil)),
    ("Round", |context, step| map(context, step, Function::Round)),
    ("Softmax", |context, step| over_classes(context, step, false)),
    ("LogSoftmax", |context, step| over_classes(context, step, true)),
];

fn map(context: &mut Context, step: &Step, function: Function) -> Result<Vec<Value>> {
    Ok(one(context.layer(step, Map(function), &[step.node(0)?])?))
}

fn prelu(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let (at, slope) = (step.node(0)?, step.constant(1)?);
    // One slope for all, or one a channel: `[channels, 1, 1]` as it broadcasts from the end.
    let places = at.shape.len().saturating_sub(2);
    let is_per_channel = match slope.dims() {
        [1, channels, rest @ ..] | [channels, rest @ ..] => {
            at.shape.get(1) == Some(channels) && rest.len() == places && rest.iter().all(|&length| length == 1)
        }
        [] => false,
    };
    if slope.count() != 1 && !is_per_channel {
        return Err(Fault::unsupported(format!("slopes of shape {:?}, only one for each channel is", slope.dims())));
    }
    let slope = context.tensor(slope)?.flatten_all()?;
    Ok(one(context.layer(step, PRelu::new(slope)?, &[at])?))
}

fn selu(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    // The constants that the function is defined with, as `f32`.
    let (alpha, gamma) = (step.float("alpha", 1.673_263_2), step.float("gamma", 1.050_701));
    if (alpha - 1.673_263_242).abs() > 1e-5 || (gamma - 1.050_700_987).abs() > 1e-5 {
        return Err(Fault::unsupported(format!("alpha {alpha} and gamma {gamma}, only SELU's own are")));
    }
    map(context, step, Function::Selu)
}

fn hard_sigmoid(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let function = Function::HardSigmoid { alpha: step.float("alpha", 0.2), beta: step.float("beta", 0.5) };
    map(context, step, function)
}

fn swish(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let alpha = step.float("alpha", 1.0);
    if alpha != 1.0 {
        return Err(Fault::unsupported(format!("alpha {alpha}, only 1 is")));
    }
    map(context, step, Function::Silu)
}

fn gelu(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let tanh = match &*step.text("approximate", "none") {
        "none" => false,
        "tanh" => true,
        other => return Err(Fault::malformed(format!("`approximate` is \"{other}\""))),
    };
    map(context, step, Function::Gelu { tanh })
}

/// The bounds are attributes before opset 11, inputs since then.
fn clip(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let bound = |name: &str, which: usize, default: f64| -> Result<f64> {
        if step.has(name) {
            return Ok(step.float(name, 0.0));
        }
        match step.optional_constant(which)?.map(Constant::scalar) {
            None => Ok(default),
            Some(Some(bound)) if !bound.is_nan() => Ok(bound),
            Some(_) => Err(Fault::malformed(format!("`{name}` is not a single number"))),
        }
    };
    // The largest number of `f32` stands for no bound.
    let (min, max) = (bound("min", 1, f64::NEG_INFINITY)?, bound("max", 2, f64::INFINITY)?);
    let (min, max) = (
        if min <= f32::MIN.into() { f64::NEG_INFINITY } else { min },
        if max >= f32::MAX.into() { f64::INFINITY } else { max },
    );
    if min > max {
        return Err(Fault::malformed(format!("it goes from {min} to {max}")));
    }
    if min == 0.0 && max == f64::INFINITY {
        return Ok(one(context.layer(step, Relu, &[step.node(0)?])?));
    }
    map(context, step, Function::Clip { min, max })
}

/// Before opset 13 all dimensions from `axis` on are one; since then there is one alone.
fn over_classes(context: &mut Context, step: &Step, log: bool) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let rank = at.shape.len();
    let dimension = step.axis("axis", if step.opset < 13 { 1 } else { -1 }, rank)?;
    if dimension == 0 {
        return Err(Fault::unsupported("a sum over the batch"));
    }
    if step.opset < 13 && at.shape[dimension + 1..].iter().any(|&length| length != 1) {
        return Err(Fault::unsupported(format!("axis {dimension} of {rank} dimensions in this opset")));
    }
    Ok(one(if log {
        context.layer(step, LogSoftmax { dimension }, &[at])?
    } else {
        context.layer(step, Softmax { dimension }, &[at])?
    }))
}
