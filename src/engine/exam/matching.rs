//! Which series of a study an exam's planes are.

use crate::model::exam::{Column, Exam, PlaneChoice};
use crate::study::{Plane, Series, Study};

/// The series of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The series by its place in the study; `None` where there is none.
    pub series: Option<usize>,
    /// Series that fit as well, in the order of the study.
    pub others: Vec<usize>,
    /// Why there is none, or why this one; for people.
    pub words: String,
}

/// Finds the series of each column: those of its plane whose description is like the column's; of several the one
/// with the most slices, of equally many the first.
#[must_use]
pub fn matches(exam: &Exam, study: &Study) -> Vec<Match> {
    exam.columns.iter().map(|column| find(column, study)).collect()
}

fn find(column: &Column, study: &Study) -> Match {
    let of_plane: Vec<usize> = (0..study.series.len()).filter(|&at| is_of_plane(column, &study.series[at])).collect();
    let mut fitting = of_plane.clone();
    fitting.retain(|&at| column.description.as_ref().is_none_or(|like| is_like(&study.series[at].description, like)));
    let plane = if column.plane == PlaneChoice::Any { "" } else { column.plane.word() };
    let kind = format!("{plane} series").trim().to_owned();
    let best = fitting.iter().copied().reduce(|best, at| {
        let slices = |at: usize| study.series[at].positions();
        if slices(at) > slices(best) { at } else { best }
    });
    let Some(best) = best else {
        let words = match &column.description {
            Some(like) if !of_plane.is_empty() => format!("No {kind} of this study has a description like \"{like}\""),
            _ => format!("No {kind} in this study"),
        };
        return Match { series: None, others: Vec::new(), words };
    };
    let words = match fitting.len() {
        1 => format!("The only {kind} that fits"),
        count => format!("Of {count} {kind} that fit the one with the most slices"),
    };
    fitting.retain(|&at| at != best);
    Match { series: Some(best), others: fitting, words }
}

fn is_of_plane(column: &Column, series: &Series) -> bool {
    let plane = series.likely_plane();
    match column.plane {
        PlaneChoice::Axial => plane == Plane::Axial,
        PlaneChoice::Coronal => plane == Plane::Coronal,
        PlaneChoice::Sagittal => plane == Plane::Sagittal,
        PlaneChoice::Any => true,
    }
}

/// Whether a description contains a text, or fits a pattern with `*` from end to end; without regard to case.
fn is_like(description: &str, like: &str) -> bool {
    let (text, like) = (description.to_lowercase(), like.to_lowercase());
    if !like.contains('*') {
        return text.contains(&like);
    }
    let parts: Vec<&str> = like.split('*').collect();
    // At least two parts, since there is a `*`.
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else { return false };
    for part in &parts[1..parts.len() - 1] {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_compared_by_part_or_by_pattern() {
        for (description, like, expected) in [
            ("PD FS cor", "pd fs", true),
            ("PD FS cor", "T2", false),
            ("PD FS cor", "pd*cor", true),
            ("PD FS cor", "PD*", true),
            ("PD FS cor", "*FS*", true),
            ("PD FS cor", "FS*", false),
            ("PD FS cor", "*FS", false),
            ("PD FS cor", "*c*d*", false),
            ("", "*", true),
            ("", "", true),
            ("ab", "ab*b", false),
        ] {
            assert_eq!(is_like(description, like), expected, "{description:?} like {like:?}");
        }
    }
}
