//! VGG with and without batch normalisation (Simonyan and Zisserman 2015), as torchvision has it.

use super::{
    head,
    layers::{Kernel, Layers, Width},
};
use crate::{
    graph::{Graph, ops::MaxPool2d},
    model::{ModelError, Weights},
};

/// How many convolutions stand before each of the five max poolings.
pub(super) type Blocks = [usize; 5];

pub(super) const VGG11: Blocks = [1, 1, 2, 2, 2];
pub(super) const VGG13: Blocks = [2, 2, 2, 2, 2];
pub(super) const VGG16: Blocks = [2, 2, 3, 3, 3];
pub(super) const VGG19: Blocks = [2, 2, 4, 4, 4];

/// Usual widths of the blocks.
const WIDTHS: [usize; 5] = [64, 128, 256, 512, 512];

pub(super) fn build(
    name: &'static str,
    weights: &mut Weights,
    blocks: &Blocks,
    normalised: bool,
) -> Result<Graph, ModelError> {
    let mut layers = Layers::new(name, weights);
    let mut at = layers.input("features.0");
    let mut number = 0;
    let mut next = || {
        number += 1;
        format!("features.{}", number - 1)
    };
    for (&count, width) in blocks.iter().zip(WIDTHS) {
        for _ in 0..count {
            at = layers.conv(&next(), at, Kernel::new(3, 1, 1), Width::FromWeights(width))?;
            if normalised {
                at = layers.batch_norm(&next(), at)?;
            }
            at = layers.relu(&next(), at);
        }
        at = layers.max_pool(&next(), at, MaxPool2d::square(2, 2, 0, false));
    }
    at = layers.pool_and_flatten("avgpool", "flatten", at, 7);
    if head::is_replaced(&layers, "classifier", &[0, 3, 6]) {
        head::dense(&mut layers, "classifier", "classifier", at)?;
        return layers.finish();
    }
    for number in [0, 3] {
        at = layers.linear(&format!("classifier.{number}"), at, 4096)?;
        at = layers.relu(&format!("classifier.{}", number + 1), at);
        at = layers.dropout(&format!("classifier.{}", number + 2), at);
    }
    head::dense(&mut layers, "classifier.6", "classifier.6", at)?;
    layers.finish()
}
