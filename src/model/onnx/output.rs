//! The file's output as raw logits.

use super::{
    context::Context,
    error::{OnnxError, Result},
    input::Layout,
    step::{At, BATCH},
};
use crate::{
    graph::ops::{Flatten, Function, LogSoftmax, Map, Reshape, Softmax, Transpose},
    model::card::{Activation, Card},
};

/// The node whose output are the logits, and what a user should know of how it was found.
pub(super) fn logits(
    context: &mut Context,
    at: At,
    card: &Card,
    input: Layout,
) -> Result<(At, Vec<String>), OnnxError> {
    let mut notes = Vec::new();
    let at = without_activation(context, at, card.output.activation, &mut notes);
    let at = arranged(context, at, card.classes.len(), input)
        .map_err(|fault| OnnxError::Output(format!("cannot be arranged: {fault}")))?;
    match at.shape.as_slice() {
        [BATCH, _] | [BATCH, _, _, _] if at.node != 0 => Ok((at, notes)),
        shape => {
            let shape = shape.get(1..).unwrap_or_default();
            Err(OnnxError::Output(format!(
                "has shape {shape:?} for a picture; [classes] or [classes, rows, columns] of some layer are expected"
            )))
        }
    }
}

/// Classes in the second dimension, and no others where there is but one place.
fn arranged(context: &mut Context, mut at: At, named: usize, input: Layout) -> Result<At> {
    let name = |context: &mut Context| context.taken.unique("output".to_owned());
    if let &[_, first, _, last] = at.shape.as_slice() {
        let is_last = if (first == named) == (last == named) { input == Layout::ChannelsLast } else { last == named };
        if is_last {
            let name = name(context);
            at = context.transpose(name, &at, &[0, 3, 1, 2])?;
        }
    }
    match at.shape.as_slice() {
        [BATCH] => {
            let name = name(context);
            context.reshape_named(name, &at, &[1])
        }
        &[BATCH, classes, ref places @ ..] if !places.is_empty() && places.iter().all(|&length| length == 1) => {
            let name = name(context);
            context.reshape_named(name, &at, &[classes])
        }
        _ => Ok(at),
    }
}

/// The output without a final activation that the card's makes superfluous, also where only the shape changes after it.
fn without_activation(context: &mut Context, at: At, activation: Activation, notes: &mut Vec<String>) -> At {
    let draft = &mut context.draft;
    let mut id = at.node;
    while draft.op_as::<Flatten>(id).is_some()
        || draft.op_as::<Reshape>(id).is_some()
        || draft.op_as::<Transpose>(id).is_some()
    {
        id = draft.node(id).inputs[0];
    }
    let is_class = |dimension: usize| dimension == 1 || dimension + 1 == draft.node(id).shape.len();
    let is_softmax = draft.op_as::<Softmax>(id).is_some_and(|op| is_class(op.dimension))
        || draft.op_as::<LogSoftmax>(id).is_some_and(|op| is_class(op.dimension));
    let is_sigmoid = draft.op_as::<Map>(id).is_some_and(|map| map.0 == Function::Sigmoid);
    if activation == Activation::None || !(is_softmax || is_sigmoid) {
        return at;
    }
    let kind = draft.node(id).op.kind();
    let is_superfluous = if is_softmax { Activation::Softmax } else { Activation::Sigmoid } == activation;
    if !is_superfluous {
        notes.push(format!(
            "The file ends in {kind}, which is not the card's activation; it stays, and its values are the logits."
        ));
        return at;
    }
    notes.push(format!(
        "The file ends in {kind}, which is left out: the network gives logits, and the card's activation makes \
         probabilities of them."
    ));
    if id == at.node {
        let source = draft.node(id).inputs[0];
        return draft.at(source);
    }
    draft.bypass(id);
    at
}
