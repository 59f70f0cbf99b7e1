//! Names of results: each key holds everything that determines what it names.

use std::path::PathBuf;
use std::sync::Arc;

use super::source_list::SourceList;
use crate::explain::{Area, Baseline, Region, Settings, Subject};
use crate::inside::Projection;
use crate::study::Source;

/// Where a model card is: a file or folder, or one of the embedded demo models (`demo:NAME`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelPath(pub PathBuf);

/// A loaded model by its content: the SHA-256 of card and weights. Editing either makes another model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId(pub Arc<str>);

/// How a map is made: everything that determines it beside model and slice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// Registry name of the method (`gradcam`).
    pub method: &'static str,
    /// Name of the target layer.
    pub layer: Arc<str>,
    /// Further layers whose maps are averaged with the layer's, each on its own scale; empty for one layer.
    pub fused: Arc<[Arc<str>]>,
    /// The explained class.
    pub class: usize,
    /// The class whose map is taken away from the explained one's, for a difference.
    pub against: Option<usize>,
    /// For segmentations: where the logits are summed.
    pub region: Region,
    /// The method's parameters.
    pub settings: Settings,
    /// Seed of everything random; 0 for methods that draw nothing.
    pub seed: u64,
    /// What the map is about: the class, or how it varies with random weights.
    pub subject: Subject,
}

impl Recipe {
    /// A method at a layer for a class, with default settings.
    #[must_use]
    pub fn new(method: &'static str, layer: Arc<str>, class: usize) -> Self {
        Self {
            method,
            layer,
            fused: Arc::from([]),
            class,
            against: None,
            region: Region::Predicted,
            settings: Settings::DEFAULT,
            seed: 1,
            subject: Subject::Class,
        }
    }
}

/// One explanation map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MapKey {
    /// The model that is explained.
    pub model: ModelId,
    /// The slice it is run on.
    pub source: Source,
    /// How the map is made.
    pub recipe: Recipe,
}

/// A sample of the predictive distribution of a stochastic network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UncertaintyKey {
    /// The stochastic model.
    pub model: ModelId,
    /// The slice it is run on.
    pub source: Source,
    /// Number of stochastic passes.
    pub passes: usize,
    /// Seed of the draws.
    pub seed: u64,
}

/// What a network says of a slice in which a box is covered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CoverKey {
    /// The model.
    pub model: ModelId,
    /// The slice it is run on.
    pub source: Source,
    /// The box, in pixels of network input.
    pub area: Area,
    /// What lies under the cover.
    pub baseline: Baseline,
}

/// A stack network run over all slices of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StackKey {
    /// The stack model.
    pub model: ModelId,
    /// The slices, in order.
    pub sources: SourceList,
}

/// What is asked of a layer over many images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SurveyKind {
    /// What each channel does.
    Activity,
    /// The images that excite each channel most.
    Strongest {
        /// How many images a channel.
        count: usize,
    },
    /// Where the images lie in the layer's space.
    Embedding {
        /// How they are brought into the plane.
        by: Projection,
        /// Seed of what is drawn for it.
        seed: u64,
    },
    /// What activations and weights say about the training; of all layers, whatever the key's.
    Check,
}

/// A network run over many images for what they have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SurveyKey {
    /// The model.
    pub model: ModelId,
    /// The images, in the order in which results number them.
    pub sources: SourceList,
    /// Name of the layer; empty for a check.
    pub layer: Arc<str>,
    /// What is asked.
    pub kind: SurveyKind,
}

/// Anything the viewer can want from the networks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Load a model.
    Model(ModelPath),
    /// Logits and probabilities of one slice.
    Scores {
        /// The model.
        model: ModelId,
        /// The slice.
        source: Source,
    },
    /// One explanation map.
    Map(MapKey),
    /// All channels of one layer.
    Activations {
        /// The model.
        model: ModelId,
        /// The slice.
        source: Source,
        /// Name of the layer.
        layer: Arc<str>,
        /// The class that the channels' contributions are to, if they are wanted.
        class: Option<usize>,
    },
    /// What the strongest channels of a layer send back to the pixels.
    FeatureMaps {
        /// The model.
        model: ModelId,
        /// The slice.
        source: Source,
        /// Name of the layer.
        layer: Arc<str>,
        /// How many channels, the strongest first.
        count: usize,
        /// Whether the whole channel is sent back; else its strongest unit alone.
        whole: bool,
    },
    /// Draws from a stochastic head.
    Uncertainty(UncertaintyKey),
    /// A slice with a box covered.
    Cover(CoverKey),
    /// A stack network over a whole stack.
    Stack(StackKey),
    /// A layer over many images.
    Survey(SurveyKey),
    /// The filters of a layer.
    Filters {
        /// The model.
        model: ModelId,
        /// Name of the layer.
        layer: Arc<str>,
    },
}

impl Key {
    /// The model and slice whose forward run answers this key; `None` for loading, for what is of no slice or of many,
    /// and for covered slices, which go on from a run that is kept.
    #[must_use]
    pub fn run(&self) -> Option<(&ModelId, &Source)> {
        match self {
            Self::Model(_) | Self::Cover(_) | Self::Stack(_) | Self::Survey(_) | Self::Filters { .. } => None,
            Self::Scores { model, source }
            | Self::Activations { model, source, .. }
            | Self::FeatureMaps { model, source, .. } => Some((model, source)),
            Self::Map(key) => Some((&key.model, &key.source)),
            Self::Uncertainty(key) => Some((&key.model, &key.source)),
        }
    }

    /// Whether the result rests on the given slice.
    #[must_use]
    pub fn rests_on(&self, source: &Source) -> bool {
        match self {
            Self::Cover(key) => key.source == *source,
            Self::Stack(key) => key.sources.contains(source),
            Self::Survey(key) => key.sources.contains(source),
            other => other.run().is_some_and(|(_, own)| own == source),
        }
    }
}
