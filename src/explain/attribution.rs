//! A finished map: raw values with their sign, scale and resolution, and how they are shown.

use std::sync::Arc;

use super::resize::bilinear;

/// What pytorch-grad-cam adds to a map's largest value before it divides by it.
const EPSILON: f32 = 1e-7;

/// How the values of a map become one value a place, and what its sign means when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Reading {
    /// Only positive values speak for the class (the CAM family): negative ones are shown as 0.
    #[default]
    Positive,
    /// The greatest magnitude over the channels (Simonyan et al. 2014); the sign says nothing about the class.
    Magnitude,
    /// The sum over the channels: positive for the class, negative against it. Shown around 0.
    Signed,
}

impl Reading {
    /// The name in exports: `positive`, `magnitude` or `signed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Magnitude => "magnitude",
            Self::Signed => "signed",
        }
    }
}

/// A number that came out beside the map, as the completeness gap of integrated gradients.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The name in exports, as `completeness_gap`.
    pub name: &'static str,
    /// The name for people.
    pub label: &'static str,
    /// The number.
    pub value: f64,
}

/// The superpixels of a map that has one value a superpixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Segments {
    /// The superpixel of each place, `rows × columns` of the map, counted from 0.
    pub labels: Vec<u32>,
    /// The value of each superpixel.
    pub weights: Vec<f64>,
}

impl Segments {
    /// The superpixels from the most to the least decisive (by magnitude).
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.weights.len()).collect();
        order.sort_by(|&a, &b| self.weights[b].abs().total_cmp(&self.weights[a].abs()));
        order
    }
}

/// One explanation of one class at one layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attribution {
    /// The method's name, as `gradcam`.
    pub method: &'static str,
    /// How the values are read.
    pub reading: Reading,
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
    /// Raw, signed values, `channels × rows × columns`, in units of the logit (of the probability where the method
    /// says so).
    pub values: Vec<f32>,
    /// Numbers that came out beside the map.
    pub facts: Vec<Fact>,
    /// The superpixels, where the map has one value for each.
    pub segments: Option<Arc<Segments>>,
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

    /// The map as it is shown, 0 ..= 1 at the given size, scaled to its own range.
    ///
    /// As pytorch-grad-cam does: negative values become 0, then `(x − min) / (1e-7 + max)`, bilinear enlargement, and
    /// scaled once more. A [`Reading::Signed`] map keeps its sign: 0 is shown as 0.5, the greatest magnitude as 0 or
    /// 1.
    #[must_use]
    pub fn shown(&self, rows: usize, columns: usize) -> Vec<f32> {
        if self.reading == Reading::Signed {
            return self.shown_in(rows, columns, self.shown_range());
        }
        let mut small = self.rectified();
        scale(&mut small);
        let mut large = bilinear(&small, [self.rows, self.columns], [rows, columns]);
        scale(&mut large);
        large
    }

    /// The map at the given size on a scale that several maps share, 0 ..= 1: negative values become 0, `range.0`
    /// (or 0 where that is negative) is shown as 0 and `range.1` as 1. Where the range holds nothing positive all
    /// is 0, so a slice with nothing looks like nothing.
    ///
    /// A [`Reading::Signed`] map is shown around 0.5, and reaches 0 or 1 where its magnitude is that of the range.
    #[must_use]
    pub fn shown_in(&self, rows: usize, columns: usize, range: (f32, f32)) -> Vec<f32> {
        if self.reading == Reading::Signed {
            let most = range.0.abs().max(range.1.abs());
            let part = |value: f32| if most > 0.0 { (value / most).clamp(-1.0, 1.0) } else { 0.0 };
            let large = bilinear(&self.plane(), [self.rows, self.columns], [rows, columns]);
            return large.into_iter().map(|value| 0.5 + 0.5 * part(value)).collect();
        }
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

    /// One value a place, as the [`Reading`] says.
    #[must_use]
    pub fn plane(&self) -> Vec<f32> {
        if self.channels == 1 && self.reading != Reading::Magnitude {
            return self.values.clone();
        }
        let mut plane = vec![0.0_f32; self.rows * self.columns];
        for channel in self.values.chunks_exact(plane.len().max(1)) {
            for (place, value) in plane.iter_mut().zip(channel) {
                match self.reading {
                    Reading::Magnitude => *place = place.max(value.abs()),
                    Reading::Positive | Reading::Signed => *place += value,
                }
            }
        }
        plane
    }

    /// The smallest and the largest value of [`Attribution::plane`]: what the ends of a scale stand for.
    #[must_use]
    pub fn shown_range(&self) -> (f32, f32) {
        self.plane().iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }

    /// This map minus that of another class: positive where this class is favoured. `None` where the two do not lie
    /// on one grid.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Option<Self> {
        if [self.channels, self.rows, self.columns] != [other.channels, other.rows, other.columns] {
            return None;
        }
        let values = self.values.iter().zip(&other.values).map(|(own, other)| own - other).collect();
        Some(Self { reading: Reading::Signed, values, facts: Vec::new(), segments: None, ..self.clone() })
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
        Attribution { method: "cam", channels: 1, rows, columns, values, ..Attribution::default() }
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
        let reading = Reading::Magnitude;
        let gradient = Attribution { reading, channels: 2, values: vec![1.0, -2.0, -3.0, 1.0], ..map(&[], 1, 2) };
        assert_eq!(gradient.plane(), [3.0, 2.0]);
        assert_eq!(gradient.min_max(), (-3.0, 1.0));
        assert_eq!(gradient.shown_range(), (2.0, 3.0));
    }

    #[test]
    fn signed_maps_are_shown_around_the_middle() {
        let signed = Attribution { reading: Reading::Signed, ..map(&[-1.0, 0.0, 4.0], 1, 3) };
        assert_eq!(signed.shown(1, 3), [0.375, 0.5, 1.0]);
        assert_eq!(signed.shown_in(1, 3, (-8.0, 2.0)), [0.4375, 0.5, 0.75]);
        assert_eq!(Attribution { reading: Reading::Signed, ..map(&[0.0; 2], 1, 2) }.shown(1, 2), [0.5; 2]);
    }

    #[test]
    fn the_difference_of_two_classes_is_signed() {
        let difference = map(&[3.0, 1.0], 1, 2).minus(&map(&[1.0, 4.0], 1, 2)).unwrap();
        assert_eq!((difference.reading, difference.values), (Reading::Signed, vec![2.0, -3.0]));
        assert!(map(&[3.0], 1, 1).minus(&map(&[1.0, 4.0], 1, 2)).is_none());
    }
}
