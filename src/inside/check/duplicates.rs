//! Filters that do the same.

use super::finding::{counted, percent};
use super::measure::ALIKE;
use super::{Check, FilterReport, Finding, Report, Severity};

/// From this share of filters on that are copies of an earlier one a layer needs attention.
const MANY: f32 = 0.1;
/// From this share on it is serious.
const MOST: f32 = 0.3;
/// So many pairs are written out.
const SHOWN: usize = 6;

/// Filters of one layer with nearly the same direction.
pub(super) struct Duplicates;

impl Check for Duplicates {
    fn name(&self) -> &'static str {
        "duplicates"
    }

    fn title(&self) -> &'static str {
        "Duplicate filters"
    }

    fn definition(&self) -> &'static str {
        "Two filters of one layer are duplicates when the cosine of the angle between their weights is at least 0.99: \
         they look for the same thing, at most with another strength. Filters of zeros, filters of fewer than nine \
         numbers and filters that look at different channels are not compared."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        report.filters.iter().filter_map(finding).collect()
    }
}

fn finding(filters: &FilterReport) -> Option<Finding> {
    let pairs = filters.duplicates.as_ref().filter(|pairs| !pairs.is_empty())?;
    // Each filter that has an earlier one like it could go.
    let mut copies: Vec<usize> = pairs.iter().map(|pair| pair.second).collect();
    copies.sort_unstable();
    copies.dedup();
    let share = copies.len() as f32 / filters.shape[0].max(1) as f32;
    let severity = match share {
        share if share >= MOST => Severity::Serious,
        share if share >= MANY => Severity::Attention,
        _ => Severity::Notice,
    };
    let mut shown: Vec<String> = pairs
        .iter()
        .take(SHOWN)
        .map(|pair| format!("{} and {} (cosine {:.3})", pair.first, pair.second, pair.cosine))
        .collect();
    if pairs.len() > SHOWN {
        shown.push(format!("{} more pairs", pairs.len() - SHOWN));
    }
    Some(Finding {
        kind: Duplicates.name(),
        severity,
        layer: Some(filters.layer.clone()),
        what: format!(
            "{} of {} of {} ({}) {} like an earlier one: {}.",
            copies.len(),
            counted(filters.shape[0], "filter"),
            filters.layer,
            percent(share),
            if copies.len() == 1 { "looks" } else { "look" },
            shown.join(", "),
        ),
        channels: copies,
        rule: format!(
            "Cosine of at least {ALIKE}. Notice from one pair on, attention from {}, serious from {} of a layer's filters.",
            percent(MANY),
            percent(MOST)
        ),
        advice:
            "The layer has more filters than it uses: prune the copies and add their outgoing weights, or train with \
                 fewer filters. A penalty on correlated activations, or dropout, makes filters differ. Filters that \
                 began alike and stayed alike point to an initialisation that does not break the symmetry."
                .to_owned(),
        source: "Li et al. 2017, Pruning Filters for Efficient ConvNets; RoyChowdhury et al. 2017, Reducing Duplicate \
                 Filters in Deep Neural Networks; Cogswell et al. 2016, Reducing Overfitting by Decorrelating \
                 Representations."
            .to_owned(),
    })
}
