//! Nodes that change nothing in inference.

use super::Import;
use crate::{
    graph::ops::Dropout,
    model::onnx::{
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value},
        tensor,
    },
};

pub(super) static IMPORTS: &[(&str, Import)] =
    &[("Identity", identity), ("Cast", cast), ("CastLike", identity), ("Dropout", dropout)];

/// Of the domain `ai.onnx.ml`: a table of named probabilities is those probabilities.
pub(super) static CLASSIC: &[(&str, Import)] = &[("ZipMap", identity)];

fn identity(_context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    Ok(one(step.node(0)?.clone()))
}

/// All that depends on the picture is computed as `f32`, so floating kinds are the same.
fn cast(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let to = step.int("to", 0);
    match i32::try_from(to).ok().and_then(tensor::is_floating) {
        Some(true) => identity(context, step),
        _ => Err(Fault::unsupported(format!("a conversion of activations to data type {to}, which is not floating"))),
    }
}

fn dropout(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    Ok(one(context.layer(step, Dropout, &[step.node(0)?])?))
}
