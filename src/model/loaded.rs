//! A loaded model: the network with what its card says about input and output.

use std::sync::Arc;

use candle_core::Device;

use super::{
    Card, Input, ModelError,
    card::{Activation, InputCard, Order},
    input,
    layers::LayerInfo,
    narrow::Narrow,
};
use crate::{
    display::Picture,
    explain::{InputSpace, Squash},
    graph::Graph,
    uncertainty::{Classes, Sampler, StochasticHead, WeightPosterior},
};

/// A network ready to run, with its card.
#[derive(Debug, Clone)]
pub struct Model {
    /// The card, as read.
    pub card: Card,
    /// SHA-256 of the card's text, lower-case hexadecimal.
    pub card_sha256: String,
    /// SHA-256 of the weight file, lower-case hexadecimal.
    pub weights_sha256: String,
    /// The network; its output is the raw logits. With a stochastic head it computes with the mean weights.
    pub graph: Arc<Graph>,
    /// Where the network runs.
    pub device: Device,
    /// The stochastic last layer, if the card's head is one.
    pub stochastic: Option<StochasticHead>,
    /// Layers whose weights have a distribution, by their means and standard deviations; the network computes with the
    /// means.
    pub posteriors: Vec<WeightPosterior>,
    /// Draws passes, where something in the network is random: layers with posteriors, dropout, the members of an
    /// ensemble. Stacks and segmentations have none.
    pub sampler: Option<Arc<Sampler>>,
    /// What is random, in words for people.
    pub randomness: Option<String>,
    /// SHA-256 of the further weight files of an ensemble, in the card's order.
    pub ensemble_sha256: Vec<String>,
    /// The large dense layers whose weights are kept in 16 bits; `None` where all are in `f32`.
    pub narrow: Option<Narrow>,
    /// Whether a batch is the slices of one stack and gives one row of logits.
    pub stack: bool,
    /// Whether the network classifies each pixel: its output is `[batch, classes, rows, columns]`.
    pub segmentation: bool,
    /// The classes' names, one for each probability.
    pub classes: Vec<String>,
    /// What a user should know of how the weights were read, one sentence each.
    pub notes: Vec<String>,
    pub(super) layers: Vec<LayerInfo>,
    pub(super) default_layer: String,
    pub(super) outputs: usize,
}

impl Model {
    /// The network's input for a slice, as the card says.
    ///
    /// # Errors
    /// [`ModelError::Input`] when the picture cannot be used, [`ModelError::Tensor`] when the device has no room.
    pub fn input(&self, picture: &Picture) -> Result<Input, ModelError> {
        input::prepare(&self.card, picture, &self.device)
    }

    /// All layers in the order of computation, with their shapes for an input of the card's size.
    #[must_use]
    pub fn layers(&self) -> &[LayerInfo] {
        &self.layers
    }

    /// The layer that explanations start from: the card's, else the last spatial one.
    #[must_use]
    pub fn default_layer(&self) -> &str {
        &self.default_layer
    }

    /// How many logits the network gives for a picture (or stack).
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Probabilities of the classes from logits, by the card's activation; as many as [`Model::classes`].
    ///
    /// One sigmoid output gives two, negative and positive, where there are two classes.
    #[must_use]
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        match (self.card.output.activation, logits) {
            (Activation::Softmax, _) => softmax(logits),
            (Activation::None, _) => logits.to_vec(),
            (Activation::Sigmoid, &[logit]) if self.classes.len() == 2 => vec![sigmoid(-logit), sigmoid(logit)],
            (Activation::Sigmoid, _) => logits.iter().copied().map(sigmoid).collect(),
        }
    }

    /// How the network's input relates to pixels, and its logits to probabilities, for explanation methods.
    #[must_use]
    pub fn space(&self) -> InputSpace {
        let InputCard { scale, ref mean, ref std, order, .. } = self.card.input;
        let per_channel = |given: &[f64], default: f64| {
            [0, 1, 2].map(|channel| given.get(channel).or(given.first()).copied().unwrap_or(default))
        };
        InputSpace {
            scale,
            mean: per_channel(mean, 0.0),
            std: per_channel(std, 1.0),
            reversed: order == Order::Bgr,
            squash: match self.card.output.activation {
                Activation::Softmax => Squash::Softmax,
                Activation::Sigmoid => Squash::Sigmoid,
                Activation::None => Squash::None,
            },
        }
    }

    /// Whether the classes exclude each other, so that their probabilities sum to 1.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        match self.card.output.activation {
            Activation::Softmax => true,
            Activation::Sigmoid => self.outputs == 1,
            Activation::None => false,
        }
    }

    /// How the classes belong together, for entropies and verdicts. One sigmoid whose card names a single class is a yes
    /// or no.
    #[must_use]
    pub fn class_relation(&self) -> Classes {
        match self.card.output.activation {
            Activation::None => Classes::NoProbabilities,
            Activation::Softmax => Classes::Exclusive,
            Activation::Sigmoid if self.outputs == 1 && self.classes.len() == 2 => Classes::Exclusive,
            Activation::Sigmoid => Classes::Independent,
        }
    }

    /// Which logit speaks for a class, and with which sign: −1 for the negative class of one sigmoid output. `None`
    /// when there is no such class.
    #[must_use]
    pub fn logit_of_class(&self, class: usize) -> Option<(usize, f32)> {
        match (class, self.outputs, self.classes.len()) {
            (0, 1, 2) => Some((0, -1.0)),
            (1, 1, 2) => Some((0, 1.0)),
            _ if class < self.outputs => Some((class, 1.0)),
            _ => None,
        }
    }
}

/// `exp(x) / Σ exp(x)`, shifted by the greatest logit so that nothing overflows, summed in `f64`.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(greatest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}

/// `1 / (1 + exp(−x))` without overflow.
fn sigmoid(logit: f32) -> f32 {
    let power = (-f64::from(logit).abs()).exp();
    let small = power / (1.0 + power);
    (if logit < 0.0 { small } else { 1.0 - small }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_stable_and_sums_to_one() {
        for logits in [vec![0.0; 4], vec![1e30, 1e30, -1e30], vec![-1000.0, -1001.0], vec![88.0, 89.0, 90.0]] {
            let probabilities = softmax(&logits);
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{probabilities:?}");
        }
        assert!((softmax(&[1.0, 2.0])[1] - 0.731_058_6).abs() < 1e-6);
    }

    #[test]
    fn sigmoid_is_stable_at_both_ends() {
        assert_eq!((sigmoid(0.0), sigmoid(1e30), sigmoid(-1e30)), (0.5, 1.0, 0.0));
        assert!((sigmoid(-2.0) - 0.119_202_92).abs() < 1e-7 && (sigmoid(2.0) - 0.880_797_1).abs() < 1e-6);
    }
}
