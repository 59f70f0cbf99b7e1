//! Graphs that differ from another in a few operations, and runs that go on from where a run of the other stood.

use std::sync::{Arc, OnceLock};

use super::{Graph, GraphError, Keep, NodeId, Op, Trace, control::Control};

impl Graph {
    /// The same graph with other operations at some nodes; all others are shared.
    #[must_use]
    pub fn with_ops(&self, ops: impl IntoIterator<Item = (NodeId, Arc<dyn Op>)>) -> Self {
        let mut nodes = self.nodes.clone();
        for (id, op) in ops {
            if let Some(node) = nodes.get_mut(id) {
                node.op = op;
            }
        }
        Self { nodes, names: self.names.clone(), precision: self.precision, parts: OnceLock::new() }
    }

    /// Marks the nodes that depend on any of `nodes`, these included.
    #[must_use]
    pub fn influenced_by(&self, nodes: &[NodeId]) -> Vec<bool> {
        let mut marked = vec![false; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            marked[id] = nodes.contains(&id) || node.inputs.iter().any(|&source| marked[source]);
        }
        marked
    }

    /// The nodes that do not depend on any of `nodes` but whose outputs such nodes take: fed together they determine the
    /// graph's output, whatever becomes of `nodes`. Empty where the output does not depend on them.
    #[must_use]
    pub fn frontier(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let influenced = self.influenced_by(nodes);
        let needed = self.ancestors(self.output(), &[]);
        let mut frontier: Vec<NodeId> = (0..self.nodes.len())
            .filter(|&id| influenced[id] && needed[id])
            .flat_map(|id| self.nodes[id].inputs.iter().copied())
            .filter(|&source| !influenced[source])
            .collect();
        frontier.sort_unstable();
        frontier.dedup();
        frontier
    }

    /// Goes on from a run of a graph with the same nodes, of which all that `from` does not cut off may differ: only what
    /// comes after the nodes `from`, whose outputs the other run must have kept, is computed. The trace answers for the
    /// whole, with what the other run has kept of the rest.
    ///
    /// # Errors
    /// As [`Graph::run`], and [`GraphError::NotKept`].
    pub fn resume(
        self: &Arc<Self>,
        base: &Trace,
        from: &[NodeId],
        keep: &Keep,
        control: &Control,
    ) -> Result<Trace, GraphError> {
        let feed = |&id: &NodeId| {
            let output = base.output(id).ok_or_else(|| GraphError::NotKept { node: self.name_of(id) })?;
            Ok((id, output.clone()))
        };
        let feeds = from.iter().map(feed).collect::<Result<Vec<_>, GraphError>>()?;
        let trace = self.run(&feeds, self.output(), keep, control)?;
        let anew = self.ancestors(self.output(), from);
        Ok(trace.completed_by(base, |id| anew[id] && !from.contains(&id)))
    }
}
