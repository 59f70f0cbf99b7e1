//! What a run keeps beside its target.

use std::collections::BTreeSet;

use super::NodeId;

/// Names the outputs and gradients that will be asked of a [`super::Trace`]; everything else is freed on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    outputs: BTreeSet<NodeId>,
    gradients: BTreeSet<NodeId>,
}

impl Keep {
    /// Nothing but the target's own output.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Also the output of this node.
    #[must_use]
    pub fn output_of(mut self, node: NodeId) -> Self {
        self.outputs.insert(node);
        self
    }

    /// Also everything that a vector-Jacobian product from the target (or a node before it) back to this node needs.
    #[must_use]
    pub fn gradients_to(mut self, node: NodeId) -> Self {
        self.gradients.insert(node);
        self
    }

    /// Also all that `other` keeps, so that one run serves several methods.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.outputs.extend(&other.outputs);
        self.gradients.extend(&other.gradients);
        self
    }

    /// Whether gradients will be asked for.
    #[must_use]
    pub fn has_gradients(&self) -> bool {
        !self.gradients.is_empty()
    }

    /// The nodes whose outputs are kept.
    pub fn outputs(&self) -> impl Iterator<Item = NodeId> {
        self.outputs.iter().copied()
    }

    /// All nodes that something is kept of.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.outputs.iter().chain(&self.gradients).copied()
    }

    /// Whether the node's output is kept.
    pub(super) fn has_output(&self, node: NodeId) -> bool {
        self.outputs.contains(&node)
    }

    /// The nodes that gradients will be taken to.
    pub(super) fn gradient_ends(&self) -> impl Iterator<Item = NodeId> {
        self.gradients.iter().copied()
    }
}
