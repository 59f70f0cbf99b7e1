//! ResNet (He et al. 2016), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko 2016), as torchvision has them.
//!
//! A block's ReLU module is used several times in torchvision; the nodes are `relu1`, `relu2`, … in the order of use,
//! and `relu` is another name for the last.

use super::{
    head,
    layers::{At, Kernel, Layers, Width},
};
use crate::{
    graph::{
        Graph,
        ops::{Add, MaxPool2d},
    },
    model::{ModelError, Weights},
};

/// What tells the members of the family apart.
#[derive(Debug)]
pub(super) struct Variant {
    /// Blocks in `layer1` … `layer4`.
    blocks: [usize; 4],
    /// Three convolutions a block instead of two.
    bottleneck: bool,
    /// Groups of the 3×3 convolution.
    groups: usize,
    /// Width of one group in `layer1`.
    group_width: usize,
}

const fn basic(blocks: [usize; 4]) -> Variant {
    Variant { blocks, bottleneck: false, groups: 1, group_width: 64 }
}

const fn bottleneck(blocks: [usize; 4], groups: usize, group_width: usize) -> Variant {
    Variant { blocks, bottleneck: true, groups, group_width }
}

pub(super) const RESNET18: Variant = basic([2, 2, 2, 2]);
pub(super) const RESNET34: Variant = basic([3, 4, 6, 3]);
pub(super) const RESNET50: Variant = bottleneck([3, 4, 6, 3], 1, 64);
pub(super) const RESNET101: Variant = bottleneck([3, 4, 23, 3], 1, 64);
pub(super) const RESNET152: Variant = bottleneck([3, 8, 36, 3], 1, 64);
pub(super) const RESNEXT50_32X4D: Variant = bottleneck([3, 4, 6, 3], 32, 4);
pub(super) const RESNEXT101_32X8D: Variant = bottleneck([3, 4, 23, 3], 32, 8);
pub(super) const RESNEXT101_64X4D: Variant = bottleneck([3, 4, 23, 3], 64, 4);
pub(super) const WIDE_RESNET50_2: Variant = bottleneck([3, 4, 6, 3], 1, 128);
pub(super) const WIDE_RESNET101_2: Variant = bottleneck([3, 4, 23, 3], 1, 128);

pub(super) fn build(name: &'static str, weights: &mut Weights, variant: &Variant) -> Result<Graph, ModelError> {
    let mut layers = Layers::new(name, weights);
    let at = layers.input("conv1");
    let at = layers.conv("conv1", at, Kernel::unbiased(7, 2, 3), Width::FromWeights(64))?;
    let at = layers.batch_norm("bn1", at)?;
    let at = layers.relu("relu", at);
    let mut at = layers.max_pool("maxpool", at, MaxPool2d::square(3, 2, 1, false));
    for (stage, &blocks) in variant.blocks.iter().enumerate() {
        for index in 0..blocks {
            let module = format!("layer{}.{index}", stage + 1);
            let stride = if stage > 0 && index == 0 { 2 } else { 1 };
            let projects = index == 0 && (stage > 0 || variant.bottleneck);
            at = block(&mut layers, &module, at, variant, Block { stage, stride, projects })?;
        }
    }
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    head::dense(&mut layers, "fc", "fc", at)?;
    layers.finish()
}

/// Where a block stands.
#[derive(Debug, Clone, Copy)]
struct Block {
    stage: usize,
    stride: usize,
    /// Whether the shortcut has a convolution of its own.
    projects: bool,
}

fn block(layers: &mut Layers, module: &str, at: At, variant: &Variant, block: Block) -> Result<At, ModelError> {
    let Block { stage, stride, projects } = block;
    let planes = 64 << stage;
    let shortcut_width = if projects {
        let expansion = if variant.bottleneck { 4 } else { 1 };
        Some(Width::FromWeights(planes * expansion))
    } else {
        None
    };
    // The shortcut comes first, so that its width binds the last convolution's.
    let shortcut = match shortcut_width {
        Some(width) => {
            let name = format!("{module}.downsample");
            let shortcut = layers.conv(&format!("{name}.0"), at, Kernel::unbiased(1, stride, 0), width)?;
            layers.batch_norm(&format!("{name}.1"), shortcut)?
        }
        None => at,
    };
    let last = Width::Exactly(shortcut.channels);
    let convolutions = if variant.bottleneck {
        let inner = Width::FromWeights((variant.group_width << stage) * variant.groups);
        let middle = Kernel { groups: variant.groups, ..Kernel::unbiased(3, stride, 1) };
        vec![(Kernel::unbiased(1, 1, 0), inner), (middle, inner), (Kernel::unbiased(1, 1, 0), last)]
    } else {
        vec![(Kernel::unbiased(3, stride, 1), Width::FromWeights(planes)), (Kernel::unbiased(3, 1, 1), last)]
    };
    let count = convolutions.len();
    let mut inner = at;
    for (index, (kernel, width)) in convolutions.into_iter().enumerate() {
        let number = index + 1;
        inner = layers.conv(&format!("{module}.conv{number}"), inner, kernel, width)?;
        inner = layers.batch_norm(&format!("{module}.bn{number}"), inner)?;
        if number < count {
            inner = layers.relu(&format!("{module}.relu{number}"), inner);
        }
    }
    let sum = layers.join(&format!("{module}.add"), Add, &[inner, shortcut], inner.channels);
    let output = layers.relu(&format!("{module}.relu{count}"), sum);
    layers.alias(&format!("{module}.relu"), output);
    Ok(output)
}
