//! The activation that a network ends with. The graph gives raw logits: where the card has the same activation, the
//! network's own is left out.

use super::{
    activation::{self, Kind},
    config::Layer,
    fault::Fault,
    plan::Plan,
};
use crate::{graph::ops::Function, model::card::Activation};

/// Layers that change no number and may stand behind the last activation.
const PASSING: [&str; 4] = ["Flatten", "Reshape", "Dropout", "ActivityRegularization"];

/// The step whose activation is left out, if the network ends with one.
///
/// # Errors
/// When the card has another activation than the network.
pub(super) fn cut(plan: &Plan, card: Activation) -> Result<Option<usize>, Fault> {
    let mut number = plan.output;
    while let Some(step) = plan.step(number) {
        if let Some(kind) = own_activation(step.layer, step.dialect) {
            let Some(activation) = as_card(kind) else { return Ok(None) };
            if activation == card {
                return Ok(Some(number));
            }
            return Err(Fault::Card {
                key: "output.activation",
                found: format!("\"{}\"", name(card)),
                expected: format!(
                    "\"{}\", with which the network ends (layer {})",
                    name(activation),
                    step.place.name()
                ),
            });
        }
        let &[source] = step.inputs.as_slice() else { return Ok(None) };
        if !PASSING.contains(&step.layer.class.as_str()) && step.layer.class != "Activation" {
            return Ok(None);
        }
        number = source;
    }
    Ok(None)
}

/// The activation of a layer, inline or as the layer itself; none for a linear one.
fn own_activation(layer: &Layer, dialect: super::config::Dialect) -> Option<Kind> {
    let kind = match activation::layer(&layer.class, &layer.settings, dialect) {
        Ok(Some(kind)) => kind,
        _ => activation::read(layer.settings.get("activation")?, dialect).ok()?,
    };
    (kind != Kind::Linear).then_some(kind)
}

/// The card's word for an activation.
fn as_card(kind: Kind) -> Option<Activation> {
    match kind {
        Kind::Softmax { .. } => Some(Activation::Softmax),
        Kind::Map(Function::Sigmoid) => Some(Activation::Sigmoid),
        _ => None,
    }
}

fn name(activation: Activation) -> &'static str {
    match activation {
        Activation::Softmax => "softmax",
        Activation::Sigmoid => "sigmoid",
        Activation::None => "none",
    }
}
