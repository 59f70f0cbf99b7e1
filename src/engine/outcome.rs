//! What the engine's threads hand back.

use std::sync::Arc;

use super::key::{ModelId, ModelPath};
use crate::explain::{Activations, Area, Attribution, Baseline, FeatureMap, Fill};
use crate::inside::{ChannelActivity, Embedding, Excited, Filters, LayerActivity, Report, Skipped, Strongest};
use crate::model::{Card, Fit, LayerInfo, Narrow};
use crate::uncertainty::{Density, LogitNormal, Summary, Verdict};

/// Where a wanted thing stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Status<T> {
    /// Nobody has asked for it.
    NotRequested,
    /// It is queued or being computed.
    Pending {
        /// The part that is done, 0 ..= 1.
        progress: f32,
    },
    /// Here it is.
    Ready(T),
    /// It can't be had; the sentence says why.
    Failed(Arc<str>),
}

impl<T> Status<T> {
    /// The value, if it is here.
    pub fn ready(self) -> Option<T> {
        match self {
            Self::Ready(value) => Some(value),
            _ => None,
        }
    }
}

/// A loaded model, as the viewer shows it.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// Names the model in all other keys.
    pub id: ModelId,
    /// Where it was loaded from.
    pub path: ModelPath,
    /// Its card.
    pub card: Card,
    /// SHA-256 of the card.
    pub card_sha256: String,
    /// SHA-256 of the weights.
    pub weights_sha256: String,
    /// All layers in order.
    pub layers: Vec<LayerInfo>,
    /// The layer that is explained unless another is chosen.
    pub default_layer: String,
    /// Whether the network takes a whole stack (maximum over the slices).
    pub stack: bool,
    /// Whether each pixel is classified, so that a class's probability is its share of the pixels.
    pub segmentation: bool,
    /// Whether something in the network is random, so that passes can be drawn.
    pub stochastic: bool,
    /// What is random, in words for people, as "Flipout in fc".
    pub randomness: Option<String>,
    /// The large dense layers whose weights are kept in 16 bits, if there are any.
    pub narrow: Option<Narrow>,
    /// The most passes there are: of an ensemble in which nothing else is random, its networks.
    pub most_passes: Option<usize>,
    /// Class names, one an output.
    pub classes: Vec<String>,
    /// Methods that can't explain this network, with the reason.
    pub unsuitable: Vec<(&'static str, Arc<str>)>,
    /// An early, a middle and a late layer, to be shown beside each other; `None` in a network of fewer.
    pub stages: Option<[Arc<str>; 3]>,
}

/// The network's answer on one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One an output, before the activation.
    pub logits: Vec<f32>,
    /// After the card's activation, one a class.
    pub probabilities: Vec<f32>,
}

/// One explanation map and how it lies on its slice.
#[derive(Debug, Clone)]
pub struct MapResult {
    /// Raw values at their own resolution.
    pub attribution: Attribution,
    /// Slice pixels ↔ network input.
    pub fit: Fit,
    range: (f32, f32),
}

impl MapResult {
    /// A map and how it lies on its slice. Its range is taken here, once: the viewer asks for it in every frame.
    #[must_use]
    pub fn new(attribution: Attribution, fit: Fit) -> Self {
        let range = attribution.shown_range();
        Self { attribution, fit, range }
    }

    /// The range of the values that are shown; see [`Attribution::shown_range`].
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        self.range
    }
}

/// What the strongest channels of a layer send back to the pixels, and how that lies on the slice.
#[derive(Debug, Clone)]
pub struct FeatureGrid {
    /// The strongest channel first; channels without a positive value are left out.
    pub maps: Vec<FeatureMap>,
    /// Slice pixels ↔ network input.
    pub fit: Fit,
}

/// Passes of a stochastic network; while more are drawn, those drawn so far.
#[derive(Debug, Clone)]
pub struct UncertaintyResult {
    /// Passes × classes, row-major.
    pub probabilities: Vec<f32>,
    /// Number of passes.
    pub passes: usize,
    /// Moments, intervals, entropies.
    pub summary: Summary,
    /// One a class.
    pub densities: Vec<Density>,
    /// The probabilities of the plain network: with the means of random weights, without dropout; of an ensemble, of
    /// its first member.
    pub point: Vec<f32>,
    /// The exact distribution of the last class's probability, where the network ends with one sigmoid behind a normal
    /// logit; of two classes the first one's is its mirror image.
    pub exact: Option<LogitNormal>,
    /// Whether that counts as determinate, by the card's rule.
    pub verdict: Verdict,
}

/// What the network says of a slice in which a box is covered.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverResult {
    /// The box, in pixels of network input.
    pub area: Area,
    /// What lies under the cover.
    pub baseline: Baseline,
    /// That of the whole picture; what of it lies in the box is what the network saw there.
    pub fill: Arc<Fill>,
    /// The answer on the slice as it is.
    pub before: Arc<Scores>,
    /// The answer on the covered slice.
    pub after: Scores,
    /// The part of a whole run's multiplications that it took, 0 ..= 1.
    pub share: f32,
}

/// A stack network over its whole stack.
#[derive(Debug, Clone)]
pub struct StackResult {
    /// Logits of the stack.
    pub logits: Vec<f32>,
    /// Probabilities of the stack.
    pub probabilities: Vec<f32>,
    /// Probabilities of each slice taken alone, `[slice][class]`.
    pub per_slice: Vec<Vec<f32>>,
    /// `shares[class][slice]`: what the slice's winning features add to the class's logit;
    /// over the slices they sum to the logit minus the bias.
    pub shares: Vec<Vec<f32>>,
    /// `left_out[class][slice]`: how much the class's logit changes when the slice is left out of the stack, below 0
    /// where the slice speaks for the class; empty for a stack of one slice.
    pub left_out: Vec<Vec<f32>>,
    /// For each class the slice with the largest share.
    pub deciding_slice: Vec<usize>,
    /// For each feature the slice that won the maximum.
    pub winning_slice: Vec<usize>,
}

/// A layer over many images, finished or as far as it has come.
#[derive(Debug, Clone, PartialEq)]
pub enum SurveyResult {
    /// What each channel does.
    Activity(LayerActivity),
    /// The images that excite each channel most.
    Strongest(Strongest),
    /// Where the images lie in the layer's space.
    Embedding(Embedding),
    /// What activations and weights say about the training.
    Check(Report),
}

impl SurveyResult {
    /// Bytes in memory, about.
    fn bytes(&self) -> usize {
        let skipped = |skipped: &[Skipped]| 128 * skipped.len();
        match self {
            Self::Activity(activity) => {
                activity.channels.len() * size_of::<ChannelActivity>() + skipped(&activity.skipped)
            }
            Self::Strongest(strongest) => {
                let excited: usize = strongest.channels.iter().map(Vec::len).sum();
                excited * size_of::<Excited>() + strongest.channels.len() * 24 + skipped(&strongest.skipped)
            }
            Self::Embedding(embedding) => embedding.points.len() * 28 + skipped(&embedding.skipped),
            Self::Check(report) => report.bytes() + skipped(&report.skipped),
        }
    }
}

/// Any result, as the cache holds it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A loaded model.
    Model(Arc<ModelInfo>),
    /// Logits and probabilities.
    Scores(Arc<Scores>),
    /// An explanation map.
    Map(Arc<MapResult>),
    /// All channels of a layer.
    Activations(Arc<Activations>),
    /// What the strongest channels of a layer send back.
    FeatureMaps(Arc<FeatureGrid>),
    /// Draws.
    Uncertainty(Arc<UncertaintyResult>),
    /// A slice with a box covered.
    Cover(Arc<CoverResult>),
    /// A whole stack.
    Stack(Arc<StackResult>),
    /// A layer over many images.
    Survey(Arc<SurveyResult>),
    /// The filters of a layer.
    Filters(Arc<Filters>),
}

impl Outcome {
    /// What the outcome takes in memory, for the cache's bound.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let floats = match self {
            Self::Model(_) => 1024,
            Self::Scores(scores) => scores.logits.len() + scores.probabilities.len(),
            Self::Map(map) => {
                let segments = map.attribution.segments.as_ref();
                map.attribution.values.len() + segments.map_or(0, |s| s.labels.len() + 2 * s.weights.len())
            }
            Self::Activations(activations) => {
                activations.values.len() + activations.contributions.as_ref().map_or(0, Vec::len)
            }
            Self::FeatureMaps(grid) => grid.maps.iter().map(|map| map.picture.values.len()).sum(),
            Self::Uncertainty(result) => {
                result.probabilities.len() + result.densities.iter().map(|d| d.x.len() + d.y.len()).sum::<usize>()
            }
            // Fill and the answer before are shared by all boxes of a slice.
            Self::Cover(result) => result.after.logits.len() + result.after.probabilities.len() + 16,
            Self::Stack(result) => {
                result.winning_slice.len() + result.per_slice.len() * 3 * (result.logits.len() + result.shares.len())
            }
            Self::Survey(result) => result.bytes().div_ceil(size_of::<f32>()),
            Self::Filters(filters) => filters.values.len(),
        };
        floats * size_of::<f32>() + 256
    }
}

/// What the network thread is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activity {
    /// Empty when idle.
    pub text: String,
    /// The part that is done, 0 ..= 1.
    pub progress: Option<f32>,
    /// How long the rest will take, from the progress so far; `None` where that can't be told yet or is no wait.
    pub seconds_left: Option<f32>,
    /// Wants that are not answered yet.
    pub queued: usize,
    /// Where networks run ("CPU, 2 threads").
    pub device: String,
}
