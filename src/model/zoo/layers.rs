//! What the families share: adding a layer with the weights of its name.

use candle_core::Tensor;

use crate::{
    graph::{
        Graph, GraphBuilder, GraphError, INPUT, NodeId, Op,
        ops::{AdaptiveAvgPool2d, BatchNorm2d, Concat, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Relu},
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

/// The sizes of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// Rows and columns.
    pub size: [usize; 2],
    pub stride: usize,
    pub padding: [usize; 2],
    pub groups: usize,
    pub bias: bool,
}

impl Kernel {
    /// A square one with bias, in one group.
    pub const fn new(size: usize, stride: usize, padding: usize) -> Self {
        Self { size: [size; 2], stride, padding: [padding; 2], groups: 1, bias: true }
    }

    /// A square one without bias, as before a batch normalisation.
    pub const fn unbiased(size: usize, stride: usize, padding: usize) -> Self {
        Self { bias: false, ..Self::new(size, stride, padding) }
    }

    /// An unbiased one of odd sizes that keeps rows and columns, as 1×7.
    pub const fn same(rows: usize, columns: usize) -> Self {
        Self { size: [rows, columns], stride: 1, padding: [rows / 2, columns / 2], groups: 1, bias: false }
    }
}

/// A graph in the making, with the weights that fill it.
pub(super) struct Layers<'a> {
    architecture: &'static str,
    weights: &'a mut Weights,
    graph: GraphBuilder,
    epsilon: f64,
}

impl<'a> Layers<'a> {
    pub fn new(architecture: &'static str, weights: &'a mut Weights) -> Self {
        Self { architecture, weights, graph: GraphBuilder::new(), epsilon: 1e-5 }
    }

    /// The same with another ε of batch normalisation than PyTorch's 1e-5.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// The weights, for what is no layer.
    pub fn weights(&mut self) -> &mut Weights {
        self.weights
    }

    /// Names of tensors that have not been taken, with their shapes.
    pub fn untaken(&self, prefix: &str) -> Vec<(String, Vec<usize>)> {
        let names = self.weights.names().into_iter().filter(|name| name.starts_with(prefix));
        names.filter_map(|name| Some((name.to_owned(), self.weights.shape(name)?))).collect()
    }

    /// An architecture that cannot be built, and why.
    pub fn refuse(&self, reason: String) -> ModelError {
        ModelError::Build { architecture: self.architecture.to_owned(), reason }
    }

    /// The input, with as many channels as the first convolution takes.
    pub fn input(&self, first: &str) -> At {
        At { node: INPUT, channels: self.dimension(first, 1).unwrap_or(3) }
    }

    /// A convolution, which names its input and output channels by its weights.
    pub fn conv(&mut self, name: &str, at: At, kernel: Kernel, width: Width) -> Result<At, ModelError> {
        let Kernel { size: [rows, columns], stride, padding, groups, bias } = kernel;
        let out = self.width(name, width);
        let weight = self.weights.take(&format!("{name}.weight"), &[out, at.channels / groups, rows, columns]);
        let bias = bias.then(|| self.weights.take(&format!("{name}.bias"), &[out]));
        let conv = Conv2d::new(weight, bias)?.stride([stride; 2]).padding(padding).groups(groups);
        Ok(self.add(name, conv, at, out))
    }

    /// Batch normalisation.
    pub fn batch_norm(&mut self, name: &str, at: At) -> Result<At, ModelError> {
        self.batch_norm_of(name, name, at)
    }

    /// Batch normalisation at a node that is not named as the module of its tensors.
    pub fn batch_norm_of(&mut self, module: &str, name: &str, at: At) -> Result<At, ModelError> {
        let mut take = |part: &str| -> Tensor { self.weights.take(&format!("{module}.{part}"), &[at.channels]) };
        let (weight, bias, mean, variance) = (take("weight"), take("bias"), take("running_mean"), take("running_var"));
        let norm = BatchNorm2d::new(weight, bias, &mean, &variance, self.epsilon)?;
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

    /// A ReLU that torchvision calls as a function.
    pub fn functional_relu(&mut self, name: &str, at: At) -> At {
        let at = self.relu(name, at);
        self.graph.mark_functional(at.node);
        at
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

    /// Any operation with several inputs.
    pub fn join(&mut self, name: &str, op: impl Op, inputs: &[At], channels: usize) -> At {
        let nodes: Vec<NodeId> = inputs.iter().map(|at| at.node).collect();
        At { node: self.graph.add(name, op, &nodes), channels }
    }

    /// The channels of all inputs, one after the other.
    pub fn concat(&mut self, name: &str, inputs: &[At]) -> At {
        let channels = inputs.iter().map(|at| at.channels).sum();
        self.join(name, Concat::CHANNELS, inputs, channels)
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
    pub fn dimension(&self, name: &str, which: usize) -> Option<usize> {
        self.weights.shape(&format!("{name}.weight"))?.get(which).copied()
    }
}
