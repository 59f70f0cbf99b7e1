//! SqueezeNet 1.0 and 1.1 (Iandola et al. 2016), as torchvision has them.

use super::layers::{At, Kernel, Layers, Width};
use crate::{
    graph::{
        Graph,
        ops::{AdaptiveAvgPool2d, Flatten, MaxPool2d},
    },
    model::{ModelError, Weights},
};

/// What tells the two versions apart.
#[derive(Debug)]
pub(super) struct Variant {
    /// Kernel and usual width of the first convolution.
    first: (usize, usize),
    /// What stands at `features.2` and after.
    rest: &'static [Part],
}

#[derive(Debug, Clone, Copy)]
enum Part {
    /// 3×3, stride 2, in ceil mode.
    Pool,
    /// A fire module with the usual widths of its squeezing and its two expanding convolutions.
    Fire(usize, usize),
}

use Part::{Fire, Pool};

pub(super) const SQUEEZENET1_0: Variant = Variant {
    first: (7, 96),
    rest: &[
        Pool,
        Fire(16, 64),
        Fire(16, 64),
        Fire(32, 128),
        Pool,
        Fire(32, 128),
        Fire(48, 192),
        Fire(48, 192),
        Fire(64, 256),
        Pool,
        Fire(64, 256),
    ],
};

pub(super) const SQUEEZENET1_1: Variant = Variant {
    first: (3, 64),
    rest: &[
        Pool,
        Fire(16, 64),
        Fire(16, 64),
        Pool,
        Fire(32, 128),
        Fire(32, 128),
        Pool,
        Fire(48, 192),
        Fire(48, 192),
        Fire(64, 256),
        Fire(64, 256),
    ],
};

pub(super) fn build(name: &'static str, weights: &mut Weights, variant: &Variant) -> Result<Graph, ModelError> {
    let mut layers = Layers::new(name, weights);
    let (kernel, width) = variant.first;
    let at = layers.input("features.0");
    let at = layers.conv("features.0", at, Kernel::new(kernel, 2, 0), Width::FromWeights(width))?;
    let mut at = layers.relu("features.1", at);
    for (index, &part) in variant.rest.iter().enumerate() {
        let module = format!("features.{}", index + 2);
        at = match part {
            Pool => layers.max_pool(&module, at, MaxPool2d::square(3, 2, 0, true)),
            Fire(squeeze, expand) => fire(&mut layers, &module, at, squeeze, expand)?,
        };
    }
    let at = layers.dropout("classifier.0", at);
    let at = layers.conv("classifier.1", at, Kernel::new(1, 1, 0), Width::FromWeights(1000))?;
    let at = layers.relu("classifier.2", at);
    let at = layers.add("classifier.3", AdaptiveAvgPool2d::GLOBAL, at, at.channels);
    layers.add("flatten", Flatten, at, at.channels);
    layers.finish()
}

/// A squeezing 1×1 convolution, and an expanding 1×1 and 3×3 side by side.
fn fire(layers: &mut Layers, module: &str, at: At, squeeze: usize, expand: usize) -> Result<At, ModelError> {
    let squeezed = layers.conv(&format!("{module}.squeeze"), at, Kernel::new(1, 1, 0), Width::FromWeights(squeeze))?;
    let squeezed = layers.relu(&format!("{module}.squeeze_activation"), squeezed);
    let mut branch = |kernel: usize| {
        let name = format!("{module}.expand{kernel}x{kernel}");
        let sizes = Kernel::new(kernel, 1, kernel / 2);
        let expanded = layers.conv(&name, squeezed, sizes, Width::FromWeights(expand))?;
        Ok::<At, ModelError>(layers.relu(&format!("{name}_activation"), expanded))
    };
    let branches = [branch(1)?, branch(3)?];
    Ok(layers.concat(&format!("{module}.cat"), &branches))
}
