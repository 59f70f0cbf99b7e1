//! What is known of one map.

use std::sync::Arc;

use super::Held;
use crate::engine::{Engine, MapKey, MapResult};
use crate::explain::Reading;
use crate::viewer::stack_scale::StackScale;

/// What is known of one map of the slice in view.
#[derive(Debug, Clone, Default)]
pub struct MapFacts {
    /// The map.
    pub held: Held<MapResult>,
    /// The map as far as it has formed, with a number that is another for each.
    pub interim: Option<(u32, Arc<MapResult>)>,
    /// Its key; `None` where there is no such map.
    pub key: Option<MapKey>,
    /// The common scale, when one is asked for and known.
    pub range: Option<(f32, f32)>,
    /// What is found of the common scale so far.
    pub(super) scale: StackScale,
}

impl MapFacts {
    /// The map, if it belongs to what is in view now.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<MapResult>> {
        self.held.current()
    }

    /// What there is to see of it: the map with 0, or what has formed of it with the number of that.
    #[must_use]
    pub fn visible(&self) -> Option<(u32, &Arc<MapResult>)> {
        let formed = self.interim.as_ref().map(|(number, map)| (*number, map));
        self.current().map(|map| (0, map)).or(formed)
    }

    /// How the newest map is read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let newest = self.visible().map(|(_, map)| map).or(self.held.value.as_ref());
        newest.map_or(Reading::Positive, |map| map.attribution.reading)
    }

    pub(super) fn update(&mut self, engine: &Engine, key: MapKey) {
        self.held.update(engine.map(&key));
        let formed = if self.held.is_current { None } else { engine.interim(&key) };
        self.interim = formed.map(|map| match self.interim.take() {
            Some((number, known)) if Arc::ptr_eq(&known, &map) => (number, map),
            Some((number, _)) => (number + 1, map),
            None => (1, map),
        });
        self.key = Some(key);
    }
}
