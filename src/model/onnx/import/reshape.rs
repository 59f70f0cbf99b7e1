//! Changes of shape and of the dimensions' order.

use super::Import;
use crate::{
    graph::ops::Expand,
    model::onnx::{
        constant::broadcast,
        context::{Context, one},
        error::{Fault, Result},
        layout,
        step::{At, BATCH, Step, Value, size},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("Reshape", reshape),
    ("Flatten", flatten),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
    ("Transpose", transpose),
    ("Expand", expand),
];

/// Adds the change to `[batch, rest]` under the node's name, unless there is none.
fn change(context: &mut Context, step: &Step, at: &At, rest: &[usize]) -> Result<Vec<Value>> {
    if at.shape[1..] == *rest {
        return Ok(one(at.clone()));
    }
    Ok(one(context.reshape_named(step.name.to_owned(), at, rest)?))
}

fn reshape(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let target = layout::reshape_list(step)?;
    let (Some((&first, rest)), [_, dims @ ..]) = (target.split_first(), at.shape.as_slice()) else {
        return Err(Fault::malformed("it leaves no dimension"));
    };
    let zero = step.flag("allowzero");
    // What follows the batch is one picture's. A zero there still means the input's dimension at the same place.
    let is_batch = |first: i64| {
        (first == 0 && !zero) || first == -1 || first == BATCH as i64 || first == step.file_batch.unwrap_or(1) as i64
    };
    match layout::resolve(dims, rest, zero) {
        Ok(shape) if is_batch(first) => change(context, step, at, &shape),
        Err(fault) if first != -1 && is_batch(first) => Err(fault),
        _ => Err(Fault::unsupported("a shape that mixes pictures of a batch")),
    }
}

fn flatten(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let dims = &at.shape[1..];
    let axis = step.int("axis", 1);
    if axis != 1 && axis.saturating_add(at.shape.len() as i64) != 1 {
        return Err(Fault::unsupported("an axis that mixes pictures of a batch"));
    }
    change(context, step, at, &[dims.iter().product()])
}

fn squeeze(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let shape = layout::squeezed(step, &at.shape)?;
    if shape.first() != Some(&BATCH) {
        return Err(Fault::unsupported("the batch"));
    }
    change(context, step, at, &shape[1..])
}

fn unsqueeze(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let shape = layout::unsqueezed(step, &at.shape)?;
    if shape.first() != Some(&BATCH) {
        return Err(Fault::unsupported("a dimension before the batch"));
    }
    change(context, step, at, &shape[1..])
}

fn transpose(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let order = layout::order(step, at.shape.len())?;
    Ok(one(context.transpose(step.name.to_owned(), at, &order)?))
}

fn expand(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let mut target: Vec<usize> =
        step.constant(1)?.ints()?.into_iter().map(|length| size("shape", length, 1)).collect::<Result<_>>()?;
    if target.len() == at.shape.len() && (target[0] == BATCH || Some(target[0]) == step.file_batch) {
        target[0] = 1;
    }
    let shape = broadcast(&at.shape, &target)?;
    if shape.first() != Some(&BATCH) {
        return Err(Fault::unsupported("a dimension before the batch"));
    }
    if shape == at.shape {
        return Ok(one(at.clone()));
    }
    Ok(one(context.layer(step, Expand { shape: target }, &[at])?))
}
