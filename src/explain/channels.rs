//! What the CAM family shares: a map is the sum of a layer's channels, each with a weight.

use candle_core::{DType, Device, Tensor};

use super::{Ask, Attribution, ExplainError};
use crate::graph::{NodeId, Rule, Trace};

/// One slice's output of a layer, or the gradient with respect to it.
pub(super) struct Planes {
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Planes {
    /// The channels, each `rows × columns`.
    pub fn planes(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact((self.rows * self.columns).max(1))
    }

    /// One element of a batch `[batch, channels, rows, columns]` or `[batch, features]`.
    pub fn of(tensor: &Tensor, slice: usize, layer: &str) -> Result<Self, ExplainError> {
        let &[slices, channels, ref space @ ..] = tensor.dims() else {
            return Err(ExplainError::NotSpatial { layer: layer.to_owned(), shape: tensor.dims().to_vec() });
        };
        let (rows, columns) = match space {
            [] => (1, 1),
            &[rows, columns] => (rows, columns),
            _ => return Err(ExplainError::NotSpatial { layer: layer.to_owned(), shape: tensor.dims().to_vec() }),
        };
        if slice >= slices {
            return Err(ExplainError::NoSlice { slice, slices });
        }
        let values =
            tensor.get(slice)?.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        Ok(Self { channels, rows, columns, values })
    }
}

/// The kept output of a layer for one slice.
pub(super) fn layer_output(trace: &Trace, layer: NodeId, slice: usize) -> Result<Planes, ExplainError> {
    let name = name(trace, layer);
    let Some(output) = trace.output(layer) else { return Err(ExplainError::NotKept { layer: name }) };
    Planes::of(output, slice, &name)
}

/// What a weighting of channels is made from.
pub(super) struct Evidence {
    /// The layer's output.
    pub activations: Planes,
    /// The gradient of the target with respect to it.
    pub gradients: Planes,
}

/// The layer's output and the gradient of the explained number with respect to it.
pub(super) fn evidence(ask: &Ask) -> Result<Evidence, ExplainError> {
    let Ask { trace, layer, .. } = *ask;
    let activations = spatial_output(trace, layer, ask.slice)?;
    let seed = ask.objective()?.seed(trace.target(), ask.slice)?;
    let gradient = trace.vjp(trace.target_node(), &seed, layer, Rule::Gradient, ask.control)?;
    let gradients = Planes::of(&gradient, ask.slice, &name(trace, layer))?;
    Ok(Evidence { activations, gradients })
}

/// The map of a gradient-based member of the family, which gives only its weights, one a channel.
pub(super) fn gradient_map(
    method: &'static str,
    ask: &Ask,
    weights: impl FnOnce(&Evidence) -> Vec<f64>,
) -> Result<Attribution, ExplainError> {
    let evidence = evidence(ask)?;
    let weights = weights(&evidence);
    weighted_sum(method, ask, ask.layer, &evidence.activations, &weights)
}

/// The map of a gradient-based member that weighs each place by itself: `Σₖ value(Aₖ, gₖ)` from activation and gradient.
pub(super) fn place_map(
    method: &'static str,
    ask: &Ask,
    value: impl Fn(f64, f64) -> f64,
) -> Result<Attribution, ExplainError> {
    let Evidence { activations, gradients } = evidence(ask)?;
    let mut sum = vec![0.0_f64; activations.rows * activations.columns];
    for (activation, gradient) in activations.planes().zip(gradients.planes()) {
        for (total, (&a, &g)) in sum.iter_mut().zip(activation.iter().zip(gradient)) {
            *total += value(a, g);
        }
    }
    layer_map(method, ask, ask.layer, [activations.rows, activations.columns], &sum)
}

/// The kept output of a layer that has rows and columns.
pub(super) fn spatial_output(trace: &Trace, layer: NodeId, slice: usize) -> Result<Planes, ExplainError> {
    match trace.output(layer) {
        Some(output) if output.rank() != 4 => {
            Err(ExplainError::NotSpatial { layer: name(trace, layer), shape: output.dims().to_vec() })
        }
        _ => layer_output(trace, layer, slice),
    }
}

/// `Σₖ wₖ Aₖ`.
pub(super) fn weighted_sum(
    method: &'static str,
    ask: &Ask,
    layer: NodeId,
    activations: &Planes,
    weights: &[f64],
) -> Result<Attribution, ExplainError> {
    let mut sum = vec![0.0_f64; activations.rows * activations.columns];
    for (plane, &weight) in activations.planes().zip(weights) {
        for (total, &value) in sum.iter_mut().zip(plane) {
            *total += weight * value;
        }
    }
    layer_map(method, ask, layer, [activations.rows, activations.columns], &sum)
}

/// A map of a layer from its values, `rows × columns`, which must be finite.
pub(super) fn layer_map(
    method: &'static str,
    ask: &Ask,
    layer: NodeId,
    [rows, columns]: [usize; 2],
    values: &[f64],
) -> Result<Attribution, ExplainError> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    let layer = name(ask.trace, layer);
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ExplainError::NotFinite { layer });
    }
    let class = ask.target.class;
    Ok(Attribution { method, layer: Some(layer), class, channels: 1, rows, columns, values, ..Attribution::default() })
}

fn name(trace: &Trace, node: NodeId) -> String {
    trace.graph().name_of(node)
}
