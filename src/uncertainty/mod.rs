//! How sure a network is: stochastic heads, sampling, densities.
//!
//! A [`Sampler`] draws passes of a network whose weights ([`Noise::Weights`]), dropout masks ([`Noise::Dropout`]) or
//! members are random. What comes before the first random layer runs once; a dense Flipout layer at the end has a
//! sampler of its own ([`FlipoutDense`]). [`Summary`] and [`Density`] describe the probabilities that come of it,
//! [`VerdictRule`] says whether they count as determinate, and [`Sampler::unsureness`] is what the passes disagree
//! about, as a network that explanation methods can be asked of.

mod density;
mod error;
mod flipout;
mod gaussian;
mod histogram;
mod logit_normal;
mod noise;
pub(crate) mod normal;
mod random;
mod sampler;
mod summary;
mod unsureness;
mod verdict;

pub use density::Density;
pub use error::UncertaintyError;
pub use flipout::{FlipoutDense, sigma_of_rho};
pub use histogram::Histogram;
pub use logit_normal::LogitNormal;
pub use noise::Noise;
pub use sampler::{Member, Sampler, Start};
pub use summary::Summary;
pub use unsureness::Unsureness;
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
    /// The standard deviations of the bias, where it has a distribution too.
    pub bias_std: Option<Tensor>,
}
