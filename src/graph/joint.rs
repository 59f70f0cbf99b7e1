//! Channels joined where they are computed: convolutions whose outputs only a concatenation takes write them side by
//! side, so that there is nothing left for it to copy.

use std::collections::HashMap;

use candle_core::Tensor;

use super::{
    Graph, GraphError, MAX_ELEMENTS, NodeId,
    fuse::Wanted,
    kernels::{
        self, buffers,
        fast::Beside,
        join,
        memory::{Order, of_order},
    },
    ops::{BatchNorm2d, Concat, Conv2d, Function, Map, Relu},
};

/// The concatenations of a run whose inputs may be computed in place.
#[derive(Debug, Default)]
pub(super) struct Joints {
    /// Which place the output of a node has, if it has one.
    places: HashMap<NodeId, Place>,
    /// What has been computed of a concatenation.
    begun: HashMap<NodeId, Joint>,
}

/// Channels of a concatenation's output.
#[derive(Debug, Clone, Copy)]
struct Place {
    concat: NodeId,
    first: usize,
    whole: usize,
}

/// The output of a concatenation in the making.
#[derive(Debug)]
struct Joint {
    /// `[batch, rows, columns]`.
    size: [usize; 3],
    memory: Vec<f32>,
    /// The inputs that are in there, and their shapes.
    there: HashMap<NodeId, Vec<usize>>,
}

impl Joints {
    /// Those whose inputs all come from convolutions and go nowhere else.
    pub fn find(graph: &Graph, needed: &[bool], fed: &[NodeId], wanted: &Wanted) -> Self {
        let mut joints = Self::default();
        for (concat, node) in graph.nodes.iter().enumerate() {
            let computed = needed[concat] && !fed.contains(&concat) && !wanted.recorded[concat];
            if !computed || node.inputs.len() < 2 || node.op_as::<Concat>() != Some(&Concat::CHANNELS) {
                continue;
            }
            // A normalisation that follows takes its inputs from where they are.
            if wanted.only[concat].is_some_and(|next| graph.nodes[next].op_as::<BatchNorm2d>().is_some()) {
                continue;
            }
            let goes_on = |id: NodeId| {
                let ends =
                    id == wanted.target || wanted.keep.has_output(id) || wanted.recorded[id] || fed.contains(&id);
                wanted.only[id].is_some() && !ends
            };
            let channels = |&input: &NodeId| graph.channels_of_convolution(input, goes_on);
            let Some(channels) = node.inputs.iter().map(channels).collect::<Option<Vec<usize>>>() else { continue };
            let (mut first, whole) = (0, channels.iter().sum());
            for (&input, channels) in node.inputs.iter().zip(channels) {
                joints.places.insert(input, Place { concat, first, whole });
                first += channels;
            }
        }
        joints
    }

    /// Where the output of a node of this shape is to be written, if it has a place.
    pub fn take(&mut self, node: NodeId, shape: &[usize]) -> Option<Beside> {
        let Place { concat, first, whole } = *self.places.get(&node)?;
        let &[batch, _, rows, columns] = shape else { return None };
        let size = [batch, rows, columns];
        // What is too large is refused before memory is taken.
        if size
            .iter()
            .try_fold(whole, |count, &length| count.checked_mul(length))
            .is_none_or(|count| count > MAX_ELEMENTS)
        {
            return None;
        }
        let joint = self.begun.entry(concat).or_insert_with(|| {
            let memory = buffers::take(size.iter().product::<usize>() * whole);
            Joint { size, memory, there: HashMap::new() }
        });
        // Of another size it does not fit, which the concatenation will say.
        (joint.size == size).then(|| Beside { memory: std::mem::take(&mut joint.memory), pixel: whole, first })
    }

    /// Takes the memory back with the output of this shape written.
    pub fn put(&mut self, node: NodeId, shape: Vec<usize>, memory: Vec<f32>) {
        let joint = self.places.get(&node).and_then(|place| self.begun.get_mut(&place.concat));
        if let Some(joint) = joint {
            joint.memory = memory;
            joint.there.insert(node, shape);
        }
    }

    /// The output of a concatenation, of which some inputs may be in place already; `None` if none is.
    ///
    /// # Errors
    /// When an input is missing or of another size, or the tensor library fails.
    pub fn finish(
        &mut self,
        graph: &Graph,
        concat: NodeId,
        outputs: &[Option<Tensor>],
        target: NodeId,
    ) -> Result<Option<Tensor>, GraphError> {
        let Some(Joint { size: [batch, rows, columns], mut memory, there }) = self.begun.remove(&concat) else {
            return Ok(None);
        };
        let inputs = &graph.nodes[concat].inputs;
        let unfed = |&id: &NodeId| GraphError::Unfed { node: graph.name_of(id), target: graph.name_of(target) };
        let shape = |id: &NodeId| {
            let elsewhere = || outputs[*id].as_ref().map(|output| output.dims().to_vec());
            there.get(id).cloned().or_else(elsewhere).ok_or_else(|| unfed(id))
        };
        let shapes = inputs.iter().map(shape).collect::<Result<Vec<_>, _>>()?;
        let by_reference: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let whole = graph.shape_of(concat, &by_reference)?[1];
        let failed = |error| graph.failed(concat, &shapes, error);
        for input in inputs.iter().filter(|input| !there.contains_key(input)) {
            let output = outputs[*input].as_ref().ok_or_else(|| unfed(input))?;
            let first = self.places.get(input).map_or(0, |place| place.first);
            join::put_channels(output, &mut memory, first, whole).map_err(failed)?;
        }
        of_order(memory, &[batch, whole, rows, columns], Order::Last).map(Some).map_err(failed)
    }
}

impl Graph {
    /// The channels of the convolution that a node's numbers come from, through ReLU, limits and normalisations alone, if
    /// `goes_on` holds for each node on the way.
    fn channels_of_convolution(&self, mut id: NodeId, goes_on: impl Fn(NodeId) -> bool) -> Option<usize> {
        while goes_on(id) {
            let node = &self.nodes[id];
            if let Some(conv) = node.op_as::<Conv2d>() {
                let suits = conv.weight.dtype() == candle_core::DType::F32 && kernels::serve(&conv.weight);
                return conv.weight.dim(0).ok().filter(|_| suits);
            }
            let clips = matches!(node.op_as::<Map>(), Some(Map(Function::Clip { .. })));
            if !clips && node.op_as::<Relu>().is_none() && node.op_as::<BatchNorm2d>().is_none() {
                return None;
            }
            id = node.inputs[0];
        }
        None
    }
}

#[cfg(test)]
mod tests;
