//! DenseNet (Huang et al. 2017), as torchvision has it.
//!
//! A layer takes the outputs of all layers before it. They are joined one by one (`denselayer3.cat` is `denselayer2.cat`
//! and what `denselayer2` gave), which is the same and copies less.
//!
//! torchvision rectifies the output of `features.norm5` in place, so that whoever looks at this module from outside, as
//! pytorch-grad-cam does, sees it rectified, but with the gradient from before the rectification. To give the same maps
//! under the same name, the module ends in that rectifier (`features.norm5.relu`); the second one after it (`relu`)
//! changes no value and takes from the gradient what the rectification takes.

use super::{
    head,
    layers::{At, Kernel, Layers, Width},
};
use crate::{
    graph::{
        Graph,
        ops::{AvgPool2d, MaxPool2d},
    },
    model::{ModelError, Weights},
};

/// What tells the members of the family apart.
#[derive(Debug)]
pub(super) struct Variant {
    /// Layers in `denseblock1` … `denseblock4`.
    blocks: [usize; 4],
    /// Channels that each layer adds.
    growth: usize,
    /// Channels of the first convolution.
    first: usize,
}

pub(super) const DENSENET121: Variant = Variant { blocks: [6, 12, 24, 16], growth: 32, first: 64 };
pub(super) const DENSENET161: Variant = Variant { blocks: [6, 12, 36, 24], growth: 48, first: 96 };
pub(super) const DENSENET169: Variant = Variant { blocks: [6, 12, 32, 32], growth: 32, first: 64 };
pub(super) const DENSENET201: Variant = Variant { blocks: [6, 12, 48, 32], growth: 32, first: 64 };

/// Channels between a layer's two convolutions, in multiples of the growth.
const BOTTLENECK: usize = 4;

pub(super) fn build(name: &'static str, weights: &mut Weights, variant: &Variant) -> Result<Graph, ModelError> {
    weights.rename(&today);
    let mut layers = Layers::new(name, weights);
    let at = layers.input("features.conv0");
    let at = layers.conv("features.conv0", at, Kernel::unbiased(7, 2, 3), Width::FromWeights(variant.first))?;
    let at = layers.batch_norm("features.norm0", at)?;
    let at = layers.relu("features.relu0", at);
    let mut at = layers.max_pool("features.pool0", at, MaxPool2d::square(3, 2, 1, false));
    for (index, &count) in variant.blocks.iter().enumerate() {
        at = block(&mut layers, &format!("features.denseblock{}", index + 1), at, count, variant.growth)?;
        if index + 1 < variant.blocks.len() {
            at = transition(&mut layers, &format!("features.transition{}", index + 1), at)?;
        }
    }
    let at = layers.batch_norm_of("features.norm5", "features.norm5.batch_norm", at)?;
    let at = layers.functional_relu("features.norm5.relu", at);
    let at = layers.functional_relu("relu", at);
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    head::dense(&mut layers, "classifier", "classifier", at)?;
    layers.finish()
}

/// `count` layers, each of which adds its channels to those before.
fn block(layers: &mut Layers, module: &str, at: At, count: usize, growth: usize) -> Result<At, ModelError> {
    // Each layer joins what all before it have made anew, as torchvision does: so joining can go with normalising.
    let mut made = vec![at];
    for number in 1..=count {
        let layer = format!("{module}.denselayer{number}");
        let all = if number == 1 { at } else { layers.concat(&format!("{layer}.cat"), &made) };
        let inner = layers.batch_norm(&format!("{layer}.norm1"), all)?;
        let inner = layers.relu(&format!("{layer}.relu1"), inner);
        let width = Width::FromWeights(BOTTLENECK * growth);
        let inner = layers.conv(&format!("{layer}.conv1"), inner, Kernel::unbiased(1, 1, 0), width)?;
        let inner = layers.batch_norm(&format!("{layer}.norm2"), inner)?;
        let inner = layers.relu(&format!("{layer}.relu2"), inner);
        let width = Width::FromWeights(growth);
        made.push(layers.conv(&format!("{layer}.conv2"), inner, Kernel::unbiased(3, 1, 1), width)?);
    }
    Ok(if count == 0 { at } else { layers.concat(&format!("{module}.cat"), &made) })
}

/// Half the channels, half the rows and columns.
fn transition(layers: &mut Layers, module: &str, at: At) -> Result<At, ModelError> {
    let at = layers.batch_norm(&format!("{module}.norm"), at)?;
    let at = layers.relu(&format!("{module}.relu"), at);
    let width = Width::FromWeights(at.channels / 2);
    let at = layers.conv(&format!("{module}.conv"), at, Kernel::unbiased(1, 1, 0), width)?;
    Ok(layers.add(&format!("{module}.pool"), AvgPool2d::new([2; 2], [2; 2]), at, at.channels))
}

/// The name that torchvision gives today to a tensor of its pretrained files (`denselayer1.norm.1.weight`).
fn today(name: &str) -> Option<String> {
    let (before, after) = name.split_once(".denselayer")?;
    let (number, part) = after.split_once('.')?;
    let (kind, rest) = part.split_once('.')?;
    let (which, tensor) = rest.split_once('.')?;
    (["norm", "relu", "conv"].contains(&kind) && ["1", "2"].contains(&which))
        .then(|| format!("{before}.denselayer{number}.{kind}{which}.{tensor}"))
}
