//! Maps on another grid, bilinearly, with half-pixel centres (PyTorch's `align_corners=False`).

/// How positions along one axis of the result correspond to positions along the map's: in coordinates that are 0 at
/// the first edge and count pixels, `from = scale · to + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Along {
    /// Pixels of the map for one of the result.
    pub scale: f64,
    /// Map coordinate of the result's first edge.
    pub offset: f64,
}

impl Along {
    /// The whole of `from` pixels stretched over `to` pixels.
    #[must_use]
    pub fn stretch(from: usize, to: usize) -> Self {
        Self { scale: from as f64 / to.max(1) as f64, offset: 0.0 }
    }
}

/// A map (row-major, `rows` × `columns`) stretched over `to_rows` × `to_columns`.
#[must_use]
pub fn bilinear(map: &[f32], rows: usize, columns: usize, to_rows: usize, to_columns: usize) -> Vec<f32> {
    let (along_rows, along_columns) = (Along::stretch(rows, to_rows), Along::stretch(columns, to_columns));
    resample(map, [rows, columns], [to_rows, to_columns], [along_rows, along_columns], None)
}

/// A map (row-major, `size` = rows, columns) on a grid of `to` pixels; `along` is for rows, then columns.
///
/// Positions beyond the map have the value of `outside`, or with `None` that of the nearest pixel. An empty map gives
/// zeros.
#[must_use]
pub fn resample(map: &[f32], size: [usize; 2], to: [usize; 2], along: [Along; 2], outside: Option<f32>) -> Vec<f32> {
    let mut result = vec![outside.unwrap_or(0.0); to[0] * to[1]];
    if size[0] == 0 || size[1] == 0 || map.len() < size[0] * size[1] || result.is_empty() {
        return result;
    }
    let rows = taps(size[0], to[0], along[0]);
    let columns = taps(size[1], to[1], along[1]);
    for (line, row) in result.chunks_exact_mut(to[1]).zip(rows) {
        if row.is_outside && outside.is_some() {
            continue;
        }
        let first = &map[row.first * size[1]..(row.first + 1) * size[1]];
        let second = &map[row.second * size[1]..(row.second + 1) * size[1]];
        for (value, column) in line.iter_mut().zip(&columns) {
            if column.is_outside && outside.is_some() {
                continue;
            }
            let upper = mix(first[column.first], first[column.second], column.weight);
            let lower = mix(second[column.first], second[column.second], column.weight);
            *value = mix(upper, lower, row.weight);
        }
    }
    result
}

/// The two pixels that a position lies between.
struct Tap {
    first: usize,
    second: usize,
    /// Of the second one.
    weight: f32,
    /// Beyond the edges of the map.
    is_outside: bool,
}

fn taps(count: usize, to: usize, along: Along) -> Vec<Tap> {
    (0..to)
        .map(|index| {
            let edge = along.scale * (index as f64 + 0.5) + along.offset;
            let centre = (edge - 0.5).clamp(0.0, (count - 1) as f64);
            let first = centre as usize;
            Tap {
                first,
                second: (first + 1).min(count - 1),
                weight: (centre - first as f64) as f32,
                is_outside: !(0.0..=count as f64).contains(&edge),
            }
        })
        .collect()
}

fn mix(a: f32, b: f32, weight: f32) -> f32 {
    a * (1.0 - weight) + b * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_a_row_of_two() {
        // torch.nn.functional.interpolate([0, 1], size=4, mode="bilinear"): 0, 0.25, 0.75, 1
        assert_eq!(bilinear(&[0.0, 1.0], 1, 2, 1, 4), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(bilinear(&[0.0, 1.0], 2, 1, 4, 1), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(bilinear(&[1.0, 2.0, 3.0, 4.0], 2, 2, 2, 2), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(bilinear(&[1.0, 2.0, 3.0, 4.0], 2, 2, 1, 1), [2.5]);
    }

    #[test]
    fn beyond_the_map() {
        let shifted = Along { scale: 1.0, offset: -1.0 };
        let whole = Along::stretch(1, 1);
        let edge = resample(&[5.0, 7.0], [1, 2], [1, 4], [whole, shifted], None);
        assert_eq!(edge, [5.0, 5.0, 7.0, 7.0]);
        let cut = resample(&[5.0, 7.0], [1, 2], [1, 4], [whole, shifted], Some(0.0));
        assert_eq!(cut, [0.0, 5.0, 7.0, 0.0]);
        assert_eq!(resample(&[], [0, 0], [1, 2], [whole, whole], None), [0.0, 0.0]);
    }
}
