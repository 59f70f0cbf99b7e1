//! Maps on the slices that they explain.

use std::sync::Arc;

use super::state::Superpixels;
use crate::display::{self, Blend};
use crate::engine::MapResult;
use crate::explain::{Reading, Segments};

/// A map with its colours.
#[derive(Clone)]
pub struct MapOverlay {
    /// The map.
    pub map: Arc<MapResult>,
    /// Its colours.
    pub blend: Blend,
    /// The scale common to its stack; `None` = its own.
    pub range: Option<(f32, f32)>,
    /// How many superpixels are shown, where it has any.
    pub superpixels: Superpixels,
}

/// Lays a map over a slice of `rows` × `columns` (red, green, blue, alpha a pixel).
pub fn over(rgba: &mut [u8], rows: usize, columns: usize, overlay: &MapOverlay) {
    if let Some(segments) = &overlay.map.attribution.segments {
        superpixels(rgba, rows, columns, overlay, segments);
    } else {
        let values = on_slice(&overlay.map, rows, columns, overlay.range);
        display::overlay(rgba, &values, &overlay.blend);
    }
}

/// A map, 0 ..= 1, on the grid of its slice (`rows` × `columns`); scaled to `range`, or with `None` to itself.
#[must_use]
pub fn on_slice(map: &MapResult, rows: usize, columns: usize, range: Option<(f32, f32)>) -> Vec<f32> {
    let [input_rows, input_columns] = map.fit.input;
    let shown = match range {
        Some(range) => map.attribution.shown_in(input_rows, input_columns, range),
        None => map.attribution.shown(input_rows, input_columns),
    };
    let mut values = map.fit.map_to_slice(&shown, input_rows, input_columns, rows, columns);
    let sees_all = map.fit.covers((0.0, 0.0)) && map.fit.covers((columns as f64 - 1.0, rows as f64 - 1.0));
    if map.attribution.reading == Reading::Signed && !sees_all {
        // Where the network saw nothing of the slice there is no evidence, and that is the middle of the scale.
        for (index, value) in values.iter_mut().enumerate() {
            if !map.fit.covers(((index % columns) as f64, (index / columns) as f64)) {
                *value = 0.5;
            }
        }
    }
    values
}

/// The raw value of the map's cell over a pixel of the slice; `None` where the network saw nothing of it.
#[must_use]
pub fn value_at(map: &MapResult, row: usize, column: usize) -> Option<f32> {
    let index = cell(map, 0, row)? * map.attribution.columns + cell(map, 1, column)?;
    let attribution = &map.attribution;
    let plane = attribution.rows * attribution.columns;
    let values = (0..attribution.channels.max(1)).filter_map(|channel| attribution.values.get(channel * plane + index));
    let values = values.copied();
    match attribution.reading {
        Reading::Magnitude => values.map(f32::abs).reduce(f32::max),
        Reading::Positive | Reading::Signed => values.reduce(|sum, value| sum + value),
    }
}

/// The row (`axis` 0) or column (1) of the map that lies over a row or column of the slice.
fn cell(map: &MapResult, axis: usize, at: usize) -> Option<usize> {
    let position = if axis == 0 { (0.0, at as f64) } else { (at as f64, 0.0) };
    let (x, y) = map.fit.input_from_slice(position);
    let at = if axis == 0 { y } else { x };
    let (input, cells) = (map.fit.input[axis], [map.attribution.rows, map.attribution.columns][axis]);
    let is_seen = at >= -0.5 && at <= input as f64 - 0.5;
    is_seen.then(|| (((at + 0.5) * cells as f64 / input as f64) as usize).min(cells.saturating_sub(1)))
}

/// What belongs to no superpixel: the network saw nothing of it.
const NOTHING: u32 = u32::MAX;

/// The most decisive superpixels, each in the colour of its weight, with the borders of all.
fn superpixels(rgba: &mut [u8], rows: usize, columns: usize, overlay: &MapOverlay, segments: &Segments) {
    let map = &overlay.map;
    let weights = &segments.weights;
    let (low, high) = overlay.range.unwrap_or_else(|| map.range());
    let most = f64::from(low.abs().max(high.abs()));
    let mut parts = vec![0.5_f32; weights.len()];
    for index in overlay.superpixels.of(segments) {
        parts[index] = if most > 0.0 { (0.5 + 0.5 * (weights[index] / most).clamp(-1.0, 1.0)) as f32 } else { 0.5 };
    }
    let across: Vec<Option<usize>> = (0..columns).map(|column| cell(map, 1, column)).collect();
    let mut labels = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let row = cell(map, 0, row);
        labels.extend(across.iter().map(|column| match (row, column) {
            (Some(row), Some(column)) => {
                segments.labels.get(row * map.attribution.columns + column).copied().unwrap_or(NOTHING)
            }
            _ => NOTHING,
        }));
    }
    let part = |label: u32| parts.get(label as usize).copied().unwrap_or(0.5);
    let values: Vec<f32> = labels.iter().map(|&label| part(label)).collect();
    // How many are shown is the threshold here.
    display::overlay(rgba, &values, &Blend { threshold: 0.0, ..overlay.blend });
    for index in 0..labels.len() {
        let own = labels[index];
        let right = if index % columns + 1 < columns { labels[index + 1] } else { own };
        let below = labels.get(index + columns).copied().unwrap_or(own);
        if own == right && own == below {
            continue;
        }
        let decisive = [own, right, below].map(part).into_iter().find(|part| *part != 0.5);
        let (colour, opacity) = match decisive {
            Some(part) => (overlay.blend.colormap.rgb(if part > 0.5 { 0.9 } else { 0.1 }), 220),
            None => ([200; 3], 64),
        };
        for (shown, colour) in rgba[index * 4..index * 4 + 3].iter_mut().zip(colour) {
            *shown = ((u32::from(*shown) * (256 - opacity) + u32::from(colour) * opacity) >> 8) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::Colormap;
    use crate::explain::{Attribution, Evidence};
    use crate::model::Fit;

    fn result(attribution: Attribution, slice: [usize; 2]) -> Arc<MapResult> {
        let input = [attribution.rows, attribution.columns];
        Arc::new(MapResult::new(attribution, Fit { slice, input, resized: input, shift: [0, 0] }))
    }

    #[test]
    fn the_value_under_the_pointer_is_read_as_the_map_is() {
        let map = |reading| {
            let values = vec![1.0, -4.0, -3.0, 1.0];
            result(Attribution { reading, channels: 2, rows: 1, columns: 2, values, ..Attribution::default() }, [2, 4])
        };
        assert_eq!(value_at(&map(Reading::Magnitude), 1, 0), Some(3.0));
        assert_eq!(value_at(&map(Reading::Signed), 1, 0), Some(-2.0));
        assert_eq!(value_at(&map(Reading::Signed), 0, 3), Some(-3.0));
    }

    #[test]
    fn superpixels_come_from_the_most_decisive_on_and_signs_apart() {
        let segments = Segments { labels: vec![0, 1, 2, 3], weights: vec![0.1, -0.5, 0.3, 0.0] };
        let of = |count, evidence| Superpixels { count, evidence }.of(&segments);
        assert_eq!(of(1, Evidence::Both), [1]);
        assert_eq!(of(9, Evidence::Both), [1, 2, 0], "a weight of 0 says nothing");
        assert_eq!(of(1, Evidence::For), [2]);
        assert_eq!(of(9, Evidence::Against), [1]);
    }

    #[test]
    fn only_shown_superpixels_are_coloured_and_borders_are_drawn() {
        // Two superpixels, each three columns wide.
        let segments = Segments { labels: [0, 0, 0, 1, 1, 1].repeat(3), weights: vec![0.2, -0.8] };
        let values = segments.labels.iter().map(|&label| segments.weights[label as usize] as f32).collect();
        let attribution = Attribution {
            reading: Reading::Signed,
            channels: 1,
            rows: 3,
            columns: 6,
            values,
            segments: Some(Arc::new(segments)),
            ..Attribution::default()
        };
        let colormap = Colormap::default_of(true);
        let overlay = MapOverlay {
            map: result(attribution, [3, 6]),
            blend: Blend { colormap, opacity: 1.0, threshold: 0.9 },
            range: None,
            superpixels: Superpixels { count: 1, evidence: Evidence::Both },
        };
        let mut rgba = [60, 60, 60, 255].repeat(18);
        over(&mut rgba, 3, 6, &overlay);
        let pixel = |column: usize| &rgba[column * 4..column * 4 + 3];
        assert_eq!(pixel(0), [60; 3], "the weaker one is not among the first 1");
        assert_ne!(pixel(2), [60; 3], "the border");
        assert_eq!(pixel(4), colormap.rgb(0.0), "the most decisive one, against the class");
    }
}
