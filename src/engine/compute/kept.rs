//! What is kept of a slice that has been run, so that another class, method or layer costs only its own part.
//!
//! Kept are the logits and the outputs of a few layers: where explanations start, what the card offers where that is
//! small, and what has been asked about. A later question begins at the deepest of them that it allows: a CAM needs
//! nothing computed, a Grad-CAM the network's end behind its layer, forward and back. What looks at the pixels begins at
//! the pixels and is none of this.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::stack::stack_features;
use super::{Answer, Failure, Forward, Give, Question, answer_all, needed};
use crate::explain::{self, Subject};
use crate::graph::{Control, Keep, NodeId};
use crate::model::{Fit, Model};

/// Layers that nobody has asked about are kept up to this many numbers each: 1 MiB of `f32`.
const MOST_UNASKED: usize = 1 << 18;

/// The outputs of a few layers on one slice. Of a stack network they are all of its trunk, so that they serve every
/// network with the same trunk. They lie in the host's memory: a GPU's is for runs, and reading a map's channels from there
/// waits each time for all that it still has to do.
#[derive(Debug, Clone)]
pub struct KeptLayers {
    fit: Fit,
    /// SHA-256 of card and weights of the model whose logits they are.
    of: [String; 2],
    logits: Tensor,
    outputs: BTreeMap<NodeId, Tensor>,
}

/// Where a question's run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// Nothing has to be computed: all that is asked for is kept.
    AtTheEnd,
    /// Behind a layer whose output is kept.
    Behind(NodeId),
}

impl KeptLayers {
    /// From a run that kept [`KeptLayers::wanted`].
    pub(super) fn of(forward: &Forward, wanted: &[NodeId]) -> Result<Self, Failure> {
        let outputs = wanted.iter().filter_map(|&node| Some((node, forward.trace.output(node)?)));
        let outputs = outputs.map(|(node, output)| Ok((node, output.to_device(&Device::Cpu)?)));
        let outputs = outputs.collect::<Result<_, candle_core::Error>>()?;
        let logits = forward.trace.target().to_device(&Device::Cpu)?;
        Ok(Self::new(forward.model, forward.fit, logits, outputs))
    }

    /// From what a run gave for one slice, on the CPU.
    pub(super) fn new(model: &Model, fit: Fit, logits: Tensor, outputs: BTreeMap<NodeId, Tensor>) -> Self {
        Self { fit, of: identity(model), logits, outputs }
    }

    /// The layers that a run should keep for later questions.
    pub(super) fn wanted(model: &Model, questions: &[Question]) -> Vec<NodeId> {
        let graph = &model.graph;
        let asked = questions.iter().filter_map(|question| match question {
            Question::Map(recipe) if recipe.subject == Subject::Class => {
                // Methods that end at the pixels or know their own layer have no use for the recipe's.
                explain::find(recipe.method).filter(|method| method.needs_layer()).and(graph.find(&recipe.layer))
            }
            Question::Activations { layer, .. } => graph.find(layer),
            _ => None,
        });
        let is_small = |node: &NodeId| {
            // Layers are all nodes but the input, in their order.
            let layer = model.layers().iter().find(|layer| layer.node == *node);
            layer.is_some_and(|layer| layer.shape.iter().product::<usize>() <= MOST_UNASKED)
        };
        let starts = graph.find(model.default_layer()).into_iter().chain(explain::class_map_layer(graph).ok());
        let offered = model.card.explain.layers.iter().filter_map(|name| graph.find(name)).filter(is_small);
        let mut wanted: Vec<NodeId> = asked.chain(starts).chain(offered).chain(stack_features(model)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if let Some(last) = stack_features(model) {
            wanted.retain(|&node| node <= last);
        }
        wanted
    }

    /// What it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |tensor: &Tensor| tensor.elem_count() * tensor.dtype().size_in_bytes();
        self.outputs.values().map(of).sum::<usize>() + of(&self.logits)
    }

    /// The same with what an earlier run of the slice has kept.
    #[must_use]
    pub fn with(mut self, earlier: &Self) -> Self {
        for (node, output) in &earlier.outputs {
            self.outputs.entry(*node).or_insert_with(|| output.clone());
        }
        self
    }

    /// What a stack model's maximum sees of the slice, where that is kept.
    pub(super) fn stack_features(&self, model: &Model) -> Option<&Tensor> {
        self.outputs.get(&stack_features(model)?)
    }

    /// Answers the questions that can be answered from what is kept, and gives the places of those that can't.
    ///
    /// # Errors
    /// On cancellation; a question that fails, fails alone.
    pub fn answer(
        &self,
        model: &Model,
        questions: &[Question],
        control: &Control,
        give: Give,
    ) -> Result<Vec<usize>, Failure> {
        let mut left = Vec::new();
        let mut groups: Vec<(Beginning, Keep, Vec<usize>)> = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            let Some((beginning, keep)) = self.beginning(model, question) else {
                left.push(index);
                continue;
            };
            match groups.iter_mut().find(|(other, ..)| *other == beginning) {
                Some((_, kept, members)) => {
                    *kept = kept.clone().and(&keep);
                    members.push(index);
                }
                None => groups.push((beginning, keep, vec![index])),
            }
        }
        for (beginning, keep, members) in groups {
            match self.run(model, beginning, &keep, control) {
                Ok(forward) => answer_all(&forward, questions, &members, give)?,
                Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                Err(Failure::Because(reason)) => {
                    for &index in &members {
                        give(index, Answer::Failed(Arc::clone(&reason)));
                    }
                }
            }
        }
        Ok(left)
    }

    /// Where the run of a question begins and what it must keep; `None` where the pixels are needed.
    fn beginning(&self, model: &Model, question: &Question) -> Option<(Beginning, Keep)> {
        let is_of_the_run = match question {
            Question::Scores | Question::Activations { .. } => true,
            // Other subjects run networks that were drawn.
            Question::Map(recipe) => recipe.subject == Subject::Class,
            Question::FeatureMaps { .. } | Question::Uncertainty { .. } => false,
        };
        let keep = needed(model, question).ok().filter(|_| is_of_the_run)?.1;
        if self.of == identity(model)
            && !keep.has_gradients()
            && keep.outputs().all(|node| self.outputs.contains_key(&node))
        {
            return Some((Beginning::AtTheEnd, keep));
        }
        let deepest = self.outputs.keys().rev().find(|&&node| model.graph.begins_at(node, &keep))?;
        Some((Beginning::Behind(*deepest), keep))
    }

    /// Computes what comes behind the beginning.
    fn run<'a>(
        &self,
        model: &'a Model,
        beginning: Beginning,
        keep: &Keep,
        control: &'a Control,
    ) -> Result<Forward<'a>, Failure> {
        let graph = &model.graph;
        let fed = |node: NodeId| self.outputs.get(&node).map(|output| (node, output.clone()));
        let feeds: Vec<(NodeId, Tensor)> = match beginning {
            Beginning::AtTheEnd => {
                keep.outputs().filter_map(fed).chain([(graph.output(), self.logits.clone())]).collect()
            }
            Beginning::Behind(node) => {
                let fed = fed(node).into_iter();
                fed.map(|(node, output)| Ok((node, output.to_device(&model.device)?)))
                    .collect::<Result<_, Failure>>()?
            }
        };
        let trace = graph.run(&feeds, graph.output(), keep, control)?;
        Forward::new(model, None, self.fit, trace, control)
    }
}

fn identity(model: &Model) -> [String; 2] {
    [model.card_sha256.clone(), model.weights_sha256.clone()]
}
