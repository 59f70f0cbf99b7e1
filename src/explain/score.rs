//! The explained number of many changed inputs (or changed activations): what perturbation methods live on.

use candle_core::{DType, Tensor};

use super::{Ask, ExplainError};
use crate::graph::{Keep, NodeId};

/// In what the explained number is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// The target's own unit: signed logit, or sum of logits.
    Logit,
    /// Probability of the class.
    Probability,
}

/// The explained number for each element of a batch that is fed to `node` (the input, or an inner layer).
///
/// A stack network takes each element as a stack of one. Progress is not reported: the caller knows the whole.
pub(super) fn scores(ask: &Ask, node: NodeId, batch: &Tensor, unit: Unit) -> Result<Vec<f64>, ExplainError> {
    let objective = ask.objective()?;
    let graph = ask.graph();
    let elements = batch.dim(0)?;
    let runs: Vec<Tensor> = if graph.is_stack() {
        (0..elements).map(|element| batch.narrow(0, element, 1)).collect::<Result<_, _>>()?
    } else {
        vec![batch.clone()]
    };
    let mut scores = Vec::with_capacity(elements);
    for run in runs {
        let quiet = ask.control.quiet();
        let trace = graph.run(&[(node, run)], graph.output(), &Keep::nothing(), &quiet)?;
        let output = trace.target().flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
        scores.extend(output.iter().map(|element| match unit {
            Unit::Logit => objective.value(element),
            Unit::Probability => objective.probability(element, |logits| ask.space.probabilities(logits)),
        }));
    }
    Ok(scores)
}
