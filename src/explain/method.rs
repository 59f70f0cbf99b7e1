//! What every explanation method answers.

use std::sync::Arc;

use candle_core::Tensor;

use super::{
    Attribution, ExplainError,
    parameters::{Parameter, Preset, Settings},
    space::InputSpace,
    target::{Objective, Target},
};
use crate::graph::{Control, Graph, INPUT, Keep, NodeId, Trace};

/// How methods are grouped where they are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Weighted sums of a layer's channels.
    Cam,
    /// Derivatives with respect to the pixels.
    Gradient,
    /// Signals sent back by other rules than the derivative's.
    Deconvnet,
    /// What happens to the score when parts of the picture are hidden.
    Perturbation,
}

impl Group {
    /// All groups in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Cam, Self::Gradient, Self::Deconvnet, Self::Perturbation];

    /// The name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cam => "Class activation maps",
            Self::Gradient => "Gradients",
            Self::Deconvnet => "Deconvnet and guided",
            Self::Perturbation => "Hide and see",
        }
    }
}

/// A method in plain words.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// What the map shows, a sentence.
    pub shows: &'static str,
    /// What it can't show, a sentence.
    pub cannot: &'static str,
    /// What it costs, a sentence, as "One forward and one backward pass."
    pub costs: &'static str,
    /// Authors and year of the paper.
    pub paper: &'static str,
}

/// Everything a method is given.
pub struct Ask<'a> {
    /// A run of the network's input to its output that kept what [`Method::keeps`] named.
    pub trace: &'a Trace,
    /// The chosen layer; methods that know their own ignore it.
    pub layer: NodeId,
    /// What is explained.
    pub target: &'a Target,
    /// Which element of the batch is explained. In a stack network's run over several slices: where this slice made
    /// the stack's score.
    pub slice: usize,
    /// The method's parameters.
    pub settings: &'a Settings,
    /// The seed of everything random.
    pub seed: u64,
    /// How network input relates to pixels, and logits to probabilities.
    pub space: &'a InputSpace,
    /// Cancellation, and the progress of the whole.
    pub control: &'a Control,
    /// Takes the map as it forms; call it a few times a second at most.
    pub interim: &'a dyn Fn(Attribution),
}

impl<'a> Ask<'a> {
    /// A question about the first element of a run, with default settings, seed 1, and plain input.
    #[must_use]
    pub fn new(trace: &'a Trace, layer: NodeId, target: &'a Target, control: &'a Control) -> Self {
        Self {
            trace,
            layer,
            target,
            slice: 0,
            settings: &NOTHING_SET,
            seed: 1,
            space: &InputSpace::PLAIN,
            control,
            interim: &ignore,
        }
    }

    /// The network.
    #[must_use]
    pub fn graph(&self) -> &'a Arc<Graph> {
        self.trace.graph()
    }

    /// The explained element's network input, `[1, channels, rows, columns]`; the run must have kept the output of
    /// [`INPUT`].
    ///
    /// # Errors
    /// [`ExplainError::NotKept`], [`ExplainError::NoSlice`].
    pub fn input(&self) -> Result<Tensor, ExplainError> {
        self.element(INPUT)
    }

    /// The explained element of a kept output, with a batch dimension of 1.
    ///
    /// # Errors
    /// [`ExplainError::NotKept`], [`ExplainError::NoSlice`].
    pub fn element(&self, node: NodeId) -> Result<Tensor, ExplainError> {
        let Some(output) = self.trace.output(node) else {
            return Err(ExplainError::NotKept { layer: self.graph().name_of(node) });
        };
        let slices = output.dim(0)?;
        if self.slice >= slices {
            return Err(ExplainError::NoSlice { slice: self.slice, slices });
        }
        Ok(output.narrow(0, self.slice, 1)?)
    }

    /// The explained number as a function of the output.
    pub(super) fn objective(&self) -> Result<Objective, ExplainError> {
        Objective::of(self.trace, self.target, self.slice)
    }
}

/// Every parameter at its default.
static NOTHING_SET: Settings = Settings::DEFAULT;

/// Nobody watches the map form.
fn ignore(_: Attribution) {}

/// One explanation method.
pub trait Method: Sync {
    /// The name on the command line and in exports, as `gradcam`.
    fn name(&self) -> &'static str;

    /// The name for people, as `Grad-CAM`.
    fn label(&self) -> &'static str;

    /// Where it is offered.
    fn group(&self) -> Group;

    /// What it shows, what it can't show, what it costs.
    fn about(&self) -> About;

    /// Whether the layer can be chosen; otherwise the method knows its own or works on the pixels.
    fn needs_layer(&self) -> bool;

    /// What can be set.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// Good settings under a name; the defaults need no preset.
    fn presets(&self) -> &'static [Preset] {
        &[]
    }

    /// Whether a map takes so many runs of the network that nobody wants it unasked for every slice of a stack.
    fn is_costly(&self) -> bool {
        self.group() == Group::Perturbation
    }

    /// Whether the map depends on what is explained; a map of the layer as such does not.
    fn depends_on_target(&self) -> bool {
        true
    }

    /// Whether the map depends on the seed.
    fn draws(&self) -> bool {
        false
    }

    /// Why the method cannot be used on this network; `Ok` where it can.
    ///
    /// # Errors
    /// [`ExplainError::Unsuitable`] with the reason.
    fn suits(&self, _graph: &Graph) -> Result<(), ExplainError> {
        Ok(())
    }

    /// What a run to the graph's output has to keep for [`Method::compute`].
    fn keeps(&self, graph: &Graph, layer: NodeId) -> Keep;

    /// The map.
    ///
    /// # Errors
    /// [`ExplainError`]: a layer without rows and columns, a class that there is not, a head that the method cannot
    /// explain, values that are not finite, a run that did not keep enough, or cancellation.
    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError>;
}
