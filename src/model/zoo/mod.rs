//! The zoo: architectures whose layers are known here, one file a family, parameter names as torchvision's.
//!
//! Widths and class counts follow from the shapes of the weights, so narrow variants and other class counts need no
//! entry of their own. Inputs of other sizes work where the family's adaptive pooling lets them. A dense layer that
//! fine-tuning has put in place of the head is found by its name.

mod alexnet;
mod densenet;
mod efficientnet;
mod googlenet;
mod head;
mod inception;
mod inverted;
mod layers;
mod mobilenet_v2;
mod mobilenet_v3;
mod mrnet;
mod resnet;
mod squeezenet;
mod vgg;

use super::{ModelError, Weights};
use crate::graph::Graph;

/// One architecture of the zoo.
#[derive(Debug)]
pub struct Architecture {
    /// The name in a model card, as `resnet18`.
    pub name: &'static str,
    /// The family, as `ResNet`.
    pub family: &'static str,
    /// Builds the graph; what does not fit is recorded in the weights, for [`Weights::finish`].
    pub build: fn(&mut Weights) -> Result<Graph, ModelError>,
    /// Whether the batch is the slices of one stack, so that one run gives one row of logits.
    pub stack: bool,
}

const fn image(
    name: &'static str,
    family: &'static str,
    build: fn(&mut Weights) -> Result<Graph, ModelError>,
) -> Architecture {
    Architecture { name, family, build, stack: false }
}

/// All architectures, by family.
pub static ZOO: &[Architecture] = &[
    image("alexnet", "AlexNet", alexnet::build),
    image("vgg11", "VGG", |weights| vgg::build("vgg11", weights, &vgg::VGG11, false)),
    image("vgg11_bn", "VGG", |weights| vgg::build("vgg11_bn", weights, &vgg::VGG11, true)),
    image("vgg13", "VGG", |weights| vgg::build("vgg13", weights, &vgg::VGG13, false)),
    image("vgg13_bn", "VGG", |weights| vgg::build("vgg13_bn", weights, &vgg::VGG13, true)),
    image("vgg16", "VGG", |weights| vgg::build("vgg16", weights, &vgg::VGG16, false)),
    image("vgg16_bn", "VGG", |weights| vgg::build("vgg16_bn", weights, &vgg::VGG16, true)),
    image("vgg19", "VGG", |weights| vgg::build("vgg19", weights, &vgg::VGG19, false)),
    image("vgg19_bn", "VGG", |weights| vgg::build("vgg19_bn", weights, &vgg::VGG19, true)),
    image("resnet18", "ResNet", |weights| resnet::build("resnet18", weights, &resnet::RESNET18)),
    image("resnet34", "ResNet", |weights| resnet::build("resnet34", weights, &resnet::RESNET34)),
    image("resnet50", "ResNet", |weights| resnet::build("resnet50", weights, &resnet::RESNET50)),
    image("resnet101", "ResNet", |weights| resnet::build("resnet101", weights, &resnet::RESNET101)),
    image("resnet152", "ResNet", |weights| resnet::build("resnet152", weights, &resnet::RESNET152)),
    image("resnext50_32x4d", "ResNet", |weights| resnet::build("resnext50_32x4d", weights, &resnet::RESNEXT50_32X4D)),
    image("resnext101_32x8d", "ResNet", |weights| {
        resnet::build("resnext101_32x8d", weights, &resnet::RESNEXT101_32X8D)
    }),
    image("resnext101_64x4d", "ResNet", |weights| {
        resnet::build("resnext101_64x4d", weights, &resnet::RESNEXT101_64X4D)
    }),
    image("wide_resnet50_2", "ResNet", |weights| resnet::build("wide_resnet50_2", weights, &resnet::WIDE_RESNET50_2)),
    image("wide_resnet101_2", "ResNet", |weights| {
        resnet::build("wide_resnet101_2", weights, &resnet::WIDE_RESNET101_2)
    }),
    image("squeezenet1_0", "SqueezeNet", |weights| {
        squeezenet::build("squeezenet1_0", weights, &squeezenet::SQUEEZENET1_0)
    }),
    image("squeezenet1_1", "SqueezeNet", |weights| {
        squeezenet::build("squeezenet1_1", weights, &squeezenet::SQUEEZENET1_1)
    }),
    image("densenet121", "DenseNet", |weights| densenet::build("densenet121", weights, &densenet::DENSENET121)),
    image("densenet161", "DenseNet", |weights| densenet::build("densenet161", weights, &densenet::DENSENET161)),
    image("densenet169", "DenseNet", |weights| densenet::build("densenet169", weights, &densenet::DENSENET169)),
    image("densenet201", "DenseNet", |weights| densenet::build("densenet201", weights, &densenet::DENSENET201)),
    image("googlenet", "GoogLeNet", googlenet::build),
    image("inception_v3", "Inception", inception::build),
    image("mobilenet_v2", "MobileNet", mobilenet_v2::build),
    image("mobilenet_v3_small", "MobileNet", |weights| {
        mobilenet_v3::build("mobilenet_v3_small", weights, &mobilenet_v3::SMALL)
    }),
    image("mobilenet_v3_large", "MobileNet", |weights| {
        mobilenet_v3::build("mobilenet_v3_large", weights, &mobilenet_v3::LARGE)
    }),
    image("efficientnet_b0", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b0", weights, &efficientnet::B0)
    }),
    image("efficientnet_b1", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b1", weights, &efficientnet::B1)
    }),
    image("efficientnet_b2", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b2", weights, &efficientnet::B2)
    }),
    image("efficientnet_b3", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b3", weights, &efficientnet::B3)
    }),
    image("efficientnet_b4", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b4", weights, &efficientnet::B4)
    }),
    image("efficientnet_b5", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b5", weights, &efficientnet::B5)
    }),
    image("efficientnet_b6", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b6", weights, &efficientnet::B6)
    }),
    image("efficientnet_b7", "EfficientNet", |weights| {
        efficientnet::build("efficientnet_b7", weights, &efficientnet::B7)
    }),
    Architecture { name: "mrnet", family: "MRNet", build: mrnet::build, stack: true },
];

/// The architecture of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Architecture> {
    ZOO.iter().find(|architecture| architecture.name == name)
}

#[cfg(test)]
mod tests;
