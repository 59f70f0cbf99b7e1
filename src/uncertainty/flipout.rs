//! A dense layer with a normal distribution over its weights, sampled by Flipout (Wen et al., ICLR 2018).

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    UncertaintyError,
    normal::{self, BLOCK},
};
use crate::graph::Control;

/// The posterior of a dense layer: `weight ~ N(loc, σ²)` with `σ = ε₃₂ + softplus(rho)`, element by element
/// (TensorFlow Probability's `DenseFlipout`), and a bias without distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct FlipoutDense {
    inputs: usize,
    outputs: usize,
    /// `[outputs × inputs]`, row-major, as PyTorch's `Linear.weight`.
    loc: Vec<f32>,
    sigma: Vec<f32>,
    bias: Vec<f32>,
}

impl FlipoutDense {
    /// `loc` and `rho` are `[outputs × inputs]`, row-major (PyTorch's order; TensorFlow's kernel is its transpose);
    /// `bias` is `[outputs]`.
    ///
    /// # Errors
    /// [`UncertaintyError::Shape`] when the lengths do not fit, [`UncertaintyError::NotFinite`] when a number is not
    /// finite.
    pub fn new(
        inputs: usize,
        outputs: usize,
        loc: Vec<f32>,
        rho: &[f32],
        bias: Vec<f32>,
    ) -> Result<Self, UncertaintyError> {
        let weights = inputs.checked_mul(outputs).filter(|&count| count > 0);
        for (what, found, expected) in
            [("loc", loc.len(), weights), ("rho", rho.len(), weights), ("bias", bias.len(), Some(outputs))]
        {
            if Some(found) != expected {
                return Err(UncertaintyError::Shape { what, found, expected: expected.unwrap_or(0) });
            }
        }
        for (what, values) in [("loc", loc.as_slice()), ("rho", rho), ("bias", &bias)] {
            finite(what, values)?;
        }
        let sigma = rho.iter().copied().map(sigma_of_rho).collect();
        Ok(Self { inputs, outputs, loc, sigma, bias })
    }

    /// How many features the layer takes.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many logits it gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Mean and standard deviation of each logit, exactly: logits are distributed as `N(xμ + b, Σ x²σ²)`.
    ///
    /// # Errors
    /// [`UncertaintyError::Shape`] when there are not `inputs` features, [`UncertaintyError::NotFinite`] when one is
    /// not finite.
    pub fn exact_moments(&self, features: &[f32]) -> Result<(Vec<f32>, Vec<f32>), UncertaintyError> {
        self.check(features)?;
        let mean = self.means(features).into_iter().map(|mean| mean as f32).collect();
        let std = self
            .sigma
            .chunks_exact(self.inputs)
            .map(|sigma| {
                let square = |(x, sigma): (&f32, &f32)| (f64::from(*x) * f64::from(*sigma)).powi(2);
                features.iter().zip(sigma).map(square).sum::<f64>().sqrt() as f32
            })
            .collect();
        Ok((mean, std))
    }

    /// Logits of `passes` passes, `[passes × outputs]`: `y = xμ + b + ((x∘r)(σ∘ε))∘s` with random signs `r` (a
    /// feature) and `s` (a logit), and `ε` of standard normal numbers, all drawn afresh for each pass.
    ///
    /// The pass number chooses the generator's stream, so the result depends neither on the number of threads nor on
    /// the machine, and more passes extend what fewer gave. Features of 0 draw no numbers. `control` is asked before
    /// each pass and told how many are done.
    ///
    /// # Errors
    /// As [`FlipoutDense::exact_moments`], and [`UncertaintyError::Cancelled`].
    pub fn sample(
        &self,
        features: &[f32],
        passes: usize,
        seed: u64,
        control: &Control,
    ) -> Result<Vec<f32>, UncertaintyError> {
        self.sample_range(features, 0..passes, seed, control)
    }

    /// As [`FlipoutDense::sample`], of the passes of these numbers: those that follow on fewer.
    ///
    /// # Errors
    /// As [`FlipoutDense::sample`].
    pub fn sample_range(
        &self,
        features: &[f32],
        numbers: Range<usize>,
        seed: u64,
        control: &Control,
    ) -> Result<Vec<f32>, UncertaintyError> {
        self.check(features)?;
        let (start, passes) = (numbers.start, numbers.len());
        let Some(total) = passes.checked_mul(self.outputs).filter(|&total| total <= MOST_LOGITS) else {
            let (outputs, most) = (self.outputs, MOST_LOGITS / self.outputs);
            return Err(UncertaintyError::TooMany { passes, outputs, most });
        };
        let scaled = self.scaled(features);
        let means = self.means(features);
        let mut logits = vec![0.0; total];
        let batch = passes.div_ceil(REPORTS).max(1);
        for (number, batch_logits) in logits.chunks_mut(batch * self.outputs).enumerate() {
            control.check()?;
            batch_logits.par_chunks_exact_mut(self.outputs).enumerate().try_for_each(|(index, logits)| {
                control.check()?;
                let mut pass = Pass::new(seed, (start + number * batch + index) as u64);
                pass.run(&scaled, &means, logits);
                Ok::<(), UncertaintyError>(())
            })?;
            control.set_progress(((number + 1) * batch).min(passes) as f32 / passes as f32);
        }
        Ok(logits)
    }

    fn check(&self, features: &[f32]) -> Result<(), UncertaintyError> {
        if features.len() != self.inputs {
            return Err(UncertaintyError::Shape { what: "features", found: features.len(), expected: self.inputs });
        }
        finite("features", features)
    }

    fn means(&self, features: &[f32]) -> Vec<f64> {
        let dot = |row: &[f32]| -> f64 { features.iter().zip(row).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum() };
        self.loc.chunks_exact(self.inputs).zip(&self.bias).map(|(row, bias)| dot(row) + f64::from(*bias)).collect()
    }

    /// `x∘σ` for each logit, features of 0 left out, each row filled up to whole blocks with zeros.
    fn scaled(&self, features: &[f32]) -> Scaled {
        let active: Vec<(usize, f32)> = features.iter().copied().enumerate().filter(|&(_, x)| x != 0.0).collect();
        let width = active.len().next_multiple_of(BLOCK);
        let mut values = vec![0.0; width * self.outputs];
        if width > 0 {
            for (row, sigma) in values.chunks_exact_mut(width).zip(self.sigma.chunks_exact(self.inputs)) {
                for (value, &(index, x)) in row.iter_mut().zip(&active) {
                    *value = x * sigma[index];
                }
            }
        }
        Scaled { width, values }
    }
}

/// How often progress is reported and all threads meet.
const REPORTS: usize = 20;

/// The most logits of one call (256 MB).
const MOST_LOGITS: usize = 1 << 26;

/// `x∘σ`, `[outputs × width]`.
struct Scaled {
    width: usize,
    values: Vec<f32>,
}

/// The random numbers of one pass.
struct Pass {
    random: ChaCha8Rng,
}

impl Pass {
    fn new(seed: u64, number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(number);
        Self { random }
    }

    fn run(&mut self, scaled: &Scaled, means: &[f64], logits: &mut [f32]) {
        // The sign bit of `r` for each feature; `s` comes after them from the same stream.
        let mut signs = vec![0_u32; scaled.width];
        for chunk in signs.chunks_mut(32) {
            let bits = self.random.next_u32();
            for (place, sign) in chunk.iter_mut().enumerate() {
                *sign = (bits << (31 - place)) & 0x8000_0000;
            }
        }
        let mut normals = [0.0; BLOCK];
        for (index, (logit, mean)) in logits.iter_mut().zip(means).enumerate() {
            let s = if self.random.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
            let row = &scaled.values[index * scaled.width..(index + 1) * scaled.width];
            let mut noise = 0.0;
            for (row, signs) in row.chunks_exact(BLOCK).zip(signs.chunks_exact(BLOCK)) {
                normal::block(&mut self.random, &mut normals);
                noise += f64::from(signed_dot(row, signs, &normals));
            }
            *logit = (mean + s * noise) as f32;
        }
    }
}

/// `Σ (x∘r)·σ·ε` of one block, in eight sums whose order is fixed.
fn signed_dot(row: &[f32], signs: &[u32], normals: &[f32; BLOCK]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let rows = row.as_chunks::<8>().0.iter().zip(signs.as_chunks::<8>().0).zip(normals.as_chunks::<8>().0);
    for ((row, signs), normals) in rows {
        for lane in 0..8 {
            sums[lane] += f32::from_bits(row[lane].to_bits() ^ signs[lane]) * normals[lane];
        }
    }
    sums.iter().sum()
}

/// The standard deviation that TensorFlow Probability keeps as `rho`: `ε₃₂ + softplus(rho)`.
#[must_use]
pub fn sigma_of_rho(rho: f32) -> f32 {
    f32::EPSILON + softplus(rho)
}

/// `ln(1 + eˣ)` without overflow.
fn softplus(x: f32) -> f32 {
    let x = f64::from(x);
    (x.max(0.0) + (-x.abs()).exp().ln_1p()) as f32
}

fn finite(what: &'static str, values: &[f32]) -> Result<(), UncertaintyError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(UncertaintyError::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(inputs: usize, outputs: usize, rho: f32) -> FlipoutDense {
        let loc = (0..inputs * outputs).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
        let rho = vec![rho; inputs * outputs];
        FlipoutDense::new(inputs, outputs, loc, &rho, vec![0.25; outputs]).unwrap()
    }

    fn features(count: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 53 % 97) as f32 / 97.0 - 0.3).max(0.0)).collect()
    }

    fn sample(layer: &FlipoutDense, features: &[f32], passes: usize, seed: u64) -> Vec<f32> {
        layer.sample(features, passes, seed, &Control::default()).unwrap()
    }

    /// Mean and standard deviation of each logit lie within `errors` standard errors of the exact ones.
    fn assert_moments(layer: &FlipoutDense, features: &[f32], passes: usize, seed: u64, errors: f64) {
        let (mean, std) = layer.exact_moments(features).unwrap();
        let logits = sample(layer, features, passes, seed);
        let n = passes as f64;
        for class in 0..layer.outputs() {
            let values: Vec<f64> = logits.chunks_exact(layer.outputs()).map(|row| f64::from(row[class])).collect();
            let found = values.iter().sum::<f64>() / n;
            let spread = (values.iter().map(|v| (v - found).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let (mean, std) = (f64::from(mean[class]), f64::from(std[class]));
            let mean_error = (found - mean) / (std / n.sqrt());
            let std_error = (spread - std) / (std / (2.0 * (n - 1.0)).sqrt());
            assert!(mean_error.abs() < errors && std_error.abs() < errors, "{class}: {mean_error}, {std_error}");
        }
    }

    #[test]
    fn moments_are_the_exact_ones() {
        assert_moments(&layer(700, 5, -2.0), &features(700), 10_000, 1, 3.5);
    }

    #[test]
    fn logits_of_different_classes_and_passes_are_independent() {
        let (passes, layer) = (10_000, layer(300, 2, -1.0));
        let (mean, std) = layer.exact_moments(&features(300)).unwrap();
        let logits = sample(&layer, &features(300), passes, 5);
        let standard: Vec<f64> =
            logits.iter().enumerate().map(|(i, y)| f64::from((y - mean[i % 2]) / std[i % 2])).collect();
        let between: f64 = standard.chunks_exact(2).map(|row| row[0] * row[1]).sum::<f64>() / passes as f64;
        let along: f64 = standard.windows(3).map(|w| w[0] * w[2]).sum::<f64>() / (2 * passes) as f64;
        assert!(between.abs() < 0.035 && along.abs() < 0.025, "{between}, {along}");
    }

    #[test]
    fn threads_do_not_change_the_result() {
        let (layer, features) = (layer(700, 5, -2.0), features(700));
        let expected = sample(&layer, &features, 50, 9);
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| sample(&layer, &features, 50, 9)), expected, "{threads} threads");
        }
    }

    #[test]
    fn more_passes_extend_fewer_and_another_seed_gives_others() {
        let (layer, features) = (layer(700, 5, -2.0), features(700));
        let many = sample(&layer, &features, 137, 9);
        for passes in [0, 1, 50, 136] {
            assert_eq!(sample(&layer, &features, passes, 9), many[..passes * 5], "{passes} passes");
            let rest = layer.sample_range(&features, passes..137, 9, &Control::default()).unwrap();
            assert_eq!(rest, many[passes * 5..], "after {passes} passes");
        }
        assert_ne!(sample(&layer, &features, 1, 10), many[..5]);
        assert_ne!(many[..5], many[5..10]);
    }

    #[test]
    fn the_stream_is_what_it_was() {
        // Results are kept with their seed: numbers for a seed must not change from version to version.
        let logits = sample(&layer(3, 2, -1.0), &[1.0, 0.0, 0.5], 2, 42);
        for (found, expected) in logits.iter().zip([-0.027_715_787, -0.012_065_053, -0.443_454_06, -0.216_053_32]) {
            // The platform's exponential function stands behind σ.
            assert!((found - expected).abs() < 1e-6, "{logits:?}");
        }
    }

    #[test]
    fn a_layer_without_spread_gives_its_mean() {
        let layer = layer(20, 3, -200.0);
        let (mean, std) = layer.exact_moments(&features(20)).unwrap();
        assert!(std.iter().all(|&std| std < 1e-5));
        for row in sample(&layer, &features(20), 10, 1).chunks_exact(3) {
            assert!(row.iter().zip(&mean).all(|(found, mean)| (found - mean).abs() < 1e-5), "{row:?}");
        }
    }

    #[test]
    fn constant_and_zero_features() {
        assert_moments(&layer(64, 3, 0.5), &[2.0; 64], 10_000, 3, 3.5);
        let logits = sample(&layer(64, 3, 0.5), &[0.0; 64], 4, 3);
        assert_eq!(logits, [0.25; 12]);
    }

    #[test]
    fn wrong_parameters_and_features_are_refused_in_a_sentence() {
        let layer = layer(4, 2, 0.0);
        let refusal = |features: &[f32]| layer.sample(features, 2, 1, &Control::default()).unwrap_err().to_string();
        assert!(refusal(&[1.0; 3]).contains("features has 3 values where 4"));
        assert!(refusal(&[1.0, f32::NAN, 1.0, 1.0]).contains("NaN at position 1"));
        assert!(FlipoutDense::new(2, 1, vec![0.0; 2], &[0.0; 3], vec![0.0]).is_err());
        assert!(FlipoutDense::new(2, 1, vec![0.0; 2], &[0.0, f32::INFINITY], vec![0.0]).is_err());
        assert!(FlipoutDense::new(0, 1, vec![], &[], vec![0.0]).is_err());
        assert!(layer.sample(&[1.0; 4], usize::MAX, 1, &Control::default()).is_err());
    }

    #[test]
    fn a_cancelled_sampling_stops() {
        let control = Control::default();
        control.cancel();
        let stopped = layer(4, 2, 0.0).sample(&[1.0; 4], 100, 1, &control);
        assert!(matches!(stopped, Err(UncertaintyError::Cancelled(_))));
    }
}
