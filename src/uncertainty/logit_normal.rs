//! The exact distribution of a probability whose logit is normal.

use super::{Density, gaussian};

/// The distribution of `p = 1 / (1 + e^−z)` with `z ~ N(mean, std²)`: what one sigmoid behind a dense Flipout layer
/// gives, without sampling (the logit-normal distribution; Aitchison and Shen 1980).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogitNormal {
    /// The logit's mean.
    pub mean: f32,
    /// The logit's standard deviation, 0 or more.
    pub std: f32,
}

impl LogitNormal {
    /// The probability that `p` is at most this.
    #[must_use]
    pub fn cdf(&self, p: f64) -> f64 {
        if p <= 0.0 {
            return 0.0;
        }
        if p >= 1.0 {
            return 1.0;
        }
        let distance = (p / (1.0 - p)).ln() - f64::from(self.mean);
        if self.std > 0.0 {
            return gaussian::cdf(distance / f64::from(self.std));
        }
        if distance >= 0.0 { 1.0 } else { 0.0 }
    }

    /// The probability that a part of `part` (0..1) lies below, as 0.5 for the median.
    #[must_use]
    pub fn quantile(&self, part: f64) -> f64 {
        let spread = if self.std > 0.0 { f64::from(self.std) * gaussian::quantile(part) } else { 0.0 };
        sigmoid(f64::from(self.mean) + spread)
    }

    /// The mean of `p`, which has no closed form: Simpson's rule over eight standard deviations to each side.
    #[must_use]
    pub fn mean(&self) -> f64 {
        /// Even; with steps of 1/64 standard deviation the error is below 1e-9 for a deviation up to 100.
        const STEPS: i32 = 1024;
        /// In standard deviations; 1e-15 lies beyond.
        const REACH: f64 = 8.0;
        let (mean, std) = (f64::from(self.mean), f64::from(self.std.max(0.0)));
        let (mut sum, mut total) = (0.0, 0.0);
        for step in 0..=STEPS {
            let at = REACH * (2.0 * f64::from(step) / f64::from(STEPS) - 1.0);
            let simpson = match step {
                0 | STEPS => 1.0,
                odd if odd % 2 == 1 => 4.0,
                _ => 2.0,
            };
            let weight = simpson * (-0.5 * at * at).exp();
            sum += weight * sigmoid(mean + std * at);
            total += weight;
        }
        sum / total
    }

    /// The density at `points` (2 to 512) places from 0 to 1: at each the mean over its surroundings, half a step to
    /// either side, so that the curve integrates to 1 by the trapezium rule however narrow it is. Nothing is smoothed:
    /// the bandwidth is 0.
    #[must_use]
    pub fn density(&self, points: usize) -> Density {
        let points = points.clamp(2, Density::MOST_POINTS);
        let step = 1.0 / (points - 1) as f64;
        let (mut x, mut y) = (Vec::with_capacity(points), Vec::with_capacity(points));
        let mut below = 0.0;
        for index in 0..points {
            let at = index as f64 * step;
            let is_end = index == 0 || index + 1 == points;
            let up_to = if index + 1 == points { 1.0 } else { self.cdf(at + 0.5 * step) };
            let width = if is_end { 0.5 * step } else { step };
            x.push(at as f32);
            // Rounding may let the distribution function fall by its last digit.
            y.push(((up_to - below) / width).max(0.0) as f32);
            below = up_to;
        }
        Density { x, y, bandwidth: 0.0 }
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{graph::Control, uncertainty::FlipoutDense};

    const CASES: [(f32, f32); 6] = [(0.0, 1.0), (2.0, 0.5), (-3.0, 2.0), (0.3, 0.01), (1.0, 6.0), (0.0, 0.0)];

    #[test]
    fn every_curve_integrates_to_one() {
        for (mean, std) in CASES {
            for points in [2, 64, 512] {
                let density = LogitNormal { mean, std }.density(points);
                let step = 1.0 / (points - 1) as f64;
                let area: f64 = density.y.windows(2).map(|y| 0.5 * step * f64::from(y[0] + y[1])).sum();
                assert!((area - 1.0).abs() < 1e-5, "{mean} {std} {points}: {area}");
                assert!(density.y.iter().all(|y| *y >= 0.0));
            }
        }
    }

    #[test]
    fn the_density_is_the_textbook_s() {
        let exact = LogitNormal { mean: 0.4, std: 0.8 };
        let density = exact.density(512);
        for (x, y) in density.x.iter().zip(&density.y).skip(20).take(470) {
            let p = f64::from(*x);
            let z = ((p / (1.0 - p)).ln() - 0.4) / 0.8;
            let formula = (-0.5 * z * z).exp() / (0.8 * (2.0 * std::f64::consts::PI).sqrt() * p * (1.0 - p));
            // The mean over a step of 1/511 against the value in its middle: second order in the step.
            assert!((f64::from(*y) - formula).abs() < 1e-3, "{p}: {y} {formula}");
        }
    }

    #[test]
    fn mean_and_median_are_those_of_a_numerical_integration() {
        for (mean, std) in CASES {
            let exact = LogitNormal { mean, std };
            assert!((exact.quantile(0.5) - sigmoid(f64::from(mean))).abs() < 1e-12);
            // ∫ p f(p) dp = 1 − ∫ F(p) dp, by the midpoint rule.
            let cells = 200_000;
            let below: f64 = (0..cells).map(|cell| exact.cdf((f64::from(cell) + 0.5) / f64::from(cells))).sum::<f64>()
                / f64::from(cells);
            assert!((exact.mean() - (1.0 - below)).abs() < 1e-5, "{mean} {std}: {} {}", exact.mean(), 1.0 - below);
            for part in [0.05, 0.25, 0.75, 0.95] {
                let gap = if std > 0.0 { exact.cdf(exact.quantile(part)) - part } else { 0.0 };
                assert!(gap.abs() < 1e-7, "{mean} {std} {part}: {gap}");
            }
        }
    }

    #[test]
    fn the_sampler_follows_it_by_kolmogorov_and_smirnov() {
        let inputs = 300;
        let loc = (0..inputs).map(|i| ((i * 37 % 101) as f32 - 50.0) / 400.0).collect();
        let rho: Vec<f32> = (0..inputs).map(|i| -3.5 + (i % 7) as f32 * 0.2).collect();
        let head = FlipoutDense::new(inputs, 1, loc, &rho, vec![0.4]).unwrap();
        let features: Vec<f32> = (0..inputs).map(|i| ((i * 53 % 97) as f32 / 97.0 - 0.3).max(0.0)).collect();
        let (mean, std) = head.exact_moments(&features).unwrap();
        let exact = LogitNormal { mean: mean[0], std: std[0] };
        let passes = 10_000;
        let mut drawn: Vec<f64> = head
            .sample(&features, passes, 1, &Control::default())
            .unwrap()
            .into_iter()
            .map(|logit| sigmoid(f64::from(logit)))
            .collect();
        drawn.sort_by(f64::total_cmp);
        let n = passes as f64;
        let farthest = drawn.iter().enumerate().fold(0.0_f64, |most, (index, &p)| {
            let cdf = exact.cdf(p);
            most.max((cdf - index as f64 / n).abs()).max(((index + 1) as f64 / n - cdf).abs())
        });
        // 1.63 / √n is the bound for p = 0.01.
        assert!(farthest < 1.63 / n.sqrt(), "{farthest}");
    }
}
