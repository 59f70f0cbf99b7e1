//! What the CAM family shares: a map is the sum of a layer's channels, each with a weight.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Attribution, ExplainError, Params, Target};
use crate::graph::{Control, Graph, NodeId, Rule, Trace};

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
    fn of(tensor: &Tensor, slice: usize, layer: &str) -> Result<Self, ExplainError> {
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
        let values = tensor.get(slice)?.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
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

/// The map of a gradient-based member of the family, which gives only its weights, one a channel.
pub(super) fn gradient_map(
    method: &'static str,
    (trace, layer): (&Trace, NodeId),
    (target, params): (&Target, &Params),
    control: &Control,
    weights: impl FnOnce(&Evidence) -> Vec<f64>,
) -> Result<Attribution, ExplainError> {
    let activations = spatial_output(trace, layer, params.slice)?;
    let seed = seed(trace, target, params.slice)?;
    let gradient = trace.vjp(trace.target_node(), &seed, layer, Rule::Gradient, control)?;
    let gradients = Planes::of(&gradient, params.slice, &name(trace, layer))?;
    let evidence = Evidence { activations, gradients };
    let weights = weights(&evidence);
    weighted_sum(method, trace, layer, target.class, &evidence.activations, &weights)
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

/// The gradient's seed: the target's sign at its class in the row of the slice, or in the only row of a stack.
pub(super) fn seed(trace: &Trace, target: &Target, slice: usize) -> Result<Tensor, ExplainError> {
    let graph: &Arc<Graph> = trace.graph();
    if trace.target_node() != graph.output() {
        return Err(ExplainError::NotLogits { target: name(trace, trace.target_node()) });
    }
    let logits = trace.target();
    let (batch, classes) = logits.dims2()?;
    check_class(target, classes)?;
    let row = if batch == 1 { 0 } else { slice };
    if row >= batch {
        return Err(ExplainError::NoSlice { slice, slices: batch });
    }
    let mut seed = vec![0.0_f32; batch * classes];
    seed[row * classes + target.class] = target.sign;
    let seed = Tensor::from_vec(seed, (batch, classes), &Device::Cpu)?;
    Ok(seed.to_dtype(logits.dtype())?.to_device(logits.device())?)
}

/// The class must be one of the network's.
pub(super) fn check_class(target: &Target, classes: usize) -> Result<(), ExplainError> {
    if target.class < classes { Ok(()) } else { Err(ExplainError::NoClass { class: target.class, classes }) }
}

/// `Σₖ wₖ Aₖ`.
pub(super) fn weighted_sum(
    method: &'static str,
    trace: &Trace,
    layer: NodeId,
    class: usize,
    activations: &Planes,
    weights: &[f64],
) -> Result<Attribution, ExplainError> {
    let mut sum = vec![0.0_f64; activations.rows * activations.columns];
    for (plane, &weight) in activations.planes().zip(weights) {
        for (total, &value) in sum.iter_mut().zip(plane) {
            *total += weight * value;
        }
    }
    let values: Vec<f32> = sum.into_iter().map(|value| value as f32).collect();
    let layer = name(trace, layer);
    if values.iter().any(|value| !value.is_finite()) {
        return Err(ExplainError::NotFinite { layer });
    }
    let Planes { rows, columns, .. } = *activations;
    Ok(Attribution { method, layer: Some(layer), class, channels: 1, rows, columns, values })
}

fn name(trace: &Trace, node: NodeId) -> String {
    trace.graph().name_of(node)
}
