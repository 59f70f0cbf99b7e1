//! The network check: what the weights and the activations over many images say about how a network was trained.
//!
//! Two steps. Measuring ([`Tally`], [`measure_filters`]) gives numbers and no judgement. Then each finding kind of
//! [`CHECKS`] looks at the measured [`Report`] and says what it sees, by a rule that it states, with the advice of the
//! literature. A new kind is one file here and one line in the registry.

mod confidence;
mod dead;
mod duplicates;
mod field;
mod finding;
mod measure;
mod nearly_dead;
mod noise;
mod report;
mod saturation;
mod sparsity;
mod tally;

pub use finding::{Check, Finding, Severity};
pub use measure::{Activation, activation, measure_filters};
pub use report::{FilterReport, LayerReport, Lesion, Outputs, Pair, Report};
pub use tally::Tally;

/// All kinds of finding, in the order in which they are reported.
pub static CHECKS: &[&dyn Check] = &[
    &dead::Dead,
    &nearly_dead::NearlyDead,
    &duplicates::Duplicates,
    &noise::Noise,
    &sparsity::Sparsity,
    &saturation::Saturation,
    &confidence::Confidence,
    &field::Field,
];

#[cfg(test)]
mod tests;
