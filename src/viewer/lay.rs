//! Maps on the slices that they explain.

use crate::engine::MapResult;

/// A map, 0 ..= 1, on the grid of its slice (`rows` × `columns`); scaled to `range`, or with `None` to itself.
#[must_use]
pub fn on_slice(map: &MapResult, rows: usize, columns: usize, range: Option<(f32, f32)>) -> Vec<f32> {
    let [input_rows, input_columns] = map.fit.input;
    let shown = match range {
        Some(range) => map.attribution.shown_in(input_rows, input_columns, range),
        None => map.attribution.shown(input_rows, input_columns),
    };
    map.fit.map_to_slice(&shown, input_rows, input_columns, rows, columns)
}

/// The raw value of the map's cell over a pixel of the slice; `None` where the network saw nothing of it.
#[must_use]
pub fn value_at(map: &MapResult, row: usize, column: usize) -> Option<f32> {
    let position = (column as f64, row as f64);
    if !map.fit.covers(position) {
        return None;
    }
    let (x, y) = map.fit.input_from_slice(position);
    let attribution = &map.attribution;
    let cell = |at: f64, input: usize, cells: usize| {
        (((at + 0.5) * cells as f64 / input as f64) as usize).min(cells.saturating_sub(1))
    };
    let index = cell(y, map.fit.input[0], attribution.rows) * attribution.columns
        + cell(x, map.fit.input[1], attribution.columns);
    let plane = attribution.rows * attribution.columns;
    let values = (0..attribution.channels.max(1)).filter_map(|channel| attribution.values.get(channel * plane + index));
    values.copied().reduce(|strongest, value| if value.abs() > strongest.abs() { value } else { strongest })
}
