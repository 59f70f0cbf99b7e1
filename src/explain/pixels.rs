//! What methods that end at the pixels share: the signal that is sent back, and maps of the input's size.

use candle_core::Tensor;

use super::{Ask, Attribution, ExplainError, attribution::Reading, channels::Planes};
use crate::graph::{INPUT, NodeId, Rules};

/// What the explained number sends back to the network's input under a rule: under
/// [`Rule::Gradient`](crate::graph::Rule::Gradient) its derivative.
///
/// The run must have kept gradients to [`INPUT`].
pub(super) fn target_signal(ask: &Ask, rules: impl Into<Rules>) -> Result<Planes, ExplainError> {
    let seed = ask.objective()?.seed(ask.trace.target(), ask.slice)?;
    signal(ask, ask.trace.target_node(), &seed, rules)
}

/// What a seed at the output of a node sends back to the network's input under a rule.
pub(super) fn signal(ask: &Ask, from: NodeId, seed: &Tensor, rules: impl Into<Rules>) -> Result<Planes, ExplainError> {
    let field = ask.trace.vjp(from, seed, INPUT, rules, ask.control)?;
    Planes::of(&field, ask.slice, &ask.graph().nodes()[INPUT].name)
}

/// A map of the network's input from its values, which must be finite.
pub(super) fn pixel_map(
    method: &'static str,
    ask: &Ask,
    reading: Reading,
    field: &Planes,
) -> Result<Attribution, ExplainError> {
    let values: Vec<f32> = field.values.iter().map(|&value| value as f32).collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ExplainError::NotFinite { layer: ask.graph().nodes()[INPUT].name.clone() });
    }
    Ok(Attribution {
        method,
        reading,
        layer: None,
        class: ask.target.class,
        channels: field.channels,
        rows: field.rows,
        columns: field.columns,
        values,
        ..Attribution::default()
    })
}
