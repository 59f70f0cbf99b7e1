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

/// The value of a channel over a pixel of the slice; `None` where the network saw nothing of it.
#[must_use]
pub fn value_at(activations: &Activations, channel: usize, fit: &Fit, row: usize, column: usize) -> Option<f32> {
    let (x, y) = fit.input_from_slice((column as f64, row as f64));
    let cell = |at: f64, input: usize, cells: usize| {
        let is_seen = at >= -0.5 && at <= input as f64 - 0.5;
        is_seen.then(|| (((at + 0.5) * cells as f64 / input as f64) as usize).min(cells.saturating_sub(1)))
    };
    let row = cell(y, fit.input[0], activations.rows)?;
    let column = cell(x, fit.input[1], activations.columns)?;
    activations.channel(channel)?.get(row * activations.columns + column).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Colormap;

    fn layer() -> Activations {
        Activations {
            layer: "conv".to_owned(),
            channels: 2,
            rows: 2,
            columns: 2,
            values: vec![0.0, 1.0, 2.0, 3.0, -1.0, 0.0, 0.0, 4.0],
            minimum: vec![0.0, -1.0],
            maximum: vec![3.0, 4.0],
            mean: vec![1.5, 0.75],
            contributions: None,
        }
    }

    fn fit() -> Fit {
        Fit { slice: [8, 8], input: [4, 4], resized: [4, 4], shift: [0, 0] }
    }

    #[test]
    fn the_value_under_the_pointer_is_that_of_the_cell_over_it() {
        let at = |channel, row, column| value_at(&layer(), channel, &fit(), row, column);
        assert_eq!([at(0, 0, 0), at(0, 0, 7), at(0, 7, 0), at(1, 7, 7)], [Some(0.0), Some(1.0), Some(2.0), Some(4.0)]);
        assert_eq!(at(2, 0, 0), None, "there are two channels");
    }

    #[test]
    fn a_channel_becomes_a_map_with_the_sign_of_its_layer() {
        let overlay = ChannelOverlay {
            activations: Arc::new(layer()),
            channel: 0,
            fit: fit(),
            blend: Blend { colormap: Colormap::default_of(true), opacity: 0.5, threshold: 0.0 },
            range: None,
            superpixels: Superpixels { count: 1, evidence: crate::explain::Evidence::Both },
        };
        let map = overlay.map();
        assert_eq!(map.map.attribution.values, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(map.map.attribution.reading, Reading::Signed, "another channel knows negative values");
    }
}
