//! What a file says about shapes, the same for constants and for layers.

use super::{
    error::{Fault, Result},
    step::{Step, axes, size},
};

/// The target of a `Reshape`, as the file has it.
pub(super) fn reshape_list(step: &Step) -> Result<Vec<i64>> {
    step.ints_or_input("shape", 1)?.ok_or_else(|| Fault::malformed("it has no shape"))
}

/// A target shape with its zeros (as in the input, unless `zero` means zero) and −1 (what is left) put in.
pub(super) fn resolve(dims: &[usize], target: &[i64], zero: bool) -> Result<Vec<usize>> {
    let impossible = || Fault::malformed(format!("{dims:?} cannot take the shape {target:?}"));
    let mut shape = Vec::with_capacity(target.len());
    let mut open = None;
    for (dimension, &length) in target.iter().enumerate() {
        shape.push(match length {
            0 if !zero => *dims.get(dimension).ok_or_else(impossible)?,
            -1 if open.is_none() => {
                open = Some(dimension);
                1
            }
            length => usize::try_from(length).map_err(|_| impossible())?,
        });
    }
    let count: usize = dims.iter().product();
    let known =
        shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length)).ok_or_else(impossible)?;
    if let Some(open) = open {
        if known == 0 || !count.is_multiple_of(known) {
            return Err(impossible());
        }
        shape[open] = count / known;
    } else if known != count {
        return Err(impossible());
    }
    Ok(shape)
}

/// The shape without the dimensions of length 1 that a `Squeeze` names, or without all of them.
pub(super) fn squeezed(step: &Step, dims: &[usize]) -> Result<Vec<usize>> {
    let dropped = match step.ints_or_input("axes", 1)? {
        Some(list) => axes(&list, dims.len())?,
        None => (0..dims.len()).filter(|&dimension| dims[dimension] == 1).collect(),
    };
    if let Some(&dimension) = dropped.iter().find(|&&dimension| dims[dimension] != 1) {
        return Err(Fault::malformed(format!("dimension {dimension} of {dims:?} is not 1")));
    }
    Ok(without(dims, &dropped))
}

/// The shape with the dimensions of length 1 that an `Unsqueeze` adds.
pub(super) fn unsqueezed(step: &Step, dims: &[usize]) -> Result<Vec<usize>> {
    let list = step.ints_or_input("axes", 1)?.ok_or_else(|| Fault::malformed("it has no axes"))?;
    let added = axes(&list, dims.len() + list.len())?;
    let mut shape = dims.to_vec();
    for dimension in added {
        shape.insert(dimension, 1);
    }
    Ok(shape)
}

/// The order of a `Transpose`, all dimensions reversed by default.
pub(super) fn order(step: &Step, rank: usize) -> Result<Vec<usize>> {
    let Some(list) = step.ints("perm").filter(|list| !list.is_empty()) else { return Ok((0..rank).rev().collect()) };
    if axes(list, rank)?.len() != rank {
        return Err(Fault::malformed(format!("`perm` {list:?} for {rank} dimensions")));
    }
    list.iter().map(|&dimension| super::step::axis(dimension, rank)).collect()
}

/// The dimensions that a reduction goes over, sorted, and whether they stay as 1.
pub(super) fn reduced(step: &Step, rank: usize) -> Result<(Vec<usize>, bool)> {
    let list = step.ints_or_input("axes", 1)?.unwrap_or_default();
    let dimensions = match list.as_slice() {
        [] if step.flag("noop_with_empty_axes") => Vec::new(),
        [] => (0..rank).collect(),
        list => axes(list, rank)?,
    };
    Ok((dimensions, step.int("keepdims", 1) != 0))
}

/// The lengths of all dimensions but the `dropped`.
pub(super) fn without(dims: &[usize], dropped: &[usize]) -> Vec<usize> {
    (0..dims.len()).filter(|dimension| !dropped.contains(dimension)).map(|dimension| dims[dimension]).collect()
}

/// What a `Slice` takes of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub dimension: usize,
    pub start: i64,
    pub end: i64,
    pub step: i64,
}

impl Cut {
    /// The indices taken of a dimension of this length.
    pub fn indices(self, length: usize) -> Vec<usize> {
        let length = length as i64;
        let from_start = |bound: i64| if bound < 0 { bound.saturating_add(length) } else { bound };
        let (least, most) = if self.step > 0 { (0, length) } else { (-1, length - 1) };
        let start = from_start(self.start).clamp(0.max(least), most.max(0));
        let end = from_start(self.end).clamp(least, most);
        let mut indices = Vec::new();
        let mut index = start;
        while (self.step > 0 && index < end) || (self.step < 0 && index > end && index < length) {
            indices.push(index as usize);
            index = index.saturating_add(self.step);
        }
        indices
    }

    /// Whether all of a dimension of this length is taken, in order.
    pub fn is_whole(self, length: usize) -> bool {
        self.step == 1 && self.indices(length).len() == length
    }
}

/// The parts of a `Slice`, whose bounds older files have as attributes.
pub(super) fn cuts(step: &Step, rank: usize) -> Result<Vec<Cut>> {
    let missing = || Fault::malformed("it has no bounds");
    let starts = step.ints_or_input("starts", 1)?.ok_or_else(missing)?;
    let ends = step.ints_or_input("ends", 2)?.ok_or_else(missing)?;
    let list = step.ints_or_input("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps =
        step.optional_constant(4)?.map_or_else(|| Ok(vec![1; starts.len()]), super::constant::Constant::ints)?;
    if [ends.len(), list.len(), steps.len()].iter().any(|&count| count != starts.len()) {
        return Err(Fault::malformed("it has not as many starts as ends, axes and steps"));
    }
    if steps.contains(&0) {
        return Err(Fault::malformed("a step is 0"));
    }
    axes(&list, rank)?;
    (0..starts.len())
        .map(|which| {
            let dimension = super::step::axis(list[which], rank)?;
            Ok(Cut { dimension, start: starts[which], end: ends[which], step: steps[which] })
        })
        .collect()
}

/// The dimension along which a `Split` cuts, and the lengths of the parts.
pub(super) fn split(step: &Step, dims: &[usize]) -> Result<(usize, Vec<usize>)> {
    let along = step.axis("axis", 0, dims.len())?;
    let parts = step.proto.output.len();
    let lengths: Vec<usize> = if let Some(list) = step.ints_or_input("split", 1)? {
        list.into_iter().map(|length| size("split", length, 0)).collect::<Result<_>>()?
    } else {
        // Of equal length; where that does not come out even, the last part is shorter.
        let length = dims[along].div_ceil(parts.max(1));
        (0..parts).map(|part| dims[along].saturating_sub(part * length).min(length)).collect()
    };
    if lengths.len() != parts || lengths.iter().sum::<usize>() != dims[along] {
        return Err(Fault::malformed(format!("{} is split into {parts} parts of {lengths:?}", dims[along])));
    }
    Ok((along, lengths))
}
