//! The forward pass.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{
    Graph, GraphError, Keep, Node, NodeId,
    control::Control,
    fuse::{Chain, Head, Wanted},
    joint::Joints,
    kernels::{awake::while_awake, buffers, join, memory::row_major, serve},
    op::Saved,
    ops::{BatchNorm2d, Concat, Conv2d},
    trace::Trace,
};

impl Graph {
    /// Computes the node `target` from the tensors fed to others (`(INPUT, picture)`, or an inner node's output).
    ///
    /// Only ancestors of the target that no feed cuts off are computed, so a trunk can run once and its head many
    /// times. Each output is freed as soon as nothing needs it. `control` is checked before each node, within those that take long, and told
    /// the progress.
    ///
    /// # Errors
    /// [`GraphError::Unfed`] when the target depends on an input without a value, [`GraphError::Shape`] when a layer
    /// cannot take its input, [`GraphError::NotFinite`] when the result holds NaN or infinities,
    /// [`GraphError::Compute`] when the tensor library fails, [`GraphError::Cancelled`].
    pub fn run(
        self: &Arc<Self>,
        feeds: &[(NodeId, Tensor)],
        target: NodeId,
        keep: &Keep,
        control: &Control,
    ) -> Result<Trace, GraphError> {
        let run = || self.run_here(feeds, target, keep, control);
        // On a GPU this thread has all there is to do.
        if feeds.iter().all(|(_, tensor)| serve(tensor)) { while_awake(run) } else { run() }
    }

    fn run_here(
        self: &Arc<Self>,
        feeds: &[(NodeId, Tensor)],
        target: NodeId,
        keep: &Keep,
        control: &Control,
    ) -> Result<Trace, GraphError> {
        let fed: Vec<NodeId> = feeds.iter().map(|(id, _)| *id).collect();
        for id in fed.iter().copied().chain([target]).chain(keep.gradient_ends()) {
            if id >= self.nodes.len() {
                return Err(GraphError::NoNode { node: id, count: self.nodes.len() });
            }
        }
        let needed = self.ancestors(target, &fed);
        let recorded = self.recorded(target, keep);
        let mut consumers = self.consumers(&needed, &fed);
        let reusable = self.reusable(&needed, &fed, &recorded);
        let only = self.only_consumers(&consumers, &needed, &fed);
        let wanted = Wanted { target, keep, recorded: &recorded, only: &only };
        let mut joints = Joints::find(self, &needed, &fed, &wanted);
        let mut outputs: Vec<Option<Tensor>> = vec![None; self.nodes.len()];
        let mut saved: Vec<Option<Saved>> = vec![None; self.nodes.len()];
        for (id, tensor) in feeds {
            outputs[*id] = Some(tensor.clone());
        }

        let control = &control.at(self.precision);
        let total = needed.iter().filter(|&&needed| needed).count();
        let mut done = vec![false; self.nodes.len()];
        let mut count = 0;
        for id in (0..=target).filter(|&id| needed[id]) {
            control.check()?;
            if done[id] {
                continue;
            }
            count += 1;
            if !fed.contains(&id) {
                let computed = self.step(id, &wanted, &mut outputs, &mut saved, &mut joints, control)?;
                count += computed.len() - 1;
                for id in computed {
                    done[id] = true;
                    for &source in &self.nodes[id].inputs {
                        consumers[source] -= 1;
                        if consumers[source] == 0 && source != target && !keep.has_output(source) {
                            let output = outputs[source].take().filter(|_| reusable[source]);
                            let given = output.as_ref().map_or(Ok(()), buffers::give_tensor);
                            given.map_err(|error| self.failed(source, &[], error))?;
                        }
                    }
                }
            }
            control.set_progress(count as f32 / total as f32);
        }

        let Some(result) = outputs[target].clone() else {
            return Err(GraphError::Unfed { node: self.name_of(target), target: self.name_of(target) });
        };
        let finite = is_finite(&result).map_err(|source| self.failed(target, &[result.dims().to_vec()], source))?;
        if !finite {
            return Err(GraphError::NotFinite { node: self.name_of(target) });
        }
        // What is kept lies row-major, whatever the kernels made of it.
        let result = row_major(&result).map_err(|source| self.failed(target, &[result.dims().to_vec()], source))?;
        for (id, output) in outputs.iter_mut().enumerate() {
            *output = match output.take().filter(|_| keep.has_output(id)) {
                Some(kept) => {
                    Some(row_major(&kept).map_err(|source| self.failed(id, &[kept.dims().to_vec()], source))?)
                }
                None => None,
            };
        }
        Ok(Trace::new(Arc::clone(self), target, result, outputs, saved))
    }

    /// The forward step of a node and of those that are computed in one go with it; tells which.
    fn step(
        &self,
        id: NodeId,
        wanted: &Wanted,
        outputs: &mut [Option<Tensor>],
        saved: &mut [Option<Saved>],
        joints: &mut Joints,
        control: &Control,
    ) -> Result<Vec<NodeId>, GraphError> {
        if let Some(joined) = joints.finish(self, id, outputs, wanted.target)? {
            outputs[id] = Some(joined);
            return Ok(vec![id]);
        }
        let node = &self.nodes[id];
        let unfed = |source| GraphError::Unfed { node: self.name_of(source), target: self.name_of(wanted.target) };
        if node.inputs.is_empty() {
            return Err(unfed(id));
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &source in &node.inputs {
            inputs.push(outputs[source].as_ref().ok_or_else(|| unfed(source))?);
        }
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.dims().to_vec()).collect();
        let mut shape = self.shape_of(id, &by_reference(&shapes))?;
        let stopped = |source| self.stopped(id, &shapes, source, control);

        let chain = self.chain_from(id, wanted, &inputs, &shape, outputs, control).map_err(stopped)?;
        // Each node of the chain, and the shapes of what it takes.
        let mut computed = vec![id];
        let mut taken = vec![shapes.clone()];
        for &next in chain.iter().flat_map(|chain| &chain.nodes) {
            // A residual has the shape of what it is added to.
            let inputs = vec![shape; self.nodes[next].inputs.len()];
            shape = self.shape_of(next, &by_reference(&inputs))?;
            computed.push(next);
            taken.push(inputs);
        }
        let last = computed[computed.len() - 1];
        if let Some(chain) = &chain
            && node.op_as::<Conv2d>().is_some()
            && let Some(beside) = joints.take(last, &shape)
        {
            let run = self.run_chain_beside(id, chain, inputs[0], outputs, beside, control);
            joints.put(last, shape, run.map_err(stopped)?);
            return Ok(computed);
        }
        let output = match &chain {
            Some(chain) => self.run_chain(id, chain, &inputs, outputs, control).map_err(stopped)?,
            None => None,
        };
        let Some(output) = output else {
            let forward = node.op.forward_under(&inputs, wanted.recorded[id], control).map_err(stopped)?;
            if wanted.recorded[id] {
                saved[id] = Some(Saved { inputs: shapes, state: forward.state });
            }
            outputs[id] = Some(forward.output);
            return Ok(vec![id]);
        };
        for (&node, inputs) in computed.iter().zip(taken).filter(|(node, _)| wanted.recorded[**node]) {
            saved[node] = Some(self.saved_of_chain(node, inputs, &output));
        }
        outputs[last] = Some(output);
        Ok(computed)
    }

    /// The nodes whose outputs nothing can share: their operation makes a tensor of its own, all that take it copy, and
    /// no state is kept of either.
    fn reusable(&self, needed: &[bool], fed: &[NodeId], recorded: &[bool]) -> Vec<bool> {
        let copies: Vec<bool> = self.nodes.iter().map(Node::makes_anew).collect();
        let mut reusable: Vec<bool> =
            (0..self.nodes.len()).map(|id| copies[id] && !recorded[id] && !fed.contains(&id)).collect();
        for (id, node) in self.nodes.iter().enumerate().filter(|&(id, _)| needed[id] && !fed.contains(&id)) {
            for &source in &node.inputs {
                reusable[source] &= copies[id] && !recorded[id];
            }
        }
        reusable
    }

    /// What can be computed in one go with this node, whose output has this shape; a convolution goes in one even alone.
    fn chain_from(
        &self,
        id: NodeId,
        wanted: &Wanted,
        inputs: &[&Tensor],
        shape: &[usize],
        outputs: &[Option<Tensor>],
        control: &Control,
    ) -> candle_core::Result<Option<Chain<'_>>> {
        let node = &self.nodes[id];
        let head = if let Some(conv) = node.op_as::<Conv2d>() {
            let Some(prepared) = conv.prepared(inputs[0], control)? else { return Ok(None) };
            Head::Convolution(prepared)
        } else if node.op_as::<BatchNorm2d>().is_some() {
            Head::Normalisation
        } else if node.op_as::<Concat>() == Some(&Concat::CHANNELS) && join::suits(inputs) {
            Head::Joined
        } else {
            return Ok(None);
        };
        let chain = self.chain(id, head, wanted, outputs, shape);
        let convolves = matches!(head, Head::Convolution(_));
        Ok(Some(chain).filter(|chain| convolves || !chain.nodes.is_empty()))
    }

    /// The nodes whose state has to be kept for the gradients asked for.
    pub(super) fn recorded(&self, target: NodeId, keep: &Keep) -> Vec<bool> {
        let mut recorded = vec![false; self.nodes.len()];
        for end in keep.gradient_ends() {
            for (id, between) in self.between(end, target).into_iter().enumerate() {
                recorded[id] |= between && id != end;
            }
        }
        recorded
    }

    /// How many needed nodes take each node's output.
    pub(super) fn consumers(&self, needed: &[bool], fed: &[NodeId]) -> Vec<usize> {
        let mut consumers = vec![0; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate().filter(|&(id, _)| needed[id] && !fed.contains(&id)) {
            debug_assert!(node.inputs.iter().all(|&source| source < id), "nodes are in topological order");
            for &source in &node.inputs {
                consumers[source] += 1;
            }
        }
        consumers
    }

    /// The one needed node that takes each node's output, where it is one.
    pub(super) fn only_consumers(&self, consumers: &[usize], needed: &[bool], fed: &[NodeId]) -> Vec<Option<NodeId>> {
        let mut only = vec![None; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate().filter(|&(id, _)| needed[id] && !fed.contains(&id)) {
            for &source in node.inputs.iter().filter(|&&source| consumers[source] == 1) {
                only[source] = Some(id);
            }
        }
        only
    }

    /// Wraps an error of an operation, which may be that it was asked to stop.
    pub(super) fn stopped(
        &self,
        id: NodeId,
        inputs: &[Vec<usize>],
        source: candle_core::Error,
        control: &Control,
    ) -> GraphError {
        match control.check() {
            Ok(()) => self.failed(id, inputs, source),
            Err(cancelled) => cancelled.into(),
        }
    }

    /// Wraps an error of the tensor library.
    pub(super) fn failed(&self, id: NodeId, inputs: &[Vec<usize>], source: candle_core::Error) -> GraphError {
        let node = &self.nodes[id];
        GraphError::Compute {
            node: node.name.clone(),
            op: node.op.kind(),
            inputs: inputs.to_vec(),
            source: Box::new(source),
        }
    }
}

fn by_reference(shapes: &[Vec<usize>]) -> Vec<&[usize]> {
    shapes.iter().map(Vec::as_slice).collect()
}

/// Whether no element is NaN or infinite.
fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    // On the CPU, since not every GPU knows numbers of 64 bits.
    let values = tensor.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(values.iter().all(|value| value.is_finite()))
}
