//! One row: a piece of work, run often enough that its median means something.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::load::Load;
use super::machine::{forget_peak_memory, peak_memory};
use super::subject::{Given, Subject};
use super::work::Work;

/// How often a piece of work is run.
#[derive(Clone, Copy)]
pub enum Repeat {
    /// For two seconds, at least three times; once where a run takes long.
    Usual,
    /// So many times.
    Count(usize),
}

/// How long a row of [`Repeat::Usual`] lasts, and from when on a single run is enough.
const ENOUGH: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(3);

/// The least and the most runs of [`Repeat::Usual`].
const RUNS: std::ops::RangeInclusive<usize> = 3..=1000;

/// What was measured of one piece of work.
#[derive(Serialize)]
pub struct Row {
    /// The model's name.
    pub network: String,
    /// The work's name.
    pub work: String,
    /// What was set of the method.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub settings: String,
    /// Shape of the network's input, all images together.
    pub input: Vec<usize>,
    /// Logits of the network.
    pub outputs: usize,
    /// Passes drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passes: Option<usize>,
    /// Measured runs.
    pub runs: usize,
    /// Median time of a run, milliseconds.
    pub median_ms: f64,
    /// Shortest run, milliseconds.
    pub least_ms: f64,
    /// The first, unmeasured run, milliseconds; what is prepared at first use is in it.
    pub first_ms: f64,
    /// Images (slices, maps) a second, from the median; passes a second for passes.
    pub per_second: f64,
    /// The most memory the process had during the runs, weights included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Cores that others kept busy on average meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<f64>,
    /// How long all measured runs took.
    #[serde(skip)]
    pub seconds: f64,
}

/// Runs a piece of work as often as wanted; also gives what the first run gave.
pub fn row(subject: &Subject, work: &Work, repeat: Repeat) -> Result<(Row, Given), String> {
    let load = Load::now();
    forget_peak_memory();
    let begun = Instant::now();
    let given = subject.run(work)?;
    let first = begun.elapsed();

    let mut times: Vec<Duration> = Vec::new();
    let mut measured = load;
    if matches!(repeat, Repeat::Usual) && first > LONG {
        // What is prepared at first use is little beside a run of this length.
        times.push(first);
    } else {
        measured = Load::now();
        let begun = Instant::now();
        let is_enough = |runs: usize| match repeat {
            Repeat::Count(wanted) => runs >= wanted,
            Repeat::Usual => runs >= *RUNS.end() || (runs >= *RUNS.start() && begun.elapsed() >= ENOUGH),
        };
        while !is_enough(times.len()) {
            let begun = Instant::now();
            std::hint::black_box(subject.run(work)?);
            times.push(begun.elapsed());
        }
    }
    let others = measured.and_then(|load| load.others_since());
    let total: Duration = times.iter().sum();
    let (median, least) = median_and_least(times.clone());
    let passes = matches!(work, Work::Passes).then(|| given.shape[0]);
    let units = passes.unwrap_or_else(|| subject.images(work));
    let row = Row {
        network: subject.model.card.name.clone(),
        work: work.name().to_owned(),
        settings: work.set(),
        input: subject.input_shape(),
        outputs: subject.model.outputs(),
        passes,
        runs: times.len(),
        median_ms: median * 1e3,
        least_ms: least * 1e3,
        first_ms: first.as_secs_f64() * 1e3,
        per_second: units as f64 / median.max(f64::MIN_POSITIVE),
        peak_memory_bytes: peak_memory(),
        others,
        seconds: total.as_secs_f64(),
    };
    Ok((row, given))
}

/// Median and least of times, seconds; the mean of the two middle ones where their number is even.
fn median_and_least(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |index: usize| times.get(index).map_or(0.0, Duration::as_secs_f64);
    (f64::midpoint(at(times.len() / 2), at(times.len().saturating_sub(1) / 2)), at(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let ms = |times: &[u64]| median_and_least(times.iter().map(|&ms| Duration::from_millis(ms)).collect());
        assert_eq!(ms(&[30, 10, 20]), (0.02, 0.01));
        assert_eq!(ms(&[40, 10, 20, 30]), (0.025, 0.01));
        assert_eq!(ms(&[7]), (0.007, 0.007));
    }
}
