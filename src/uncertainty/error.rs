//! What can go wrong with a stochastic network.

use crate::graph::{Cancelled, GraphError};

/// Features or parameters that cannot be sampled with, or a sampling that was stopped.
#[derive(Debug, thiserror::Error)]
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
    #[error(
        "{passes} passes of {outputs} outputs are more numbers than are kept; ask for at most {most} passes of this \
         network"
    )]
    TooMany {
        /// The passes asked for.
        passes: usize,
        /// Outputs of the network.
        outputs: usize,
        /// The most passes there can be.
        most: usize,
    },
    /// A layer cannot be random in this way.
    #[error("The layer `{layer}` cannot be stochastic: {reason}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Why not.
        reason: String,
    },
    /// A network of an ensemble has other layers than the first.
    #[error("Network {member} of the ensemble, counted from 0, is another than the first: {difference}")]
    Member {
        /// The network's number.
        member: usize,
        /// The first difference.
        difference: String,
    },
    /// Nothing can be said of what makes a network unsure.
    #[error("What makes this network unsure can't be shown: {reason}")]
    Unsureness {
        /// Why not, and what to do.
        reason: String,
    },
    /// The network could not be run.
    #[error(transparent)]
    Graph(GraphError),
    /// The tensor library failed.
    #[error("The tensor library failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The sampling was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<GraphError> for UncertaintyError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Graph(other),
        }
    }
}
