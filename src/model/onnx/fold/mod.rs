//! Constant folding: what does not depend on the picture is computed while the file is read, so that computations of
//! shapes vanish and the network's layers stay.

mod arithmetic;
mod make;
mod movement;
mod reduce;

use super::{
    constant::Constant,
    error::Result,
    step::{Step, Value},
};

/// Computes a node from constants.
pub(super) type Fold = fn(&Step) -> Result<Vec<Constant>>;

/// All foldings, one table a family.
static TABLES: &[&[(&str, Fold)]] = &[make::FOLDS, movement::FOLDS, arithmetic::FOLDS, reduce::FOLDS];

/// The outputs of a node that can be computed now; `None` where it depends on the picture or is not among those that
/// are folded.
pub(super) fn fold(step: &Step) -> Option<Result<Vec<Constant>>> {
    let op = step.proto.op_type.as_str();
    // A shape is known even where the values are not.
    let needs_values = !matches!(op, "Shape" | "Size");
    if needs_values && step.inputs.iter().any(|input| matches!(input, Some(Value::Node(_)))) {
        return None;
    }
    let (_, fold) = TABLES.iter().copied().flatten().find(|(name, _)| *name == op)?;
    Some(fold(step))
}

/// Whether an operation is among those that are folded.
pub(super) fn knows(op: &str) -> bool {
    TABLES.iter().copied().flatten().any(|(name, _)| *name == op)
}
