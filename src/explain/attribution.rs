//! A finished map: raw values with their sign, scale and resolution, and how they are shown.

use super::resize::bilinear;

/// What pytorch-grad-cam adds to a map's largest value before it divides by it.
const EPSILON: f32 = 1e-7;

/// One explanation of one class at one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The method's name, as `gradcam`.
    pub method: &'static str,
    /// The layer whose resolution the map has; `None` for maps in network input.
    pub layer: Option<String>,
    /// The class that is explained.
    pub class: usize,
    /// 1 for maps of a layer, the input's channels for maps in network input.
    pub channels: usize,
    /// Rows of the map.
    pub rows: usize,
    /// Columns of the map.
    pub columns: usize,
    /// Raw, signed values, `channels × rows × columns`, in units of the logit.
    pub values: Vec<f32>,
}

impl Attribution {
    /// Row and column of the largest value; the first in row-major order at a tie.
    #[must_use]
    pub fn peak(&self) -> (usize, usize) {
        let plane = self.plane();
        let mut best = 0;
        for (index, value) in plane.iter().enumerate() {
            if *value > plane[best] {
                best = index;
            }
        }
        (best / self.columns.max(1), best % self.columns.max(1))
    }

    /// The smallest and the largest raw value.
    #[must_use]
    pub fn min_max(&self) -> (f32, f32) {
        self.values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }

    /// The map as pytorch-grad-cam shows it, 0 ..= 1 at the given size, scaled to its own range: negative values
    /// become 0, then `(x − min) / (1e-7 + max)`, bilinear enlargement, and scaled once more.
    #[must_use]
    pub fn shown(&self, rows: usize, columns: usize) -> Vec<f32> {
        let mut small = self.rectified();
        scale(&mut small);
        let mut large = bilinear(&small, [self.rows, self.columns], [rows, columns]);
        scale(&mut large);
        large
    }

    /// The map at the given size on a scale that several maps share, 0 ..= 1: negative values become 0, `range.0`
    /// (or 0 where that is negative) is shown as 0 and `range.1` as 1. Where the range holds nothing positive all
    /// is 0, so a slice with nothing looks like nothing.
    #[must_use]
    pub fn shown_in(&self, rows: usize, columns: usize, range: (f32, f32)) -> Vec<f32> {
        let low = range.0.max(0.0);
        let width = range.1 - low;
        if width <= 0.0 {
            return vec![0.0; rows * columns];
        }
        let mut large = bilinear(&self.rectified(), [self.rows, self.columns], [rows, columns]);
        for value in &mut large {
            *value = ((*value - low) / width).clamp(0.0, 1.0);
        }
        large
    }

    /// One value a place: the only channel, or the largest magnitude over the channels (Simonyan et al. 2014).
    #[must_use]
    pub fn plane(&self) -> Vec<f32> {
        if self.channels == 1 {
            return self.values.clone();
        }
        let mut plane = vec![0.0_f32; self.rows * self.columns];
        for channel in self.values.chunks_exact(plane.len().max(1)) {
            for (most, value) in plane.iter_mut().zip(channel) {
                *most = most.max(value.abs());
            }
        }
        plane
    }

    fn rectified(&self) -> Vec<f32> {
        self.plane().into_iter().map(|value| value.max(0.0)).collect()
    }
}

/// `(x − min) / (1e-7 + max)`, where max is that of `x − min`.
fn scale(values: &mut [f32]) {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in values {
        *value = (*value - low) / (EPSILON + (high - low));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32], rows: usize, columns: usize) -> Attribution {
        let values = values.to_vec();
        Attribution { method: "cam", layer: None, class: 0, channels: 1, rows, columns, values }
    }

    #[test]
    fn nothing_positive_is_shown_as_nothing() {
        let negative = map(&[-3.0, -1.0], 1, 2);
        assert_eq!(negative.shown(1, 4), [0.0; 4]);
        assert_eq!(negative.shown_in(1, 2, (-3.0, 0.0)), [0.0; 2]);
        assert_eq!(map(&[2.0; 4], 2, 2).shown(2, 2), [0.0; 4], "a constant map has no place to look at");
    }

    #[test]
    fn a_common_scale_keeps_weak_slices_weak() {
        let weak = map(&[0.0, 1.0], 1, 2);
        assert_eq!(weak.shown_in(1, 2, (-2.0, 10.0)), [0.0, 0.1]);
        assert!((weak.shown(1, 2)[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_peak_is_the_first_largest_value() {
        assert_eq!(map(&[0.0, 5.0, 1.0, 5.0, 2.0, 3.0], 2, 3).peak(), (0, 1));
    }

    #[test]
    fn channels_are_shown_by_their_largest_magnitude() {
        let gradient = Attribution { channels: 2, values: vec![1.0, -2.0, -3.0, 1.0], ..map(&[], 1, 2) };
        assert_eq!(gradient.plane(), [3.0, 2.0]);
        assert_eq!(gradient.min_max(), (-3.0, 1.0));
    }
}
