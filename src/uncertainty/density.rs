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

        let sums = if sorted.len() > MANY {
            binned_sums(&sorted, bandwidth, points)
        } else {
            let mut sums = vec![0.0; points];
            for &sample in &sorted {
                // The sample, and its mirror images that reach into 0..1 with the widest kernel.
                for turn in -REFLECTIONS..=REFLECTIONS {
                    let shift = 2.0 * f64::from(turn);
                    add_kernel(&mut sums, shift + sample, bandwidth, step);
                    add_kernel(&mut sums, shift - sample, bandwidth, step);
                }
            }
            sums
        };
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

/// From so many samples on they are counted on a fine grid first.
const MANY: usize = 2000;

/// Cells of the fine grid between two points: an eighth of the narrowest bandwidth, so that counting moves no point of
/// the curve by more than a thousandth of its peak.
const CELLS: usize = 8;

/// The sums of many samples' kernels: samples are shared out between the two nearest places of a fine grid (linear
/// binning; Jones and Lotwick 1984), where kernels have the same few heights.
fn binned_sums(sorted: &[f64], bandwidth: f64, points: usize) -> Vec<f64> {
    let cells = (points - 1) * CELLS;
    let mut counts = vec![0.0; cells + 1];
    for &sample in sorted {
        let at = sample * cells as f64;
        let below = (at as usize).min(cells - 1);
        let part = at - below as f64;
        counts[below] += 1.0 - part;
        counts[below + 1] += part;
    }
    let width = bandwidth * cells as f64;
    let reach = (REACH * width).ceil() as i64;
    let kernel: Vec<f64> = (0..=reach).map(|distance| (-0.5 * (distance as f64 / width).powi(2)).exp()).collect();
    let period = 2 * cells as i64;
    let mut sums = vec![0.0; points];
    for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        let mut add = |centre: i64| {
            let first = ((centre - reach).max(0) + CELLS as i64 - 1) / CELLS as i64;
            let last = (centre + reach).min(cells as i64).div_euclid(CELLS as i64);
            for point in first..=last {
                sums[point as usize] += count * kernel[(point * CELLS as i64 - centre).unsigned_abs() as usize];
            }
        };
        // The place, and its mirror images.
        for turn in -REFLECTIONS..=REFLECTIONS {
            let shift = period * i64::from(turn);
            add(shift + place as i64);
            add(shift - place as i64);
        }
    }
    sums
}

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
    fn counting_many_samples_on_a_grid_changes_nothing_to_be_seen() {
        let shapes: [fn(f64) -> f64; 4] =
            [|u| u, |u| u.powi(8), |u| 0.4 + 0.02 * (u - 0.5), |u| if u < 0.3 { 0.0 } else { 1.0 - 0.2 * u }];
        for (index, shape) in shapes.into_iter().enumerate() {
            for bandwidth in [None, Some(0.002), Some(0.05), Some(1.0)] {
                let many = samples(MANY + 1, shape);
                let binned = Density::with(&many, bandwidth, 512);
                let halves: Vec<Density> =
                    many.chunks(MANY / 2 + 1).map(|half| Density::with(half, Some(binned.bandwidth), 512)).collect();
                let peak = binned.y.iter().copied().fold(0.0, f32::max);
                let share = |half: usize| many.chunks(MANY / 2 + 1).nth(half).unwrap().len() as f32 / many.len() as f32;
                for (place, y) in binned.y.iter().enumerate() {
                    let exact = halves[0].y[place] * share(0) + halves[1].y[place] * share(1);
                    assert!((y - exact).abs() <= 2e-3 * peak, "{index} {bandwidth:?} at {place}: {y} {exact}");
                }
                assert!((integral(&binned) - 1.0).abs() < 1e-3, "{index} {bandwidth:?}: {}", integral(&binned));
            }
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
