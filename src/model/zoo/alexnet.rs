//! AlexNet (Krizhevsky 2014), as torchvision has it.

use super::{
    head,
    layers::{At, Kernel, Layers, Width},
};
use crate::{
    graph::{Graph, ops::MaxPool2d},
    model::{ModelError, Weights},
};

/// Number in `features`, sizes and usual width of each convolution.
const CONVOLUTIONS: [(usize, Kernel, usize); 5] = [
    (0, Kernel::new(11, 4, 2), 64),
    (3, Kernel::new(5, 1, 2), 192),
    (6, Kernel::new(3, 1, 1), 384),
    (8, Kernel::new(3, 1, 1), 256),
    (10, Kernel::new(3, 1, 1), 256),
];

/// Numbers of the max poolings in `features`.
const POOLINGS: [usize; 3] = [2, 5, 12];

/// The convolutional part under any module name; MRNet has it too.
pub(super) fn features(layers: &mut Layers, module: &str) -> Result<At, ModelError> {
    let mut at = layers.input(&format!("{module}.0"));
    for (number, kernel, width) in CONVOLUTIONS {
        at = layers.conv(&format!("{module}.{number}"), at, kernel, Width::FromWeights(width))?;
        at = layers.relu(&format!("{module}.{}", number + 1), at);
        if POOLINGS.contains(&(number + 2)) {
            at = layers.max_pool(&format!("{module}.{}", number + 2), at, MaxPool2d::square(3, 2, 0, false));
        }
    }
    Ok(at)
}

pub(super) fn build(weights: &mut Weights) -> Result<Graph, ModelError> {
    let mut layers = Layers::new("alexnet", weights);
    let at = features(&mut layers, "features")?;
    let at = layers.pool_and_flatten("avgpool", "flatten", at, 6);
    if head::is_replaced(&layers, "classifier", &[1, 4, 6]) {
        head::dense(&mut layers, "classifier", "classifier", at)?;
        return layers.finish();
    }
    let at = layers.dropout("classifier.0", at);
    let at = layers.linear("classifier.1", at, 4096)?;
    let at = layers.relu("classifier.2", at);
    let at = layers.dropout("classifier.3", at);
    let at = layers.linear("classifier.4", at, 4096)?;
    let at = layers.relu("classifier.5", at);
    head::dense(&mut layers, "classifier.6", "classifier.6", at)?;
    layers.finish()
}
