//! MRNet (Bien et al. 2018): AlexNet's features of each slice, global average pooling, maximum over slices, linear.

use super::{alexnet, layers::Layers};
use crate::{
    graph::{
        Graph,
        ops::{AdaptiveAvgPool2d, Flatten, SliceMax},
    },
    model::{ModelError, Weights},
};

pub(super) fn build(weights: &mut Weights) -> Result<Graph, ModelError> {
    let mut layers = Layers::new("mrnet", weights);
    let at = alexnet::features(&mut layers, "pretrained_model")?;
    let at = layers.add("gap", AdaptiveAvgPool2d::GLOBAL, at, at.channels);
    let at = layers.add("pooled", Flatten, at, at.channels);
    let at = layers.add("max", SliceMax, at, at.channels);
    layers.linear("classifier", at, 1)?;
    layers.finish()
}
