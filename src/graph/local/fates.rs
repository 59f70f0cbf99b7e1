//! What becomes of each node's output when rectangles of the input change.

use std::sync::Arc;

use super::super::{INPUT, NodeId};
use super::{Local, parts::Part, rects::Rects};

/// Where more than this part of a map changes, it and all that follows is computed whole: the edges that parts need around
/// them cost more than is saved.
const MOST: f64 = 0.7;

/// What becomes of a node's output.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It stays what it is for the common picture.
    Same,
    /// It changes inside rectangles, one a picture.
    Part(Arc<Rects>),
    /// It is computed anew.
    Whole,
}

impl Local {
    /// The fates of all nodes up to the target, for these rectangles of the input.
    pub(super) fn fates(&self, rects: Rects) -> Vec<Fate> {
        let mut fates = vec![Fate::Same; self.target + 1];
        fates[INPUT] = Fate::Part(Arc::new(rects));
        for id in (INPUT + 1..=self.target).filter(|&id| self.needed[id]) {
            fates[id] = self.fate(id, &fates);
        }
        fates
    }

    fn fate(&self, id: NodeId, fates: &[Fate]) -> Fate {
        let node = &self.graph.nodes()[id];
        let mut changed = Vec::with_capacity(node.inputs.len());
        for &source in &node.inputs {
            match &fates[source] {
                Fate::Same => {}
                Fate::Part(rects) => changed.push(rects),
                Fate::Whole => return Fate::Whole,
            }
        }
        let Some((&first, rest)) = changed.split_first() else { return Fate::Same };
        let &[_, _, rows, columns] = self.shapes[id].as_slice() else { return Fate::Whole };
        let bounds = [rows, columns];
        if self.whole_because.is_some() {
            return Fate::Whole;
        }
        let part = &self.parts[id];
        let rects = match part {
            Part::Pointwise if !self.fit(id, bounds) => return Fate::Whole,
            Part::Pointwise if rest.iter().all(|other| *other == first) => Some(Arc::clone(first)),
            Part::Pointwise => {
                let all: Vec<&Rects> = changed.iter().map(|rects| &***rects).collect();
                Rects::joined(&all, bounds).map(Arc::new)
            }
            Part::Windows { windows, .. } => first.seen_by(windows, bounds).map(Arc::new),
            Part::Moved(by) => Some(Arc::new(first.moved(*by))),
            Part::Whole => return Fate::Whole,
        };
        match rects {
            None => Fate::Same,
            Some(rects) if rects.share(bounds) > MOST && !part.is_carried(node.inputs.len()) => Fate::Whole,
            Some(rects) => Fate::Part(rects),
        }
    }

    /// Whether all inputs of a node have these rows and columns, so that none is stretched over the others.
    fn fit(&self, id: NodeId, bounds: [usize; 2]) -> bool {
        let inputs = &self.graph.nodes()[id].inputs;
        inputs.iter().all(|&source| self.shapes[source].len() == 4 && self.shapes[source][2..] == bounds)
    }

    /// The nodes that do not change as a whole, but which nodes that do are computed from; the target itself where it does
    /// not.
    pub(super) fn frontier(&self, fates: &[Fate]) -> Vec<NodeId> {
        if fates[self.target] != Fate::Whole {
            return vec![self.target];
        }
        let mut frontier: Vec<NodeId> = (INPUT + 1..=self.target)
            .filter(|&id| self.needed[id] && fates[id] == Fate::Whole)
            .flat_map(|id| self.graph.nodes()[id].inputs.iter().copied())
            .filter(|&source| fates[source] != Fate::Whole)
            .collect();
        frontier.sort_unstable();
        frontier.dedup();
        frontier
    }
}
