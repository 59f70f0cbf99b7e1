//! The layers of Keras: from the name of a class to the function that adds its nodes, one family a file.

mod activation;
mod convolution;
mod dense;
mod merge;
mod normalization;
mod operators;
mod pooling;
mod preprocessing;
mod shape;
mod variational;

pub(super) use self::shape::in_keras_order;
use super::{fault::Fault, site::Site, tensor::At};

/// Adds the nodes of a layer.
pub(super) type Build = fn(&mut Site, &[At]) -> Result<At, Fault>;

/// All layers by class.
pub(super) static LAYERS: &[(&str, Build)] = &[
    ("Conv2D", convolution::conv2d),
    ("Convolution2D", convolution::conv2d),
    ("DepthwiseConv2D", convolution::depthwise),
    ("SeparableConv2D", convolution::separable),
    ("SeparableConvolution2D", convolution::separable),
    ("Conv2DTranspose", convolution::transposed),
    ("Convolution2DTranspose", convolution::transposed),
    ("Dense", dense::dense),
    ("DenseFlipout", variational::dense),
    ("DenseReparameterization", variational::dense),
    ("DenseLocalReparameterization", variational::dense),
    ("Conv2DFlipout", variational::conv2d),
    ("Convolution2DFlipout", variational::conv2d),
    ("Conv2DReparameterization", variational::conv2d),
    ("Convolution2DReparameterization", variational::conv2d),
    ("MaxPooling2D", pooling::max),
    ("MaxPool2D", pooling::max),
    ("AveragePooling2D", pooling::average),
    ("AvgPool2D", pooling::average),
    ("GlobalAveragePooling2D", pooling::global_average),
    ("GlobalAvgPool2D", pooling::global_average),
    ("GlobalMaxPooling2D", pooling::global_max),
    ("GlobalMaxPool2D", pooling::global_max),
    ("Flatten", shape::flatten),
    ("Reshape", shape::reshape),
    ("Permute", shape::permute),
    ("ZeroPadding2D", shape::zero_padding),
    ("Cropping2D", shape::cropping),
    ("UpSampling2D", shape::up_sampling),
    ("BatchNormalization", normalization::batch),
    ("SyncBatchNormalization", normalization::batch),
    ("LayerNormalization", normalization::layer),
    ("GroupNormalization", normalization::group),
    ("Activation", activation::function),
    ("ReLU", activation::function),
    ("LeakyReLU", activation::function),
    ("ELU", activation::function),
    ("Softmax", activation::function),
    ("PReLU", activation::prelu),
    ("Add", merge::add),
    ("Subtract", merge::subtract),
    ("Multiply", merge::multiply),
    ("Average", merge::average),
    ("Maximum", merge::maximum),
    ("Minimum", merge::minimum),
    ("Concatenate", merge::concatenate),
    ("Rescaling", preprocessing::rescaling),
    ("Normalization", preprocessing::normalization),
    ("Resizing", preprocessing::resizing),
    ("Dropout", pass),
    ("SpatialDropout2D", pass),
    ("AlphaDropout", pass),
    ("GaussianDropout", pass),
    ("GaussianNoise", pass),
    ("ActivityRegularization", pass),
    ("RandomFlip", pass),
    ("RandomRotation", pass),
    ("RandomZoom", pass),
    ("RandomTranslation", pass),
    ("RandomContrast", pass),
    ("RandomBrightness", pass),
    ("TFOpLambda", operators::of_tensorflow),
    ("TrueDivide", operators::divide),
    ("Divide", operators::divide),
];

/// The builder of a class.
pub(super) fn find(class: &str, is_function: bool) -> Option<Build> {
    // `keras.ops.add` and its like have the names of layers.
    if is_function && let Some(build) = operators::of_keras(class) {
        return Some(build);
    }
    LAYERS.iter().find(|(name, _)| *name == class).map(|(_, build)| *build)
}

/// What inference passes through unchanged: dropout, noise, augmentation.
fn pass(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let input = site.single(inputs)?;
    Ok(site.add(crate::graph::ops::Dropout, &[input])?.ordered(input.order.clone()))
}
