//! Takes images in, one by one, and gives what was measured of them.

use super::super::{ActivityTally, InsideError, LayerSummary, ReceptiveField, filters::filters_behind};
use super::{
    FilterReport, LayerReport, Outputs, Report,
    measure::{Activation, activation},
};
use crate::graph::{Graph, Keep, NodeId, Trace};

/// The greatest probability from which on an answer counts as certain.
pub(super) const CERTAIN: f32 = 0.99;
/// A channel is nearly dead when it is active at fewer than this share of the places.
pub(super) const NEARLY_DEAD: f32 = 0.001;

/// The activations of a whole network over images.
#[derive(Debug, Clone)]
pub struct Tally {
    input: Vec<usize>,
    layers: Vec<(NodeId, Activation, ActivityTally)>,
    inputs: usize,
    certain: usize,
    confidence: f64,
    predicted: Vec<usize>,
}

impl Tally {
    /// Nothing seen yet of a network for inputs of this shape, `[batch, channels, rows, columns]`.
    ///
    /// # Errors
    /// When the graph cannot take such an input.
    pub fn new(graph: &Graph, input: &[usize]) -> Result<Self, InsideError> {
        let shapes = graph.shapes(input)?;
        let has_channels = |node: &NodeId| matches!(shapes[*node].len(), 2 | 4);
        let layers = (0..graph.nodes().len())
            .filter(has_channels)
            .filter_map(|node| Some((node, activation(&graph.nodes()[node])?, ActivityTally::default())))
            .collect();
        Ok(Self { input: input.to_vec(), layers, inputs: 0, certain: 0, confidence: 0.0, predicted: Vec::new() })
    }

    /// What a run must keep for [`Tally::add`].
    #[must_use]
    pub fn keeps(&self) -> Keep {
        self.layers.iter().fold(Keep::nothing(), |keep, (node, ..)| keep.output_of(*node))
    }

    /// Takes in one element of a run, and the probabilities that the network gave it.
    ///
    /// # Errors
    /// When an activation is not finite or was not kept; the tally stays as it was.
    pub fn add(&mut self, trace: &Trace, slice: usize, probabilities: &[f32]) -> Result<(), InsideError> {
        let summaries = self
            .layers
            .iter()
            .map(|(node, activation, _)| LayerSummary::of(trace, *node, slice, activation.limits))
            .collect::<Result<Vec<_>, _>>()?;
        for ((.., tally), summary) in self.layers.iter_mut().zip(&summaries) {
            tally.add(summary)?;
        }
        self.inputs += 1;
        self.predicted.resize(self.predicted.len().max(probabilities.len()), 0);
        let top =
            (1..probabilities.len()).fold(0, |best, k| if probabilities[k] > probabilities[best] { k } else { best });
        if let Some(&greatest) = probabilities.get(top) {
            self.predicted[top] += 1;
            self.certain += usize::from(greatest >= CERTAIN);
            self.confidence += f64::from(greatest);
        }
        Ok(())
    }

    /// How many images are in it.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What has been seen so far, judged.
    ///
    /// # Errors
    /// When the graph is not the one that the tally was made for.
    pub fn report(&self, graph: &Graph, filters: Vec<FilterReport>) -> Result<Report, InsideError> {
        let shapes = graph.shapes(&self.input)?;
        let fields = ReceptiveField::of_all(graph, &self.input)?;
        let layer = |(node, function, tally): &(NodeId, Activation, ActivityTally)| {
            let here = &graph.nodes()[*node];
            let shape = shapes[*node][1..].to_vec();
            let activity = tally.activity(&here.name);
            let positions = tally.inputs() as u64 * shape[1..].iter().map(|&length| length as u64).product::<u64>();
            let can_tell = positions as f32 * NEARLY_DEAD >= 1.0;
            LayerReport {
                op: function.name.clone(),
                filters: filters_behind(graph, *node).map(|filters| graph.nodes()[filters].name.clone()),
                positions,
                dead: activity.dead(),
                nearly_dead: if can_tell { activity.nearly_dead(NEARLY_DEAD) } else { Vec::new() },
                sparsity: activity.sparsity().unwrap_or(0.0),
                rectifies: function.rectifies,
                saturation: function.limits.and_then(|_| activity.saturation()),
                field: fields[*node].as_ref().map(|field| field.size),
                stride: fields[*node].as_ref().map(|field| field.stride),
                layer: here.name.clone(),
                shape,
                activity,
            }
        };
        let outputs = Outputs {
            inputs: self.inputs,
            certain: self.certain,
            mean_confidence: (self.confidence / self.inputs.max(1) as f64) as f32,
            predicted: self.predicted.clone(),
        };
        let report = Report {
            inputs: self.inputs,
            input: [self.input[2], self.input[3]],
            layers: self.layers.iter().map(layer).collect(),
            filters,
            outputs,
            ..Report::default()
        };
        Ok(report.judged())
    }
}
