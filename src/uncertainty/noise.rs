//! What is random at a node of a network, and the operations that one or several passes put in its place.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};
use rayon::prelude::*;

use super::random::{Draw, Part};
use crate::graph::{
    Forward, Node, NodeId, Op, Rule, Saved,
    ops::{Conv2d, Linear},
};

/// What is random at one node.
#[derive(Debug, Clone)]
pub enum Noise {
    /// A normal distribution over each weight of a dense or convolutional layer, the weights independent of each other;
    /// the operation has the means.
    Weights {
        /// Standard deviations in the shape of the weights.
        std: Tensor,
        /// Standard deviations of the bias, where it has a distribution too.
        bias_std: Option<Tensor>,
    },
    /// Each value of the node's output is 0 with this probability, the others are divided by `1 − rate` (Gal and
    /// Ghahramani 2016: dropout that stays on).
    Dropout {
        /// 0 to below 1.
        rate: f32,
    },
}

type Result<T, E = candle_core::Error> = std::result::Result<T, E>;

impl Noise {
    /// The same where the node's operation computes.
    ///
    /// # Errors
    /// When the node has no weights of that shape, or the tensor library fails.
    pub(super) fn placed(self, node: &Node) -> Result<Self> {
        let Self::Weights { std, bias_std } = self else { return Ok(self) };
        let Some((weight, bias)) = weights(&*node.op) else {
            bail!(
                "the weights of a {} have no distribution; those of dense layers and convolutions may",
                node.op.kind()
            )
        };
        if std.dims() != weight.dims() {
            bail!("deviations of shape {:?} for weights of shape {:?}", std.dims(), weight.dims());
        }
        let like = |tensor: Tensor| tensor.to_dtype(weight.dtype())?.to_device(weight.device())?.contiguous();
        let bias_std = match (bias_std, bias) {
            (Some(std), Some(bias)) if std.dims() == bias.dims() => Some(like(std)?),
            (None, _) => None,
            (Some(_), _) => bail!("deviations of a bias that the layer lacks"),
        };
        Ok(Self::Weights { std: like(std)?, bias_std })
    }

    /// The operation of one pass.
    pub(super) fn drawn(&self, op: &Arc<dyn Op>, draw: Draw) -> Result<Arc<dyn Op>> {
        match self {
            Self::Dropout { rate } => Ok(Arc::new(Dropped { op: Arc::clone(op), rate: *rate, draw })),
            Self::Weights { std, bias_std } => {
                let Some((weight, bias)) = weights(&**op) else { bail!("a {} has no weights", op.kind()) };
                let weight = spread(weight, std, draw, Part::Weights)?;
                let bias = match (bias, bias_std) {
                    (Some(bias), Some(std)) => Some(spread(bias, std, draw, Part::Bias)?),
                    (bias, _) => bias.cloned(),
                };
                let plain: &dyn std::any::Any = &**op;
                match plain.downcast_ref::<Conv2d>() {
                    Some(conv) => Ok(Arc::new(conv.with_weights(weight, bias)?)),
                    None => Ok(Arc::new(Linear::new(weight, bias)?)),
                }
            }
        }
    }

    /// Random numbers that one pass takes at a node of this operation, for an output of this many elements.
    pub(super) fn numbers(&self, outputs: usize) -> usize {
        match self {
            Self::Weights { std, .. } => std.elem_count(),
            Self::Dropout { .. } => outputs,
        }
    }
}

/// Weights and bias of a dense layer or a convolution.
fn weights(op: &dyn Op) -> Option<(&Tensor, Option<&Tensor>)> {
    let any: &dyn std::any::Any = op;
    if let Some(linear) = any.downcast_ref::<Linear>() {
        return Some((linear.weight(), linear.bias()));
    }
    any.downcast_ref::<Conv2d>().map(|conv| (conv.weight(), conv.bias()))
}

/// `mean + std · ε`.
fn spread(mean: &Tensor, std: &Tensor, draw: Draw, part: Part) -> Result<Tensor> {
    let normals = Tensor::from_vec(draw.normals(part, mean.elem_count()), mean.shape(), &Device::Cpu)?;
    let normals = normals.to_dtype(mean.dtype())?.to_device(mean.device())?;
    mean + (std * normals)?
}

/// The mask of one pass for an output of this shape, whose first dimension is 1.
fn mask(rate: f32, draw: Draw, shape: &[usize]) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    Tensor::from_vec(draw.mask(rate, count), shape, &Device::Cpu)
}

/// An operation whose output passes a dropout, the same for each element of a batch.
#[derive(Debug)]
struct Dropped {
    op: Arc<dyn Op>,
    rate: f32,
    draw: Draw,
}

impl Op for Dropped {
    fn kind(&self) -> &'static str {
        "Dropout of one pass"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        self.op.shape(inputs)
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let Forward { output, mut state } = self.op.forward(inputs, record)?;
        let mut shape = output.dims().to_vec();
        if let Some(batch) = shape.first_mut() {
            *batch = 1;
        }
        let mask = mask(self.rate, self.draw, &shape)?.to_dtype(output.dtype())?.to_device(output.device())?;
        let output = output.broadcast_mul(&mask)?;
        if record {
            state.push(mask);
        }
        Ok(Forward { output, state })
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, rule: Rule) -> Result<Tensor> {
        let Some((mask, state)) = saved.state.split_last() else { bail!("the forward step was not recorded") };
        let inner = Saved { inputs: saved.inputs.clone(), state: state.to_vec() };
        self.op.vjp(&gradient.broadcast_mul(mask)?, which, &inner, rule)
    }

    fn macs(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        self.op.macs(inputs, output)
    }
}

/// An operation for a batch whose rows are passes: each row goes through its own draw.
#[derive(Debug)]
pub(super) struct Rows {
    pub op: Arc<dyn Op>,
    pub noise: Noise,
    pub seed: u64,
    pub node: NodeId,
    pub passes: Vec<u64>,
}

impl Rows {
    fn draw(&self, row: usize) -> Draw {
        Draw { seed: self.seed, node: self.node, pass: self.passes[row] }
    }
}

impl Op for Rows {
    fn kind(&self) -> &'static str {
        "A batch of passes"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = self.op.shape(inputs)?;
        if shape.first() == Some(&self.passes.len()) {
            Ok(shape)
        } else {
            Err(format!("it takes a batch of {} passes", self.passes.len()))
        }
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let output = match self.noise {
            Noise::Dropout { rate } => {
                let output = self.op.forward(inputs, false)?.output;
                let mut shape = output.dims().to_vec();
                shape[0] = 1;
                let masks = (0..self.passes.len()).map(|row| mask(rate, self.draw(row), &shape));
                let masks = Tensor::cat(&masks.collect::<Result<Vec<_>>>()?, 0)?;
                (&output * masks.to_dtype(output.dtype())?.to_device(output.device())?)?
            }
            Noise::Weights { .. } => {
                let row_of = |row: usize| {
                    let inputs =
                        inputs.iter().map(|input| input.narrow(0, row, 1)?.contiguous()).collect::<Result<Vec<_>>>()?;
                    let op = self.noise.drawn(&self.op, self.draw(row))?;
                    Ok(op.forward(&inputs.iter().collect::<Vec<_>>(), false)?.output)
                };
                let rows = (0..self.passes.len()).into_par_iter().map(row_of).collect::<Result<Vec<_>>>()?;
                Tensor::cat(&rows, 0)?
            }
        };
        Ok(Forward::stateless(output))
    }

    fn vjp(&self, _gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        bail!("a batch of passes goes forward only; gradients are taken through the network of one pass")
    }
}

/// One row of logits in `f32`, on the CPU.
pub(super) fn logits(output: &Tensor) -> Result<Vec<f32>> {
    output.to_dtype(DType::F32)?.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()
}
