//! Passes of a network whose weights, masks or members are random.

use std::{ops::Range, sync::Arc};

use candle_core::Tensor;

use super::{
    FlipoutDense, UncertaintyError,
    noise::{self, Noise, Rows},
    random::Draw,
};
use crate::graph::{Control, Graph, GraphError, INPUT, Keep, NodeId, Trace, ops::Linear};

/// One network with what is random in it; an ensemble has several of the same layers.
#[derive(Debug, Clone)]
pub struct Member {
    /// The network with the means of its weights and without dropout.
    pub graph: Arc<Graph>,
    /// What is random at which node.
    pub noise: Vec<(NodeId, Noise)>,
}

/// Draws passes of a network.
///
/// What comes before the first random layer runs once ([`Sampler::start`]); passes are run in batches from there on
/// ([`Sampler::draw`]). Pass number `k` goes through member `k mod members` and takes its random numbers from seed, node
/// and `k` alone, so that more passes extend fewer, on every device. An ensemble in which nothing else is random has
/// as many passes as members, and no more are drawn.
#[derive(Debug, Clone)]
pub struct Sampler {
    members: Vec<Member>,
    /// For each member the nodes whose outputs determine, with the random numbers, the logits.
    cuts: Vec<Vec<NodeId>>,
    /// The last layer, where it is all that is random and can be drawn without its weights.
    head: Option<FlipoutDense>,
}

/// The outputs of one input from which the passes of each member go on.
#[derive(Debug, Clone)]
pub struct Start {
    members: Vec<Vec<(NodeId, Tensor)>>,
}

impl Start {
    /// What it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |(_, tensor): &(NodeId, Tensor)| tensor.elem_count() * tensor.dtype().size_in_bytes();
        self.members.iter().flatten().map(of).sum()
    }
}

/// Multiplications of one layer (a random number counts as [`NUMBER`]) that a batch of passes takes at most: it is asked
/// between layers whether it shall go on, and must answer within a tenth of a second.
const LAYER_WORK: u64 = 400_000_000;

/// What a random number costs, in multiplications.
const NUMBER: u64 = 32;

/// The most passes of one batch.
const MOST_AT_ONCE: usize = 64;

/// The most logits that are kept of one input (128 MB).
const MOST_LOGITS: usize = 1 << 25;

impl Sampler {
    /// Of the networks of an ensemble, or of one; `None` where nothing is random. `head` is the posterior of the last
    /// layer, where that has one.
    ///
    /// # Errors
    /// [`UncertaintyError::Layer`] when a node cannot have that noise, [`UncertaintyError::Member`] when the networks of
    /// an ensemble have not the same layers.
    pub fn new(members: Vec<Member>, head: Option<FlipoutDense>) -> Result<Option<Self>, UncertaintyError> {
        let Some(first) = members.first().map(|member| Arc::clone(&member.graph)) else { return Ok(None) };
        if members.len() == 1 && members[0].noise.is_empty() {
            return Ok(None);
        }
        let mut placed = Vec::with_capacity(members.len());
        for (number, Member { graph, noise }) in members.into_iter().enumerate() {
            if let Some(difference) = difference(&first, &graph) {
                return Err(UncertaintyError::Member { member: number, difference });
            }
            let place = |(id, noise): (NodeId, Noise)| {
                let node =
                    graph.nodes().get(id).ok_or_else(|| layer_error(format!("#{id}"), "there is no such node"))?;
                if !graph.influenced_by(&[id])[graph.output()] {
                    return Err(layer_error(node.name.clone(), "the network's output does not depend on it"));
                }
                let noise = noise.placed(node).map_err(|error| layer_error(node.name.clone(), error))?;
                Ok((id, noise))
            };
            let noise = noise.into_iter().map(place).collect::<Result<Vec<_>, UncertaintyError>>()?;
            placed.push(Member { graph, noise });
        }
        let cuts = placed.iter().map(cut).collect();
        let is_head = |member: &Member| {
            let output = member.graph.output();
            matches!(member.noise.as_slice(), [(id, Noise::Weights { bias_std: None, .. })] if *id == output)
                && member.graph.nodes()[output].op_as::<Linear>().is_some()
        };
        let head = head.filter(|_| placed.len() == 1 && is_head(&placed[0]));
        Ok(Some(Self { members: placed, cuts, head }))
    }

    /// The networks; of an ensemble several.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The last layer, where it is all that is random: its logits are exactly normal.
    #[must_use]
    pub fn head(&self) -> Option<&FlipoutDense> {
        self.head.as_ref()
    }

    /// How many of the passes wanted there are: all, but for an ensemble in which nothing else is random no more than
    /// it has members.
    #[must_use]
    pub fn passes(&self, wanted: usize) -> usize {
        let is_random = self.members.iter().any(|member| !member.noise.is_empty());
        if is_random { wanted } else { wanted.min(self.members.len()) }
    }

    /// The nodes whose outputs a run of the first member must keep for [`Sampler::start`].
    #[must_use]
    pub fn cut(&self) -> &[NodeId] {
        &self.cuts[0]
    }

    /// The nodes from which the networks of all passes go on, in graphs of the same nodes.
    #[must_use]
    pub fn common_cut(&self) -> Vec<NodeId> {
        if self.members.len() > 1 { vec![INPUT] } else { self.cuts[0].clone() }
    }

    /// Marks the nodes of a network that differ from pass to pass.
    #[must_use]
    pub fn varying(&self) -> Vec<bool> {
        let first = &self.members[0];
        if self.members.len() > 1 {
            return (0..first.graph.nodes().len()).map(|id| id != INPUT).collect();
        }
        let nodes: Vec<NodeId> = first.noise.iter().map(|(id, _)| *id).collect();
        first.graph.influenced_by(&nodes)
    }

    /// Runs what comes before the first random layer: of the first member it has been done already, in a run that kept
    /// the outputs of [`Sampler::cut`]; `input` is the network's input.
    ///
    /// # Errors
    /// Those of [`Graph::run`], and [`GraphError::NotKept`].
    pub fn start(&self, trace: &Trace, input: &Tensor, control: &Control) -> Result<Start, GraphError> {
        let mut members = Vec::with_capacity(self.members.len());
        for (number, (member, cut)) in self.members.iter().zip(&self.cuts).enumerate() {
            let own;
            let trace = if number == 0 {
                trace
            } else {
                let keep = cut.iter().fold(Keep::nothing(), |keep, &id| keep.output_of(id));
                let feeds = [(INPUT, input.clone())];
                own = member.graph.run(&feeds, member.graph.output(), &keep, &control.quiet())?;
                &own
            };
            let output = |&id: &NodeId| {
                let kept = trace.output(id);
                let kept = kept.ok_or_else(|| GraphError::NotKept { node: member.graph.name_of(id) })?;
                Ok((id, kept.clone()))
            };
            members.push(cut.iter().map(output).collect::<Result<Vec<_>, GraphError>>()?);
        }
        Ok(Start { members })
    }

    /// The logits of some passes, `[passes × outputs]` in their order. `drawn` is given each batch as it comes, with the
    /// number of passes drawn by then.
    ///
    /// # Errors
    /// [`UncertaintyError`]: more passes than are kept, features that are not finite, a network that fails, or
    /// cancellation, which is asked for between layers.
    pub fn draw(
        &self,
        start: &Start,
        passes: Range<usize>,
        seed: u64,
        control: &Control,
        drawn: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<(), UncertaintyError> {
        let outputs = self.outputs(start)?;
        if passes.end.checked_mul(outputs.max(1)).is_none_or(|total| total > MOST_LOGITS) {
            return Err(UncertaintyError::TooMany { passes: passes.end, outputs, most: MOST_LOGITS / outputs.max(1) });
        }
        let at_once = self.at_once(start)?;
        let mut next = passes.start;
        while next < passes.end {
            control.check()?;
            let batch = next..(next + at_once).min(passes.end);
            next = batch.end;
            let logits = match &self.head {
                Some(head) => Self::of_head(head, start, batch, seed, control)?,
                None => self.of_networks(start, batch, outputs, seed, control)?,
            };
            drawn(next, &logits);
            control.set_progress(next as f32 / passes.end as f32);
        }
        Ok(())
    }

    /// The network of one pass, with the weights and masks drawn: what maps over draws are made of.
    ///
    /// # Errors
    /// [`UncertaintyError::Tensor`].
    pub fn network(&self, pass: usize, seed: u64) -> Result<Arc<Graph>, UncertaintyError> {
        let Member { graph, noise } = &self.members[pass % self.members.len()];
        if noise.is_empty() {
            return Ok(Arc::clone(graph));
        }
        let drawn = |(node, noise): &(NodeId, Noise)| {
            let draw = Draw { seed, node: *node, pass: pass as u64 };
            Ok((*node, noise.drawn(&graph.nodes()[*node].op, draw)?))
        };
        let ops = noise.iter().map(drawn).collect::<Result<Vec<_>, UncertaintyError>>()?;
        Ok(Arc::new(graph.with_ops(ops)))
    }

    fn of_head(
        head: &FlipoutDense,
        start: &Start,
        batch: Range<usize>,
        seed: u64,
        control: &Control,
    ) -> Result<Vec<f32>, UncertaintyError> {
        let Some((_, features)) = start.members.first().and_then(|cut| cut.first()) else { return Ok(Vec::new()) };
        head.sample_range(&noise::logits(features)?, batch, seed, &control.quiet())
    }

    /// Runs a batch: the passes of each member together.
    fn of_networks(
        &self,
        start: &Start,
        batch: Range<usize>,
        outputs: usize,
        seed: u64,
        control: &Control,
    ) -> Result<Vec<f32>, UncertaintyError> {
        let mut logits = vec![0.0; batch.len() * outputs];
        for (number, (member, feeds)) in self.members.iter().zip(&start.members).enumerate() {
            let passes: Vec<usize> = batch.clone().filter(|pass| pass % self.members.len() == number).collect();
            if passes.is_empty() {
                continue;
            }
            let rows = if member.noise.is_empty() {
                // Nothing but the member differs: its logits are what it starts from.
                noise::logits(&feeds[0].1)?.repeat(passes.len())
            } else {
                noise::logits(member.of_batch(&passes, feeds, seed, control)?.target())?
            };
            for (row, pass) in rows.chunks_exact(outputs).zip(&passes) {
                let at = (pass - batch.start) * outputs;
                logits[at..at + outputs].copy_from_slice(row);
            }
        }
        Ok(logits)
    }

    /// How many logits a pass gives.
    fn outputs(&self, start: &Start) -> Result<usize, UncertaintyError> {
        if let Some(head) = &self.head {
            return Ok(head.outputs());
        }
        let graph = &self.members[0].graph;
        let shapes = shapes_after(graph, &start.members[0])?;
        Ok(shapes.get(graph.output()).and_then(Option::as_ref).map_or(0, |shape| shape.iter().skip(1).product()))
    }

    /// How many passes go together, by the layer that takes the most.
    fn at_once(&self, start: &Start) -> Result<usize, UncertaintyError> {
        if let Some(head) = &self.head {
            let work = (head.inputs() * head.outputs()).max(1) as u64 * NUMBER / 4;
            return Ok((LAYER_WORK / work).clamp(8, 2048) as usize);
        }
        let mut most = 1;
        for (member, feeds) in self.members.iter().zip(&start.members) {
            let shapes = shapes_after(&member.graph, feeds)?;
            for (id, node) in member.graph.nodes().iter().enumerate() {
                let Some(shape) = &shapes[id] else { continue };
                if feeds.iter().any(|(fed, _)| *fed == id) {
                    continue;
                }
                let inputs: Vec<&[usize]> = node.inputs.iter().filter_map(|&id| shapes[id].as_deref()).collect();
                let numbers = member.noise.iter().find(|(at, _)| *at == id);
                let numbers = numbers.map_or(0, |(_, noise)| noise.numbers(shape.iter().product()));
                most = most.max(node.op.macs(&inputs, shape) + numbers as u64 * NUMBER);
            }
        }
        Ok((LAYER_WORK / most).clamp(1, MOST_AT_ONCE as u64) as usize)
    }
}

impl Member {
    /// Runs passes as the rows of one batch.
    fn of_batch(
        &self,
        passes: &[usize],
        feeds: &[(NodeId, Tensor)],
        seed: u64,
        control: &Control,
    ) -> Result<Trace, UncertaintyError> {
        let rows = passes.iter().map(|&pass| pass as u64).collect::<Vec<_>>();
        let ops = self.noise.iter().map(|(node, noise)| {
            let op = Arc::clone(&self.graph.nodes()[*node].op);
            let rows = Rows { op, noise: noise.clone(), seed, node: *node, passes: rows.clone() };
            (*node, Arc::new(rows) as Arc<dyn crate::graph::Op>)
        });
        let graph = Arc::new(self.graph.with_ops(ops));
        let feed = |(id, tensor): &(NodeId, Tensor)| {
            let mut shape = tensor.dims().to_vec();
            shape[0] = passes.len();
            Ok((*id, tensor.broadcast_as(shape)?.contiguous()?))
        };
        let feeds = feeds.iter().map(feed).collect::<Result<Vec<_>, UncertaintyError>>()?;
        Ok(graph.run(&feeds, graph.output(), &Keep::nothing(), &control.quiet())?)
    }
}

/// The nodes from which a member's passes go on; the output itself where nothing in it is random.
fn cut(member: &Member) -> Vec<NodeId> {
    if member.noise.is_empty() {
        return vec![member.graph.output()];
    }
    let nodes: Vec<NodeId> = member.noise.iter().map(|(id, _)| *id).collect();
    member.graph.frontier(&nodes)
}

/// The shapes of what is fed and all that comes of it alone.
fn shapes_after(graph: &Graph, feeds: &[(NodeId, Tensor)]) -> Result<Vec<Option<Vec<usize>>>, UncertaintyError> {
    let mut shapes: Vec<Option<Vec<usize>>> = vec![None; graph.nodes().len()];
    for (id, node) in graph.nodes().iter().enumerate() {
        if let Some((_, tensor)) = feeds.iter().find(|(fed, _)| *fed == id) {
            shapes[id] = Some(tensor.dims().to_vec());
            continue;
        }
        let inputs: Option<Vec<&[usize]>> = node.inputs.iter().map(|&source| shapes[source].as_deref()).collect();
        let shape = match inputs {
            Some(inputs) if !inputs.is_empty() => {
                Some(node.op.shape(&inputs).map_err(|reason| layer_error(node.name.clone(), reason))?)
            }
            _ => None,
        };
        shapes[id] = shape;
    }
    Ok(shapes)
}

/// In what the layers of two networks differ, if they do.
fn difference(first: &Graph, other: &Graph) -> Option<String> {
    let (own, others) = (first.nodes(), other.nodes());
    if own.len() != others.len() {
        return Some(format!("it has {} layers, not {}", others.len() - 1, own.len() - 1));
    }
    own.iter().zip(others).find_map(|(own, other)| {
        let shapes = |node: &crate::graph::Node| -> Vec<Vec<usize>> {
            node.op.weights().into_iter().map(|(_, tensor)| tensor.dims().to_vec()).collect()
        };
        if own.name != other.name || own.op.kind() != other.op.kind() || own.inputs != other.inputs {
            return Some(format!("it has `{}` ({}) where the first has `{}`", other.name, other.op.kind(), own.name));
        }
        (shapes(own) != shapes(other)).then(|| format!("the weights of `{}` have another shape", own.name))
    })
}

fn layer_error(layer: String, reason: impl std::fmt::Display) -> UncertaintyError {
    UncertaintyError::Layer { layer, reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
