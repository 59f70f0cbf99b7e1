//! Whether an answer counts as determinate, by a rule that the model card sets. It never replaces the numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Summary;

/// What a rule makes of the passes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Whether the answer is determinate by the rule.
    pub sure: bool,
    /// The verdict with its reason, as "indeterminate: the 90 % intervals of the two top classes (a, b) overlap".
    pub words: String,
    /// The rule as the card has it, as `overlap90`.
    pub rule: String,
}

/// When an answer is indeterminate: if any of the conditions holds.
///
/// As text, conditions are joined by `or`, as `overlap90 or epistemic > 0.1`. A condition is `overlap90` or `overlap50`
/// (the intervals of the two top classes overlap; with classes that do not exclude each other: an interval holds 0.5),
/// or `NAME > NUMBER` or `NAME < NUMBER` with one of the names `entropy`, `aleatoric`, `epistemic` (nats), `top` (the
/// mean probability of the most probable class), `agreement` (the share of the passes in which it is the most probable).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerdictRule {
    conditions: Vec<Condition>,
}

/// How the network's classes belong together, which decides what an overlap is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classes {
    /// They exclude each other.
    Exclusive,
    /// Each is a yes or no of its own.
    Independent,
    /// The outputs are no probabilities.
    NoProbabilities,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Condition {
    Overlap(Interval),
    Above(Quantity, f32),
    Below(Quantity, f32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interval {
    Half,
    NineTenths,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Entropy,
    Aleatoric,
    Epistemic,
    Top,
    Agreement,
}

impl Default for VerdictRule {
    /// `overlap90`.
    fn default() -> Self {
        Self { conditions: vec![Condition::Overlap(Interval::NineTenths)] }
    }
}

impl VerdictRule {
    /// The verdict on passes of a network with these class names.
    #[must_use]
    pub fn judge(&self, summary: &Summary, names: &[String], classes: Classes) -> Verdict {
        let rule = self.to_string();
        if classes == Classes::NoProbabilities {
            let words = "no verdict: the network's outputs are no probabilities".to_owned();
            return Verdict { sure: false, words, rule };
        }
        if summary.passes == 0 {
            return Verdict { sure: false, words: "no verdict: nothing has been drawn".to_owned(), rule };
        }
        let findings: Vec<(bool, String)> =
            self.conditions.iter().map(|condition| condition.holds(summary, names, classes)).collect();
        let sure = findings.iter().all(|(holds, _)| !holds);
        let reasons: Vec<&str> =
            findings.iter().filter(|(holds, _)| *holds != sure).map(|(_, reason)| reason.as_str()).collect();
        let word = if sure { "determinate" } else { "indeterminate" };
        Verdict { sure, words: format!("{word}: {}", reasons.join("; ")), rule }
    }
}

impl Condition {
    /// Whether it holds, and a clause that says so or that it does not.
    fn holds(self, summary: &Summary, names: &[String], classes: Classes) -> (bool, String) {
        match self {
            Self::Overlap(interval) if classes == Classes::Exclusive => overlap(summary, names, interval),
            Self::Overlap(interval) => undecided(summary, names, interval),
            Self::Above(quantity, bound) => {
                let value = quantity.of(summary);
                let holds = value > bound;
                let relation = if holds { "above" } else { "not above" };
                (holds, format!("{} is {}, {relation} {bound}{}", quantity.words(), number(value), quantity.unit()))
            }
            Self::Below(quantity, bound) => {
                let value = quantity.of(summary);
                let holds = value < bound;
                let relation = if holds { "below" } else { "not below" };
                (holds, format!("{} is {}, {relation} {bound}{}", quantity.words(), number(value), quantity.unit()))
            }
        }
    }
}

/// Whether the intervals of the two classes of the greatest mean overlap.
fn overlap(summary: &Summary, names: &[String], interval: Interval) -> (bool, String) {
    let mut order: Vec<usize> = (0..summary.mean.len()).collect();
    order.sort_by(|&a, &b| summary.mean[b].total_cmp(&summary.mean[a]));
    let &[first, second, ..] = order.as_slice() else {
        return (false, "there is only one class".to_owned());
    };
    let intervals = interval.of(summary);
    let holds = intervals[second][1] >= intervals[first][0] && intervals[first][1] >= intervals[second][0];
    let pair = match (names.get(first), names.get(second)) {
        (Some(first), Some(second)) => format!(" ({first}, {second})"),
        _ => String::new(),
    };
    let verb = if holds { "overlap" } else { "do not overlap" };
    (holds, format!("the {} intervals of the two top classes{pair} {verb}", interval.words()))
}

/// Whether the interval of any class, each a yes or no of its own, holds one half.
fn undecided(summary: &Summary, names: &[String], interval: Interval) -> (bool, String) {
    let open: Vec<String> = interval
        .of(summary)
        .iter()
        .enumerate()
        .filter(|(_, [low, high])| *low <= 0.5 && *high >= 0.5)
        .map(|(class, _)| names.get(class).cloned().unwrap_or_else(|| format!("class {class}")))
        .collect();
    let words = interval.words();
    match open.as_slice() {
        [] => (false, format!("no class's {words} interval holds 0.5")),
        [one] => (true, format!("the {words} interval of {one} holds 0.5")),
        several => (true, format!("the {words} intervals of {} hold 0.5", several.join(", "))),
    }
}

impl Interval {
    fn of(self, summary: &Summary) -> &[[f32; 2]] {
        match self {
            Self::Half => &summary.interval50,
            Self::NineTenths => &summary.interval90,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Half => "50 %",
            Self::NineTenths => "90 %",
        }
    }
}

impl Quantity {
    const ALL: [Self; 5] = [Self::Entropy, Self::Aleatoric, Self::Epistemic, Self::Top, Self::Agreement];

    fn name(self) -> &'static str {
        match self {
            Self::Entropy => "entropy",
            Self::Aleatoric => "aleatoric",
            Self::Epistemic => "epistemic",
            Self::Top => "top",
            Self::Agreement => "agreement",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Entropy => "the predictive entropy",
            Self::Aleatoric => "the aleatoric part of the entropy",
            Self::Epistemic => "the epistemic part of the entropy",
            Self::Top => "the top class's mean probability",
            Self::Agreement => "the share of passes that agree on the top class",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Entropy | Self::Aleatoric | Self::Epistemic => " nats",
            Self::Top | Self::Agreement => "",
        }
    }

    /// The largest bound that makes sense, if there is one.
    fn most(self) -> f32 {
        match self {
            Self::Top | Self::Agreement => 1.0,
            _ => f32::MAX,
        }
    }

    fn of(self, summary: &Summary) -> f32 {
        let top = |values: &[f32]| {
            let order = (0..summary.mean.len()).max_by(|&a, &b| summary.mean[a].total_cmp(&summary.mean[b]));
            order.and_then(|class| values.get(class).copied()).unwrap_or(0.0)
        };
        match self {
            Self::Entropy => summary.entropy,
            Self::Aleatoric => summary.aleatoric,
            Self::Epistemic => summary.epistemic,
            Self::Top => top(&summary.mean),
            Self::Agreement => top(&summary.top_probability),
        }
    }
}

/// Three digits say enough, and a small number must not read as 0.
fn number(value: f32) -> String {
    if value != 0.0 && value.abs() < 0.001 { format!("{value:.1e}") } else { format!("{value:.3}") }
}

impl fmt::Display for VerdictRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.conditions.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            match condition {
                Condition::Overlap(Interval::Half) => f.write_str("overlap50")?,
                Condition::Overlap(Interval::NineTenths) => f.write_str("overlap90")?,
                Condition::Above(quantity, bound) => write!(f, "{} > {bound}", quantity.name())?,
                Condition::Below(quantity, bound) => write!(f, "{} < {bound}", quantity.name())?,
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for VerdictRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let conditions = text.split(" or ").map(condition).collect::<Option<Vec<_>>>();
        conditions.map(|conditions| Self { conditions }).ok_or_else(|| {
            let names = Quantity::ALL.map(Quantity::name).join(", ");
            format!(
                "`indeterminate` is \"{text}\"; expected conditions joined by \" or \", each of them overlap90, \
                 overlap50, or NAME > NUMBER or NAME < NUMBER with a NAME of {names} (top and agreement: 0 to 1)"
            )
        })
    }
}

fn condition(text: &str) -> Option<Condition> {
    let text = text.trim();
    match text {
        "overlap90" => return Some(Condition::Overlap(Interval::NineTenths)),
        "overlap50" => return Some(Condition::Overlap(Interval::Half)),
        _ => {}
    }
    let (at, is_above) = match (text.find('>'), text.find('<')) {
        (Some(at), None) => (at, true),
        (None, Some(at)) => (at, false),
        _ => return None,
    };
    let quantity = Quantity::ALL.into_iter().find(|quantity| quantity.name() == text[..at].trim())?;
    let bound: f32 = text[at + 1..].trim().parse().ok()?;
    if !(bound.is_finite() && (0.0..=quantity.most()).contains(&bound)) {
        return None;
    }
    Some(if is_above { Condition::Above(quantity, bound) } else { Condition::Below(quantity, bound) })
}

impl TryFrom<String> for VerdictRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<VerdictRule> for String {
    fn from(rule: VerdictRule) -> Self {
        rule.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["nv", "mel", "bkl"].map(str::to_owned).to_vec()
    }

    /// Two passes-worth of numbers: the intervals come from the spread between the rows.
    fn summary(rows: &[[f32; 3]]) -> Summary {
        Summary::of(rows.as_flattened(), 3)
    }

    fn judged(rule: &str, summary: &Summary) -> (bool, String) {
        let rule: VerdictRule = rule.parse().unwrap();
        let Verdict { sure, words, .. } = rule.judge(summary, &names(), Classes::Exclusive);
        (sure, words)
    }

    #[test]
    fn overlapping_intervals_of_the_top_classes_are_indeterminate() {
        let apart = summary(&[[0.9, 0.05, 0.05], [0.8, 0.15, 0.05]]);
        assert_eq!(
            judged("overlap90", &apart),
            (true, "determinate: the 90 % intervals of the two top classes (nv, mel) do not overlap".to_owned())
        );
        let crossing = summary(&[[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]);
        assert_eq!(
            judged("overlap90", &crossing),
            (false, "indeterminate: the 90 % intervals of the two top classes (nv, mel) overlap".to_owned())
        );
        let verdict = VerdictRule::default().judge(&crossing, &names(), Classes::Exclusive);
        assert_eq!((verdict.sure, verdict.rule.as_str()), (false, "overlap90"));
    }

    #[test]
    fn any_condition_suffices_and_only_what_holds_is_the_reason() {
        let found = summary(&[[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]);
        let (sure, words) = judged("overlap90 or top < 0.9 or epistemic > 0.5", &found);
        assert_eq!(
            (sure, words.as_str()),
            (false, "indeterminate: the top class's mean probability is 0.650, below 0.9")
        );
        let (sure, words) = judged("entropy > 1.0 or agreement < 0.95", &found);
        assert!(sure, "{words}");
        assert!(
            words.contains("0.85") && words.contains("not above 1 nats") && words.contains("1.000, not below 0.95")
        );
    }

    #[test]
    fn classes_of_their_own_are_open_where_an_interval_holds_one_half() {
        let both = Summary::of_independent(&[0.4, 0.9, 0.1, 0.6, 0.95, 0.2], 3);
        let rule = VerdictRule::default();
        let verdict = rule.judge(&both, &names(), Classes::Independent);
        assert_eq!((verdict.sure, verdict.words.as_str()), (false, "indeterminate: the 90 % interval of nv holds 0.5"));
        let clear = Summary::of_independent(&[0.1, 0.9, 0.1], 3);
        assert!(rule.judge(&clear, &names(), Classes::Independent).sure);
        let none = rule.judge(&clear, &names(), Classes::NoProbabilities);
        assert!(!none.sure && none.words.starts_with("no verdict"));
        assert!(!rule.judge(&Summary::default(), &names(), Classes::Exclusive).sure);
    }

    #[test]
    fn rules_are_read_as_they_are_written() {
        for text in ["overlap90", "overlap50 or entropy > 0.5", "top < 0.8 or epistemic > 0.05 or aleatoric > 1"] {
            assert_eq!(text.parse::<VerdictRule>().unwrap().to_string(), text);
        }
        for text in ["", "overlap", "top > 1.5", "entropy > NaN", "entropy > -1", "mass > 3", "top 0.3", "top <> 0.3"] {
            let error = text.parse::<VerdictRule>().unwrap_err();
            assert!(error.contains("overlap90") && error.contains("agreement"), "{error}");
        }
    }
}
