//! What the channels of a layer have been on the slices seen so far: which never were anything but 0, and how one of
//! them goes through a stack.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::ModelId;
use crate::explain::Activations;
use crate::study::Source;

/// What is kept of one slice, one value a channel.
#[derive(Debug, Clone, PartialEq)]
struct Summary {
    minimum: Box<[f32]>,
    maximum: Box<[f32]>,
    mean: Box<[f32]>,
}

/// One channel on one slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Smallest value.
    pub minimum: f32,
    /// Largest value.
    pub maximum: f32,
    /// Mean over rows and columns.
    pub mean: f32,
}

/// The channels of one layer on every slice that has been looked at.
#[derive(Debug, Clone, Default)]
pub struct ChannelHistory {
    owner: Option<(ModelId, Arc<str>)>,
    /// `None` where there was no room to keep more than that the slice has been seen.
    slices: HashMap<Source, Option<Summary>>,
    is_alive: Vec<bool>,
    bytes: usize,
}

impl ChannelHistory {
    /// What summaries take at most, in bytes; thousands of slices of the widest layers.
    const LIMIT_BYTES: usize = 64 << 20;

    /// Begins anew for another model or layer.
    pub fn follow(&mut self, model: &ModelId, layer: &Arc<str>) {
        let is_same = self.owner.as_ref().is_some_and(|(own, name)| own == model && name == layer);
        if !is_same {
            *self = Self { owner: Some((model.clone(), Arc::clone(layer))), ..Self::default() };
        }
    }

    /// Takes what the layer gave on a slice; a slice counts once.
    pub fn add(&mut self, source: &Source, activations: &Activations) {
        if self.contains(source) {
            return;
        }
        if self.is_alive.len() != activations.channels {
            self.is_alive = vec![false; activations.channels];
        }
        let ranges = activations.minimum.iter().zip(&activations.maximum);
        for (is_alive, (low, high)) in self.is_alive.iter_mut().zip(ranges) {
            // A value that is no number is no silence either.
            *is_alive |= !(*low == 0.0 && *high == 0.0);
        }
        let bytes = activations.channels * 3 * size_of::<f32>();
        let has_room = self.bytes + bytes <= Self::LIMIT_BYTES;
        let summary = has_room.then(|| Summary {
            minimum: activations.minimum.as_slice().into(),
            maximum: activations.maximum.as_slice().into(),
            mean: activations.mean.as_slice().into(),
        });
        if summary.is_some() {
            self.bytes += bytes;
        }
        self.slices.insert(source.clone(), summary);
    }

    /// Whether a slice has been seen.
    #[must_use]
    pub fn contains(&self, source: &Source) -> bool {
        self.slices.contains_key(source)
    }

    /// Number of slices seen.
    #[must_use]
    pub fn slices(&self) -> usize {
        self.slices.len()
    }

    /// Whether a channel was 0 everywhere on every slice seen; `false` before the first one.
    #[must_use]
    pub fn is_dead(&self, channel: usize) -> bool {
        self.is_alive.get(channel).is_some_and(|is_alive| !is_alive)
    }

    /// How many channels were 0 everywhere on every slice seen.
    #[must_use]
    pub fn dead(&self) -> usize {
        self.is_alive.iter().filter(|is_alive| !**is_alive).count()
    }

    /// A channel on a slice, where that has been seen.
    #[must_use]
    pub fn seen(&self, source: &Source, channel: usize) -> Option<Seen> {
        let summary = self.slices.get(source)?.as_ref()?;
        Some(Seen {
            minimum: *summary.minimum.get(channel)?,
            maximum: *summary.maximum.get(channel)?,
            mean: *summary.mean.get(channel)?,
        })
    }

    /// Smallest and largest value of a channel over the slices among `sources` that have been seen.
    #[must_use]
    pub fn range(&self, sources: &[Source], channel: usize) -> Option<(f32, f32)> {
        let seen = sources.iter().filter_map(|source| self.seen(source, channel));
        seen.map(|seen| (seen.minimum, seen.maximum))
            .reduce(|(low, high), (lowest, highest)| (low.min(lowest), high.max(highest)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn source(name: &str) -> Source {
        Source { path: PathBuf::from(name), frame: 0 }
    }

    fn layer(minimum: [f32; 3], maximum: [f32; 3]) -> Activations {
        Activations {
            contributions: None,
            layer: "conv".to_owned(),
            channels: 3,
            rows: 1,
            columns: 1,
            values: maximum.to_vec(),
            minimum: minimum.to_vec(),
            maximum: maximum.to_vec(),
            mean: maximum.to_vec(),
        }
    }

    #[test]
    fn a_channel_is_dead_until_it_says_something() {
        let mut history = ChannelHistory::default();
        history.follow(&ModelId("a".into()), &"conv".into());
        assert_eq!((history.dead(), history.is_dead(0)), (0, false), "nothing has been seen");
        history.add(&source("1"), &layer([0.0; 3], [0.0, 0.0, 2.0]));
        assert_eq!((history.dead(), history.slices()), (2, 1));
        // The same slice again says nothing new.
        history.add(&source("1"), &layer([-1.0; 3], [1.0; 3]));
        assert_eq!((history.dead(), history.slices()), (2, 1));
        // Only negative values are values too, and so is what is no number.
        history.add(&source("2"), &layer([-1.0, 0.0, 0.0], [0.0; 3]));
        assert_eq!((history.dead(), history.is_dead(0), history.is_dead(1)), (1, false, true));
        history.add(&source("3"), &layer([0.0, f32::NAN, 0.0], [0.0, f32::NAN, 0.0]));
        assert_eq!(history.dead(), 0);
        // Another layer has not been seen at all.
        history.follow(&ModelId("a".into()), &"pool".into());
        assert_eq!((history.dead(), history.slices()), (0, 0));
    }

    #[test]
    fn a_channel_is_followed_from_slice_to_slice() {
        let mut history = ChannelHistory::default();
        history.follow(&ModelId("a".into()), &"conv".into());
        history.add(&source("1"), &layer([0.0; 3], [1.0, 5.0, 0.0]));
        history.add(&source("3"), &layer([-2.0; 3], [0.5, 1.0, 0.0]));
        let all = ["1", "2", "3"].map(source);
        let maxima = all.iter().map(|source| history.seen(source, 1).map(|seen| seen.maximum));
        assert_eq!(maxima.collect::<Vec<_>>(), [Some(5.0), None, Some(1.0)]);
        assert_eq!(history.range(&all, 1), Some((-2.0, 5.0)));
        assert_eq!(history.range(&all[1..2], 1), None);
        assert_eq!(history.seen(&all[0], 3), None, "the layer has three channels");
    }
}
