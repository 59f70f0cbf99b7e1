//! The forward pass.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::{
    Graph, GraphError, Keep, NodeId,
    control::Control,
    op::{Forward, Saved},
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
        let fed: Vec<NodeId> = feeds.iter().map(|(id, _)| *id).collect();
        for id in fed.iter().copied().chain([target]).chain(keep.gradient_ends()) {
            if id >= self.nodes.len() {
                return Err(GraphError::NoNode { node: id, count: self.nodes.len() });
            }
        }
        let needed = self.ancestors(target, &fed);
        let recorded = self.recorded(target, keep);
        let mut consumers = self.consumers(&needed, &fed);
        let mut outputs: Vec<Option<Tensor>> = vec![None; self.nodes.len()];
        let mut saved: Vec<Option<Saved>> = vec![None; self.nodes.len()];
        for (id, tensor) in feeds {
            outputs[*id] = Some(tensor.clone());
        }

        let total = needed.iter().filter(|&&needed| needed).count();
        let mut done = 0;
        for id in (0..=target).filter(|&id| needed[id]) {
            control.check()?;
            if !fed.contains(&id) {
                let (forward, inputs) = self.step(id, target, &outputs, recorded[id], control)?;
                if recorded[id] {
                    saved[id] = Some(Saved { inputs, state: forward.state });
                }
                outputs[id] = Some(forward.output);
                for &source in &self.nodes[id].inputs {
                    consumers[source] -= 1;
                    if consumers[source] == 0 && source != target && !keep.has_output(source) {
                        outputs[source] = None;
                    }
                }
            }
            done += 1;
            control.set_progress(done as f32 / total as f32);
        }

        let Some(result) = outputs[target].clone() else {
            return Err(GraphError::Unfed { node: self.name_of(target), target: self.name_of(target) });
        };
        let finite = is_finite(&result).map_err(|source| self.failed(target, &[result.dims().to_vec()], source))?;
        if !finite {
            return Err(GraphError::NotFinite { node: self.name_of(target) });
        }
        for (id, output) in outputs.iter_mut().enumerate() {
            if !keep.has_output(id) {
                *output = None;
            }
        }
        Ok(Trace::new(Arc::clone(self), target, result, outputs, saved))
    }

    /// One node's forward step, with the shapes of its inputs.
    fn step(
        &self,
        id: NodeId,
        target: NodeId,
        outputs: &[Option<Tensor>],
        record: bool,
        control: &Control,
    ) -> Result<(Forward, Vec<Vec<usize>>), GraphError> {
        let node = &self.nodes[id];
        let unfed = |source| GraphError::Unfed { node: self.name_of(source), target: self.name_of(target) };
        if node.inputs.is_empty() {
            return Err(unfed(id));
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &source in &node.inputs {
            inputs.push(outputs[source].as_ref().ok_or_else(|| unfed(source))?);
        }
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.dims()).collect();
        self.shape_of(id, &shapes)?;
        let shapes: Vec<Vec<usize>> = shapes.into_iter().map(<[usize]>::to_vec).collect();
        let forward = node.op.forward_under(&inputs, record, control);
        let forward = forward.map_err(|source| self.stopped(id, &shapes, source, control))?;
        Ok((forward, shapes))
    }

    /// The nodes whose state has to be kept for the gradients asked for.
    fn recorded(&self, target: NodeId, keep: &Keep) -> Vec<bool> {
        let mut recorded = vec![false; self.nodes.len()];
        for end in keep.gradient_ends() {
            for (id, between) in self.between(end, target).into_iter().enumerate() {
                recorded[id] |= between && id != end;
            }
        }
        recorded
    }

    /// How many needed nodes take each node's output.
    fn consumers(&self, needed: &[bool], fed: &[NodeId]) -> Vec<usize> {
        let mut consumers = vec![0; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate().filter(|&(id, _)| needed[id] && !fed.contains(&id)) {
            debug_assert!(node.inputs.iter().all(|&source| source < id), "nodes are in topological order");
            for &source in &node.inputs {
                consumers[source] += 1;
            }
        }
        consumers
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

/// Whether no element is NaN or infinite.
fn is_finite(tensor: &Tensor) -> candle_core::Result<bool> {
    let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(values.iter().all(|value| value.is_finite()))
}
