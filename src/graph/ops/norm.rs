//! Normalisations by the input's own mean and variance: instance, group and layer.

use candle_core::{Tensor, bail};

use super::super::support::Support;
use super::{
    super::{
        kernels::{rows, serve},
        op::{Forward, Op, Result, Rule, Saved},
    },
    binary::Arithmetic,
    only,
};

/// Each group of channels of each picture shifted and scaled to mean 0 and variance 1, then `· weight + bias` per
/// channel (Wu and He 2018).
#[derive(Debug)]
pub struct GroupNorm {
    groups: usize,
    weight: Tensor,
    bias: Tensor,
    epsilon: f64,
}

/// Each channel of each picture shifted and scaled to mean 0 and variance 1, then `· weight + bias` per channel
/// (Ulyanov et al. 2016).
#[derive(Debug)]
pub struct InstanceNorm2d(GroupNorm);

/// The last dimensions shifted and scaled to mean 0 and variance 1, then `· weight + bias` per element (Ba et al. 2016).
#[derive(Debug)]
pub struct LayerNorm {
    shape: Vec<usize>,
    weight: Option<Tensor>,
    bias: Option<Tensor>,
    epsilon: f64,
}

impl GroupNorm {
    /// A layer with this many groups, and a `weight` and a `bias` of shape `[channels]`; `epsilon` is added to the
    /// variance.
    ///
    /// # Errors
    /// When the shapes differ or the channels cannot be in this many groups.
    pub fn new(groups: usize, weight: Tensor, bias: Tensor, epsilon: f64) -> Result<Self> {
        let (channels, biases) = (weight.dims1()?, bias.dims1()?);
        if channels != biases {
            bail!("a bias of {biases} for {channels} channels");
        }
        if groups == 0 || channels % groups != 0 {
            bail!("{channels} channels cannot be in {groups} groups");
        }
        Ok(Self { groups, weight, bias, epsilon })
    }

    /// The weight or the bias, stretching over an input of this rank.
    fn per_channel(tensor: &Tensor, rank: usize) -> Result<Tensor> {
        let mut shape = vec![1; rank - 1];
        shape[0] = tensor.elem_count();
        tensor.reshape(shape)
    }

    /// How many rows are normalised in an input of this batch size.
    fn rows(&self, batch: usize) -> usize {
        batch * self.groups
    }
}

impl InstanceNorm2d {
    /// A layer with a `weight` and a `bias` of shape `[channels]`; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn new(weight: Tensor, bias: Tensor, epsilon: f64) -> Result<Self> {
        GroupNorm::new(weight.dims1()?, weight, bias, epsilon).map(Self)
    }
}

impl LayerNorm {
    /// A layer over the last dimensions, which have this shape, as have the weight and the bias; `epsilon` is added to
    /// the variance.
    ///
    /// # Errors
    /// When the shapes differ or there are no dimensions.
    pub fn new(
        normalised_shape: Vec<usize>,
        weight: Option<Tensor>,
        bias: Option<Tensor>,
        epsilon: f64,
    ) -> Result<Self> {
        if normalised_shape.is_empty() || normalised_shape.contains(&0) {
            bail!("a normalisation over nothing");
        }
        for (name, tensor) in [("weight", &weight), ("bias", &bias)] {
            if let Some(tensor) = tensor
                && tensor.dims() != normalised_shape
            {
                bail!("a {name} of shape {:?} for a normalisation over {normalised_shape:?}", tensor.dims());
            }
        }
        Ok(Self { shape: normalised_shape, weight, bias, epsilon })
    }

    /// How many elements are normalised together.
    fn length(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Op for GroupNorm {
    fn kind(&self) -> &'static str {
        "GroupNorm"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let channels = self.weight.elem_count();
        match input.get(1) {
            Some(&found) if found == channels => Ok(input.to_vec()),
            Some(found) => Err(format!("it takes {channels} channels, not {found}")),
            None => Err("it takes a batch dimension and channels".to_owned()),
        }
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Normalised
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let input = inputs[0];
        let (normal, scales) = normalise(input, self.rows(input.dim(0)?), self.epsilon)?;
        let shaped = normal.reshape(input.shape())?;
        let scaled = Arithmetic::Mul.forward(&shaped, &Self::per_channel(&self.weight, input.rank())?)?;
        let output = Arithmetic::Add.forward(&scaled, &Self::per_channel(&self.bias, input.rank())?)?;
        Ok(Forward::with_state(output, record, [&normal, &scales]))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let weighted = Arithmetic::Mul.forward(gradient, &Self::per_channel(&self.weight, gradient.rank())?)?;
        normalise_vjp(&weighted, saved)
    }

    fn parameters(&self) -> usize {
        self.weight.elem_count() + self.bias.elem_count()
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        vec![("weight", &self.weight), ("bias", &self.bias)]
    }
}

impl Op for InstanceNorm2d {
    fn kind(&self) -> &'static str {
        "InstanceNorm2d"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        super::image_shape(inputs)?;
        self.0.shape(inputs)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Normalised
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        self.0.forward(inputs, record)
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        self.0.vjp(gradient, which, saved, rule)
    }

    fn parameters(&self) -> usize {
        self.0.parameters()
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        self.0.weights()
    }
}

impl Op for LayerNorm {
    fn kind(&self) -> &'static str {
        "LayerNorm"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        if !input.ends_with(&self.shape) {
            return Err(format!("it takes last dimensions of {:?}", self.shape));
        }
        Ok(input.to_vec())
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let input = inputs[0];
        let (normal, scales) = normalise(input, input.elem_count() / self.length(), self.epsilon)?;
        let mut output = normal.reshape(input.shape())?;
        if let Some(weight) = &self.weight {
            output = Arithmetic::Mul.forward(&output, weight)?;
        }
        if let Some(bias) = &self.bias {
            output = Arithmetic::Add.forward(&output, bias)?;
        }
        Ok(Forward::with_state(output, record, [&normal, &scales]))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        match &self.weight {
            Some(weight) => normalise_vjp(&Arithmetic::Mul.forward(gradient, weight)?, saved),
            None => normalise_vjp(gradient, saved),
        }
    }

    fn parameters(&self) -> usize {
        self.weights().iter().map(|(_, tensor)| tensor.elem_count()).sum()
    }

    fn weights(&self) -> Vec<(&'static str, &Tensor)> {
        [("weight", self.weight.as_ref()), ("bias", self.bias.as_ref())]
            .into_iter()
            .filter_map(|(name, tensor)| Some((name, tensor?)))
            .collect()
    }
}

/// The input as this many rows, each shifted and scaled to mean 0 and variance 1, and the scales.
fn normalise(input: &Tensor, rows: usize, epsilon: f64) -> Result<(Tensor, Tensor)> {
    let matrix = input.contiguous()?.reshape((rows, input.elem_count() / rows))?;
    if serve(input) { rows::normalise(&matrix, epsilon) } else { composed_forward(&matrix, epsilon) }
}

/// The gradient with respect to the input, of the gradient's shape.
fn normalise_vjp(gradient: &Tensor, saved: &Saved) -> Result<Tensor> {
    let [normal, scales] = saved.state()?;
    let matrix = gradient.contiguous()?.reshape(normal.shape())?;
    let back = if serve(gradient) {
        rows::normalise_vjp(&matrix, normal, scales)?
    } else {
        composed_vjp(&matrix, normal, scales)?
    };
    back.reshape(gradient.shape())
}

/// The normalised rows and their scales from tensor operations.
pub(super) fn composed_forward(matrix: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor)> {
    let centred = matrix.broadcast_sub(&matrix.mean_keepdim(1)?)?;
    let scales = (centred.sqr()?.mean_keepdim(1)? + epsilon)?.sqrt()?.recip()?;
    Ok((centred.broadcast_mul(&scales)?, scales))
}

/// The gradient from tensor operations.
pub(super) fn composed_vjp(gradient: &Tensor, normal: &Tensor, scales: &Tensor) -> Result<Tensor> {
    let slope = (gradient * normal)?.mean_keepdim(1)?;
    let centred = gradient.broadcast_sub(&gradient.mean_keepdim(1)?)?;
    (centred - normal.broadcast_mul(&slope)?)?.broadcast_mul(scales)
}
