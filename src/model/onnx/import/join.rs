//! Joining and cutting along a dimension.

use super::Import;
use crate::{
    graph::ops::{Concat, DepthMode, DepthToSpace, Slice},
    model::onnx::{
        context::{Context, one},
        error::{Fault, Result},
        layout::{self, Cut},
        step::{At, Step, Value, axis, size},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("Concat", concat),
    ("Split", split),
    ("Slice", slice),
    ("DepthToSpace", depth_to_space),
    ("SpaceToDepth", space_to_depth),
    ("Gather", gather),
];

fn concat(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let parts = (0..step.inputs.len()).map(|which| step.node(which)).collect::<Result<Vec<_>>>()?;
    let first = parts.first().ok_or_else(|| Fault::malformed("it has no input"))?;
    let dimension = step.axis("axis", 1, first.shape.len())?;
    if dimension == 0 {
        return Err(Fault::unsupported("a join of batches"));
    }
    if let [only] = parts.as_slice() {
        return Ok(one((*only).clone()));
    }
    Ok(one(context.layer(step, Concat::along(dimension), &parts)?))
}

/// Adds what is taken along one dimension, unless it is all.
fn cut(context: &mut Context, name: String, at: &At, cut: Cut) -> Result<At> {
    let Cut { dimension, start, end, step } = cut;
    if cut.is_whole(at.shape[dimension]) {
        return Ok(at.clone());
    }
    if dimension == 0 {
        return Err(Fault::unsupported("a part of the batch"));
    }
    context.draft.add(name, Slice { dimension, start, end, step }, &[at.node])
}

fn split(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let (dimension, lengths) = layout::split(step, &at.shape)?;
    let mut outputs = Vec::with_capacity(lengths.len());
    let mut start = 0;
    for (part, length) in lengths.into_iter().enumerate() {
        let name = context.taken.unique(format!("{}.{part}", step.name));
        let end = start + length as i64;
        outputs.push(Value::Node(cut(context, name, at, Cut { dimension, start, end, step: 1 })?));
        start = end;
    }
    Ok(outputs)
}

fn slice(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let mut at = step.node(0)?.clone();
    let mut cuts = layout::cuts(step, at.shape.len())?;
    cuts.retain(|cut| !cut.is_whole(at.shape[cut.dimension]));
    let last = cuts.len().saturating_sub(1);
    for (index, one) in cuts.into_iter().enumerate() {
        let name = if index == last {
            step.name.to_owned()
        } else {
            context.taken.unique(format!("{}.dimension{}", step.name, one.dimension))
        };
        at = cut(context, name, &at, one)?;
    }
    Ok(one(at))
}

/// Elements at constant indices along a dimension; a single index drops the dimension.
fn gather(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let (at, indices) = (step.node(0)?, step.constant(1)?);
    let dimension = step.axis("axis", 0, at.shape.len())?;
    if dimension == 0 {
        return Err(Fault::unsupported("a part of the batch"));
    }
    let length = at.shape[dimension];
    let places = indices.ints()?.into_iter().map(|index| axis(index, length)).collect::<Result<Vec<_>>>()?;
    let element = |place: usize| Cut { dimension, start: place as i64, end: place as i64 + 1, step: 1 };
    match (indices.dims(), places.as_slice()) {
        ([], &[place]) => {
            let part = context.taken.unique(format!("{}.slice", step.name));
            let slice = cut(context, part, at, element(place))?;
            let shape = layout::without(&at.shape, &[dimension]);
            Ok(one(context.reshape_named(step.name.to_owned(), &slice, &shape[1..])?))
        }
        (&[_], &[]) => Err(Fault::malformed("it takes no elements")),
        (&[_], &[first, .., last]) if places.windows(2).all(|pair| pair[1] == pair[0] + 1) => {
            let run = Cut { dimension, start: first as i64, end: last as i64 + 1, step: 1 };
            Ok(one(cut(context, step.name.to_owned(), at, run)?))
        }
        (&[_], &[place]) => Ok(one(cut(context, step.name.to_owned(), at, element(place))?)),
        (&[_], places) => {
            let mut parts = Vec::with_capacity(places.len());
            for &place in places {
                let part = context.taken.unique(format!("{}.slice", step.name));
                parts.push(cut(context, part, at, element(place))?);
            }
            let parts: Vec<&At> = parts.iter().collect();
            Ok(one(context.layer(step, Concat::along(dimension), &parts)?))
        }
        (shape, _) => Err(Fault::unsupported(format!("indices of shape {shape:?}"))),
    }
}

fn block(step: &Step) -> Result<usize> {
    size("blocksize", step.int("blocksize", 0), 1)
}

fn depth_to_space(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let mode = match &*step.text("mode", "DCR") {
        "DCR" => DepthMode::BlockFirst,
        "CRD" => DepthMode::ChannelFirst,
        other => return Err(Fault::malformed(format!("`mode` is \"{other}\""))),
    };
    Ok(one(context.layer(step, DepthToSpace { block: block(step)?, mode }, &[step.node(0)?])?))
}

/// Blocks as channels: row of the block, column of the block, channel.
fn space_to_depth(context: &mut Context, step: &Step) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let [channels, rows, columns] = super::window::image(at)?;
    let block = block(step)?;
    if rows % block != 0 || columns % block != 0 {
        return Err(Fault::malformed(format!("{rows} × {columns} places are no whole blocks of {block}")));
    }
    let (down, across) = (rows / block, columns / block);
    let split = context.reshape(step, at, &[channels, down, block, across, block])?;
    let name = context.taken.unique(format!("{}.transpose", step.name));
    let moved = context.transpose(name, &split, &[0, 3, 5, 1, 2, 4])?;
    Ok(one(context.reshape_named(step.name.to_owned(), &moved, &[channels * block * block, down, across])?))
}
