//! The posterior of a stochastic last layer among named tensors.

use candle_core::{DType, Tensor};

use crate::{
    graph::Graph,
    model::{ModelError, Weights},
    uncertainty::{FlipoutDense, StochasticHead},
};

/// The tensors of a stochastic last layer.
pub(super) struct Posterior {
    layer: String,
    dense: FlipoutDense,
}

impl Posterior {
    /// Takes `LAYER.weight_rho` and copies `LAYER.weight` and `LAYER.bias`, which the graph takes later.
    pub fn take(weights: &mut Weights) -> Result<Self, ModelError> {
        const SUFFIX: &str = ".weight_rho";
        let refuse = |weights: &Weights, reason: String| {
            Err(ModelError::WeightFile { weights: weights.label().to_owned(), reason })
        };
        let layers: Vec<String> =
            weights.names().iter().filter_map(|name| name.strip_suffix(SUFFIX)).map(str::to_owned).collect();
        let [layer] = layers.as_slice() else {
            let found = if layers.is_empty() { "no layer has one".to_owned() } else { layers.join(", ") };
            let reason = format!("a flipout head needs LAYER.weight_rho for the last layer and no other ({found})");
            return refuse(weights, reason);
        };
        let shape = weights.required_shape(&format!("{layer}.weight"), 2)?;
        let (outputs, inputs) = (shape[0], shape[1]);
        let rho = weights.take(&format!("{layer}{SUFFIX}"), &shape);
        let loc = weights.get(&format!("{layer}.weight")).map(values).transpose()?.unwrap_or_default();
        let bias = match weights.get(&format!("{layer}.bias")) {
            Some(bias) => values(bias)?,
            None => vec![0.0; outputs],
        };
        match FlipoutDense::new(inputs, outputs, loc, &values(&rho)?, bias) {
            Ok(dense) => Ok(Self { layer: layer.clone(), dense }),
            Err(error) => refuse(weights, format!("{layer}: {error}")),
        }
    }

    /// The head at its place, which is the graph's output.
    pub fn head(self, graph: &Graph, weights_label: &str) -> Result<StochasticHead, ModelError> {
        let output = &graph.nodes()[graph.output()];
        match (graph.find(&self.layer), output.inputs.as_slice()) {
            (Some(node), &[input]) if node == graph.output() && output.op.kind() == "Linear" => {
                Ok(StochasticHead { layer: self.layer, input, dense: self.dense })
            }
            _ => Err(ModelError::WeightFile {
                weights: weights_label.to_owned(),
                reason: format!(
                    "{} is stochastic, but only a dense last layer may be (here {}, {})",
                    self.layer,
                    output.name,
                    output.op.kind()
                ),
            }),
        }
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
