//! The density of a probability over many passes.

use super::summary::quantile;

/// A Gaussian kernel density estimate over 0..1.
///
/// Kernels are reflected at 0 and 1, so that what a kernel would have outside lies inside and the curve integrates to
/// 1 (by the trapezium rule over its points, to 0.001).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Density {
    /// Evenly spaced from 0 to 1.
    pub x: Vec<f32>,
    /// Density at each of `x`.
    pub y: Vec<f32>,
    /// The kernel's standard deviation.
    pub bandwidth: f32,
}

impl Density {
    /// The most points of a curve.
    pub const MOST_POINTS: usize = 512;

    /// Of samples in 0..1, with Silverman's bandwidth `0.9 · min(std, IQR / 1.34) · n^(−1/5)`.
    ///
    /// Samples that are not finite are left out, others limited to 0..1. Without samples the curve is empty. Where all
    /// samples are (nearly) equal the bandwidth is the spacing of the points: a needle at their place.
    #[must_use]
    pub fn of(samples: &[f32]) -> Self {
        Self::with(samples, None, Self::MOST_POINTS)
    }

    /// With a bandwidth and a number of points (2 to 512) of one's own. The bandwidth is held between the spacing of
    /// the points and 1.
    #[must_use]
    pub fn with(samples: &[f32], bandwidth: Option<f32>, points: usize) -> Self {
        let mut sorted: Vec<f64> =
            samples.iter().filter(|p| p.is_finite()).map(|&p| f64::from(p).clamp(0.0, 1.0)).collect();
        if sorted.is_empty() {
            return Self::default();
        }
        sorted.sort_by(f64::total_cmp);
        let points = points.clamp(2, Self::MOST_POINTS);
        let step = 1.0 / (points - 1) as f64;
        let wanted = bandwidth.filter(|width| width.is_finite()).map_or_else(|| silverman(&sorted), f64::from);
        let bandwidth = wanted.clamp(step, 1.0);

        let mut sums = vec![0.0; points];
        for &sample in &sorted {
            // The sample, and its mirror images that reach into 0..1 with the widest kernel.
            for turn in -REFLECTIONS..=REFLECTIONS {
                let shift = 2.0 * f64::from(turn);
                add_kernel(&mut sums, shift + sample, bandwidth, step);
                add_kernel(&mut sums, shift - sample, bandwidth, step);
            }
        }
        let scale = 1.0 / (sorted.len() as f64 * bandwidth * (2.0 * std::f64::consts::PI).sqrt());
        Self {
            x: (0..points).map(|index| (index as f64 * step) as f32).collect(),
            y: sums.into_iter().map(|sum| (sum * scale) as f32).collect(),
            bandwidth: bandwidth as f32,
        }
    }
}

/// How far kernels reach, in bandwidths: beyond, 1e-9 of a kernel is left.
const REACH: f64 = 6.0;

/// Mirror images on each side; with a bandwidth of 1 and a reach of 6 the fourth lies outside.
const REFLECTIONS: i32 = 4;

fn add_kernel(sums: &mut [f64], centre: f64, bandwidth: f64, step: f64) {
    let (low, high) = (centre - REACH * bandwidth, centre + REACH * bandwidth);
    if high < 0.0 || low > 1.0 {
        return;
    }
    let first = (low / step).ceil().max(0.0) as usize;
    let last = ((high / step).floor() as usize).min(sums.len() - 1);
    for (index, sum) in sums.iter_mut().enumerate().take(last + 1).skip(first) {
        let distance = (index as f64 * step - centre) / bandwidth;
        *sum += (-0.5 * distance * distance).exp();
    }
}

/// Silverman's rule of thumb (1986, equation 3.31), on sorted samples.
fn silverman(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let squares: f64 = sorted.iter().map(|p| (p - mean).powi(2)).sum();
    let std = (squares / (n - 1.0).max(1.0)).sqrt();
    let range = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.34;
    let spread = if range > 0.0 { std.min(range) } else { std };
    0.9 * spread * n.powf(-0.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integral(density: &Density) -> f64 {
        let area = |index: usize| {
            let width = f64::from(density.x[index + 1]) - f64::from(density.x[index]);
            width * f64::midpoint(f64::from(density.y[index]), f64::from(density.y[index + 1]))
        };
        (0..density.x.len() - 1).map(area).sum()
    }

    fn samples(count: usize, shape: impl Fn(f64) -> f64) -> Vec<f32> {
        (0..count).map(|index| shape((index as f64 + 0.5) / count as f64) as f32).collect()
    }

    #[test]
    fn every_curve_integrates_to_one() {
        for samples in [
            samples(100, |u| u),
            samples(1000, |u| u.powi(8)),
            samples(1000, |u| 1.0 - u.powi(20) * 1e-3),
            samples(7, |u| if u < 0.5 { 0.0 } else { 1.0 }),
            vec![0.5; 100],
            vec![0.0; 3],
            vec![1.0],
            vec![0.123_456],
        ] {
            let density = Density::of(&samples);
            assert_eq!(density.x.len(), Density::MOST_POINTS);
            assert!((integral(&density) - 1.0).abs() < 1e-3, "{} of {samples:?}", integral(&density));
        }
        for bandwidth in [1e-9, 0.01, 0.3, 1.0, 50.0] {
            let density = Density::with(&[0.0, 0.2, 0.9], Some(bandwidth), 200);
            assert!((integral(&density) - 1.0).abs() < 1e-3, "{} with {bandwidth}", integral(&density));
        }
    }

    #[test]
    fn a_uniform_sample_is_flat_up_to_the_borders() {
        let density = Density::of(&samples(2000, |u| u));
        assert!(density.y.iter().all(|y| (y - 1.0).abs() < 0.02), "{:?}", &density.y[..4]);
    }

    #[test]
    fn the_kernel_is_gaussian_with_silvermans_width() {
        // scipy.stats: std (ddof=1) 0.1, IQR/1.34 larger, n = 3
        let density = Density::of(&[0.4, 0.5, 0.6]);
        let expected = 0.9 * (0.1 / 1.34) * 3.0_f64.powf(-0.2);
        assert!((f64::from(density.bandwidth) - expected).abs() < 1e-6, "{}", density.bandwidth);
        let needle = Density::of(&[0.5; 9]);
        let peak = needle.y.iter().copied().fold(0.0, f32::max);
        assert!(peak > 150.0 && peak < 210.0, "{peak}");
    }

    #[test]
    fn nothing_gives_an_empty_curve() {
        assert_eq!(Density::of(&[]), Density::default());
        assert_eq!(Density::of(&[f32::NAN]), Density::default());
    }
}
