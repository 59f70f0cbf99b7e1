//! What the check measures, and what it found.

use serde::Serialize;

use super::super::{LayerActivity, Skipped};
use super::{CHECKS, Finding};

/// One activation layer over all images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// The layer's name.
    pub layer: String,
    /// Its operation.
    pub op: String,
    /// The layer whose filters make these channels, where there is one.
    pub filters: Option<String>,
    /// `[channels, rows, columns]` or `[features]`.
    pub shape: Vec<usize>,
    /// Places of one channel over all images.
    pub positions: u64,
    /// Channels that were 0 at every place of every image.
    pub dead: Vec<usize>,
    /// Other channels that were above 0 at fewer than one place in a thousand; empty where fewer places were seen.
    pub nearly_dead: Vec<usize>,
    /// The share of places, over all channels, that are not above 0.
    pub sparsity: f32,
    /// Whether the activation function gives 0 for everything negative, so that sparsity means zeros.
    pub rectifies: bool,
    /// The share of places at the limits of the activation function, where it has limits.
    pub saturation: Option<f32>,
    /// Rows and columns of the network's input that a unit sees; `None` where it may see everything.
    pub field: Option<[usize; 2]>,
    /// Distance in input pixels between neighbouring units.
    pub stride: Option<[f64; 2]>,
    /// Each channel's figures.
    #[serde(skip)]
    pub activity: LayerActivity,
}

impl LayerReport {
    /// How many channels or features.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.activity.channels.len()
    }

    /// `channel 3 of "relu1"` needs the filters' layer beside it: ` (filters of "conv1")`, or nothing.
    pub(super) fn of_filters(&self) -> String {
        self.filters.as_ref().map_or(String::new(), |filters| format!(" (filters of {filters})"))
    }
}

/// Two filters that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pair {
    /// The earlier filter.
    pub first: usize,
    /// The later one.
    pub second: usize,
    /// The cosine between the two.
    pub cosine: f32,
}

/// One layer's learned filters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FilterReport {
    /// The layer's name.
    pub layer: String,
    /// `[outputs, inputs of a filter, rows, columns]`.
    pub shape: [usize; 4],
    /// Whether the layer takes the network's own input.
    pub first: bool,
    /// Filters that are all zeros.
    pub zero: Vec<usize>,
    /// Filters that look alike, by their cosine; `None` where they were not compared, and `why_not` says why.
    pub duplicates: Option<Vec<Pair>>,
    /// Why the filters were not compared.
    pub why_not: Option<String>,
    /// For the first layer's filters, how much each is like noise: its spectral flatness, 0 ..= 1. Empty for other
    /// layers, and for kernels too small to tell.
    pub flatness: Vec<f32>,
}

/// What the network answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outputs {
    /// Images that were answered.
    pub inputs: usize,
    /// Images whose most probable class had at least 99 %.
    pub certain: usize,
    /// Mean of the greatest probability.
    pub mean_confidence: f32,
    /// For each class, how many images it was the most probable of.
    pub predicted: Vec<usize>,
}

/// How large what is looked for is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lesion {
    /// Its diameter in pixels of the network's input (the median over the images, where it was given in millimetres).
    pub input_px: f64,
    /// Its diameter in millimetres, where it was given so.
    pub mm: Option<f64>,
}

/// Everything that was measured, and the findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many images were run.
    pub inputs: usize,
    /// Rows and columns of the network's input.
    pub input: [usize; 2],
    /// The activation layers, in the order of computation.
    pub layers: Vec<LayerReport>,
    /// The layers with filters, in the order of computation.
    pub filters: Vec<FilterReport>,
    /// What the network answered.
    pub outputs: Outputs,
    /// How large what is looked for is, where somebody said so.
    pub lesion: Option<Lesion>,
    /// What the checks found, the most serious first, then in the order of the layers.
    pub findings: Vec<Finding>,
    /// Images that could not be taken into account.
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// The same with the findings of all checks.
    #[must_use]
    pub fn judged(mut self) -> Self {
        let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check.look(&self)).collect();
        // Stable: within a severity the order of the checks, and within a check that of the layers, stays.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.findings = findings;
        self
    }

    /// The same, judged for what is looked for being this large.
    #[must_use]
    pub fn for_lesion(mut self, lesion: Option<Lesion>) -> Self {
        self.lesion = lesion;
        self.judged()
    }

    /// The same with these layers alone, or layers of these modules (`layer4` has `layer4.0.relu`), judged anew.
    #[must_use]
    pub fn only(mut self, names: &[String]) -> Self {
        let is_named = |layer: &str| {
            names.iter().any(|name| {
                layer.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            })
        };
        self.layers.retain(|layer| is_named(&layer.layer));
        self.filters.retain(|filters| is_named(&filters.layer));
        self.judged()
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let layers = self
            .layers
            .iter()
            .map(|layer| 32 * layer.channels() + 8 * (layer.dead.len() + layer.nearly_dead.len()) + 512);
        let filters = self.filters.iter().map(|filters| 24 * filters.duplicates.as_ref().map_or(0, Vec::len) + 512);
        layers.sum::<usize>() + filters.sum::<usize>() + self.findings.len() * 2048
    }
}
