//! What is known of a slot's predictive distribution: of the slice in view, and its interval on every slice.

use std::sync::Arc;

use super::facts::Held;
use super::state::Explain;
use crate::engine::{Engine, ModelId, UncertaintyKey, UncertaintyResult};
use crate::study::Source;

/// Draws of the slice in view, and the interval along the stack.
#[derive(Debug, Clone, Default)]
pub struct Draws {
    /// The distribution of the slice in view.
    pub held: Held<UncertaintyResult>,
    /// Its key.
    pub key: Option<UncertaintyKey>,
    /// Whether the value belongs to the slice in view, with all passes or with those drawn so far.
    is_of_view: bool,
    /// The 90 % interval of the explained class at each position, where known.
    pub band: Vec<Option<[f32; 2]>>,
    /// What the band was collected for.
    band_of: Option<(ModelId, usize, usize, u64)>,
    /// Where the next round of look-ups begins.
    next_look_up: usize,
}

/// What is sampled of a slice.
#[must_use]
pub fn key_of(explain: &Explain, model: &ModelId, source: &Source) -> UncertaintyKey {
    UncertaintyKey { model: model.clone(), source: source.clone(), passes: explain.passes, seed: explain.seed }
}

/// What is sampled of every slice for the band along the stack: no more passes than an interval needs.
#[must_use]
pub fn band_key_of(explain: &Explain, model: &ModelId, source: &Source) -> UncertaintyKey {
    UncertaintyKey { passes: explain.passes.min(BAND_PASSES), ..key_of(explain, model, source) }
}

/// Passes a slice for the band along the stack, at most.
pub const BAND_PASSES: usize = 100;

impl Draws {
    /// What has been drawn of the slice in view, with all passes or so far.
    #[must_use]
    pub fn in_view(&self) -> Option<&Arc<UncertaintyResult>> {
        self.held.value.as_ref().filter(|_| self.is_of_view)
    }

    /// What can be kept of the slice in view.
    #[must_use]
    pub fn pinnable(&self) -> Option<(&UncertaintyKey, &Arc<UncertaintyResult>)> {
        self.key.as_ref().zip(self.in_view())
    }

    /// Asks about the slice in view. What has been drawn so far stands in until all passes are there.
    pub(super) fn update(&mut self, engine: &Engine, key: UncertaintyKey) {
        let same_slice = self
            .key
            .as_ref()
            .is_some_and(|old| (&old.model, &old.source, old.seed) == (&key.model, &key.source, key.seed));
        self.held.update(engine.uncertainty(&key));
        if self.held.is_current {
            self.is_of_view = true;
        } else if let Some(drawn) = engine.uncertainty_so_far(&key) {
            self.held.value = Some(drawn);
            self.is_of_view = true;
        } else {
            // Passes of the same slice and seed stay true, whatever the engine has room for.
            self.is_of_view = self.is_of_view && same_slice;
        }
        self.key = Some(key);
    }

    /// Follows what becomes known of the other positions, a few look-ups a frame.
    pub(super) fn update_band(
        &mut self,
        engine: &Engine,
        explain: &Explain,
        model: &ModelId,
        sources: &[Source],
        class: usize,
    ) {
        /// Positions asked about in a frame at most.
        const LOOK_UPS: usize = 24;
        let count = sources.len();
        let passes = explain.passes.min(BAND_PASSES);
        let of = Some((model.clone(), class, passes, explain.seed));
        if self.band_of != of || self.band.len() != count {
            self.band = vec![None; count];
            self.band_of = of;
        }
        let mut asked = 0;
        for step in 0..count {
            let position = (self.next_look_up + step) % count;
            if self.band[position].is_some() {
                continue;
            }
            let key = band_key_of(explain, model, &sources[position]);
            let result = engine.uncertainty(&key).ready();
            self.band[position] = result.and_then(|result| result.summary.interval90.get(class).copied());
            asked += 1;
            if asked == LOOK_UPS {
                self.next_look_up = (position + 1) % count;
                break;
            }
        }
    }
}

/// The draws of the pinned image at the passes and seed that are chosen now; those it was pinned with where there are
/// no others, as after its study has been closed.
#[must_use]
pub fn pinned(engine: &Engine, explain: &Explain, pinned: &super::state::Pinned) -> Arc<UncertaintyResult> {
    let key = key_of(explain, &pinned.key.model, &pinned.key.source);
    let drawn = engine.uncertainty(&key).ready().or_else(|| engine.uncertainty_so_far(&key));
    drawn.unwrap_or_else(|| Arc::clone(&pinned.result))
}
