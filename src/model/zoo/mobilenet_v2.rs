//! MobileNet v2 (Sandler et al. 2018), as torchvision has it.

use super::{
    head,
    inverted::{Activation, conv_norm, depthwise, pointwise, residual},
    layers::{At, Kernel, Layers, Width},
};
use crate::{
    graph::Graph,
    model::{ModelError, Weights},
};

/// Expansion, usual width, blocks and stride of the first block of each stage.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

pub(super) fn build(weights: &mut Weights) -> Result<Graph, ModelError> {
    let mut layers = Layers::new("mobilenet_v2", weights);
    let at = layers.input("features.0.0");
    let first = (Kernel::unbiased(3, 2, 1), Width::FromWeights(32));
    let mut at = conv_norm(&mut layers, "features.0", at, first, Activation::Relu6)?;
    let mut number = 1;
    for (expansion, width, count, stride) in STAGES {
        for index in 0..count {
            let module = format!("features.{number}");
            // Within a stage the sum with the input binds the width.
            let width = if index == 0 { Width::FromWeights(width) } else { Width::Exactly(at.channels) };
            at = block(&mut layers, &module, at, expansion, (width, if index == 0 { stride } else { 1 }))?;
            number += 1;
        }
    }
    let last = pointwise(Width::FromWeights(1280));
    let at = conv_norm(&mut layers, &format!("features.{number}"), at, last, Activation::Relu6)?;
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    head::dense(&mut layers, "classifier", "classifier.1", at)?;
    layers.finish()
}

/// Expand, filter each channel, project; then the sum with the input where that fits.
fn block(
    layers: &mut Layers,
    module: &str,
    at: At,
    expansion: usize,
    (width, stride): (Width, usize),
) -> Result<At, ModelError> {
    let (mut inner, mut number) = (at, 0);
    let name = |number: usize| format!("{module}.conv.{number}");
    if expansion != 1 {
        let expanded = pointwise(Width::FromWeights(at.channels * expansion));
        inner = conv_norm(layers, &name(number), inner, expanded, Activation::Relu6)?;
        number += 1;
    }
    inner = conv_norm(layers, &name(number), inner, depthwise(inner, 3, stride), Activation::Relu6)?;
    inner = layers.conv(&name(number + 1), inner, Kernel::unbiased(1, 1, 0), width)?;
    inner = layers.batch_norm(&name(number + 2), inner)?;
    Ok(residual(layers, module, at, inner, stride))
}
