//! What the families share: adding a layer with the weights of its name.

use candle_core::Tensor;

use crate::{
    graph::{
        Graph, GraphBuilder, GraphError, INPUT, NodeId, Op,
        ops::{AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Relu},
    },
    model::{ModelError, Weights},
};

/// A node and how many channels (or features) it gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub node: NodeId,
    pub channels: usize,
}

/// How many channels a layer gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Width {
    /// As many as its weights have; this many where they are missing.
    FromWeights(usize),
    /// Exactly this many, because something else must fit.
    Exactly(usize),
}

/// The sizes of a square convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Square {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub groups: usize,
    pub bias: bool,
}

impl Square {
    /// With bias, in one group.
    pub const fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel, stride, padding, groups: 1, bias: true }
    }

    /// Without bias, as before a batch normalisation.
    pub const fn unbiased(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel, stride, padding, groups: 1, bias: false }
    }
}

/// A graph in the making, with the weights that fill it.
pub(super) struct Layers<'a> {
    architecture: &'static str,
    weights: &'a mut Weights,
    graph: GraphBuilder,
}

impl<'a> Layers<'a> {
    pub fn new(architecture: &'static str, weights: &'a mut Weights) -> Self {
        Self { architecture, weights, graph: GraphBuilder::new() }
    }

    /// The input, with as many channels as the first convolution takes.
    pub fn input(&self, first: &str) -> At {
        At { node: INPUT, channels: self.dimension(first, 1).unwrap_or(3) }
    }

    /// A convolution, which names its input and output channels by its weights.
    pub fn conv(&mut self, name: &str, at: At, square: Square, width: Width) -> Result<At, ModelError> {
        let Square { kernel, stride, padding, groups, bias } = square;
        let out = self.width(name, width);
        let weight = self.weights.take(&format!("{name}.weight"), &[out, at.channels / groups, kernel, kernel]);
        let bias = bias.then(|| self.weights.take(&format!("{name}.bias"), &[out]));
        let conv = Conv2d::new(weight, bias)?.stride([stride; 2]).padding([padding; 2]).groups(groups);
        Ok(self.add(name, conv, at, out))
    }

    /// Batch normalisation with torchvision's ε.
    pub fn batch_norm(&mut self, name: &str, at: At) -> Result<At, ModelError> {
        let mut take = |part: &str| -> Tensor { self.weights.take(&format!("{name}.{part}"), &[at.channels]) };
        let (weight, bias, mean, variance) = (take("weight"), take("bias"), take("running_mean"), take("running_var"));
        let norm = BatchNorm2d::new(weight, bias, &mean, &variance, 1e-5)?;
        Ok(self.add(name, norm, at, at.channels))
    }

    /// A dense layer.
    pub fn linear(&mut self, name: &str, at: At, default_out: usize) -> Result<At, ModelError> {
        let out = self.width(name, Width::FromWeights(default_out));
        let weight = self.weights.take(&format!("{name}.weight"), &[out, at.channels]);
        let bias = self.weights.take(&format!("{name}.bias"), &[out]);
        let linear = Linear::new(weight, Some(bias))?;
        Ok(self.add(name, linear, at, out))
    }

    pub fn relu(&mut self, name: &str, at: At) -> At {
        self.add(name, Relu, at, at.channels)
    }

    pub fn max_pool(&mut self, name: &str, at: At, pool: MaxPool2d) -> At {
        self.add(name, pool, at, at.channels)
    }

    pub fn dropout(&mut self, name: &str, at: At) -> At {
        self.add(name, Dropout, at, at.channels)
    }

    /// An average pooling to `size` × `size`, then everything in one dimension.
    pub fn pool_and_flatten(&mut self, pool: &str, flatten: &str, at: At, size: usize) -> At {
        let pooled = self.add(pool, AdaptiveAvgPool2d { size: [size; 2] }, at, at.channels);
        self.add(flatten, Flatten, pooled, at.channels * size * size)
    }

    /// Any operation with one input.
    pub fn add(&mut self, name: &str, op: impl Op, at: At, channels: usize) -> At {
        At { node: self.graph.add(name, op, &[at.node]), channels }
    }

    /// Any operation with two inputs.
    pub fn join(&mut self, name: &str, op: impl Op, inputs: [At; 2], channels: usize) -> At {
        At { node: self.graph.add(name, op, &inputs.map(|at| at.node)), channels }
    }

    /// A second name for a node.
    pub fn alias(&mut self, name: &str, at: At) {
        self.graph.alias(name, at.node);
    }

    /// The graph, whose output is the last node.
    pub fn finish(self) -> Result<Graph, ModelError> {
        let architecture = self.architecture.to_owned();
        self.graph.finish().map_err(|error: GraphError| ModelError::Build { architecture, reason: error.to_string() })
    }

    fn width(&self, name: &str, width: Width) -> usize {
        match width {
            Width::FromWeights(default) => self.dimension(name, 0).unwrap_or(default),
            Width::Exactly(width) => width,
        }
    }

    /// One dimension of a layer's weights, if they are there.
    fn dimension(&self, name: &str, which: usize) -> Option<usize> {
        self.weights.shape(&format!("{name}.weight"))?.get(which).copied()
    }
}
