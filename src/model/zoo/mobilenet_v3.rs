//! MobileNet v3, large and small (Howard et al. 2019), as torchvision has them.

use super::{
    head,
    inverted::{Activation, Block, Squeeze, block, conv_norm, pointwise, scaled},
    layers::{Kernel, Layers, Width},
};
use crate::{
    graph::Graph,
    model::{ModelError, Weights},
};

/// Kernel, usual expanded and outgoing widths of a block, whether it squeezes, its activation, its stride.
type Row = (usize, usize, usize, bool, Activation, usize);

/// What tells the two members of the family apart.
#[derive(Debug)]
pub(super) struct Variant {
    rows: &'static [Row],
    /// Usual width of the dense layer before the classifier.
    hidden: usize,
}

use Activation::{HardSwish, Relu};

pub(super) const LARGE: Variant = Variant {
    rows: &[
        (3, 16, 16, false, Relu, 1),
        (3, 64, 24, false, Relu, 2),
        (3, 72, 24, false, Relu, 1),
        (5, 72, 40, true, Relu, 2),
        (5, 120, 40, true, Relu, 1),
        (5, 120, 40, true, Relu, 1),
        (3, 240, 80, false, HardSwish, 2),
        (3, 200, 80, false, HardSwish, 1),
        (3, 184, 80, false, HardSwish, 1),
        (3, 184, 80, false, HardSwish, 1),
        (3, 480, 112, true, HardSwish, 1),
        (3, 672, 112, true, HardSwish, 1),
        (5, 672, 160, true, HardSwish, 2),
        (5, 960, 160, true, HardSwish, 1),
        (5, 960, 160, true, HardSwish, 1),
    ],
    hidden: 1280,
};

pub(super) const SMALL: Variant = Variant {
    rows: &[
        (3, 16, 16, true, Relu, 2),
        (3, 72, 24, false, Relu, 2),
        (3, 88, 24, false, Relu, 1),
        (5, 96, 40, true, HardSwish, 2),
        (5, 240, 40, true, HardSwish, 1),
        (5, 240, 40, true, HardSwish, 1),
        (5, 120, 48, true, HardSwish, 1),
        (5, 144, 48, true, HardSwish, 1),
        (5, 288, 96, true, HardSwish, 2),
        (5, 576, 96, true, HardSwish, 1),
        (5, 576, 96, true, HardSwish, 1),
    ],
    hidden: 1024,
};

/// Usual width of the first convolution.
const FIRST: usize = 16;

pub(super) fn build(name: &'static str, weights: &mut Weights, variant: &Variant) -> Result<Graph, ModelError> {
    let mut layers = Layers::new(name, weights).epsilon(1e-3);
    let at = layers.input("features.0.0");
    let first = (Kernel::unbiased(3, 2, 1), Width::FromWeights(FIRST));
    let mut at = conv_norm(&mut layers, "features.0", at, first, HardSwish)?;
    let mut usual = FIRST;
    for (index, &(kernel, expanded, width, squeezes, activation, stride)) in variant.rows.iter().enumerate() {
        let sizes = Block {
            kernel,
            stride,
            expanded,
            // The sum with the input binds the width.
            width: if stride == 1 && width == usual { Width::Exactly(at.channels) } else { Width::FromWeights(width) },
            squeeze: squeezes.then(|| Squeeze { width: scaled(expanded / 4, 1.0), hard: true }),
            activation,
        };
        at = block(&mut layers, &format!("features.{}", index + 1), at, &sizes)?;
        usual = width;
    }
    let last = format!("features.{}", variant.rows.len() + 1);
    let at = conv_norm(&mut layers, &last, at, pointwise(Width::FromWeights(6 * usual)), HardSwish)?;
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    if head::is_replaced(&layers, "classifier", &[0, 3]) {
        head::dense(&mut layers, "classifier", "classifier", at)?;
        return layers.finish();
    }
    let at = layers.linear("classifier.0", at, variant.hidden)?;
    let at = super::inverted::activate(&mut layers, "classifier.1", at, HardSwish);
    let at = layers.dropout("classifier.2", at);
    head::dense(&mut layers, "classifier.3", "classifier.3", at)?;
    layers.finish()
}
