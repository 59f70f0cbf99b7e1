//! How sure a network is: stochastic heads, sampling, densities.
//!
//! The network's trunk runs once; its features go through the stochastic last layer as often as asked for
//! ([`FlipoutDense::sample`]). [`Summary`] and [`Density`] describe the probabilities that come of it.

mod density;
mod error;
mod flipout;
mod gaussian;
mod histogram;
mod logit_normal;
pub(crate) mod normal;
mod summary;
mod verdict;

pub use density::Density;
pub use error::UncertaintyError;
pub use flipout::{FlipoutDense, sigma_of_rho};
pub use histogram::Histogram;
pub use logit_normal::LogitNormal;
pub use summary::Summary;
pub use verdict::{Classes, Verdict, VerdictRule};

use candle_core::Tensor;

use crate::graph::NodeId;

/// The stochastic last layer of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct StochasticHead {
    /// The layer's name in the graph.
    pub layer: String,
    /// The node whose output, `[1, features]`, the layer takes.
    pub input: NodeId,
    /// The posterior of the layer.
    pub dense: FlipoutDense,
}

/// A normal distribution over each weight of a layer, the weights independent of each other.
#[derive(Debug, Clone)]
pub struct WeightPosterior {
    /// The layer's name in the graph.
    pub layer: String,
    /// The means, in the shape of the layer's weights.
    pub mean: Tensor,
    /// The standard deviations, in the same shape.
    pub std: Tensor,
}
