//! The layer graph: nodes named as in the source framework, forward runs and vector-Jacobian products.
//!
//! Knows neither studies nor the viewer. See `ARCHITECTURE.md` for how explanation methods stand on it.
//!
//! A [`Graph`] is built once ([`GraphBuilder`]) and never changes. [`Graph::run`] computes one node and keeps
//! what [`Keep`] names; the [`Trace`] that comes back is a value that answers for outputs and for
//! vector-Jacobian products. Weights never get gradients.

mod build;
mod control;
mod error;
mod fuse;
mod joint;
mod keep;
mod kernels;
mod local;
mod op;
pub mod ops;
mod paths;
mod redraw;
mod rules;
mod run;
mod start;
mod support;
mod trace;

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, OnceLock},
};

pub use build::GraphBuilder;
pub use control::{Cancelled, Control, Precision};
pub use error::GraphError;
pub use keep::Keep;
#[cfg(test)]
pub(crate) use kernels::idle;
pub use local::{Cost, Local};
pub use op::{Forward, Op, Rule, Saved};
pub use rules::Rules;
pub use support::{Span, Support};
pub use trace::Trace;

/// The index of a node in [`Graph::nodes`]; inputs of a node have smaller ones.
pub type NodeId = usize;

/// The node that stands for the network's input.
pub const INPUT: NodeId = 0;

/// How many elements the output of one node may have; 16 GiB of `f32`.
const MAX_ELEMENTS: usize = 1 << 32;

/// One operation of a network.
#[derive(Debug, Clone)]
pub struct Node {
    /// The name in the source framework, as `features.28`.
    pub name: String,
    /// What the node computes; graphs that differ in a few operations share the others.
    pub op: Arc<dyn Op>,
    /// Where its inputs come from, in the operation's order.
    pub inputs: Vec<NodeId>,
    /// Whether the source framework calls the operation as a function, so that tools which look at modules miss it.
    pub functional: bool,
}

impl Node {
    /// The operation as the type `T`, if it is one.
    #[must_use]
    pub fn op_as<T: Op>(&self) -> Option<&T> {
        let op: &dyn Any = &*self.op;
        op.downcast_ref()
    }

    /// Whether the operation is known to make a tensor of its own, whose memory no input shares.
    fn makes_anew(&self) -> bool {
        // The sum of one is that one itself.
        let joins = self.op_as::<ops::Add>().is_some() || self.op_as::<ops::Concat>().is_some();
        self.op_as::<ops::Conv2d>().is_some()
            || self.op_as::<ops::BatchNorm2d>().is_some()
            || self.op_as::<ops::Relu>().is_some()
            || self.op_as::<ops::MaxPool2d>().is_some()
            || joins && self.inputs.len() > 1
    }
}

/// A network: nodes in topological order, the first the input, the last the raw output (the logits).
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    precision: Precision,
    /// How each node is computed in part, once that has been asked for.
    parts: OnceLock<Arc<[local::Part]>>,
}

impl Graph {
    /// All nodes in topological order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this name, or the last node of the module of this name (`layer4` is `layer4.2.relu3`).
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// The node of the raw output, shape `[batch, classes]`.
    #[must_use]
    pub fn output(&self) -> NodeId {
        self.nodes.len() - 1
    }

    /// How many numbers have been learned, in all nodes together.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.op.parameters()).sum()
    }

    /// How its sums are computed.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same graph whose sums are computed in this way.
    #[must_use]
    pub fn at(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The shape of each node's output for an input of this shape, `[batch, channels, rows, columns]`. Nothing is run.
    ///
    /// # Errors
    /// [`GraphError::Shape`] at the first node that cannot take its inputs.
    pub fn shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>, GraphError> {
        let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<&[usize]> = if id == INPUT {
                vec![input]
            } else {
                node.inputs.iter().map(|&source| shapes[source].as_slice()).collect()
            };
            let shape = self.shape_of(id, &inputs)?;
            shapes.push(shape);
        }
        Ok(shapes)
    }

    /// The shape of one node's output for inputs of these shapes.
    fn shape_of(&self, id: NodeId, inputs: &[&[usize]]) -> Result<Vec<usize>, GraphError> {
        let node = &self.nodes[id];
        node.op.shape(inputs).and_then(affordable).map_err(|reason| GraphError::Shape {
            node: node.name.clone(),
            op: node.op.kind(),
            inputs: inputs.iter().map(|shape| shape.to_vec()).collect(),
            reason,
        })
    }

    /// The node's name, for messages; an identifier that the graph lacks becomes its number.
    pub(crate) fn name_of(&self, id: NodeId) -> String {
        self.nodes.get(id).map_or_else(|| format!("#{id}"), |node| node.name.clone())
    }
}

/// The shape of an output, if it is not beyond what any network needs: sizes in a file may be anything.
fn affordable(shape: Vec<usize>) -> Result<Vec<usize>, String> {
    let count = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
    match count {
        Some(count) if count <= MAX_ELEMENTS => Ok(shape),
        _ => Err(format!("its output of shape {shape:?} would have more than {MAX_ELEMENTS} elements")),
    }
}

#[cfg(test)]
mod tests;
