//! Which part of a picture's values lies below which value.

/// Values looked at; of more every nth.
const LOOKED_AT: usize = 1 << 16;

/// Steps of a thousandth, from the least value to the greatest.
const STEPS: usize = 1000;

/// The values below which 0, 0.1, 0.2, … 100 percent of a picture's values lie: four kilobytes, so that the window of
/// a preset is looked up wherever it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantiles(Vec<f32>);

impl Quantiles {
    /// Those of the numbers among the values; sorts up to 2¹⁶ of them.
    pub fn of(values: &[f32]) -> Self {
        let step = Self::step(values.len());
        let mut sample: Vec<f32> = values.iter().copied().step_by(step).filter(|v| v.is_finite()).collect();
        sample.sort_unstable_by(f32::total_cmp);
        Self(places(sample.len()).filter_map(|at| sample.get(at).copied()).collect())
    }

    /// Those of values that are there so many times each, in ascending order.
    pub fn of_counts(counted: &[(f32, u32)]) -> Self {
        let total: usize = counted.iter().map(|(_, count)| *count as usize).sum();
        let mut rest = counted.iter();
        let (mut value, mut below) = (0.0, 0);
        let quantiles = places(total).filter(|_| total > 0).map(|at| {
            while below <= at {
                let Some((next, count)) = rest.next() else { break };
                value = *next;
                below += *count as usize;
            }
            value
        });
        Self(quantiles.collect())
    }

    /// Of so many values every nth is looked at.
    pub fn step(count: usize) -> usize {
        (count / LOOKED_AT).max(1)
    }

    /// The values below which `low` and `high` percent lie, to a tenth of a percent; `whole` where they are one value,
    /// as where nearly all pixels of a mask are.
    pub fn between(&self, low: f64, high: f64, whole: (f32, f32)) -> (f32, f32) {
        let step = |percent: f64| (percent.clamp(0.0, 100.0) / 100.0 * STEPS as f64).round() as usize;
        let at = |percent| self.0.get(step(percent)).copied().unwrap_or(0.0);
        let (low, high) = (at(low), at(high));
        if low < high { (low, high) } else { whole }
    }
}

/// Where the quantiles stand among so many sorted values.
fn places(count: usize) -> impl Iterator<Item = usize> {
    let last = count.saturating_sub(1) as f64;
    (0..=STEPS).map(move |step| (step as f64 / STEPS as f64 * last).round() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_of_a_percent_of_what_is_a_number() {
        let values: Vec<f32> = (0..=2000).map(|value| value as f32).chain([f32::NAN, f32::INFINITY]).collect();
        let quantiles = Quantiles::of(&values);
        assert_eq!(quantiles.between(0.0, 100.0, (7.0, 8.0)), (0.0, 2000.0));
        assert_eq!(quantiles.between(0.5, 99.9, (7.0, 8.0)), (10.0, 1998.0));
        assert_eq!(quantiles.between(f64::NAN, 300.0, (7.0, 8.0)), (0.0, 2000.0));
        assert_eq!(Quantiles::of(&[3.0; 9]).between(1.0, 99.0, (3.0, 4.0)), (3.0, 4.0));
        assert_eq!(Quantiles::of(&[]).between(1.0, 99.0, (0.0, 0.0)), (0.0, 0.0));
    }
}
