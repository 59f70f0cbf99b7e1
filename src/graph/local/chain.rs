//! Who reads what is computed in part, and which of it is computed in one go: a convolution and what follows it.

use candle_core::Tensor;

use super::super::{
    Control, INPUT, NodeId,
    kernels::fast::{Extras, edges_of},
    op::Result,
    ops::{Add, BatchNorm2d, Conv2d, Relu},
};
use super::{Local, fates::Fate};

/// Who reads the nodes that are computed in part.
#[derive(Debug)]
pub(super) struct Links {
    /// How many readers each node has that have not been computed yet; what runs as a whole is one.
    pub uses: Vec<usize>,
    /// The one node that reads each node, if it is one and computed in part.
    pub only: Vec<Option<NodeId>>,
    /// Whether a node's rectangles lie in memory that nothing shares: its operation and those of all readers copy.
    pub own: Vec<bool>,
}

/// What follows a convolution, in the order in which it is computed.
#[derive(Debug, Default)]
pub(super) struct Chain<'a> {
    /// The nodes after the convolution.
    pub nodes: Vec<NodeId>,
    norm: Option<&'a BatchNorm2d>,
    /// The node whose output is added.
    pub residual: Option<NodeId>,
    rectifies: bool,
}

impl Local {
    /// Whether a node is computed in part.
    pub(super) fn is_in_part(&self, id: NodeId, fates: &[Fate]) -> bool {
        self.needed[id] && matches!(fates[id], Fate::Part(_))
    }

    /// Who reads what, where `frontier` is what the rest runs from.
    pub(super) fn links(&self, fates: &[Fate], frontier: &[NodeId]) -> Links {
        let nodes = self.graph.nodes();
        let mut uses = vec![0; fates.len()];
        let mut only = vec![None; fates.len()];
        let mut own: Vec<bool> = (0..fates.len()).map(|id| id != INPUT && nodes[id].makes_anew()).collect();
        for id in (INPUT + 1..=self.target).filter(|&id| self.is_in_part(id, fates)) {
            for &source in &nodes[id].inputs {
                uses[source] += 1;
                only[source] = Some(id).filter(|_| uses[source] == 1);
                own[source] &= nodes[id].makes_anew();
            }
        }
        for &id in frontier {
            uses[id] += 1;
            only[id] = None;
            own[id] = false;
        }
        Links { uses, only, own }
    }

    /// What can be computed in one go with a convolution: `only` names the one node that reads each node's rectangles, if
    /// it is one, and `is_ready` tells whether a node has been computed, or does not change.
    pub(super) fn chain(
        &self,
        head: NodeId,
        fates: &[Fate],
        only: &[Option<NodeId>],
        is_ready: impl Fn(NodeId) -> bool,
    ) -> Chain<'_> {
        let mut chain = Chain::default();
        let mut last = head;
        // All of a chain lies in the same rectangles.
        while let Some(next) = only[last].filter(|&next| fates[next] == fates[head] && !chain.rectifies) {
            let node = &self.graph.nodes()[next];
            if let Some(norm) = node.op_as::<BatchNorm2d>()
                && chain.nodes.is_empty()
            {
                chain.norm = Some(norm);
            } else if node.op_as::<Relu>().is_some() {
                chain.rectifies = true;
            } else if node.op_as::<Add>().is_some()
                && chain.residual.is_none()
                && let &[a, b] = node.inputs.as_slice()
                && a != b
                && is_ready(if a == last { b } else { a })
            {
                chain.residual = Some(if a == last { b } else { a });
            } else {
                break;
            }
            chain.nodes.push(next);
            last = next;
        }
        chain
    }
}

impl Chain<'_> {
    /// Computes the chain from what the convolution, which pads nothing, sees; `None` where plain kernels have to do it.
    ///
    /// # Errors
    /// When the tensor library fails, or on cancellation.
    pub fn run(
        &self,
        conv: &Conv2d,
        input: &Tensor,
        residual: Option<&Tensor>,
        control: &Control,
    ) -> Result<Option<Tensor>> {
        let Some(prepared) = conv.prepared(input, control)? else { return Ok(None) };
        let extras = Extras {
            norm: self.norm.map(BatchNorm2d::scale_and_shift),
            residual,
            limits: self.rectifies.then_some((0.0, f32::INFINITY)),
            pool: None,
        };
        prepared.run(input, edges_of(conv), extras, control).map(Some)
    }
}
