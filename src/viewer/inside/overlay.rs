//! One channel of a layer laid over the slice that it responded to.

use std::sync::Arc;

use super::atlas;
use crate::display::Blend;
use crate::engine::MapResult;
use crate::explain::{Activations, Attribution, Reading};
use crate::model::Fit;
use crate::viewer::lay::MapOverlay;
use crate::viewer::state::Superpixels;

/// A channel with its colours.
#[derive(Clone)]
pub struct ChannelOverlay {
    /// The layer.
    pub activations: Arc<Activations>,
    /// The channel, from 0.
    pub channel: usize,
    /// How the network's input lies on the slice.
    pub fit: Fit,
    /// The colours.
    pub blend: Blend,
    /// The scale common to the stack; `None` = the channel's own.
    pub range: Option<(f32, f32)>,
    /// Not used by channels, but by what they become.
    pub superpixels: Superpixels,
}

/// How the channels of a layer are read: with a sign where any of them knows negative values.
#[must_use]
pub fn reading(activations: &Activations) -> Reading {
    if atlas::is_signed(activations) { Reading::Signed } else { Reading::Positive }
}

impl ChannelOverlay {
    /// The channel as a map of the slice.
    #[must_use]
    pub fn map(&self) -> MapOverlay {
        let activations = &self.activations;
        let attribution = Attribution {
            reading: reading(activations),
            channels: 1,
            rows: activations.rows,
            columns: activations.columns,
            values: activations.channel(self.channel).unwrap_or(&[]).to_vec(),
            ..Attribution::default()
        };
        MapOverlay {
            map: Arc::new(MapResult::new(attribution, self.fit)),
            blend: self.blend,
            range: self.range,
            superpixels: self.superpixels,
        }
    }
}
