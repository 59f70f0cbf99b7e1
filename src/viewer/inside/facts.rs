//! What is known of the inside of the network.

use super::history::ChannelHistory;
use super::sorted::Sorted;
use crate::engine::{Engine, ModelId};
use crate::viewer::facts::SlotFacts;
use crate::viewer::state::{Content, State};
use std::sync::Arc;

/// What is known of the inside of the network.
#[derive(Debug, Clone, Default)]
pub struct InsideFacts {
    /// The channels of the activation layer on the slices seen so far.
    pub history: ChannelHistory,
    /// The channels in the order of the grid.
    pub sorted: Sorted,
    next_look_up: usize,
}

impl InsideFacts {
    /// Takes what has become known of the activation layer: of the slice in view, and of a few others a frame while a
    /// channel is followed.
    pub fn update(&mut self, engine: &Engine, state: &State, main: &SlotFacts, model: &ModelId, layer: &Arc<str>) {
        /// Positions asked about in a frame at most.
        const LOOK_UPS: usize = 8;
        self.history.follow(model, layer);
        self.sorted.follow(main.activations.value.as_ref(), &state.inside, &self.history);
        if !(state.shows(Content::Activations) || state.shows(Content::Channel)) {
            return;
        }
        if let Some((slice, activations)) = state.slots[0].slice().zip(main.activations.current()) {
            self.history.add(&slice.source, activations);
        }
        let count = main.sources.len();
        let mut asked = 0;
        for step in 0..count {
            let position = (self.next_look_up + step) % count;
            let source = &main.sources[position];
            if self.history.contains(source) {
                continue;
            }
            if let Some(activations) = engine.activations(model, source, layer, None).ready() {
                self.history.add(source, &activations);
            }
            asked += 1;
            if asked == LOOK_UPS {
                self.next_look_up = (position + 1) % count;
                break;
            }
        }
    }
}
