//! What the networks compute for one slice or one stack: pure functions of a model and a picture.
//!
//! The viewer's engine and the command line both come through here.

mod cover;
mod kept;
mod map;
mod segmentation;
mod slices;
mod spread;
mod stack;
pub mod survey;
mod uncertainty;

use std::cell::RefCell;
use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::key::Recipe;
use super::outcome::{FeatureGrid, MapResult, Outcome, Scores};
use crate::display::Picture;
use crate::explain::{self, Ask, Region, Target};
use crate::graph::{Control, GraphError, INPUT, Keep, NodeId, Trace};
use crate::model::{Fit, Model};
use crate::uncertainty::{Sampler, UncertaintyError};
use stack::stack_features;

pub use cover::Covering;
pub use kept::KeptLayers;
pub use slices::{slices, slices_at_once, slices_of};
pub use stack::{Aggregated, aggregate, features, features_of, kept_features, stack, stack_features as stack_layer};
pub use uncertainty::{Beginning, Passes, draw};

/// Why a computation gave nothing.
#[derive(Debug, Clone)]
pub enum Failure {
    /// Somebody no longer wants it.
    Cancelled,
    /// One sentence for people.
    Because(Arc<str>),
}

impl Failure {
    /// Wraps an error's sentence.
    pub fn because(error: impl std::fmt::Display) -> Self {
        Self::Because(Arc::from(error.to_string()))
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Cancelled(_) => Self::Cancelled,
            other => Self::because(other),
        }
    }
}

impl From<candle_core::Error> for Failure {
    fn from(error: candle_core::Error) -> Self {
        Self::because(error)
    }
}

/// One thing that is asked of a forward run on a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Logits and probabilities.
    Scores,
    /// An explanation map.
    Map(Recipe),
    /// All channels of a layer.
    Activations {
        /// Name of the layer.
        layer: Arc<str>,
        /// The class that the channels' contributions are to, if they are wanted.
        class: Option<usize>,
    },
    /// What the strongest channels of a layer send back to the pixels.
    FeatureMaps {
        /// Name of the layer.
        layer: Arc<str>,
        /// How many channels, the strongest first.
        count: usize,
        /// Whether the whole channel is sent back; else its strongest unit alone.
        whole: bool,
    },
    /// Passes of what is random in the network.
    Uncertainty {
        /// Number of passes.
        passes: usize,
        /// Seed of the draws.
        seed: u64,
    },
}

/// What becomes of a question.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The map as it has formed so far; more is to come.
    Interim(Arc<MapResult>),
    /// The answer.
    Done(Outcome),
    /// Another map that came out with the one asked for: mean and deviation are computed together.
    Beside(Recipe, Arc<MapResult>),
    /// There is none; one sentence for people.
    Failed(Arc<str>),
}

/// What a run leaves for later beside its answers.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// What a stack model's maximum sees of the slice, for [`stack`].
    pub features: Option<Vec<f32>>,
    /// Where passes of the slice begin, where something in a single network is random.
    pub beginning: Option<Beginning>,
    /// Outputs of a few layers, from which later questions are answered.
    pub kept: Option<KeptLayers>,
}

/// Takes the answer to the question of the given index as soon as it is there.
pub type Give<'a> = &'a mut dyn FnMut(usize, Answer);

/// Answers all questions about one slice with one forward run. A question that can't be answered (CAM on a network
/// without global average pooling) fails alone. Returns what the run leaves for later; a stack model takes the slice as
/// a stack of one.
///
/// # Errors
/// When the slice can't be run at all, or on cancellation.
pub fn slice(
    model: &Model,
    picture: &Picture,
    questions: &[Question],
    control: &Control,
    give: Give,
) -> Result<Left, Failure> {
    let kept = KeptLayers::wanted(model, questions);
    let keep = kept.iter().fold(Forward::needs(model, questions), |keep, &node| keep.output_of(node));
    let forward = Forward::keeping(model, picture, &keep, control)?;
    let all: Vec<usize> = (0..questions.len()).collect();
    answer_all(&forward, questions, &all, give)?;
    let features = stack_features(model).and_then(|node| forward.trace.output(node)).map(values).transpose()?;
    let beginning = single_sampler(model).map(|_| forward.beginning()).transpose()?;
    Ok(Left { features, beginning, kept: Some(KeptLayers::of(&forward, &kept)?) })
}

/// Gives the answers to some of the questions, by their places, from a run that kept what they need.
fn answer_all(forward: &Forward, questions: &[Question], which: &[usize], give: Give) -> Result<(), Failure> {
    for &index in which {
        let question = &questions[index];
        match forward.answer(question, &mut |map| give(index, Answer::Interim(map))) {
            Ok(outcome) => {
                give(index, Answer::Done(outcome));
                if let Question::Map(recipe) = question
                    && recipe.subject.sibling().is_some()
                    && let Some((recipe, map)) = forward.beside()
                {
                    give(index, Answer::Beside(recipe, map));
                }
            }
            Err(Failure::Because(reason)) => give(index, Answer::Failed(reason)),
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
        }
    }
    Ok(())
}

/// The sampler of a model of one network, whose passes begin in the run that gives the scores.
fn single_sampler(model: &Model) -> Option<&Sampler> {
    model.sampler.as_deref().filter(|sampler| sampler.members().len() == 1)
}

/// A slice that has been run forward, of which questions can be asked.
pub struct Forward<'a> {
    model: &'a Model,
    /// The network's input; absent where the run went on from a layer.
    input: Option<Tensor>,
    fit: Fit,
    trace: Trace,
    logits: Vec<f32>,
    control: &'a Control,
    /// The map that came out with the last one.
    beside: RefCell<Option<(Recipe, Arc<MapResult>)>>,
}

/// The node a question is about, and what the run must keep for it.
fn needed(model: &Model, question: &Question) -> Result<(NodeId, Keep), Failure> {
    let graph = &model.graph;
    let find = |layer: &str| {
        graph.find(layer).ok_or_else(|| Failure::because(format!("{} has no layer `{layer}`", model.card.name)))
    };
    match question {
        Question::Scores => Ok((graph.output(), Keep::nothing())),
        Question::Map(recipe) => {
            let method = map::method(recipe)?;
            let node = find(&recipe.layer)?;
            let fused = recipe.fused.iter().map(|layer| find(layer)).collect::<Result<Vec<_>, _>>()?;
            let needs =
                fused.iter().fold(method.keeps(graph, node), |keep, &node| keep.and(&method.keeps(graph, node)));
            Ok((node, spread::needs(model, recipe.subject, needs)?))
        }
        Question::Activations { layer, class } => find(layer).map(|node| {
            let keep = Keep::nothing().output_of(node);
            (node, if class.is_some() { keep.gradients_to(node) } else { keep })
        }),
        Question::FeatureMaps { layer, .. } => find(layer).map(|node| (node, explain::keeps_of_feature_maps(node))),
        Question::Uncertainty { .. } => Ok((graph.output(), uncertainty::needs(uncertainty::sampler(model)?))),
    }
}

impl<'a> Forward<'a> {
    /// Runs a slice and keeps what the questions need. That does not depend on their classes: with the scores at hand
    /// the same questions can be asked of another class. A question that can't be answered fails when it is asked.
    ///
    /// # Errors
    /// When the slice can't be run, or on cancellation.
    pub fn run(
        model: &'a Model,
        picture: &Picture,
        questions: &[Question],
        control: &'a Control,
    ) -> Result<Self, Failure> {
        Self::keeping(model, picture, &Self::needs(model, questions), control)
    }

    /// What the questions need of a run to the logits.
    fn needs(model: &Model, questions: &[Question]) -> Keep {
        let mut keep = Keep::nothing();
        if let Some(node) = stack_features(model) {
            keep = keep.output_of(node);
        }
        if let Some(sampler) = single_sampler(model) {
            keep = keep.and(&uncertainty::needs(sampler));
        }
        for (_, needs) in questions.iter().filter_map(|question| needed(model, question).ok()) {
            keep = keep.and(&needs);
        }
        keep
    }

    /// Runs a slice and keeps what is given.
    fn keeping(model: &'a Model, picture: &Picture, keep: &Keep, control: &'a Control) -> Result<Self, Failure> {
        let input = model.input(picture).map_err(Failure::because)?;
        let graph = &model.graph;
        let trace = graph.run(&[(INPUT, input.tensor.clone())], graph.output(), keep, control)?;
        Self::new(model, Some(input.tensor), input.fit, trace, control)
    }

    /// A run that has been made; its logits must be numbers.
    fn new(
        model: &'a Model,
        input: Option<Tensor>,
        fit: Fit,
        trace: Trace,
        control: &'a Control,
    ) -> Result<Self, Failure> {
        let logits = finite_logits(model, trace.target())?;
        Ok(Self { model, input, fit, trace, logits, control, beside: RefCell::new(None) })
    }

    /// The network's input, for what begins with it.
    fn input(&self) -> Result<&Tensor, Failure> {
        self.input.as_ref().ok_or_else(|| Failure::because("This needs a run from the picture on"))
    }

    /// Logits and probabilities.
    #[must_use]
    pub fn scores(&self) -> Scores {
        if self.model.segmentation {
            return segmentation::scores(self.model, &self.logits);
        }
        Scores { logits: self.logits.clone(), probabilities: self.model.probabilities(&self.logits) }
    }

    /// The mean map that came out with the deviation asked for last, or the other way round.
    #[must_use]
    pub fn beside(&self) -> Option<(Recipe, Arc<MapResult>)> {
        self.beside.borrow().clone()
    }

    /// Where the passes of this slice begin; a run whose questions had [`Question::Uncertainty`] among them has kept it.
    ///
    /// # Errors
    /// When nothing in the network is random, or another network of an ensemble can't be run.
    pub fn beginning(&self) -> Result<Beginning, Failure> {
        Beginning::of(self.model, &self.trace, self.input()?, &self.logits, self.control)
    }

    /// Answers one of the questions that the run was prepared for; `interim` is given a map that is still forming.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn answer(&self, question: &Question, interim: &mut dyn FnMut(Arc<MapResult>)) -> Result<Outcome, Failure> {
        let (node, _) = needed(self.model, question)?;
        let Self { model, fit, trace, control, .. } = self;
        let fit = *fit;
        match question {
            Question::Scores => Ok(Outcome::Scores(Arc::new(self.scores()))),
            Question::Map(recipe) => {
                if let Some((known, map)) = self.beside.borrow().as_ref()
                    && known == recipe
                {
                    return Ok(Outcome::Map(Arc::clone(map)));
                }
                let interim = RefCell::new(interim);
                let formed = |attribution| interim.borrow_mut()(Arc::new(MapResult::new(attribution, fit)));
                let made = spread::compute(model, (trace, self.input.as_ref()), node, recipe, control, &formed)?;
                let beside = made.beside.map(|(recipe, map)| (recipe, Arc::new(MapResult::new(map, fit))));
                self.beside.replace(beside);
                Ok(Outcome::Map(Arc::new(MapResult::new(made.map, fit))))
            }
            Question::Activations { class, .. } => {
                let mut activations = explain::activations(trace, node, 0).map_err(explain_failure)?;
                if let &Some(class) = class {
                    let target = map::target(model, class, Region::Predicted)?;
                    let sums = explain::contributions(trace, node, 0, &target, control).map_err(explain_failure)?;
                    activations.contributions = Some(sums);
                }
                Ok(Outcome::Activations(Arc::new(activations)))
            }
            Question::FeatureMaps { count, whole, .. } => {
                // The signal starts at the channel, whatever the class.
                let target = Target::class(0);
                let ask = Ask::new(trace, node, &target, control);
                let maps = explain::feature_maps(&ask, *count, *whole).map_err(explain_failure)?;
                Ok(Outcome::FeatureMaps(Arc::new(FeatureGrid { maps, fit })))
            }
            Question::Uncertainty { passes, seed } => {
                let beginning = self.beginning()?;
                let (_, result) =
                    draw(model, &beginning, Passes::default(), (*passes, *seed), control, &mut |_, _| {})?;
                Ok(Outcome::Uncertainty(result))
            }
        }
    }
}

fn explain_failure(error: explain::ExplainError) -> Failure {
    match error {
        explain::ExplainError::Graph(GraphError::Cancelled(_)) => Failure::Cancelled,
        other => Failure::because(other),
    }
}

fn draw_failure(error: UncertaintyError) -> Failure {
    match error {
        UncertaintyError::Cancelled(_) => Failure::Cancelled,
        other => Failure::because(other),
    }
}

fn finite_logits(model: &Model, logits: &Tensor) -> Result<Vec<f32>, Failure> {
    let logits = values(logits)?;
    if logits.iter().all(|logit| logit.is_finite()) {
        return Ok(logits);
    }
    Err(Failure::because(format!(
        "{} gave a logit that is not a number; its weights or this slice hold values out of range",
        model.card.name
    )))
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, Failure> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
