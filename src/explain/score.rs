//! The explained number of many changed inputs (or changed activations): what perturbation methods live on.

use candle_core::{DType, Device, Tensor};

use super::{Ask, ExplainError, target::Objective};
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
    scores_of_feeds(ask, &[(node, batch.clone())], unit)
}

/// The same for several nodes that are fed together, each a batch of the same length.
pub(super) fn scores_of_feeds(ask: &Ask, feeds: &[(NodeId, Tensor)], unit: Unit) -> Result<Vec<f64>, ExplainError> {
    let objective = ask.objective()?;
    let graph = ask.graph();
    let elements = feeds.first().map_or(Ok(0), |(_, batch)| batch.dim(0))?;
    let at_once = if graph.is_stack() { 1 } else { elements };
    let mut scores = Vec::with_capacity(elements);
    for first in (0..elements).step_by(at_once.max(1)) {
        let part = |(node, batch): &(NodeId, Tensor)| Ok((*node, batch.narrow(0, first, at_once)?));
        let run = feeds.iter().map(part).collect::<Result<Vec<_>, ExplainError>>()?;
        let quiet = ask.control.quiet().batched();
        let trace = graph.run(&run, graph.output(), &Keep::nothing(), &quiet)?;
        scores.extend(values(ask, &objective, trace.target(), unit)?);
    }
    Ok(scores)
}

/// The explained number for each element of a batch of outputs that somebody else has computed.
pub(super) fn scores_of_output(ask: &Ask, output: &Tensor, unit: Unit) -> Result<Vec<f64>, ExplainError> {
    values(ask, &ask.objective()?, output, unit)
}

fn values(ask: &Ask, objective: &Objective, output: &Tensor, unit: Unit) -> Result<Vec<f64>, ExplainError> {
    let output = output.flatten_from(1)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    let value = |element: &Vec<f64>| match unit {
        Unit::Logit => objective.value(element),
        Unit::Probability => objective.probability(element, |logits| ask.space.probabilities(logits)),
    };
    Ok(output.iter().map(value).collect())
}
