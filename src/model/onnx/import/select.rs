//! Borders, and choices whose condition is known.

use super::Import;
use crate::{
    graph::ops::{Pad, PadMode},
    model::onnx::{
        constant::Constant,
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value, axis},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[("Pad", pad), ("Where", choose), ("Tile", tile)];

fn pad(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let rank = at.shape.len();
    let pads = step.ints_or_input("pads", 1)?.ok_or_else(|| Fault::malformed("it has no `pads`"))?;
    let list = match step.optional_constant(3)? {
        Some(list) => list.ints()?,
        None => (0..rank as i64).collect(),
    };
    if pads.len() != 2 * list.len() {
        return Err(Fault::malformed(format!("{} `pads` for {} dimensions", pads.len(), list.len())));
    }
    let mut amounts = vec![[0; 2]; rank];
    for (which, &dimension) in list.iter().enumerate() {
        let amount = [pads[which], pads[list.len() + which]];
        if amount.iter().any(|amount| amount.unsigned_abs() > 1 << 24) {
            return Err(Fault::malformed(format!("`pads` holds {amount:?}")));
        }
        amounts[axis(dimension, rank)?] = amount;
    }
    if amounts.iter().all(|amount| *amount == [0; 2]) {
        return Ok(one(at.clone()));
    }
    if amounts.first() != Some(&[0; 2]) {
        return Err(Fault::unsupported("a border around the batch"));
    }
    let mode = match &*step.text("mode", "constant") {
        "constant" if step.has("value") => PadMode::Constant(step.float("value", 0.0)),
        "constant" => {
            let value = step.optional_constant(2)?.map_or(Some(0.0), Constant::scalar);
            PadMode::Constant(value.ok_or_else(|| Fault::malformed("its value is not a single number"))?)
        }
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        other => return Err(Fault::unsupported(format!("mode \"{other}\""))),
    };
    Ok(one(context.layer(step, Pad { amounts, mode }, &[at])?))
}

/// With a condition that is the same everywhere, one of the two inputs.
fn choose(_context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let truths = step.constant(0)?.truths()?;
    let chosen = match truths.first() {
        Some(&first) if truths.iter().all(|&truth| truth == first) => step.value(if first { 1 } else { 2 })?,
        _ => return Err(Fault::unsupported("a condition that differs from place to place")),
    };
    let other = step.value(if truths.first() == Some(&true) { 2 } else { 1 })?;
    let dims = |value: &Value| match value {
        Value::Node(at) => at.shape.clone(),
        Value::Constant(constant) => constant.dims().to_vec(),
    };
    if crate::model::onnx::constant::broadcast(&dims(chosen), &dims(other))? != dims(chosen) {
        return Err(Fault::unsupported("inputs that stretch over each other"));
    }
    Ok(vec![chosen.clone()])
}

/// Only where nothing is repeated.
fn tile(_context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let repeats = step.constant(1)?.ints()?;
    if repeats.iter().any(|&repeat| repeat != 1) {
        return Err(Fault::unsupported(format!("repeats {repeats:?}")));
    }
    Ok(one(step.node(0)?.clone()))
}
