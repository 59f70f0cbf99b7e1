//! Arithmetic on two and more values.

use super::Import;
use crate::{
    graph::ops::{Add, Arithmetic, Binary, BinaryConstant, Function, Linear, Map},
    model::onnx::{
        constant::Constant,
        context::{Context, one},
        error::{Fault, Result},
        step::{At, Step, Value},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("Add", add),
    ("Sub", |context, step| binary(context, step, Arithmetic::Sub)),
    ("Mul", |context, step| binary(context, step, Arithmetic::Mul)),
    ("Div", |context, step| binary(context, step, Arithmetic::Div)),
    ("Pow", pow),
    ("Max", |context, step| several(context, step, Arithmetic::Max)),
    ("Min", |context, step| several(context, step, Arithmetic::Min)),
    ("Sum", |context, step| several(context, step, Arithmetic::Add)),
    ("Mean", mean),
];

fn binary(context: &mut Context, step: &Step, arithmetic: Arithmetic) -> Result<Vec<Value>> {
    if step.inputs.len() != 2 {
        return Err(Fault::malformed(format!("it has {} inputs", step.inputs.len())));
    }
    several(context, step, arithmetic)
}

/// One input after the other; the last result has the node's name.
fn several(context: &mut Context, step: &Step, arithmetic: Arithmetic) -> Result<Vec<Value>> {
    let mut result = step.value(0)?.clone();
    for which in 1..step.inputs.len() {
        let name = if which + 1 == step.inputs.len() { None } else { Some(format!("part{which}")) };
        result = Value::Node(pair(context, step, name.as_deref(), arithmetic, [&result, step.value(which)?])?);
    }
    Ok(vec![result])
}

/// Two values of which one or both depend on the picture.
fn pair(
    context: &mut Context,
    step: &Step,
    part: Option<&str>,
    arithmetic: Arithmetic,
    values: [&Value; 2],
) -> Result<At> {
    let (at, constant, constant_first) = match values {
        [Value::Node(a), Value::Node(b)] => {
            return if arithmetic == Arithmetic::Add && a.shape == b.shape {
                put(context, step, part, Add, &[a, b])
            } else {
                put(context, step, part, Binary(arithmetic), &[a, b])
            };
        }
        [Value::Node(at), Value::Constant(constant)] => (at, constant, false),
        [Value::Constant(constant), Value::Node(at)] => (at, constant, true),
        [Value::Constant(_), Value::Constant(_)] => return Err(Fault::unsupported("constants before its last input")),
    };
    if is_neutral(arithmetic, constant, constant_first) && constant.dims().len() <= at.shape.len() {
        return Ok(at.clone());
    }
    let constant = context.tensor(constant)?;
    put(context, step, part, BinaryConstant::new(arithmetic, constant, constant_first), &[at])
}

fn put(
    context: &mut Context,
    step: &Step,
    part: Option<&str>,
    op: impl crate::graph::Op,
    inputs: &[&At],
) -> Result<At> {
    match part {
        Some(part) => context.part(step, part, op, inputs),
        None => context.layer(step, op, inputs),
    }
}

/// Whether a single number changes nothing.
fn is_neutral(arithmetic: Arithmetic, constant: &Constant, constant_first: bool) -> bool {
    let neutral = match arithmetic {
        Arithmetic::Add => 0.0,
        Arithmetic::Mul => 1.0,
        Arithmetic::Sub if !constant_first => 0.0,
        Arithmetic::Div | Arithmetic::Pow if !constant_first => 1.0,
        _ => return false,
    };
    constant.scalar() == Some(neutral)
}

/// A constant added to a matrix product is the bias of a dense layer.
fn add(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    if let ([Some(Value::Node(at)), Some(Value::Constant(bias))], [sole, _])
    | ([Some(Value::Constant(bias)), Some(Value::Node(at))], [_, sole]) =
        (step.inputs.as_slice(), step.sole.as_slice())
        && *sole
        && let Some(linear) = with_bias(context, at, bias)?
    {
        context.draft.replace(at.node, linear)?;
        return Ok(one(at.clone()));
    }
    binary(context, step, Arithmetic::Add)
}

/// The dense layer with a bias, if the node is one without and the constant has a number for each output, or one.
fn with_bias(context: &Context, at: &At, bias: &Constant) -> Result<Option<Linear>> {
    let Some(linear) = context.draft.op_as::<Linear>(at.node).filter(|linear| linear.bias().is_none()) else {
        return Ok(None);
    };
    let outputs = linear.weight().dim(0)?;
    let is_row = bias.dims().split_last().is_some_and(|(&last, rest)| {
        last == outputs && rest.len() < at.shape.len() && rest.iter().all(|&length| length == 1)
    });
    if !is_row || !context.draft.is_private(at.node) {
        return Ok(None);
    }
    let bias = context.tensor(bias)?.flatten_all()?;
    Ok(Some(Linear::new(linear.weight().clone(), Some(bias))?))
}

/// One exponent for all is a function.
fn pow(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    if let (Value::Node(at), Value::Constant(constant)) = (step.value(0)?, step.value(1)?)
        && let Some(exponent) = constant.scalar().filter(|&exponent| exponent != 1.0)
    {
        return Ok(one(context.layer(step, Map(Function::Power(exponent)), &[at])?));
    }
    binary(context, step, Arithmetic::Pow)
}

fn mean(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let count = step.inputs.len();
    let Some(Value::Node(sum)) = several(context, step, Arithmetic::Add)?.pop() else {
        return Err(Fault::unsupported("constants alone"));
    };
    let share = context.tensor(&Constant::floats_of(vec![1], vec![1.0 / count as f32])?)?;
    Ok(one(context.part(step, "mean", BinaryConstant::new(Arithmetic::Mul, share, false), &[&sum])?))
}
