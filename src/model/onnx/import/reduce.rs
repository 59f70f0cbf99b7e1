//! Reductions. The mean over all of space is the global average pooling that explanations know.

use super::Import;
use crate::{
    graph::ops::{AdaptiveAvgPool2d, GlobalMaxPool, Reduce, Reduction, Transpose},
    model::onnx::{
        context::{Context, one},
        error::{Fault, Result},
        layout,
        step::{At, Step, Value},
    },
};

pub(super) static IMPORTS: &[(&str, Import)] = &[
    ("ReduceMean", |context, step| reduce(context, step, Reduction::Mean)),
    ("ReduceSum", |context, step| reduce(context, step, Reduction::Sum)),
    ("ReduceMax", |context, step| reduce(context, step, Reduction::Max)),
    ("ReduceMin", |context, step| reduce(context, step, Reduction::Min)),
    ("ReduceL1", |context, step| reduce(context, step, Reduction::L1)),
    ("ReduceL2", |context, step| reduce(context, step, Reduction::L2)),
    ("ReduceProd", |context, step| reduce(context, step, Reduction::Prod)),
    ("ReduceSumSquare", |context, step| reduce(context, step, Reduction::SumSquare)),
    ("ReduceLogSumExp", |context, step| reduce(context, step, Reduction::LogSumExp)),
];

fn reduce(context: &mut Context, step: &Step, kind: Reduction) -> Result<Vec<Value>> {
    let at = step.node(0)?;
    let (dimensions, keep) = layout::reduced(step, at.shape.len())?;
    if dimensions.contains(&0) {
        return Err(Fault::unsupported("the batch among its dimensions"));
    }
    let is_global = matches!(kind, Reduction::Mean | Reduction::Max);
    if is_global && at.shape.len() == 4 {
        if dimensions == [2, 3] {
            return Ok(one(global(context, step, at, kind, keep)?));
        }
        // Channels last: the same over what the change of order came from.
        if let Some(source) = channels_first(context, at).filter(|_| dimensions == [1, 2]) {
            let pooled = global(context, step, &source, kind, keep)?;
            if !keep {
                return Ok(one(pooled));
            }
            let name = context.taken.unique(format!("{}.transpose", step.name));
            return Ok(one(context.transpose(name, &pooled, &[0, 2, 3, 1])?));
        }
    }
    Ok(one(context.layer(step, Reduce { kind, dimensions, keep }, &[at])?))
}

/// What was brought from channels first to channels last, if that is what the node does.
fn channels_first(context: &Context, at: &At) -> Option<At> {
    let transpose = context.draft.op_as::<Transpose>(at.node)?;
    (transpose.order == [0, 2, 3, 1]).then(|| context.draft.at(context.draft.node(at.node).inputs[0]))
}

fn global(context: &mut Context, step: &Step, at: &At, kind: Reduction, keep: bool) -> Result<At> {
    let pooled = match kind {
        Reduction::Max => context.layer(step, GlobalMaxPool, &[at])?,
        _ => context.layer(step, AdaptiveAvgPool2d::GLOBAL, &[at])?,
    };
    if keep {
        return Ok(pooled);
    }
    let name = context.taken.unique(format!("{}.flatten", step.name));
    let channels = pooled.shape[1];
    context.reshape_named(name, &pooled, &[channels])
}
