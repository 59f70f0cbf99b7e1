//! Which nodes lie between two others.

use super::{Graph, NodeId};

impl Graph {
    /// The nodes beside `node` whose outputs nodes after it take: fed together with `node`'s they determine the
    /// graph's output, so that a run from `node` on computes nothing before it again. A shortcut around `node` is one.
    #[must_use]
    pub fn beside(&self, node: NodeId) -> Vec<NodeId> {
        let needed = self.ancestors(self.output(), &[]);
        let after = self.descendants(node);
        let mut beside: Vec<NodeId> = (node + 1..self.nodes.len())
            .filter(|&id| after[id] && needed[id])
            .flat_map(|id| self.nodes[id].inputs.iter().copied())
            .filter(|&source| !after[source])
            .collect();
        beside.sort_unstable();
        beside.dedup();
        beside
    }

    /// Marks the nodes that `target` is computed from, itself included; nothing before a node of `cut` is marked.
    pub(super) fn ancestors(&self, target: NodeId, cut: &[NodeId]) -> Vec<bool> {
        let mut marked = vec![false; self.nodes.len()];
        marked[target] = true;
        for id in (0..=target).rev() {
            if marked[id] && !cut.contains(&id) {
                for &source in &self.nodes[id].inputs {
                    marked[source] = true;
                }
            }
        }
        marked
    }

    /// Marks the nodes that depend on `start`, itself included.
    pub(super) fn descendants(&self, start: NodeId) -> Vec<bool> {
        let mut marked = vec![false; self.nodes.len()];
        marked[start] = true;
        for id in start + 1..self.nodes.len() {
            marked[id] = self.nodes[id].inputs.iter().any(|&source| marked[source]);
        }
        marked
    }

    /// Marks the nodes on the paths from `to` up to `from`, both included; none when there is no path.
    pub(super) fn between(&self, to: NodeId, from: NodeId) -> Vec<bool> {
        let mut marked = self.descendants(to);
        for (mark, ancestor) in marked.iter_mut().zip(self.ancestors(from, &[])) {
            *mark &= ancestor;
        }
        marked
    }
}
