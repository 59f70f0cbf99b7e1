//! How often a probability fell where, without smoothing.

/// Counts of probabilities in equal bins from 0 to 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// The samples in each bin; a sample on a border belongs to the bin above, 1 to the last.
    pub counts: Vec<u32>,
    /// The height of each bin as a density, so that the bars have the area 1.
    pub heights: Vec<f32>,
    /// The width of a bin.
    pub width: f32,
}

impl Histogram {
    /// The most bins.
    pub const MOST_BINS: usize = 512;

    /// Of samples in 0..1, in 1 to 512 bins. Samples that are not finite are left out, others limited to 0..1. Without
    /// samples there are no bins.
    #[must_use]
    pub fn of(samples: &[f32], bins: usize) -> Self {
        let bins = bins.clamp(1, Self::MOST_BINS);
        let mut counts = vec![0_u32; bins];
        let mut total = 0_u32;
        for sample in samples.iter().filter(|sample| sample.is_finite()) {
            let bin = (sample.clamp(0.0, 1.0) * bins as f32) as usize;
            counts[bin.min(bins - 1)] += 1;
            total += 1;
        }
        if total == 0 {
            return Self::default();
        }
        let scale = bins as f64 / f64::from(total);
        let heights = counts.iter().map(|&count| (f64::from(count) * scale) as f32).collect();
        Self { counts, heights, width: 1.0 / bins as f32 }
    }

    /// The middle of a bin.
    #[must_use]
    pub fn centre(&self, bin: usize) -> f32 {
        (bin as f32 + 0.5) * self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_counted_once_and_the_bars_have_the_area_one() {
        let histogram = Histogram::of(&[0.0, 0.1, 0.25, 0.5, 0.99, 1.0, 1.5, -3.0, f32::NAN], 4);
        assert_eq!(histogram.counts, [3, 1, 1, 3]);
        let area: f32 = histogram.heights.iter().map(|height| height * histogram.width).sum();
        assert!((area - 1.0).abs() < 1e-6);
        assert_eq!((histogram.centre(0), histogram.centre(3)), (0.125, 0.875));
    }

    #[test]
    fn nothing_has_no_bins_and_bins_are_limited() {
        assert_eq!(Histogram::of(&[], 10), Histogram::default());
        assert_eq!(Histogram::of(&[f32::INFINITY], 10), Histogram::default());
        assert_eq!(Histogram::of(&[0.3], 0).counts, [1]);
        assert_eq!(Histogram::of(&[0.3], usize::MAX).counts.len(), Histogram::MOST_BINS);
    }
}
