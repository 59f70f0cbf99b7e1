//! The dense layer.

mod narrow;

use candle_core::{DType, Tensor, WithDType};
use half::{bf16, f16};

use super::{
    super::{
        Control,
        kernels::{
            self,
            fast::{
                Isa,
                dense::{self, Weight},
            },
            parts::matmul,
        },
        op::{Forward, Op, Result, Rule, Saved},
    },
    count, only,
};
pub use narrow::NarrowError;

/// `y = x Wᵀ + b` with `W` of shape `[out, in]`, over the last dimension of an input of two or more.
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

    /// The weights, `[out, in]`, as they are kept: [`Linear::narrowed`] makes 16 bits of them.
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

/// Weights of layers that are large (4 MiB in `f32`).
const STREAMED_FROM: usize = 1 << 20;

/// What is asked of weights that are streamed.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// Outputs of rows of inputs, with this bias (empty for none).
    Forward(&'a [f32]),
    /// Gradients of inputs from those of outputs.
    Back,
}

impl Linear {
    /// Whether the layer is so large that it waits for the memory, which weights of 16 bits halve.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.weight.elem_count() >= STREAMED_FROM
    }

    /// Whether the weights are read in order, once for a few rows, however many there are: a row's numbers do not depend
    /// on its company. Only large layers wait for the memory so that it pays.
    fn is_streamed(&self, rows: &Tensor, control: &Control) -> bool {
        let suits = |tensor: &Tensor, types: &[DType]| types.contains(&tensor.dtype()) && kernels::serve(tensor);
        let is_large = self.is_large() && rows.elem_count() > 0;
        control.precision().packs()
            && is_large
            && suits(rows, &[DType::F32])
            && suits(&self.weight, &[DType::F32, DType::F16, DType::BF16])
    }

    /// The streamed product of `rows` with the weights: in the shape of `rows`, but for the last dimension.
    fn stream(&self, rows: &Tensor, way: Way, control: &Control) -> Result<Tensor> {
        match self.weight.dtype() {
            DType::F16 => self.stream_as::<f16>(rows, way, control),
            DType::BF16 => self.stream_as::<bf16>(rows, way, control),
            _ => self.stream_as::<f32>(rows, way, control),
        }
    }

    fn stream_as<W: Weight + WithDType>(&self, rows: &Tensor, way: Way, control: &Control) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let (result, length) = kernels::read(rows, |rows: &[f32]| {
            kernels::read(&self.weight, |weight: &[W]| {
                Ok(match way {
                    Way::Forward(bias) => (dense::forward(Isa::best(), rows, weight, inputs, bias, control), outputs),
                    Way::Back => (dense::back(Isa::best(), rows, weight, inputs, control), inputs),
                })
            })
        })?;
        control.checked()?;
        let mut shape = rows.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = length;
        }
        kernels::tensor(result, shape)
    }

    /// The weights in the precision of `rows`; those that have it are not copied.
    fn weight_like(&self, rows: &Tensor) -> Result<Tensor> {
        match self.weight.dtype() {
            DType::F16 | DType::BF16 => self.weight.to_dtype(rows.dtype()),
            _ => Ok(self.weight.clone()),
        }
    }
}

impl Op for Linear {
    fn kind(&self) -> &'static str {
        "Linear"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let [out, expected] = [self.weight.dims()[0], self.weight.dims()[1]];
        let (&features, leading) = match input.split_last() {
            Some((features, leading)) if !leading.is_empty() => (features, leading),
            _ => return Err("it takes a batch dimension and features".to_owned()),
        };
        if features != expected {
            return Err(format!("it takes {expected} features, not {features}"));
        }
        Ok([leading, &[out]].concat())
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.forward_under(inputs, record, &Control::default())
    }

    fn forward_under(&self, inputs: &[&Tensor], _record: bool, control: &Control) -> Result<Forward> {
        if self.is_streamed(inputs[0], control) {
            let bias = self.bias.as_ref().map(Tensor::to_vec1::<f32>).transpose()?.unwrap_or_default();
            return Ok(Forward::stateless(self.stream(inputs[0], Way::Forward(&bias), control)?));
        }
        let product = rows_times(inputs[0], &self.weight_like(inputs[0])?.t()?, control)?;
        Ok(Forward::stateless(match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        }))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        self.vjp_under(gradient, which, saved, rule, &Control::default())
    }

    fn vjp_under(
        &self,
        gradient: &Tensor,
        _which: usize,
        _saved: &Saved,
        _rule: Rule,
        control: &Control,
    ) -> Result<Tensor> {
        if self.is_streamed(gradient, control) {
            return self.stream(gradient, Way::Back, control);
        }
        rows_times(gradient, &self.weight_like(gradient)?, control)
    }

    fn macs(&self, _inputs: &[&[usize]], output: &[usize]) -> u64 {
        count(output) * self.weight.dims()[1] as u64
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

/// The product of the last dimension of `rows`, which has any others before it, with a matrix.
fn rows_times(rows: &Tensor, matrix: &Tensor, control: &Control) -> Result<Tensor> {
    let rows = rows.contiguous()?;
    if rows.rank() == 2 {
        return matmul(&rows, matrix, control);
    }
    let mut shape = rows.dims().to_vec();
    let last = shape.len() - 1;
    let product = matmul(&rows.reshape(((), shape[last]))?, matrix, control)?;
    shape[last] = matrix.dim(1)?;
    product.reshape(shape)
}

#[cfg(test)]
mod tests;
