//! GoogLeNet (Szegedy et al. 2015), as torchvision has it: with batch normalisation, and 3×3 where the paper has 5×5.
//!
//! The two auxiliary classifiers serve training only. torchvision's pretrained weights expect their input in −1..1, not
//! normalised as ImageNet's; there it converts (`transform_input`), here the card says so: `mean` and `std` of 0.5.

use super::{
    head,
    layers::{At, Kernel, Layers, Width},
};
use crate::{
    graph::{Graph, ops::MaxPool2d},
    model::{ModelError, Weights},
};

/// Usual widths of a block: 1×1; 3×3 with its reduction; "5×5" with its reduction; projection after the pooling.
type Widths = [usize; 6];

/// Blocks and max poolings (with their kernel) in order.
#[derive(Debug, Clone, Copy)]
enum Part {
    Block(&'static str, Widths),
    Pool(&'static str, usize),
}

const PARTS: [Part; 11] = [
    Part::Block("inception3a", [64, 96, 128, 16, 32, 32]),
    Part::Block("inception3b", [128, 128, 192, 32, 96, 64]),
    Part::Pool("maxpool3", 3),
    Part::Block("inception4a", [192, 96, 208, 16, 48, 64]),
    Part::Block("inception4b", [160, 112, 224, 24, 64, 64]),
    Part::Block("inception4c", [128, 128, 256, 24, 64, 64]),
    Part::Block("inception4d", [112, 144, 288, 32, 64, 64]),
    Part::Block("inception4e", [256, 160, 320, 32, 128, 128]),
    Part::Pool("maxpool4", 2),
    Part::Block("inception5a", [256, 160, 320, 32, 128, 128]),
    Part::Block("inception5b", [384, 192, 384, 48, 128, 128]),
];

pub(super) fn build(weights: &mut Weights) -> Result<Graph, ModelError> {
    leave_out_auxiliary(weights, &["aux1", "aux2"]);
    let mut layers = Layers::new("googlenet", weights).epsilon(1e-3);
    let at = layers.input("conv1.conv");
    let at = basic(&mut layers, "conv1", at, Kernel::unbiased(7, 2, 3), 64)?;
    let at = layers.max_pool("maxpool1", at, MaxPool2d::square(3, 2, 0, true));
    let at = basic(&mut layers, "conv2", at, Kernel::unbiased(1, 1, 0), 64)?;
    let at = basic(&mut layers, "conv3", at, Kernel::unbiased(3, 1, 1), 192)?;
    let mut at = layers.max_pool("maxpool2", at, MaxPool2d::square(3, 2, 0, true));
    for part in PARTS {
        at = match part {
            Part::Block(module, widths) => block(&mut layers, module, at, widths)?,
            Part::Pool(name, kernel) => layers.max_pool(name, at, MaxPool2d::square(kernel, 2, 0, true)),
        };
    }
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 1);
    let at = layers.dropout("dropout", at);
    head::dense(&mut layers, "fc", "fc", at)?;
    layers.finish()
}

fn block(layers: &mut Layers, module: &str, at: At, widths: Widths) -> Result<At, ModelError> {
    let [one, reduced3, three, reduced5, five, projected] = widths;
    let (pointwise, square) = (Kernel::unbiased(1, 1, 0), Kernel::unbiased(3, 1, 1));
    let branch1 = basic(layers, &format!("{module}.branch1"), at, pointwise, one)?;
    let branch2 = basic(layers, &format!("{module}.branch2.0"), at, pointwise, reduced3)?;
    let branch2 = basic(layers, &format!("{module}.branch2.1"), branch2, square, three)?;
    let branch3 = basic(layers, &format!("{module}.branch3.0"), at, pointwise, reduced5)?;
    let branch3 = basic(layers, &format!("{module}.branch3.1"), branch3, square, five)?;
    let branch4 = layers.max_pool(&format!("{module}.branch4.0"), at, MaxPool2d::square(3, 1, 1, true));
    let branch4 = basic(layers, &format!("{module}.branch4.1"), branch4, pointwise, projected)?;
    Ok(layers.concat(&format!("{module}.cat"), &[branch1, branch2, branch3, branch4]))
}

/// A convolution, batch normalisation and a rectifier, which is a function in torchvision; Inception v3 has it too.
pub(super) fn basic(layers: &mut Layers, module: &str, at: At, kernel: Kernel, width: usize) -> Result<At, ModelError> {
    let at = layers.conv(&format!("{module}.conv"), at, kernel, Width::FromWeights(width))?;
    let at = layers.batch_norm(&format!("{module}.bn"), at)?;
    Ok(layers.functional_relu(&format!("{module}.relu"), at))
}

/// Drops the classifiers that are there for training only, and says so.
pub(super) fn leave_out_auxiliary(weights: &mut Weights, modules: &[&str]) {
    let left_out: Vec<&str> = modules.iter().copied().filter(|module| weights.leave_out(module)).collect();
    if !left_out.is_empty() {
        weights.note(format!("Left out, as they serve training only: {}.", left_out.join(", ")));
    }
}
