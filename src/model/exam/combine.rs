//! The planes' probabilities of one task, and the one that they become.

use std::fmt::Write;

use super::card::{Combine, Missing, TaskCard};

/// What a plane says of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// Its probability, 0 ..= 1.
    Is(f64),
    /// It is still being computed.
    Pending,
    /// There is no such plane, or it could not be judged.
    Missing,
}

/// The combined answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// The probability; `None` where there is none (yet).
    pub probability: Option<f64>,
    /// The planes that were missing, by their place among the parts.
    pub missing: Vec<usize>,
    /// Whether planes are still being computed, so that the probability is that of some of them.
    pub is_interim: bool,
    /// How it came about, in a sentence.
    pub words: String,
}

/// Combines the parts of a task, each with the name of its plane, by the task's rule.
///
/// The logistic regression is `sigmoid(Σ weight · probability + intercept)` (Bien et al., 2018). Its weights were
/// fitted together, so it says nothing before all planes are there, and nothing or the plain mean when one is missing.
#[must_use]
pub fn combine(task: &TaskCard, parts: &[(&str, Part)]) -> Combined {
    let missing: Vec<usize> = (0..parts.len()).filter(|&at| parts[at].1 == Part::Missing).collect();
    let there: Vec<(&str, f64)> =
        parts.iter().filter_map(|(name, part)| if let Part::Is(p) = part { Some((*name, *p)) } else { None }).collect();
    let names = |wanted: &dyn Fn(Part) -> bool| {
        let names: Vec<&str> = parts.iter().filter(|(_, part)| wanted(*part)).map(|(name, _)| *name).collect();
        listed(&names)
    };
    let absent = names(&|part| part == Part::Missing);
    let waiting = names(&|part| part == Part::Pending);
    let present = names(&|part| matches!(part, Part::Is(_)));
    let is_interim = !waiting.is_empty();
    let (is, are) = (if missing.len() == 1 { "is" } else { "are" }, if missing.len() == 1 { "it" } else { "them" });
    let answer = |probability, words| Combined { probability, missing: missing.clone(), is_interim, words };

    let regression = task.combine == Combine::Logistic;
    if !missing.is_empty() && task.missing() == Missing::Refuse {
        let rule = if regression { "the regression needs every plane" } else { "the card wants every plane" };
        return answer(None, format!("No combined result: {absent} {is} missing, and {rule}."));
    }
    if there.is_empty() {
        let words = if is_interim { format!("Waiting for {waiting}.") } else { "No plane could be judged.".to_owned() };
        return answer(None, words);
    }
    let mean = there.iter().map(|(_, p)| p).sum::<f64>() / there.len() as f64;
    let mean_of = if there.len() == 1 { present.clone() } else { format!("mean of {present}") };
    if regression && missing.is_empty() {
        if is_interim {
            return answer(None, format!("The regression waits for {waiting}."));
        }
        let sum: f64 = there.iter().map(|(name, p)| task.weights.get(*name).copied().unwrap_or(0.0) * p).sum();
        let logit = sum + task.intercept.unwrap_or(0.0);
        return answer(Some(1.0 / (1.0 + (-logit).exp())), format!("Logistic regression of {present}."));
    }
    let mut words = if is_interim { format!("So far {mean_of}") } else { capital(&mean_of) };
    if is_interim {
        let _ = write!(words, "; {waiting} to come");
    }
    if !missing.is_empty() && regression {
        let _ = write!(words, "; {absent} {is} missing, so the mean stands in for the regression");
    } else if !missing.is_empty() {
        let _ = write!(words, "; {absent} {is} missing, and the card leaves {are} out");
    }
    words.push('.');
    answer(Some(mean), words)
}

/// "axial, coronal and sagittal".
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
