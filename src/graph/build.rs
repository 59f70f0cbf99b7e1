//! Building a graph node by node.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use super::{
    Graph, INPUT, Node, NodeId, Precision,
    error::GraphError,
    op::Op,
    ops::{Input, SliceMax},
};

/// Collects nodes; [`GraphBuilder::finish`] checks the whole.
#[derive(Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    aliases: Vec<(String, NodeId)>,
}

impl Default for GraphBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl GraphBuilder {
    /// A graph that has only its input, named `input`.
    #[must_use]
    pub fn new() -> Self {
        let input = Node { name: "input".to_owned(), op: Arc::new(Input), inputs: Vec::new(), functional: false };
        Self { nodes: vec![input], aliases: Vec::new() }
    }

    /// Adds a node that takes the outputs of earlier ones.
    pub fn add(&mut self, name: impl Into<String>, op: impl Op, inputs: &[NodeId]) -> NodeId {
        self.add_boxed(name, Box::new(op), inputs)
    }

    /// As [`GraphBuilder::add`], for an operation whose type is not known when the program is compiled.
    pub fn add_boxed(&mut self, name: impl Into<String>, op: Box<dyn Op>, inputs: &[NodeId]) -> NodeId {
        self.add_shared(name, Arc::from(op), inputs)
    }

    /// As [`GraphBuilder::add`], for an operation that another graph has too.
    pub fn add_shared(&mut self, name: impl Into<String>, op: Arc<dyn Op>, inputs: &[NodeId]) -> NodeId {
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), functional: false });
        self.nodes.len() - 1
    }

    /// Marks a node that is no module in the source framework but a call of a function, as `F.relu(x)`; see
    /// [`Rules`](super::Rules).
    pub fn mark_functional(&mut self, node: NodeId) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.functional = true;
        }
    }

    /// A second name for a node, where the source framework has one.
    pub fn alias(&mut self, name: impl Into<String>, node: NodeId) {
        self.aliases.push((name.into(), node));
    }

    /// The graph; its output is the node that was added last.
    ///
    /// Each module prefix of node names (`layer4`, `layer4.0`) becomes an alias of the module's last node.
    ///
    /// # Errors
    /// [`GraphError::Build`] when a name occurs twice, a node takes itself or a later one, or there is no node but
    /// the input.
    pub fn finish(self) -> Result<Graph, GraphError> {
        let mut names = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            for (end, _) in node.name.match_indices('.') {
                names.insert(node.name[..end].to_owned(), id);
            }
        }
        for (name, id) in self.aliases {
            names.insert(name, id);
        }
        let mut own = HashMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if own.insert(node.name.clone(), id).is_some() {
                return Err(GraphError::Build { reason: format!("two nodes are named `{}`", node.name) });
            }
            if node.inputs.iter().any(|&source| source >= id) {
                return Err(GraphError::Build { reason: format!("`{}` takes the output of a later node", node.name) });
            }
            if id != INPUT && node.inputs.is_empty() {
                return Err(GraphError::Build { reason: format!("`{}` takes no input", node.name) });
            }
        }
        if self.nodes.len() == 1 {
            return Err(GraphError::Build { reason: "there is no node but the input".to_owned() });
        }
        names.extend(own);
        let parts = OnceLock::new();
        Ok(Graph { nodes: self.nodes, names, precision: Precision::of_new_graphs(), parts })
    }
}

impl Graph {
    /// Whether the batch dimension is the slices of one stack, so that one run gives one row of logits.
    #[must_use]
    pub fn is_stack(&self) -> bool {
        self.nodes.iter().any(|node| node.op_as::<SliceMax>().is_some())
    }
}
