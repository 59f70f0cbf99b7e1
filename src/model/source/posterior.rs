//! The posteriors of stochastic layers among named tensors: `LAYER.weight_rho` beside `LAYER.weight`.

use candle_core::{DType, Tensor};

use crate::{
    graph::{Graph, ops::Linear},
    model::{ModelError, Weights},
    uncertainty::{FlipoutDense, StochasticHead, WeightPosterior, sigma_of_rho},
};

/// The tensors of a stochastic layer.
struct Found {
    layer: String,
    mean: Tensor,
    rho: Tensor,
    bias: Option<Tensor>,
    bias_rho: Option<Tensor>,
}

/// The posteriors of a file.
pub(super) struct Posteriors(Vec<Found>);

const SUFFIX: &str = ".weight_rho";

impl Posteriors {
    /// Takes every `LAYER.weight_rho` (and `LAYER.bias_rho`), and copies `LAYER.weight` and `LAYER.bias`, which the
    /// graph takes later.
    pub fn take(weights: &mut Weights) -> Result<Self, ModelError> {
        let layers: Vec<String> =
            weights.names().iter().filter_map(|name| name.strip_suffix(SUFFIX)).map(str::to_owned).collect();
        if layers.is_empty() {
            let reason = "a flipout head needs LAYER.weight_rho beside LAYER.weight (no layer has one)".to_owned();
            return Err(refuse(weights, reason));
        }
        let mut found = Vec::with_capacity(layers.len());
        for layer in layers {
            let Some(shape) = weights.shape(&format!("{layer}.weight")) else {
                return Err(refuse(weights, format!("it has {layer}{SUFFIX} without {layer}.weight")));
            };
            let rho = weights.take(&format!("{layer}{SUFFIX}"), &shape);
            let bias_rho = format!("{layer}.bias_rho");
            let bias_rho = weights.shape(&bias_rho).map(|shape| weights.take(&bias_rho, &shape));
            let Some(mean) = weights.get(&format!("{layer}.weight")).cloned() else { continue };
            let bias = weights.get(&format!("{layer}.bias")).cloned();
            found.push(Found { layer, mean, rho, bias, bias_rho });
        }
        Ok(Self(found))
    }

    /// The posteriors at their places, and the head where the last layer has one that is drawn without its weights.
    pub fn place(
        self,
        graph: &Graph,
        weights_label: &str,
    ) -> Result<(Option<StochasticHead>, Vec<WeightPosterior>), ModelError> {
        let refuse = |reason: String| ModelError::WeightFile { weights: weights_label.to_owned(), reason };
        let mut head = None;
        let mut posteriors = Vec::with_capacity(self.0.len());
        for Found { layer, mean, rho, bias, bias_rho } in self.0 {
            let output = &graph.nodes()[graph.output()];
            let is_last = graph.find(&layer) == Some(graph.output()) && output.op_as::<Linear>().is_some();
            if let (true, &[input], &[outputs, inputs], None) =
                (is_last, output.inputs.as_slice(), mean.dims(), &bias_rho)
            {
                let bias = bias.as_ref().map_or_else(|| Ok(vec![0.0; outputs]), values)?;
                let dense = FlipoutDense::new(inputs, outputs, values(&mean)?, &values(&rho)?, bias)
                    .map_err(|error| refuse(format!("{layer}: {error}")))?;
                head = Some(StochasticHead { layer: layer.clone(), input, dense });
            }
            let (std, bias_std) = (deviations(&rho)?, bias_rho.as_ref().map(deviations).transpose()?);
            posteriors.push(WeightPosterior { layer, mean, std, bias_std });
        }
        Ok((head, posteriors))
    }
}

fn refuse(weights: &Weights, reason: String) -> ModelError {
    ModelError::WeightFile { weights: weights.label().to_owned(), reason }
}

/// `σ = ε₃₂ + softplus(ρ)`, where ρ is.
fn deviations(rho: &Tensor) -> Result<Tensor, ModelError> {
    let sigma: Vec<f32> = values(rho)?.into_iter().map(sigma_of_rho).collect();
    Ok(Tensor::from_vec(sigma, rho.shape(), rho.device())?)
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
