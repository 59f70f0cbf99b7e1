//! Inception v3 (Szegedy et al. 2016), as torchvision has it.
//!
//! Its auxiliary classifier serves training only, and its pretrained weights expect an input in −1..1, as GoogLeNet's.
//! The poolings within blocks are functions in torchvision; here they are nodes named `maxpool` and `avgpool`.

use super::{
    googlenet::{basic, leave_out_auxiliary},
    head,
    layers::{At, Kernel, Layers},
};
use crate::{
    graph::{
        Graph,
        ops::{AvgPool2d, MaxPool2d},
    },
    model::{ModelError, Weights},
};

/// A convolution of a branch: name in its block, sizes, usual width.
type Step = (&'static str, Kernel, usize);

const POINT: Kernel = Kernel::unbiased(1, 1, 0);
/// 3×3, with half the rows and columns.
const HALVING: Kernel = Kernel::unbiased(3, 2, 0);

pub(super) fn build(weights: &mut Weights) -> Result<Graph, ModelError> {
    leave_out_auxiliary(weights, &["AuxLogits"]);
    let mut layers = Layers::new("inception_v3", weights).epsilon(1e-3);
    let at = layers.input("Conv2d_1a_3x3.conv");
    let at = basic(&mut layers, "Conv2d_1a_3x3", at, HALVING, 32)?;
    let at = basic(&mut layers, "Conv2d_2a_3x3", at, Kernel::unbiased(3, 1, 0), 32)?;
    let at = basic(&mut layers, "Conv2d_2b_3x3", at, Kernel::same(3, 3), 64)?;
    let at = layers.max_pool("maxpool1", at, MaxPool2d::square(3, 2, 0, false));
    let at = basic(&mut layers, "Conv2d_3b_1x1", at, POINT, 80)?;
    let at = basic(&mut layers, "Conv2d_4a_3x3", at, Kernel::unbiased(3, 1, 0), 192)?;
    let mut at = layers.max_pool("maxpool2", at, MaxPool2d::square(3, 2, 0, false));
    for (module, pooled) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
        at = block_a(&mut layers, module, at, pooled)?;
    }
    at = block_b(&mut layers, "Mixed_6a", at)?;
    for (module, width) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
        at = block_c(&mut layers, module, at, width)?;
    }
    at = block_d(&mut layers, "Mixed_7a", at)?;
    for module in ["Mixed_7b", "Mixed_7c"] {
        at = block_e(&mut layers, module, at)?;
    }
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    let at = layers.dropout("dropout", at);
    head::dense(&mut layers, "fc", "fc", at)?;
    layers.finish()
}

/// One convolution after the other.
fn chain(layers: &mut Layers, module: &str, at: At, steps: &[Step]) -> Result<At, ModelError> {
    steps
        .iter()
        .try_fold(at, |at, &(name, kernel, width)| basic(layers, &format!("{module}.{name}"), at, kernel, width))
}

/// 3×3 averages, then a 1×1 convolution.
fn averaged(layers: &mut Layers, module: &str, at: At, width: usize) -> Result<At, ModelError> {
    let pool = AvgPool2d::new([3; 2], [1; 2]).padding([1; 2], [1; 2]);
    let pooled = layers.add(&format!("{module}.avgpool"), pool, at, at.channels);
    chain(layers, module, pooled, &[("branch_pool", POINT, width)])
}

fn halved(layers: &mut Layers, module: &str, at: At) -> At {
    layers.max_pool(&format!("{module}.maxpool"), at, MaxPool2d::square(3, 2, 0, false))
}

fn concat(layers: &mut Layers, module: &str, branches: &[At]) -> At {
    layers.concat(&format!("{module}.cat"), branches)
}

fn block_a(layers: &mut Layers, module: &str, at: At, pooled: usize) -> Result<At, ModelError> {
    let branches = [
        chain(layers, module, at, &[("branch1x1", POINT, 64)])?,
        chain(layers, module, at, &[("branch5x5_1", POINT, 48), ("branch5x5_2", Kernel::same(5, 5), 64)])?,
        chain(
            layers,
            module,
            at,
            &[
                ("branch3x3dbl_1", POINT, 64),
                ("branch3x3dbl_2", Kernel::same(3, 3), 96),
                ("branch3x3dbl_3", Kernel::same(3, 3), 96),
            ],
        )?,
        averaged(layers, module, at, pooled)?,
    ];
    Ok(concat(layers, module, &branches))
}

fn block_b(layers: &mut Layers, module: &str, at: At) -> Result<At, ModelError> {
    let branches = [
        chain(layers, module, at, &[("branch3x3", HALVING, 384)])?,
        chain(
            layers,
            module,
            at,
            &[
                ("branch3x3dbl_1", POINT, 64),
                ("branch3x3dbl_2", Kernel::same(3, 3), 96),
                ("branch3x3dbl_3", HALVING, 96),
            ],
        )?,
        halved(layers, module, at),
    ];
    Ok(concat(layers, module, &branches))
}

fn block_c(layers: &mut Layers, module: &str, at: At, width: usize) -> Result<At, ModelError> {
    let (wide, tall) = (Kernel::same(1, 7), Kernel::same(7, 1));
    let branches = [
        chain(layers, module, at, &[("branch1x1", POINT, 192)])?,
        chain(
            layers,
            module,
            at,
            &[("branch7x7_1", POINT, width), ("branch7x7_2", wide, width), ("branch7x7_3", tall, 192)],
        )?,
        chain(
            layers,
            module,
            at,
            &[
                ("branch7x7dbl_1", POINT, width),
                ("branch7x7dbl_2", tall, width),
                ("branch7x7dbl_3", wide, width),
                ("branch7x7dbl_4", tall, width),
                ("branch7x7dbl_5", wide, 192),
            ],
        )?,
        averaged(layers, module, at, 192)?,
    ];
    Ok(concat(layers, module, &branches))
}

fn block_d(layers: &mut Layers, module: &str, at: At) -> Result<At, ModelError> {
    let branches = [
        chain(layers, module, at, &[("branch3x3_1", POINT, 192), ("branch3x3_2", HALVING, 320)])?,
        chain(
            layers,
            module,
            at,
            &[
                ("branch7x7x3_1", POINT, 192),
                ("branch7x7x3_2", Kernel::same(1, 7), 192),
                ("branch7x7x3_3", Kernel::same(7, 1), 192),
                ("branch7x7x3_4", HALVING, 192),
            ],
        )?,
        halved(layers, module, at),
    ];
    Ok(concat(layers, module, &branches))
}

/// The two longer branches end in a 1×3 and a 3×1 convolution side by side.
fn block_e(layers: &mut Layers, module: &str, at: At) -> Result<At, ModelError> {
    let (wide, tall) = (Kernel::same(1, 3), Kernel::same(3, 1));
    let first = chain(layers, module, at, &[("branch1x1", POINT, 320)])?;
    let three = chain(layers, module, at, &[("branch3x3_1", POINT, 384)])?;
    let double =
        chain(layers, module, at, &[("branch3x3dbl_1", POINT, 448), ("branch3x3dbl_2", Kernel::same(3, 3), 384)])?;
    let branches = [
        first,
        chain(layers, module, three, &[("branch3x3_2a", wide, 384)])?,
        chain(layers, module, three, &[("branch3x3_2b", tall, 384)])?,
        chain(layers, module, double, &[("branch3x3dbl_3a", wide, 384)])?,
        chain(layers, module, double, &[("branch3x3dbl_3b", tall, 384)])?,
        averaged(layers, module, at, 192)?,
    ];
    Ok(concat(layers, module, &branches))
}
