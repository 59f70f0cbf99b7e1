//! First-layer filters as one picture.

use std::path::Path;

use super::super::{ExportError, png};
use super::base64;
use crate::inside::Filters;

/// Filters side by side.
const ACROSS: usize = 16;
/// The most filters that are shown.
const MOST: usize = 256;

/// A mosaic of filters as an inline picture.
pub(super) struct Mosaic {
    /// A `data:` address.
    pub address: String,
    /// Columns of the picture, in places of kernels; the gaps are one wide.
    pub columns: usize,
    /// How many filters it shows.
    pub shown: usize,
}

/// The filters of a layer that takes grey or colour pictures; `None` for others. Each filter has a scale of its own:
/// grey is a weight of 0, and its largest weight, by amount, is the full swing. `reversed` says that the network's
/// colours are in the order blue, green, red.
pub(super) fn mosaic(filters: &Filters, reversed: bool) -> Result<Option<Mosaic>, ExportError> {
    let shown = filters.outputs.min(MOST);
    if !filters.first || !matches!(filters.inputs, 1 | 3) || shown == 0 {
        return Ok(None);
    }
    let across = shown.min(ACROSS);
    let (tall, wide) = (filters.rows + 1, filters.columns + 1);
    let (rows, columns) = (shown.div_ceil(across) * tall - 1, across * wide - 1);
    // Transparent white between the kernels.
    let mut rgba = [255_u8, 255, 255, 0].repeat(rows * columns);
    for output in 0..shown {
        let filter = filters.filter(output).unwrap_or_default();
        let greatest = filter.iter().fold(0.0_f32, |greatest, value| greatest.max(value.abs()));
        let scale = if greatest > 0.0 { 127.5 / greatest } else { 0.0 };
        let (top, left) = (output / across * tall, output % across * wide);
        for place in 0..filters.rows * filters.columns {
            let pixel = (top + place / filters.columns) * columns + left + place % filters.columns;
            for colour in 0..3 {
                let input = if reversed { 2 - colour } else { colour }.min(filters.inputs - 1);
                let value = filters.kernel(output, input).map_or(0.0, |kernel| kernel[place]);
                rgba[4 * pixel + colour] = (127.5 + value * scale).round().clamp(0.0, 255.0) as u8;
            }
            rgba[4 * pixel + 3] = 255;
        }
    }
    let bytes = png::encode(Path::new("check.html"), &rgba, columns, rows, &[])?;
    Ok(Some(Mosaic { address: format!("data:image/png;base64,{}", base64::encode(&bytes)), columns, shown }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::FilterKind;

    fn filters(inputs: usize) -> Filters {
        let count = 20 * inputs * 4;
        Filters {
            layer: "conv1".to_owned(),
            kind: FilterKind::Convolution { groups: 1 },
            outputs: 20,
            all_outputs: 20,
            inputs,
            rows: 2,
            columns: 2,
            first: true,
            values: (0..count).map(|index| index as f32 - 3.0).collect(),
        }
    }

    #[test]
    fn grey_and_colour_filters_become_a_picture_and_others_none() {
        for inputs in [1, 3] {
            let mosaic = mosaic(&filters(inputs), false).unwrap().unwrap();
            assert!(mosaic.address.starts_with("data:image/png;base64,iVBOR"), "{}", mosaic.address);
            assert_eq!((mosaic.columns, mosaic.shown), (16 * 3 - 1, 20));
        }
        assert!(mosaic(&filters(2), false).unwrap().is_none());
        let later = Filters { first: false, ..filters(3) };
        assert!(mosaic(&later, false).unwrap().is_none());
    }
}
