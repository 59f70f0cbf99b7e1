//! Ridge regression on sets of superpixels with weights, as scikit-learn's `Ridge(alpha=1)` with `sample_weight`.

use super::{
    Coalitions,
    solve::{Factor, dot},
};
use crate::graph::{Cancelled, Control};

/// What the squared coefficients count.
const ALPHA: f64 = 1.0;

/// A linear model of the score, one coefficient a superpixel.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearModel {
    /// What a visible superpixel adds.
    pub coefficients: Vec<f64>,
    /// The score with everything hidden.
    pub intercept: f64,
    /// The weighted coefficient of determination on the sets that the model was fitted to: 1 where it is exact, 0
    /// where it is no better than a constant (1 for a constant score, as there is nothing to explain).
    pub r_squared: f64,
}

impl LinearModel {
    /// The score that the model gives a set.
    #[must_use]
    pub fn predict(&self, visible: &[bool]) -> f64 {
        let visible = self.coefficients.iter().zip(visible).filter(|(_, visible)| **visible);
        self.intercept + visible.map(|(coefficient, _)| coefficient).sum::<f64>()
    }
}

/// Fits `scores`, one for each of the first sets, each with its weight: least weighted squares plus the squared
/// coefficients; the intercept is free. The smaller of the two equivalent systems is solved, that of the superpixels
/// or that of the sets. `None` where the numbers are not finite.
///
/// # Errors
/// [`Cancelled`].
pub(in crate::explain) fn fit(
    sets: &Coalitions,
    weights: &[f64],
    scores: &[f64],
    control: &Control,
) -> Result<Option<LinearModel>, Cancelled> {
    let count = scores.len();
    let weights = &weights[..count];
    let total: f64 = weights.iter().sum();
    let mean_score = dot(weights, scores) / total;
    let mut mean_set = vec![0.0; sets.superpixels()];
    for (set, weight) in sets.iter().zip(weights) {
        add_visible(&mut mean_set, set, weight / total);
    }
    let centred: Vec<f64> = scores.iter().map(|score| score - mean_score).collect();
    let solved = if sets.superpixels() <= count {
        primal(sets, weights, &mean_set, &centred, control)?
    } else {
        dual(sets, weights, &mean_set, &centred, control)?
    };
    let Some(coefficients) = solved else { return Ok(None) };
    let intercept = mean_score - dot(&mean_set, &coefficients);
    let mut model = LinearModel { coefficients, intercept, r_squared: 0.0 };
    let (mut unexplained, mut spread) = (0.0, 0.0);
    for ((set, weight), score) in sets.iter().zip(weights).zip(scores) {
        unexplained += weight * (score - model.predict(set)).powi(2);
        spread += weight * (score - mean_score).powi(2);
    }
    model.r_squared = match (unexplained > 0.0, spread > 0.0) {
        (_, true) => 1.0 - unexplained / spread,
        (false, false) => 1.0,
        (true, false) => 0.0,
    };
    Ok(model.intercept.is_finite().then_some(model))
}

/// `(Σ w (x − x̄)(x − x̄)ᵀ + α) c = Σ w (x − x̄)(y − ȳ)`.
fn primal(
    sets: &Coalitions,
    weights: &[f64],
    mean_set: &[f64],
    scores: &[f64],
    control: &Control,
) -> Result<Option<Vec<f64>>, Cancelled> {
    let size = sets.superpixels();
    let mut matrix = vec![0.0; size * size];
    let mut right = vec![0.0; size];
    let mut visible = Vec::with_capacity(size);
    for ((set, &weight), score) in sets.iter().zip(weights).zip(scores) {
        control.check()?;
        visible.clear();
        visible.extend(set.iter().enumerate().filter(|(_, visible)| **visible).map(|(superpixel, _)| superpixel));
        for (number, &row) in visible.iter().enumerate() {
            let line = &mut matrix[row * size..][..size];
            visible[..=number].iter().for_each(|&column| line[column] += weight);
            right[row] += weight * score;
        }
    }
    // Σ w (y − ȳ) is 0, so that the right side needs no mean of x.
    let total: f64 = weights.iter().sum();
    for row in 0..size {
        for column in 0..=row {
            matrix[row * size + column] -= total * mean_set[row] * mean_set[column];
        }
        matrix[row * size + row] += ALPHA;
    }
    Ok(Factor::of(matrix, size, control)?.map(|factor| factor.solve(&right)))
}

/// `c = Xᵀ S a` with `(S X Xᵀ S + α) a = S y`, where `X` is centred and `S` the root of the weights.
fn dual(
    sets: &Coalitions,
    weights: &[f64],
    mean_set: &[f64],
    scores: &[f64],
    control: &Control,
) -> Result<Option<Vec<f64>>, Cancelled> {
    let size = scores.len();
    let bits: Vec<Vec<u64>> = sets.iter().take(size).map(packed).collect();
    let with_mean: Vec<f64> = sets.iter().take(size).map(|set| sum_visible(mean_set, set)).collect();
    let mean_square = dot(mean_set, mean_set);
    let roots: Vec<f64> = weights.iter().map(|weight| weight.sqrt()).collect();
    let mut matrix = vec![0.0; size * size];
    for row in 0..size {
        control.check()?;
        for column in 0..=row {
            let common: u32 = bits[row].iter().zip(&bits[column]).map(|(a, b)| (a & b).count_ones()).sum();
            let product = f64::from(common) - with_mean[row] - with_mean[column] + mean_square;
            matrix[row * size + column] = roots[row] * roots[column] * product;
        }
        matrix[row * size + row] += ALPHA;
    }
    let Some(factor) = Factor::of(matrix, size, control)? else { return Ok(None) };
    let right: Vec<f64> = roots.iter().zip(scores).map(|(root, score)| root * score).collect();
    let shares: Vec<f64> = factor.solve(&right).iter().zip(&roots).map(|(a, root)| a * root).collect();
    let total: f64 = shares.iter().sum();
    let mut coefficients: Vec<f64> = mean_set.iter().map(|mean| -mean * total).collect();
    for (set, &share) in sets.iter().zip(&shares) {
        add_visible(&mut coefficients, set, share);
    }
    Ok(Some(coefficients))
}

fn add_visible(sums: &mut [f64], set: &[bool], amount: f64) {
    sums.iter_mut().zip(set).filter(|(_, visible)| **visible).for_each(|(sum, _)| *sum += amount);
}

fn sum_visible(values: &[f64], set: &[bool]) -> f64 {
    values.iter().zip(set).filter(|(_, visible)| **visible).map(|(value, _)| value).sum()
}

/// A set as bits.
fn packed(set: &[bool]) -> Vec<u64> {
    set.chunks(64).map(|part| part.iter().rev().fold(0, |bits, &visible| bits << 1 | u64::from(visible))).collect()
}
