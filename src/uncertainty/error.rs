//! What can go wrong with a stochastic head.

use crate::graph::Cancelled;

/// Features or parameters that cannot be sampled with, or a sampling that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UncertaintyError {
    /// A list has the wrong length.
    #[error("The stochastic layer's {what} has {found} values where {expected} are expected")]
    Shape {
        /// Which list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// A number is NaN or infinite.
    #[error("The stochastic layer's {what} has the value {value} at position {index}; every value must be finite")]
    NotFinite {
        /// Which list.
        what: &'static str,
        /// The position in it.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// More passes than memory is taken for.
    #[error("{passes} passes are too many to keep; ask for fewer")]
    TooMany {
        /// The passes asked for.
        passes: usize,
    },
    /// The sampling was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
