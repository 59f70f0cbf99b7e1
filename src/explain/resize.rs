//! Bilinear resampling with half-pixel centres, as `cv2.resize` does.

/// Resamples `rows × columns` values, row-major, to `size` (rows, columns). Values at the edge extend beyond it.
///
/// No antialiasing: made for enlarging maps.
#[must_use]
pub fn bilinear(values: &[f32], [rows, columns]: [usize; 2], size: [usize; 2]) -> Vec<f32> {
    if rows == 0 || columns == 0 {
        return vec![0.0; size[0] * size[1]];
    }
    let down = taps(rows, size[0]);
    let across = taps(columns, size[1]);
    let wide: Vec<f32> = values
        .chunks_exact(columns)
        .flat_map(|line| across.iter().map(|tap| line[tap.first] * (1.0 - tap.weight) + line[tap.second] * tap.weight))
        .collect();
    let mut output = Vec::with_capacity(size[0] * size[1]);
    for tap in &down {
        let line = |row: usize| &wide[row * size[1]..(row + 1) * size[1]];
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
    (0..outputs)
        .map(|index| {
            let centre = ((index as f64 + 0.5) * scale - 0.5).clamp(0.0, (length - 1) as f64);
            let first = centre.floor() as usize;
            Tap { first, second: (first + 1).min(length - 1), weight: (centre - first as f64) as f32 }
        })
        .collect()
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
    fn one_value_fills_everything_and_the_own_size_changes_nothing() {
        assert_eq!(bilinear(&[3.0], [1, 1], [2, 3]), [3.0; 6]);
        assert_eq!(bilinear(&[1.0, 2.0, 3.0, 4.0], [2, 2], [2, 2]), [1.0, 2.0, 3.0, 4.0]);
    }
}
