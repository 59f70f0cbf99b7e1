//! Nodes that make constants: from attributes, from shapes, of one kind from another.

use super::Fold;
use crate::model::onnx::{
    constant::{Constant, checked_count},
    error::{Fault, Result},
    step::{Step, Value, size},
    tensor::{self, Companions},
};

pub(super) static FOLDS: &[(&str, Fold)] = &[
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("Range", range),
    ("Shape", shape),
    ("Size", size_of),
    ("Cast", cast),
    ("CastLike", cast_like),
    ("Identity", identity),
    ("Dropout", identity),
];

fn read(tensor: &super::super::proto::TensorProto) -> Result<Constant> {
    tensor::read(tensor, &Companions::new()).map_err(|error| Fault::malformed(error.to_string()))
}

fn constant(step: &Step) -> Result<Vec<Constant>> {
    let constant = if let Some(tensor) = step.tensor("value") {
        read(tensor)?
    } else if step.has("value_int") {
        Constant::ints_of(Vec::new(), vec![step.int("value_int", 0)])
    } else if let Some(ints) = step.ints("value_ints") {
        Constant::list(ints.to_vec())
    } else if step.has("value_float") {
        Constant::floats_of(Vec::new(), vec![step.float("value_float", 0.0) as f32])?
    } else if let Some(floats) = step.floats("value_floats") {
        Constant::floats_of(vec![floats.len()], floats.to_vec())?
    } else {
        return Err(Fault::unsupported("a value that is no tensor of numbers"));
    };
    Ok(vec![constant])
}

fn constant_of_shape(step: &Step) -> Result<Vec<Constant>> {
    let shape: Vec<usize> =
        step.constant(0)?.ints()?.into_iter().map(|length| size("shape", length, 0)).collect::<Result<_>>()?;
    let count = checked_count(&shape)?;
    let value = match step.tensor("value") {
        Some(tensor) => read(tensor)?,
        None => Constant::floats_of(vec![1], vec![0.0])?,
    };
    if value.count() != 1 {
        return Err(Fault::malformed("its value is not a single number"));
    }
    Ok(vec![value.pick(shape, &vec![0; count])?])
}

fn range(step: &Step) -> Result<Vec<Constant>> {
    let of = |which| -> Result<f64> {
        let constant: &Constant = step.constant(which)?;
        constant.scalar().ok_or_else(|| Fault::malformed("its bounds are not single numbers"))
    };
    let (start, limit, delta) = (of(0)?, of(1)?, of(2)?);
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !count.is_finite() {
        return Err(Fault::malformed(format!("it goes from {start} to {limit} by {delta}")));
    }
    let count = checked_count(&[count as usize])?;
    let values = (0..count).map(|index| start + index as f64 * delta);
    Ok(vec![match step.constant(0)? {
        Constant::Int(_) => Constant::list(values.map(|value| value as i64).collect()),
        Constant::Float(_) => Constant::floats_of(vec![count], values.map(|value| value as f32).collect())?,
    }])
}

fn dims(step: &Step) -> Result<Vec<i64>> {
    let shape = match step.value(0)? {
        Value::Node(at) => &at.shape,
        Value::Constant(constant) => constant.dims(),
    };
    Ok(shape.iter().map(|&length| length as i64).collect())
}

fn shape(step: &Step) -> Result<Vec<Constant>> {
    let dims = dims(step)?;
    let rank = dims.len() as i64;
    let bound = |name, default: i64| {
        let bound = step.int(name, default);
        (if bound < 0 { bound.saturating_add(rank) } else { bound }).clamp(0, rank) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    Ok(vec![Constant::list(dims[start..end.max(start)].to_vec())])
}

fn size_of(step: &Step) -> Result<Vec<Constant>> {
    let count = dims(step)?.into_iter().try_fold(1_i64, i64::checked_mul);
    let count = count.ok_or_else(|| Fault::malformed("its input has too many elements"))?;
    Ok(vec![Constant::ints_of(Vec::new(), vec![count])])
}

fn cast(step: &Step) -> Result<Vec<Constant>> {
    const BOOL: i64 = 9;
    let to = step.int("to", 0);
    let kind = i32::try_from(to).ok().and_then(tensor::is_floating);
    match kind {
        Some(floating) => Ok(vec![converted(step.constant(0)?, floating, to == BOOL)?]),
        None => Err(Fault::unsupported(format!("elements of data type {to}"))),
    }
}

fn cast_like(step: &Step) -> Result<Vec<Constant>> {
    let floating = matches!(step.constant(1)?, Constant::Float(_));
    Ok(vec![converted(step.constant(0)?, floating, false)?])
}

fn converted(constant: &Constant, floating: bool, truth: bool) -> Result<Constant> {
    let shape = constant.dims().to_vec();
    Ok(match constant {
        _ if truth => Constant::ints_of(shape, constant.truths()?.into_iter().map(i64::from).collect()),
        Constant::Int(_) if floating => Constant::floats_of(shape, constant.floats()?)?,
        // Toward zero, as a conversion in C.
        Constant::Float(_) if !floating => {
            Constant::ints_of(shape, constant.floats()?.into_iter().map(|value| value as i64).collect())
        }
        _ => constant.clone(),
    })
}

fn identity(step: &Step) -> Result<Vec<Constant>> {
    Ok(vec![step.constant(0)?.clone()])
}
