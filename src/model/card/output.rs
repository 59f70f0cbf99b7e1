//! `[output]`: what the network's outputs mean.

use serde::{Deserialize, Serialize};

use super::Aggregate;

/// `[output]`: what the network's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCard {
    /// From logits to probabilities. Default: softmax.
    #[serde(default)]
    pub activation: Activation,
    /// What is stochastic. Default: dense, which is nothing.
    #[serde(default)]
    pub head: Head,
    /// How the slices of a stack are joined; only for stack models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<SliceReduction>,
    /// How a network that judges single slices judges a stack: applied to the slices' probabilities. Default: mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
}

/// From logits to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The classes exclude each other.
    #[default]
    Softmax,
    /// Each output for itself; with one output, the probability of the positive class.
    Sigmoid,
    /// The outputs as they are.
    None,
}

/// What of a network is stochastic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Ordinary weights.
    #[default]
    Dense,
    /// A normal distribution over each weight of some dense layers or convolutions, mostly the last (Flipout; Wen et
    /// al., 2018): the weight file has `LAYER.weight_rho` beside `LAYER.weight`.
    Flipout,
    /// Dropout that stays on, where `[uncertainty] dropout` says (Gal and Ghahramani, 2016).
    Dropout,
}

/// How the slices of a stack become one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SliceReduction {
    /// Maximum over the slices of each pooled feature, then linear (MRNet; Bien et al., 2018).
    Max,
}
