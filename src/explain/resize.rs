//! Enlarging maps: bilinear with half-pixel centres, as `cv2.resize` does, and what single methods do otherwise.

/// Resamples `rows × columns` values, row-major, to `size` (rows, columns). Values at the edge extend beyond it.
///
/// No antialiasing: made for enlarging maps.
#[must_use]
pub fn bilinear(values: &[f32], [rows, columns]: [usize; 2], size: [usize; 2]) -> Vec<f32> {
    if rows == 0 || columns == 0 {
        return vec![0.0; size[0] * size[1]];
    }
    resample(values, columns, &taps(rows, size[0]), &taps(columns, size[1]))
}

/// Bilinear resampling where the centres of the first and the last value lie on those of the first and the last
/// output (`align_corners` of PyTorch's `UpsamplingBilinear2d`).
pub(super) fn bilinear_corners(values: &[f32], [rows, columns]: [usize; 2], size: [usize; 2]) -> Vec<f32> {
    if rows == 0 || columns == 0 {
        return vec![0.0; size[0] * size[1]];
    }
    resample(values, columns, &corner_taps(rows, size[0]), &corner_taps(columns, size[1]))
}

/// Each output takes the value whose cell its upper left corner lies in (`nearest` of PyTorch's `interpolate`).
pub(super) fn nearest(values: &[f32], [rows, columns]: [usize; 2], size: [usize; 2]) -> Vec<f32> {
    let source = |index: usize, outputs: usize, length: usize| (index * length / outputs).min(length.saturating_sub(1));
    let row = |row: usize| source(row, size[0], rows) * columns;
    (0..size[0] * size[1])
        .map(|place| values[row(place / size[1]) + source(place % size[1], size[1], columns)])
        .collect()
}

/// The weighted neighbours down the rows and across the columns.
fn resample(values: &[f32], columns: usize, down: &[Tap], across: &[Tap]) -> Vec<f32> {
    let width = across.len();
    let wide: Vec<f32> = values
        .chunks_exact(columns)
        .flat_map(|line| across.iter().map(|tap| line[tap.first] * (1.0 - tap.weight) + line[tap.second] * tap.weight))
        .collect();
    let mut output = Vec::with_capacity(down.len() * width);
    for tap in down {
        let line = |row: usize| &wide[row * width..(row + 1) * width];
        let pairs = line(tap.first).iter().zip(line(tap.second));
        output.extend(pairs.map(|(first, second)| first * (1.0 - tap.weight) + second * tap.weight));
    }
    output
}

/// Two neighbours and the weight of the second.
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

/// The neighbours of each output element's centre.
fn taps(length: usize, outputs: usize) -> Vec<Tap> {
    let scale = length as f64 / outputs as f64;
    (0..outputs).map(|index| tap((index as f64 + 0.5) * scale - 0.5, length)).collect()
}

/// The same where the ends of both lie on each other.
fn corner_taps(length: usize, outputs: usize) -> Vec<Tap> {
    let scale = (length - 1) as f64 / outputs.saturating_sub(1).max(1) as f64;
    (0..outputs).map(|index| tap(index as f64 * scale, length)).collect()
}

/// The neighbours of a place.
fn tap(place: f64, length: usize) -> Tap {
    let place = place.clamp(0.0, (length - 1) as f64);
    let first = place.floor() as usize;
    Tap { first, second: (first + 1).min(length - 1), weight: (place - first as f64) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_two_values_puts_them_at_half_pixel_centres() {
        assert_eq!(bilinear(&[0.0, 1.0], [1, 2], [1, 4]), [0.0, 0.25, 0.75, 1.0]);
        assert_eq!(bilinear(&[0.0, 1.0], [2, 1], [4, 1]), [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn corners_stay_where_they_are_if_asked() {
        assert_eq!(bilinear_corners(&[0.0, 1.0], [1, 2], [1, 5]), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(bilinear_corners(&[3.0, 4.0], [1, 2], [2, 1]), [3.0, 3.0]);
        assert_eq!(bilinear_corners(&[7.0], [1, 1], [2, 2]), [7.0; 4]);
    }

    #[test]
    fn nearest_repeats_values() {
        assert_eq!(nearest(&[1.0, 2.0, 3.0], [1, 3], [1, 7]), [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        assert_eq!(nearest(&[1.0, 2.0], [2, 1], [4, 1]), [1.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    fn one_value_fills_everything_and_the_own_size_changes_nothing() {
        assert_eq!(bilinear(&[3.0], [1, 1], [2, 3]), [3.0; 6]);
        assert_eq!(bilinear(&[1.0, 2.0, 3.0, 4.0], [2, 2], [2, 2]), [1.0, 2.0, 3.0, 4.0]);
    }
}
