//! EfficientNet B0 to B7 (Tan and Le 2019), as torchvision has them.

use super::{
    head,
    inverted::{Activation, Block, Squeeze, block, conv_norm, pointwise, scaled},
    layers::{Kernel, Layers, Width},
};
use crate::{
    graph::Graph,
    model::{ModelError, Weights},
};

/// Expansion, kernel, stride of the first block, width and blocks of each stage of B0.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

/// What tells the members of the family apart.
#[derive(Debug)]
pub(super) struct Variant {
    /// Multiplier of widths.
    width: f64,
    /// Multiplier of blocks.
    depth: f64,
    /// ε of batch normalisation.
    epsilon: f64,
}

pub(super) const B0: Variant = Variant { width: 1.0, depth: 1.0, epsilon: 1e-5 };
pub(super) const B1: Variant = Variant { width: 1.0, depth: 1.1, epsilon: 1e-5 };
pub(super) const B2: Variant = Variant { width: 1.1, depth: 1.2, epsilon: 1e-5 };
pub(super) const B3: Variant = Variant { width: 1.2, depth: 1.4, epsilon: 1e-5 };
pub(super) const B4: Variant = Variant { width: 1.4, depth: 1.8, epsilon: 1e-5 };
pub(super) const B5: Variant = Variant { width: 1.6, depth: 2.2, epsilon: 1e-3 };
pub(super) const B6: Variant = Variant { width: 1.8, depth: 2.6, epsilon: 1e-3 };
pub(super) const B7: Variant = Variant { width: 2.0, depth: 3.1, epsilon: 1e-3 };

pub(super) fn build(name: &'static str, weights: &mut Weights, variant: &Variant) -> Result<Graph, ModelError> {
    let mut layers = Layers::new(name, weights).epsilon(variant.epsilon);
    let at = layers.input("features.0.0");
    let first = (Kernel::unbiased(3, 2, 1), Width::FromWeights(scaled(32, variant.width)));
    let mut at = conv_norm(&mut layers, "features.0", at, first, Activation::Silu)?;
    for (stage, (expansion, kernel, stride, width, count)) in STAGES.into_iter().enumerate() {
        for index in 0..(count as f64 * variant.depth).ceil() as usize {
            let sizes = Block {
                kernel,
                stride: if index == 0 { stride } else { 1 },
                expanded: scaled(at.channels * expansion, 1.0),
                // Within a stage the sum with the input binds the width.
                width: if index == 0 {
                    Width::FromWeights(scaled(width, variant.width))
                } else {
                    Width::Exactly(at.channels)
                },
                squeeze: Some(Squeeze { width: (at.channels / 4).max(1), hard: false }),
                activation: Activation::Silu,
            };
            at = block(&mut layers, &format!("features.{}.{index}", stage + 1), at, &sizes)?;
        }
    }
    let last = pointwise(Width::FromWeights(4 * at.channels));
    let at = conv_norm(&mut layers, &format!("features.{}", STAGES.len() + 1), at, last, Activation::Silu)?;
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    head::dense(&mut layers, "classifier", "classifier.1", at)?;
    layers.finish()
}
