//! What many passes say together.

use rayon::prelude::*;

/// Statistics of the probabilities that several passes of a stochastic network gave.
///
/// Entropies are in nats (natural logarithm). The predictive entropy `H(mean p)` splits into the aleatoric part
/// `mean H(p)`, which is there in every single pass, and the epistemic part, their difference: the mutual
/// information of prediction and weights, by how much the passes disagree (Depeweg et al., 2018).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// How many passes there were.
    pub passes: usize,
    /// The mean probability of each class.
    pub mean: Vec<f32>,
    /// The standard deviation of each class's probability over the passes (divided by passes − 1; 0 for one pass).
    pub std: Vec<f32>,
    /// The median of each class.
    pub median: Vec<f32>,
    /// From the 25th to the 75th percentile of each class.
    pub interval50: Vec<[f32; 2]>,
    /// From the 5th to the 95th percentile of each class.
    pub interval90: Vec<[f32; 2]>,
    /// Predictive entropy, nats.
    pub entropy: f32,
    /// Its aleatoric part, nats.
    pub aleatoric: f32,
    /// Its epistemic part, nats, never below 0.
    pub epistemic: f32,
    /// The share of the passes in which the class is the most probable one; of equals, the first counts.
    pub top_probability: Vec<f32>,
}

impl Summary {
    /// Of probabilities `[passes × classes]`, row-major, whose classes exclude each other (softmax, or one sigmoid
    /// output as two classes).
    ///
    /// Percentiles lie between neighbours linearly, as NumPy's. A row that is not whole is left out; without passes
    /// or classes all lists are empty.
    #[must_use]
    pub fn of(probabilities: &[f32], classes: usize) -> Self {
        Self::with(probabilities, classes, entropy)
    }

    /// Of probabilities of classes that do not exclude each other (several sigmoid outputs): entropies are the sums of
    /// those of each class's yes or no.
    #[must_use]
    pub fn of_independent(probabilities: &[f32], classes: usize) -> Self {
        Self::with(probabilities, classes, |row| row.iter().map(|&p| entropy(&[p, 1.0 - p])).sum())
    }

    fn with(probabilities: &[f32], classes: usize, entropy: impl Fn(&[f64]) -> f64) -> Self {
        if classes == 0 || probabilities.len() < classes {
            return Self::default();
        }
        let passes = probabilities.len() / classes;
        let mut summary = Self { passes, ..Self::default() };
        let mut means = Vec::with_capacity(classes);
        // Column by column, on all cores: there may be ten thousands of passes of a thousand classes.
        let column = |class: usize| {
            let mut sorted: Vec<f32> = probabilities.chunks_exact(classes).map(|row| row[class]).collect();
            sorted.sort_unstable_by(f32::total_cmp);
            sorted
        };
        let columns: Vec<Column> = (0..classes).into_par_iter().map(|class| Column::of(&column(class))).collect();
        for column in columns {
            means.push(column.mean);
            summary.mean.push(column.mean as f32);
            summary.std.push(column.std as f32);
            let at = |part: usize| column.quantiles[part] as f32;
            summary.interval90.push([at(0), at(4)]);
            summary.interval50.push([at(1), at(3)]);
            summary.median.push(at(2));
        }
        let mut wins = vec![0_usize; classes];
        let mut aleatoric = 0.0;
        let mut values = Vec::with_capacity(classes);
        for row in probabilities.chunks_exact(classes) {
            let mut top = 0;
            for (class, probability) in row.iter().enumerate() {
                if *probability > row[top] {
                    top = class;
                }
            }
            wins[top] += 1;
            values.clear();
            values.extend(row.iter().map(|&p| f64::from(p)));
            aleatoric += entropy(&values);
        }
        aleatoric /= passes as f64;
        let predictive = entropy(&means);
        summary.entropy = predictive as f32;
        summary.aleatoric = aleatoric as f32;
        summary.epistemic = (predictive - aleatoric).max(0.0) as f32;
        summary.top_probability = wins.into_iter().map(|wins| wins as f32 / passes as f32).collect();
        summary
    }
}

/// The numbers of one class.
struct Column {
    mean: f64,
    std: f64,
    /// At 5, 25, 50, 75 and 95 percent.
    quantiles: [f64; 5],
}

impl Column {
    /// Of sorted probabilities, at least one.
    fn of(sorted: &[f32]) -> Self {
        let n = sorted.len();
        let mean = sorted.iter().map(|&p| f64::from(p)).sum::<f64>() / n as f64;
        let squares: f64 = sorted.iter().map(|&p| (f64::from(p) - mean).powi(2)).sum();
        let std = (squares / (n - 1).max(1) as f64).sqrt();
        Self { mean, std, quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(|part| quantile(sorted, part)) }
    }
}

/// `−Σ p ln p`, nats; what is not above 0 adds nothing.
fn entropy(probabilities: &[f64]) -> f64 {
    -probabilities.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

/// The quantile of a sorted list that is not empty, between neighbours linearly.
pub fn quantile<T: Copy + Into<f64>>(sorted: &[T], part: f64) -> f64 {
    let at = part * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high) = (sorted[below].into(), sorted[above].into());
    low + (high - low) * (at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f32, expected: f64) {
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn statistics_are_numpys() {
        let first = [0.1_f32, 0.4, 0.2, 0.9, 0.3];
        let rows: Vec<f32> = first.iter().flat_map(|&p| [p, 1.0 - p]).collect();
        let summary = Summary::of(&rows, 2);
        assert_eq!(summary.passes, 5);
        close(summary.mean[0], 0.38);
        close(summary.std[0], 0.311_448_23); // numpy.std(ddof=1)
        close(summary.median[0], 0.3);
        close(summary.interval50[0][0], 0.2);
        close(summary.interval50[0][1], 0.4);
        close(summary.interval90[0][0], 0.12);
        close(summary.interval90[0][1], 0.8);
        close(summary.top_probability[0], 0.2);
        close(summary.top_probability[1], 0.8);
    }

    #[test]
    fn certain_passes_that_disagree_are_all_epistemic() {
        let summary = Summary::of(&[1.0, 0.0, 0.0, 1.0], 2);
        close(summary.entropy, std::f64::consts::LN_2);
        close(summary.aleatoric, 0.0);
        close(summary.epistemic, std::f64::consts::LN_2);
    }

    #[test]
    fn undecided_passes_that_agree_are_all_aleatoric() {
        let summary = Summary::of(&[0.5, 0.5, 0.5, 0.5], 2);
        close(summary.aleatoric, std::f64::consts::LN_2);
        close(summary.epistemic, 0.0);
        assert_eq!(summary.std, [0.0, 0.0]);
    }

    #[test]
    fn independent_classes_add_their_entropies() {
        let summary = Summary::of_independent(&[0.5, 0.5, 1.0], 3);
        close(summary.entropy, 2.0 * std::f64::consts::LN_2);
    }

    #[test]
    fn one_pass_and_no_pass_have_no_spread() {
        assert_eq!(Summary::of(&[0.25, 0.75], 2).std, [0.0, 0.0]);
        assert_eq!(Summary::of(&[], 2), Summary::default());
        assert_eq!(Summary::of(&[0.5], 0), Summary::default());
    }
}
