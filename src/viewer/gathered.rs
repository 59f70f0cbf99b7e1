//! The scores of all slices of a series, collected as they come: what a network that judges slices alone says of the
//! whole.

use std::sync::Arc;

use crate::engine::compute::{Aggregated, aggregate};
use crate::engine::{Engine, ModelId, ModelInfo, Scores, SourceList};

/// Slices asked about in a frame at most.
const LOOK_UPS: usize = 24;

/// What has come so far.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    model: Option<ModelId>,
    sources: SourceList,
    scores: Vec<Option<Arc<Scores>>>,
    next: usize,
    done: usize,
    joined: Option<Aggregated>,
}

impl Gathered {
    /// Asks the engine for some of what is missing.
    pub fn update(&mut self, engine: &Engine, model: &ModelInfo, sources: &SourceList) {
        if self.model.as_ref() != Some(&model.id) || self.sources != *sources {
            *self = Self {
                model: Some(model.id.clone()),
                sources: sources.clone(),
                scores: vec![None; sources.len()],
                ..Self::default()
            };
        }
        let (count, mut asked, before) = (self.scores.len(), 0, self.done);
        for step in 0..count {
            let at = (self.next + step) % count;
            if self.scores[at].is_some() {
                continue;
            }
            if let Some(scores) = engine.scores(&model.id, &self.sources[at]).ready() {
                self.scores[at] = Some(scores);
                self.done += 1;
            }
            asked += 1;
            if asked == LOOK_UPS {
                self.next = (at + 1) % count;
                break;
            }
        }
        if self.done != before {
            let known: Vec<usize> = (0..count).filter(|&at| self.scores[at].is_some()).collect();
            let rows: Vec<&[f32]> =
                self.scores.iter().flatten().map(|scores| scores.probabilities.as_slice()).collect();
            self.joined = aggregate(model.card.output.aggregate.unwrap_or_default(), &rows);
            if let Some(joined) = &mut self.joined {
                // From places among the known ones to positions of the series.
                for slice in &mut joined.deciding_slice {
                    *slice = known.get(*slice).copied().unwrap_or_default();
                }
            }
        }
    }

    /// What the slices that are there say together, by the card's rule.
    #[must_use]
    pub fn joined(&self) -> Option<&Aggregated> {
        self.joined.as_ref()
    }

    /// How many slices are there, and of how many.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.scores.len())
    }

    /// Whether every slice is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.done > 0 && self.done == self.scores.len()
    }
}
