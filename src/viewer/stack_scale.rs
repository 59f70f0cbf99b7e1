//! The scale that the maps of a stack share, followed as maps come.

use crate::engine::{Engine, MapKey, ModelId, Recipe, SourceList};

/// Smallest and largest raw value over the maps of a stack. What is known of a map stays known, and nothing is asked
/// while nothing has come, so that a stack of any length costs a frame nothing.
#[derive(Debug, Clone, Default)]
pub struct StackScale {
    of: Option<(ModelId, Recipe, SourceList)>,
    ranges: Vec<Option<(f32, f32)>>,
    missing: usize,
    asked_in: Option<u64>,
    range: Option<(f32, f32)>,
}

impl StackScale {
    /// The range over the maps of `sources` that are made as `like` is, as far as they have come.
    pub fn range(&mut self, engine: &Engine, sources: &SourceList, like: &MapKey) -> Option<(f32, f32)> {
        let is_same = self
            .of
            .as_ref()
            .is_some_and(|(model, recipe, list)| (model, recipe, list) == (&like.model, &like.recipe, sources));
        if !is_same {
            *self = Self {
                of: Some((like.model.clone(), like.recipe.clone(), sources.clone())),
                ranges: vec![None; sources.len()],
                missing: sources.len(),
                ..Self::default()
            };
        }
        let round = engine.round();
        if self.missing > 0 && self.asked_in != Some(round) {
            self.asked_in = Some(round);
            self.missing -= engine.map_ranges(sources, like, &mut self.ranges);
            let union = |(low, high): (f32, f32), (lowest, highest): (f32, f32)| (low.min(lowest), high.max(highest));
            self.range = self.ranges.iter().flatten().copied().reduce(union);
        }
        self.range
    }
}
