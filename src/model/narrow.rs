//! Large dense layers whose weights are kept in 16 bits, where the card asks for it: as long as the logits stay what they
//! are with 32 bits.
//!
//! Such layers wait for the memory, so half of the bytes is nearly half of the time. A model opens with 16 bits only
//! where its logits for a few pictures made here deviate by no more than [`MOST_DEVIATION`]; it is refused otherwise.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use super::{
    Card, ModelError,
    card::{DenseWeights, WindowMode},
    formula,
    source::Request,
};
use crate::graph::{
    Control, Graph, GraphError, INPUT, Keep, NodeId, Op, Precision, Trace,
    ops::{Linear, NarrowError},
};

/// By how much logits may deviate, as a part of the largest.
pub const MOST_DEVIATION: f64 = 1e-3;

/// Pictures that the deviation is measured with when a model is opened: one logit may lie near 0 by chance, some of these
/// do not.
const PICTURES: usize = 4;

/// How far logits with weights of 16 bits lie from those with 32: the greatest difference as a part of the greatest
/// magnitude, over all pictures together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Deviation {
    difference: f64,
    largest: f64,
}

impl Deviation {
    /// Takes the logits of one more picture in: with 32 bits, and with 16.
    pub fn add(&mut self, wide: &[f32], narrow: &[f32]) {
        for (&wide, &narrow) in wide.iter().zip(narrow) {
            let difference = (f64::from(wide) - f64::from(narrow)).abs();
            // A NaN must not get lost in a maximum.
            self.difference = if difference.is_nan() { f64::INFINITY } else { self.difference.max(difference) };
            self.largest = self.largest.max(f64::from(wide).abs());
        }
    }

    /// The greatest difference as a part of the greatest magnitude: 0 where nothing differs, infinite where all logits
    /// are 0 but should not be.
    #[must_use]
    pub fn relative(self) -> f64 {
        if self.difference == 0.0 { 0.0 } else { self.difference / self.largest }
    }

    /// Whether it is small enough.
    #[must_use]
    pub fn is_small(self) -> bool {
        self.relative() <= MOST_DEVIATION
    }
}

/// The large dense layers of a model that are kept in 16 bits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Narrow {
    /// In what; never `f32`.
    pub kept_in: DenseWeights,
    /// The layers, by name.
    pub layers: Vec<String>,
    /// Bytes that their weights take, half of what they take in `f32`; those of all networks of an ensemble.
    pub bytes: usize,
    /// How far the logits of pictures made for this deviate from those with `f32`, as a part of the largest; of the worst
    /// network of an ensemble.
    pub deviation: f64,
}

impl Narrow {
    /// In words for people, as a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "The weights of {} are kept in {}, which saves {} MB; on pictures made for this the logits deviate by {:.1e} of \
             the largest from those with f32 (at most {MOST_DEVIATION:.0e}).",
            self.layers.join(", "),
            self.kept_in.name(),
            self.bytes / 1_000_000,
            self.deviation,
        )
    }
}

/// Says why a network is not what its card asks for.
fn in_vain(request: &Request, reason: &str) -> String {
    let asked = request.card.dense_weights.name();
    let note = format!("All weights are in f32, although the card says dense_weights = \"{asked}\": {reason}.");
    log::warn!("{}: {note}", request.card.name);
    note
}

/// Narrows the networks of one model, one after the other.
pub(super) struct Narrowing<'a> {
    request: &'a Request<'a>,
    to: DType,
    found: Option<Narrow>,
}

impl<'a> Narrowing<'a> {
    /// Where the card asks for it and networks can run so; else `None`, with a sentence for `notes` where the card asks in
    /// vain.
    pub fn begin(request: &'a Request, graph: &Graph, notes: &mut Vec<String>) -> Option<Self> {
        let to = match request.card.dense_weights {
            DenseWeights::F32 => return None,
            DenseWeights::F16 => DType::F16,
            DenseWeights::Bf16 => DType::BF16,
        };
        let reason = if graph.precision() == Precision::Exact {
            "exact sums take them as they are in the file"
        } else if !request.device.is_cpu() {
            "other devices than the CPU have no use for it"
        } else if !graph.nodes().iter().any(|node| node.op_as::<Linear>().is_some_and(Linear::is_large)) {
            "no dense layer is so large that it would be faster"
        } else {
            return Some(Self { request, to, found: None });
        };
        notes.push(in_vain(request, reason));
        None
    }

    /// The same network with its large dense layers narrowed, all but those at `drawn`, whose weights are drawn anew in
    /// each pass. `file` has its weights.
    ///
    /// # Errors
    /// [`ModelError::CardValue`] where weights cannot be held in 16 bits, or the logits deviate by too much.
    pub fn narrow(&mut self, graph: Arc<Graph>, drawn: &[NodeId], file: &str) -> Result<Arc<Graph>, ModelError> {
        let mut ops: Vec<(NodeId, Arc<dyn Op>)> = Vec::new();
        let mut bytes = 0;
        for (id, node) in graph.nodes().iter().enumerate() {
            let Some(linear) = node.op_as::<Linear>().filter(|linear| linear.is_large() && !drawn.contains(&id)) else {
                continue;
            };
            let narrowed = linear.narrowed(self.to).map_err(|error| match error {
                NarrowError::Tensor(error) => ModelError::Tensor(error),
                refused => self.refuse(&format!("in `{}` of {file} {refused}", node.name), &refused),
            })?;
            bytes += narrowed.weight().elem_count() * self.to.size_in_bytes();
            ops.push((id, Arc::new(narrowed)));
        }
        if ops.is_empty() {
            return Ok(graph);
        }
        let nodes: Vec<NodeId> = ops.iter().map(|(id, _)| *id).collect();
        let narrow = Arc::new(graph.with_ops(ops));
        let deviation = self.deviation(&graph, &narrow, &nodes, file)?;
        let found = self.found.get_or_insert_with(|| Narrow {
            kept_in: self.request.card.dense_weights,
            layers: nodes.iter().map(|&id| graph.nodes()[id].name.clone()).collect(),
            bytes: 0,
            deviation: 0.0,
        });
        found.bytes += bytes;
        found.deviation = found.deviation.max(deviation);
        Ok(narrow)
    }

    /// What has been narrowed, if anything has; else a sentence for `notes`.
    pub fn finish(self, notes: &mut Vec<String>) -> Option<Narrow> {
        if self.found.is_none() {
            notes.push(in_vain(self.request, "the weights of its large dense layers have a distribution"));
        }
        self.found
    }

    /// How far the logits of the two networks lie apart, if not too far.
    fn deviation(
        &self,
        wide: &Arc<Graph>,
        narrow: &Arc<Graph>,
        nodes: &[NodeId],
        file: &str,
    ) -> Result<f64, ModelError> {
        let control = Control::default();
        let from = wide.frontier(nodes);
        if from.is_empty() {
            // The logits do not depend on them.
            return Ok(0.0);
        }
        let keep = from.iter().fold(Keep::nothing(), |keep, &id| keep.output_of(id));
        let mut deviation = Deviation::default();
        for number in 0..PICTURES {
            let input = picture(self.request.card, number, self.request.device)?;
            let runs = || -> Result<[Trace; 2], GraphError> {
                let run = wide.run(&[(INPUT, input)], wide.output(), &keep, &control)?;
                let resumed = narrow.resume(&run, &from, &Keep::nothing(), &control)?;
                Ok([run, resumed])
            };
            let [wide, narrow] = runs().map_err(|error| {
                let reason = format!("with {file} the deviation of the logits cannot be measured ({error})");
                self.refused(&reason, &[DenseWeights::F32])
            })?;
            let flat = |trace: &Trace| trace.target().flatten_all()?.to_vec1::<f32>();
            deviation.add(&flat(&wide)?, &flat(&narrow)?);
        }
        if deviation.is_small() {
            return Ok(deviation.relative());
        }
        let reason = format!(
            "with {file} and {} the logits deviate by {:.1e} of the largest from those with f32, more than \
             {MOST_DEVIATION:.0e}",
            self.request.card.dense_weights.name(),
            deviation.relative()
        );
        let finer: &[DenseWeights] = match self.to {
            DType::BF16 => &[DenseWeights::F16, DenseWeights::F32],
            _ => &[DenseWeights::F32],
        };
        Err(self.refused(&reason, finer))
    }

    /// An error about weights that cannot be held, with what could hold them.
    fn refuse(&self, reason: &str, error: &NarrowError) -> ModelError {
        let wider: &[DenseWeights] = match (error, self.to) {
            (NarrowError::Beyond { .. }, DType::F16) => &[DenseWeights::Bf16, DenseWeights::F32],
            _ => &[DenseWeights::F32],
        };
        self.refused(reason, wider)
    }

    fn refused(&self, reason: &str, instead: &[DenseWeights]) -> ModelError {
        let instead: Vec<String> = instead.iter().map(|one| format!("\"{}\"", one.name())).collect();
        let found = format!("\"{}\"", self.request.card.dense_weights.name());
        self.request.refuse("dense_weights", found, format!("{}, as {reason}", instead.join(" or ")))
    }
}

/// A network's input for one of the pictures that deviations are measured with: waves and noise, coarser from picture to
/// picture, prepared as the card says.
fn picture(card: &Card, number: usize, device: &Device) -> Result<Tensor, ModelError> {
    let [rows, columns] = card.input.size;
    let count = rows * columns;
    // What pixels reach: 255, but where the card takes values as they are, of which its scale is all that is known.
    let most = if card.input.window == WindowMode::Raw { card.input.scale } else { 255.0 };
    let period = (8 << number) as f64;
    let wave = |at: usize, channel: usize| (at as f64 / period * std::f64::consts::TAU + channel as f64).sin();
    let mut values = Vec::with_capacity(card.input.channels * count);
    for (channel, (mean, std)) in card.normalisation().into_iter().enumerate() {
        let seed = (number * card.input.channels + channel) as u64;
        values.extend((0..count).map(|place| {
            let noise = formula::uniform(formula::fnv1a64("deviation"), place, seed) - 0.5;
            let waves = wave(place / columns, channel) * wave(place % columns, channel);
            let pixel = (0.5 + 0.3 * waves + 0.4 * noise).clamp(0.0, 1.0) * most;
            ((pixel / card.input.scale - mean) / std) as f32
        }));
    }
    Ok(Tensor::from_vec(values, (1, card.input.channels, rows, columns), device)?)
}

#[cfg(test)]
mod tests;
