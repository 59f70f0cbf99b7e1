//! What a finding is.

use serde::Serialize;

use super::Report;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; nothing is wrong by itself.
    Notice,
    /// Something that training could do better.
    Attention,
    /// Something that is likely to cost performance.
    Serious,
}

impl Severity {
    /// All, the mildest first.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Attention, Self::Serious];

    /// One word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "Notice",
            Self::Attention => "Attention",
            Self::Serious => "Serious",
        }
    }
}

/// One thing that the check has found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The kind's name in [`super::CHECKS`].
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The layer that it is about; `None` for the network as a whole.
    pub layer: Option<String>,
    /// The channels or filters that it is about.
    pub channels: Vec<usize>,
    /// What was found, with its figures, in plain sentences.
    pub what: String,
    /// The rule by which it was found, with its thresholds.
    pub rule: String,
    /// What the literature advises.
    pub advice: String,
    /// Where the advice is from.
    pub source: String,
}

/// One kind of finding.
pub trait Check: Sync {
    /// A name for files and tests.
    fn name(&self) -> &'static str;

    /// A heading for people.
    fn title(&self) -> &'static str;

    /// What is measured and how, in plain sentences.
    fn definition(&self) -> &'static str;

    /// What it finds in the measurements.
    fn look(&self, report: &Report) -> Vec<Finding>;
}

/// `1 channel`, `3 channels`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `3, 17 and 40`, or the first few `and 12 more`.
pub(super) fn listed(indices: &[usize]) -> String {
    /// More than these make a sentence unreadable; the finding itself has all.
    const SHOWN: usize = 12;
    let words: Vec<String> = indices.iter().take(SHOWN).map(ToString::to_string).collect();
    match (indices.len() > SHOWN, words.split_last()) {
        (true, _) => format!("{} and {} more", words.join(", "), indices.len() - SHOWN),
        (false, Some((last, rest))) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// `12 %`, `0.4 %`.
pub(super) fn percent(share: f32) -> String {
    let percent = f64::from(share) * 100.0;
    if percent != 0.0 && percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain() {
        assert_eq!((counted(1, "filter"), counted(0, "filter")), ("1 filter".to_owned(), "0 filters".to_owned()));
        assert_eq!(listed(&[4]), "4");
        assert_eq!(listed(&[4, 7, 9]), "4, 7 and 9");
        assert_eq!(listed(&(0..20).collect::<Vec<_>>()), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more");
        assert_eq!(
            (percent(0.123), percent(0.004), percent(1.0)),
            ("12 %".to_owned(), "0.4 %".to_owned(), "100 %".to_owned())
        );
        assert!(Severity::Notice < Severity::Serious);
    }
}
