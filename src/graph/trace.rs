//! What a run leaves behind: a value, which answers for outputs and for vector-Jacobian products.

mod held;
mod precision;

use std::sync::Arc;

use candle_core::Tensor;

use super::{
    Graph, GraphError, NodeId,
    control::Control,
    kernels::{awake::while_awake, buffers::give_tensor, memory::row_major, serve},
    op::Saved,
    ops::{Add, BatchNorm2d, Conv2d, MaxPool2d, Relu},
    rules::Rules,
};
use held::Held;

/// One finished run of a graph.
#[derive(Debug, Clone)]
pub struct Trace {
    graph: Arc<Graph>,
    target: NodeId,
    result: Tensor,
    outputs: Vec<Option<Tensor>>,
    saved: Vec<Option<Saved>>,
}

impl Trace {
    /// Takes over what a run has kept.
    pub(super) fn new(
        graph: Arc<Graph>,
        target: NodeId,
        result: Tensor,
        outputs: Vec<Option<Tensor>>,
        saved: Vec<Option<Saved>>,
    ) -> Self {
        Self { graph, target, result, outputs, saved }
    }

    /// The same with what another run of the same nodes has kept, but for those that were computed anew.
    pub(super) fn completed_by(mut self, base: &Self, is_new: impl Fn(NodeId) -> bool) -> Self {
        for id in (0..self.outputs.len().min(base.outputs.len())).filter(|&id| !is_new(id)) {
            if self.outputs[id].is_none() {
                self.outputs[id].clone_from(&base.outputs[id]);
            }
            self.saved[id].clone_from(&base.saved[id]);
        }
        self
    }

    /// Gives the memory of what ReLUs have recorded to the next run: for one of many runs, nothing of which is kept. Outputs
    /// of ReLUs that came from this trace, and what shares their memory, hold nothing any more, and neither does a trace
    /// that this one was completed by.
    ///
    /// # Errors
    /// [`GraphError::Compute`] when the tensor library fails.
    pub fn recycle(self) -> Result<(), GraphError> {
        let recorded = self.graph.nodes().iter().zip(&self.saved).enumerate();
        // What ReLU keeps is its own output, never a weight.
        for (id, (_, saved)) in recorded.filter(|(_, (node, _))| node.op_as::<Relu>().is_some()) {
            for output in saved.iter().flat_map(|saved| &saved.state) {
                give_tensor(output).map_err(|source| self.graph.failed(id, &[output.dims().to_vec()], source))?;
            }
        }
        Ok(())
    }

    /// The graph that was run.
    #[must_use]
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The output of the node that the run was for.
    #[must_use]
    pub fn target(&self) -> &Tensor {
        &self.result
    }

    /// The node that the run was for.
    #[must_use]
    pub fn target_node(&self) -> NodeId {
        self.target
    }

    /// The output of a node, if it was kept.
    #[must_use]
    pub fn output(&self, node: NodeId) -> Option<&Tensor> {
        if node == self.target { Some(&self.result) } else { self.outputs.get(node)?.as_ref() }
    }

    /// The gradient of `⟨seed, output of from⟩` with respect to the output of `to`, under one rule for all rectifiers or the
    /// [`Rules`] given.
    ///
    /// `seed` has the shape of `from`'s output, the result that of `to`'s. Only nodes on paths between the two are
    /// visited. Under [`Rule::Gradient`](super::Rule::Gradient) this is the vector-Jacobian product.
    ///
    /// # Errors
    /// [`GraphError::NoPath`] when `from` does not depend on `to`, [`GraphError::NotKept`] when the run did not keep
    /// what a node on the way needs, [`GraphError::Seed`] when the seed has another shape than the output,
    /// [`GraphError::Compute`] when the tensor library fails, [`GraphError::Cancelled`].
    pub fn vjp(
        &self,
        from: NodeId,
        seed: &Tensor,
        to: NodeId,
        rules: impl Into<Rules>,
        control: &Control,
    ) -> Result<Tensor, GraphError> {
        let rules = rules.into();
        let back = || self.vjp_here(from, seed, to, rules, control);
        if serve(seed) { while_awake(back) } else { back() }
    }

    fn vjp_here(
        &self,
        from: NodeId,
        seed: &Tensor,
        to: NodeId,
        rules: Rules,
        control: &Control,
    ) -> Result<Tensor, GraphError> {
        let nodes = self.graph.nodes();
        for id in [from, to] {
            if id >= nodes.len() {
                return Err(GraphError::NoNode { node: id, count: nodes.len() });
            }
        }
        let visited = self.graph.between(to, from);
        if !visited[to] || !visited[from] {
            return Err(GraphError::NoPath { from: self.graph.name_of(from), to: self.graph.name_of(to) });
        }
        self.check_seed(from, seed)?;

        // Operations whose way back makes a tensor of its own.
        let copies = |id: NodeId| {
            let node = &nodes[id];
            node.op_as::<Conv2d>().is_some()
                || node.op_as::<BatchNorm2d>().is_some()
                || node.op_as::<Relu>().is_some()
                || node.op_as::<MaxPool2d>().is_some()
        };
        let mut gradients: Vec<Option<Held>> = (0..nodes.len()).map(|_| None).collect();
        gradients[from] = Some(Held::lent(seed.clone()));
        let control = &control.at(self.graph.precision());
        for id in (to + 1..=from).rev().filter(|&id| visited[id]) {
            control.check()?;
            let Some(gradient) = gradients[id].take() else { continue };
            let node = &nodes[id];
            let Some(saved) = &self.saved[id] else { return Err(GraphError::NotKept { node: node.name.clone() }) };
            let stopped = |error| self.graph.stopped(id, &saved.inputs, error, control);
            let mut given_on = false;
            for (which, &source) in node.inputs.iter().enumerate().filter(|&(_, &source)| visited[source]) {
                let rule = rules.of(node);
                let in_place = gradient.is_free() && node.inputs.len() == 1;
                let turned =
                    if in_place { node.op.vjp_in_place(&gradient.tensor, saved, rule).map_err(stopped)? } else { None };
                given_on |= turned.is_some();
                let back = match turned {
                    Some(back) => Held::own(back),
                    // A sum hands on what it is given.
                    None if node.op_as::<Add>().is_some() => gradient.clone(),
                    None => {
                        let back = node.op.vjp_under(&gradient.tensor, which, saved, rule, control).map_err(stopped)?;
                        if copies(id) { Held::own(back) } else { gradient.turned_into(back) }
                    }
                };
                gradients[source] = Some(match gradients[source].take() {
                    Some(others) => others.plus(back).map_err(stopped)?,
                    None => back,
                });
            }
            if copies(id) && !given_on {
                gradient.give().map_err(stopped)?;
            }
        }
        let no_path = || GraphError::NoPath { from: self.graph.name_of(from), to: self.graph.name_of(to) };
        let gradient = gradients[to].take().ok_or_else(no_path)?.tensor;
        // Row-major, whatever the kernels made of it.
        row_major(&gradient).map_err(|error| self.graph.failed(to, &[gradient.dims().to_vec()], error))
    }

    /// The seed must have the shape of the output it weights.
    fn check_seed(&self, from: NodeId, seed: &Tensor) -> Result<(), GraphError> {
        let expected = match (&self.saved[from], self.output(from)) {
            (_, Some(output)) => output.dims().to_vec(),
            (Some(saved), None) => {
                let inputs: Vec<&[usize]> = saved.inputs.iter().map(Vec::as_slice).collect();
                self.graph.shape_of(from, &inputs)?
            }
            (None, None) => return Err(GraphError::NotKept { node: self.graph.name_of(from) }),
        };
        if expected == seed.dims() {
            return Ok(());
        }
        Err(GraphError::Seed { node: self.graph.name_of(from), seed: seed.dims().to_vec(), expected })
    }
}

#[cfg(test)]
mod tests;
