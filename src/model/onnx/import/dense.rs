//! Dense layers and matrix products.

use super::Import;
use crate::{
    graph::ops::{Linear, MatMul},
    model::onnx::{
        constant::{Constant, broadcast_indices},
        context::{Context, one},
        error::{Fault, Result},
        step::{Step, Value},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[("Gemm", gemm), ("MatMul", matmul)];

/// `alpha · A B + beta · C`.
fn gemm(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let (at, weight) = (step.node(0)?, step.constant(1)?);
    if step.flag("transA") {
        return Err(Fault::unsupported("`transA`, which mixes pictures of a batch"));
    }
    if at.shape.len() != 2 || weight.dims().len() != 2 {
        let (input, weight) = (&at.shape[1..], weight.dims());
        return Err(Fault::malformed(format!("features {input:?} with weights of shape {weight:?}")));
    }
    let mut matrix = context.tensor(weight)?;
    if !step.flag("transB") {
        matrix = matrix.t()?.contiguous()?;
    }
    let (alpha, beta) = (step.float("alpha", 1.0), step.float("beta", 1.0));
    if alpha != 1.0 {
        matrix = (matrix * alpha)?;
    }
    let outputs = matrix.dim(0)?;
    let bias = match step.optional_constant(2)? {
        None => None,
        Some(_) if beta == 0.0 => None,
        Some(bias) => Some((context.tensor(&row(bias, outputs)?)? * beta)?),
    };
    Ok(one(context.layer(step, Linear::new(matrix, bias)?, &[at])?))
}

/// A constant that broadcasts to a row, as one.
fn row(constant: &Constant, length: usize) -> Result<Constant> {
    let flat = constant.reshaped(vec![constant.count()])?;
    match (constant.dims(), flat.count()) {
        (_, count) if count == length && constant.dims().last() == Some(&length) => Ok(flat),
        (_, 1) => flat.pick(vec![length], &broadcast_indices(&[1], &[length])),
        (dims, _) => Err(Fault::malformed(format!("its bias has shape {dims:?} for {length} outputs"))),
    }
}

fn matmul(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = match (step.value(0)?, step.value(1)?) {
        (Value::Node(a), Value::Node(b)) => return Ok(one(context.layer(step, MatMul, &[a, b])?)),
        (Value::Node(at), Value::Constant(_)) => at,
        _ => return Err(Fault::unsupported("a constant on the left")),
    };
    let weight = step.constant(1)?;
    if weight.dims().len() != 2 {
        return Err(Fault::unsupported(format!("a constant of shape {:?}, only a matrix is", weight.dims())));
    }
    let matrix = context.tensor(weight)?.t()?.contiguous()?;
    Ok(one(context.layer(step, Linear::new(matrix, None)?, &[at])?))
}
