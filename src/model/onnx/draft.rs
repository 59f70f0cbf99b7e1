//! A graph in the making: nodes that may still be replaced or dropped, with the shapes of their outputs.

use super::{
    error::{Fault, Result},
    step::At,
};
use crate::graph::{Graph, GraphBuilder, GraphError, NodeId, Op, ops};

/// The nodes so far; the first is the input.
#[derive(Debug)]
pub(super) struct Draft {
    nodes: Vec<DraftNode>,
}

/// One node of a draft.
#[derive(Debug)]
pub(super) struct DraftNode {
    pub name: String,
    pub op: Box<dyn Op>,
    pub inputs: Vec<usize>,
    pub shape: Vec<usize>,
    aliases: Vec<String>,
    /// How many values of the file are this node's output.
    values: usize,
    /// How many inputs of other nodes it is.
    takers: usize,
}

/// The largest number of elements that a layer's output may have for one picture.
const LARGEST_OUTPUT: usize = 1 << 31;

impl Draft {
    /// A draft with an input of this shape.
    pub fn new(shape: Vec<usize>) -> Self {
        let input = DraftNode {
            name: "input".to_owned(),
            op: Box::new(ops::Input),
            inputs: Vec::new(),
            shape,
            aliases: Vec::new(),
            values: 0,
            takers: 0,
        };
        Self { nodes: vec![input] }
    }

    pub fn input(&self) -> At {
        self.at(0)
    }

    pub fn at(&self, node: usize) -> At {
        At { node, shape: self.nodes[node].shape.clone() }
    }

    pub fn node(&self, node: usize) -> &DraftNode {
        &self.nodes[node]
    }

    /// The operation of a node as the type `T`, if it is one.
    pub fn op_as<T: Op>(&self, node: usize) -> Option<&T> {
        let op: &dyn std::any::Any = &*self.nodes[node].op;
        op.downcast_ref()
    }

    /// Adds a node, whose shape follows from its inputs'.
    pub fn add(&mut self, name: String, op: impl Op, inputs: &[usize]) -> Result<At> {
        let shape = self.shape_of(&op, inputs)?;
        for &input in inputs {
            self.nodes[input].takers += 1;
        }
        let (op, inputs) = (Box::new(op), inputs.to_vec());
        self.nodes.push(DraftNode { name, op, inputs, shape, aliases: Vec::new(), values: 0, takers: 0 });
        Ok(self.at(self.nodes.len() - 1))
    }

    /// Puts another operation in a node's place, which takes the same inputs and gives the same shape.
    pub fn replace(&mut self, node: usize, op: impl Op) -> Result<()> {
        let shape = self.shape_of(&op, &self.nodes[node].inputs)?;
        if shape != self.nodes[node].shape {
            return Err(Fault::malformed(format!("{shape:?} cannot stand for {:?}", self.nodes[node].shape)));
        }
        self.nodes[node].op = Box::new(op);
        Ok(())
    }

    fn shape_of(&self, op: &impl Op, inputs: &[usize]) -> Result<Vec<usize>> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&input| self.nodes[input].shape.as_slice()).collect();
        let shape = op.shape(&shapes).map_err(|reason| {
            // The batch is one that no file has; it is left out of messages.
            let shapes: Vec<&[usize]> = shapes.iter().map(|shape| shape.get(1..).unwrap_or_default()).collect();
            Fault::malformed(format!("{} cannot take {shapes:?} for a picture: {reason}", op.kind()))
        })?;
        let count = shape.iter().skip(1).try_fold(1_usize, |count, &length| count.checked_mul(length));
        if count.is_none_or(|count| count > LARGEST_OUTPUT) {
            return Err(Fault::malformed(format!("an output of {:?} for a picture is too large", &shape[1..])));
        }
        Ok(shape)
    }

    /// Says that a value of the file is the node's output; its name and that of the node in the file become aliases.
    pub fn stands_for(&mut self, node: usize, value: &str, file_node: &str) {
        let node = &mut self.nodes[node];
        node.values += 1;
        node.aliases.extend([value, file_node].into_iter().filter(|name| !name.is_empty()).map(str::to_owned));
    }

    /// Whether nothing but one value of the file has the node's output so far.
    pub fn is_private(&self, node: usize) -> bool {
        self.nodes[node].values <= 1 && self.nodes[node].takers == 0
    }

    /// Lets the nodes that take the output of `node` take its first input instead, which has the same shape.
    pub fn bypass(&mut self, node: usize) {
        let source = self.nodes[node].inputs[0];
        for other in &mut self.nodes {
            other.inputs.iter_mut().filter(|input| **input == node).for_each(|input| *input = source);
        }
    }

    /// The graph of what leads to `output`.
    pub fn finish(self, output: usize) -> Result<Graph, GraphError> {
        let mut needed = vec![false; self.nodes.len()];
        needed[0] = true;
        needed[output] = true;
        for id in (0..=output).rev() {
            if needed[id] {
                self.nodes[id].inputs.iter().for_each(|&source| needed[source] = true);
            }
        }
        let mut builder = GraphBuilder::new();
        let mut places: Vec<NodeId> = vec![0; self.nodes.len()];
        for (id, node) in self.nodes.into_iter().enumerate() {
            if id > 0 && needed[id] {
                let inputs: Vec<NodeId> = node.inputs.iter().map(|&source| places[source]).collect();
                places[id] = builder.add_boxed(node.name, node.op, &inputs);
            }
            if needed[id] {
                node.aliases.into_iter().for_each(|alias| builder.alias(alias, places[id]));
            }
        }
        builder.finish()
    }
}
