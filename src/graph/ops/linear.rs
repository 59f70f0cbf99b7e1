//! The dense layer.

use candle_core::Tensor;

use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    single,
};

/// `y = x Wᵀ + b` with `W` of shape `[out, in]`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer with `weight` of shape `[out, in]` and `bias` of shape `[out]`.
    ///
    /// # Errors
    /// When the shapes are others.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Result<Self> {
        let (out, _) = weight.dims2()?;
        if let Some(bias) = &bias {
            bias.shape().dims1().and_then(|length| {
                if length == out { Ok(()) } else { candle_core::bail!("a bias of {length} for {out} outputs") }
            })?;
        }
        Ok(Self { weight, bias })
    }

    /// The weights, `[out, in]`.
    #[must_use]
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `[out]`.
    #[must_use]
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

impl Op for Linear {
    fn kind(&self) -> &'static str {
        "Linear"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = single(inputs, 2)?;
        let [out, expected] = [self.weight.dims()[0], self.weight.dims()[1]];
        if input[1] != expected {
            return Err(format!("it takes {expected} features, not {}", input[1]));
        }
        Ok(vec![input[0], out])
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let product = inputs[0].matmul(&self.weight.t()?)?;
        Ok(Forward::stateless(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        }))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        gradient.matmul(&self.weight)
    }

    fn parameters(&self) -> usize {
        self.weight.elem_count() + self.bias.as_ref().map_or(0, Tensor::elem_count)
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        [("weight", Some(&self.weight)), ("bias", self.bias.as_ref())]
            .into_iter()
            .filter_map(|(name, tensor)| Some((name, tensor?)))
            .collect()
    }
}
