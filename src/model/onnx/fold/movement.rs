//! Nodes that only move elements of constants.

use super::Fold;
use crate::model::onnx::{
    constant::{Constant, broadcast, broadcast_indices, checked_count, row_major, strided},
    error::{Fault, Result},
    layout,
    step::{Step, axis, size},
};

pub(super) static FOLDS: &[(&str, Fold)] = &[
    ("Reshape", reshape),
    ("Flatten", flatten),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
    ("Transpose", transpose),
    ("Concat", concat),
    ("Gather", gather),
    ("Slice", slice),
    ("Split", split),
    ("Expand", expand),
    ("Tile", tile),
];

fn reshape(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let target = layout::reshape_list(step)?;
    let shape = layout::resolve(constant.dims(), &target, step.flag("allowzero"))?;
    Ok(vec![constant.reshaped(shape)?])
}

fn flatten(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let dims = constant.dims();
    let cut = match step.int("axis", 1) {
        end if end == dims.len() as i64 => dims.len(),
        other => axis(other, dims.len())?,
    };
    let shape = vec![dims[..cut].iter().product(), dims[cut..].iter().product()];
    Ok(vec![constant.reshaped(shape)?])
}

fn squeeze(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    Ok(vec![constant.reshaped(layout::squeezed(step, constant.dims())?)?])
}

fn unsqueeze(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    Ok(vec![constant.reshaped(layout::unsqueezed(step, constant.dims())?)?])
}

fn transpose(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let order = layout::order(step, constant.dims().len())?;
    if let Constant::Float(tensor) = constant {
        return Ok(vec![Constant::Float(tensor.permute(order)?.contiguous()?)]);
    }
    let (dims, strides) = (constant.dims(), row_major(constant.dims()));
    let shape: Vec<usize> = order.iter().map(|&dimension| dims[dimension]).collect();
    let strides: Vec<usize> = order.iter().map(|&dimension| strides[dimension]).collect();
    let source = strided(&shape, &strides, 0);
    Ok(vec![constant.pick(shape, &source)?])
}

fn concat(step: &Step) -> Result<Vec<Constant>> {
    let parts = (0..step.inputs.len()).map(|which| step.constant(which)).collect::<Result<Vec<_>>>()?;
    let first = parts.first().ok_or_else(|| Fault::malformed("it has no input"))?.dims().to_vec();
    let along = step.axis("axis", 1, first.len())?;
    let mut shape = first.clone();
    shape[along] = 0;
    for part in &parts {
        let dims = part.dims();
        let fits = dims.len() == first.len() && (0..first.len()).all(|d| d == along || dims[d] == first[d]);
        if !fits {
            return Err(Fault::malformed(format!("{first:?} and {dims:?} cannot be joined along dimension {along}")));
        }
        shape[along] = dims[along].checked_add(shape[along]).ok_or_else(|| Fault::malformed("it is too large"))?;
    }
    checked_count(&shape)?;
    // Each part gives, for each index before `along`, one run of neighbouring elements.
    let runs: usize = shape[..along].iter().product();
    let lengths: Vec<usize> = parts.iter().map(|part| part.dims()[along..].iter().product()).collect();
    if parts.iter().all(|part| matches!(part, Constant::Int(_))) {
        let values = parts.iter().map(|part| part.ints()).collect::<Result<Vec<_>>>()?;
        return Ok(vec![Constant::ints_of(shape, interleave(&values, &lengths, runs))]);
    }
    let values = parts.iter().map(|part| part.floats()).collect::<Result<Vec<_>>>()?;
    Ok(vec![Constant::floats_of(shape, interleave(&values, &lengths, runs))?])
}

fn interleave<T: Copy>(parts: &[Vec<T>], lengths: &[usize], runs: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for run in 0..runs {
        for (part, &length) in parts.iter().zip(lengths) {
            all.extend_from_slice(&part[run * length..(run + 1) * length]);
        }
    }
    all
}

fn gather(step: &Step) -> Result<Vec<Constant>> {
    let (constant, indices) = (step.constant(0)?, step.constant(1)?);
    let dims = constant.dims();
    let along = step.axis("axis", 0, dims.len())?;
    let chosen = indices.ints()?.into_iter().map(|index| axis(index, dims[along])).collect::<Result<Vec<_>>>()?;
    let shape = [&dims[..along], indices.dims(), &dims[along + 1..]].concat();
    checked_count(&shape)?;
    let inner: usize = dims[along + 1..].iter().product();
    let outer: usize = dims[..along].iter().product();
    let source: Vec<usize> = (0..outer)
        .flat_map(|block| chosen.iter().map(move |&index| (block * dims[along] + index) * inner))
        .flat_map(|start| start..start + inner)
        .collect();
    Ok(vec![constant.pick(shape, &source)?])
}

fn slice(step: &Step) -> Result<Vec<Constant>> {
    let mut constant = step.constant(0)?.clone();
    for cut in layout::cuts(step, constant.dims().len())? {
        let dims = constant.dims().to_vec();
        let indices = cut.indices(dims[cut.dimension]);
        constant = taken(&constant, &dims, cut.dimension, &indices)?;
    }
    Ok(vec![constant])
}

/// The elements of a tensor at these indices along one dimension.
fn taken(constant: &Constant, dims: &[usize], along: usize, indices: &[usize]) -> Result<Constant> {
    let mut shape = dims.to_vec();
    shape[along] = indices.len();
    let inner: usize = dims[along + 1..].iter().product();
    let outer: usize = dims[..along].iter().product();
    let source: Vec<usize> = (0..outer)
        .flat_map(|block| indices.iter().map(move |&index| (block * dims[along] + index) * inner))
        .flat_map(|start| start..start + inner)
        .collect();
    constant.pick(shape, &source)
}

fn split(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let dims = constant.dims();
    let (along, lengths) = layout::split(step, dims)?;
    let mut start = 0;
    lengths
        .into_iter()
        .map(|length| {
            let indices: Vec<usize> = (start..start + length).collect();
            start += length;
            taken(constant, dims, along, &indices)
        })
        .collect()
}

fn expand(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let target: Vec<usize> =
        step.constant(1)?.ints()?.into_iter().map(|length| size("shape", length, 0)).collect::<Result<_>>()?;
    let shape = broadcast(constant.dims(), &target)?;
    checked_count(&shape)?;
    let source = broadcast_indices(constant.dims(), &shape);
    Ok(vec![constant.pick(shape, &source)?])
}

fn tile(step: &Step) -> Result<Vec<Constant>> {
    let mut constant = step.constant(0)?.clone();
    let repeats = step.constant(1)?.ints()?;
    if repeats.len() != constant.dims().len() {
        return Err(Fault::malformed(format!("{} repeats of {} dimensions", repeats.len(), constant.dims().len())));
    }
    for (along, repeat) in repeats.into_iter().enumerate() {
        let (dims, repeat) = (constant.dims().to_vec(), size("repeats", repeat, 0)?);
        let mut shape = dims.clone();
        shape[along] = shape[along].checked_mul(repeat).ok_or_else(|| Fault::malformed("it is too large"))?;
        checked_count(&shape)?;
        let indices: Vec<usize> = (0..repeat).flat_map(|_| 0..dims[along]).collect();
        constant = taken(&constant, &dims, along, &indices)?;
    }
    Ok(vec![constant])
}
