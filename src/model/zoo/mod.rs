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

/// A row of [`ZOO`]: name, family, and the module's `build` with the plan of its layers (and what else it takes).
macro_rules! image {
    ($name:literal, $family:literal, $module:ident) => {
        Architecture { name: $name, family: $family, build: $module::build, stack: false }
    };
    ($name:literal, $family:literal, $module:ident, $plan:ident $(, $more:expr)*) => {
        Architecture {
            name: $name,
            family: $family,
            build: |weights| $module::build($name, weights, &$module::$plan $(, $more)*),
            stack: false,
        }
    };
}

/// All architectures, by family.
pub static ZOO: &[Architecture] = &[
    image!("alexnet", "AlexNet", alexnet),
    image!("vgg11", "VGG", vgg, VGG11, false),
    image!("vgg11_bn", "VGG", vgg, VGG11, true),
    image!("vgg13", "VGG", vgg, VGG13, false),
    image!("vgg13_bn", "VGG", vgg, VGG13, true),
    image!("vgg16", "VGG", vgg, VGG16, false),
    image!("vgg16_bn", "VGG", vgg, VGG16, true),
    image!("vgg19", "VGG", vgg, VGG19, false),
    image!("vgg19_bn", "VGG", vgg, VGG19, true),
    image!("resnet18", "ResNet", resnet, RESNET18),
    image!("resnet34", "ResNet", resnet, RESNET34),
    image!("resnet50", "ResNet", resnet, RESNET50),
    image!("resnet101", "ResNet", resnet, RESNET101),
    image!("resnet152", "ResNet", resnet, RESNET152),
    image!("resnext50_32x4d", "ResNet", resnet, RESNEXT50_32X4D),
    image!("resnext101_32x8d", "ResNet", resnet, RESNEXT101_32X8D),
    image!("resnext101_64x4d", "ResNet", resnet, RESNEXT101_64X4D),
    image!("wide_resnet50_2", "ResNet", resnet, WIDE_RESNET50_2),
    image!("wide_resnet101_2", "ResNet", resnet, WIDE_RESNET101_2),
    image!("squeezenet1_0", "SqueezeNet", squeezenet, SQUEEZENET1_0),
    image!("squeezenet1_1", "SqueezeNet", squeezenet, SQUEEZENET1_1),
    image!("densenet121", "DenseNet", densenet, DENSENET121),
    image!("densenet161", "DenseNet", densenet, DENSENET161),
    image!("densenet169", "DenseNet", densenet, DENSENET169),
    image!("densenet201", "DenseNet", densenet, DENSENET201),
    image!("googlenet", "GoogLeNet", googlenet),
    image!("inception_v3", "Inception", inception),
    image!("mobilenet_v2", "MobileNet", mobilenet_v2),
    image!("mobilenet_v3_small", "MobileNet", mobilenet_v3, SMALL),
    image!("mobilenet_v3_large", "MobileNet", mobilenet_v3, LARGE),
    image!("efficientnet_b0", "EfficientNet", efficientnet, B0),
    image!("efficientnet_b1", "EfficientNet", efficientnet, B1),
    image!("efficientnet_b2", "EfficientNet", efficientnet, B2),
    image!("efficientnet_b3", "EfficientNet", efficientnet, B3),
    image!("efficientnet_b4", "EfficientNet", efficientnet, B4),
    image!("efficientnet_b5", "EfficientNet", efficientnet, B5),
    image!("efficientnet_b6", "EfficientNet", efficientnet, B6),
    image!("efficientnet_b7", "EfficientNet", efficientnet, B7),
    Architecture { name: "mrnet", family: "MRNet", build: mrnet::build, stack: true },
];

/// The architecture of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Architecture> {
    ZOO.iter().find(|architecture| architecture.name == name)
}

#[cfg(test)]
mod tests;
