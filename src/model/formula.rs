//! Weights from a closed formula: networks of the usual size without a weight file, for measurements of time and for
//! reference vectors. What such a network says of a picture means nothing.
//!
//! Element `k` of a tensor is `SplitMix64(FNV-1a(name) ^ seed, k)`, uniform in an interval that the tensor's role gives:
//! He et al. 2015 for weights, around 0 for biases and means, around 1 for scales and variances.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{ModelError, Weights, zoo::Architecture};
use crate::graph::ops::BatchNorm2d;

/// FNV-1a, 64 bits.
#[must_use]
pub fn fnv1a64(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// `SplitMix64`'s output for a state.
const fn splitmix64(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Element `index` of the sequence of a name's hash, uniform in 0..1.
#[must_use]
pub fn uniform(hash: u64, index: usize, seed: u64) -> f64 {
    let state = (hash ^ seed).wrapping_add((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (splitmix64(state) >> 40) as f64 / f64::from(1_u32 << 24)
}

/// How the weights of normalisations lie: least, and how far up from there.
type Normalisation = (f64, f64);

/// In most networks: half to one and a half.
const AROUND_ONE: Normalisation = (0.5, 1.0);

/// In those of many blocks with gates, in which weights around 1 let a signal grow so that rounding with it fills the
/// result. As `CALM` in `tests/peers/zoo_logits.py`.
const CALM: Normalisation = (0.7, 0.4);

/// How the weights of an architecture's normalisations lie.
fn normalisation(architecture: &str) -> Normalisation {
    let is_calm = architecture.strip_prefix("efficientnet_b").is_some_and(|size| size != "0");
    if is_calm { CALM } else { AROUND_ONE }
}

/// The values of the tensor of this name.
#[must_use]
pub fn values(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
    values_with(name, shape, seed, AROUND_ONE)
}

fn values_with(name: &str, shape: &[usize], seed: u64, (least, further): Normalisation) -> Vec<f32> {
    let (scale, offset) = if name.ends_with("running_var") {
        (1.0, 0.5)
    } else if name.ends_with("running_mean") || name.ends_with("bias") {
        (0.2, -0.1)
    } else if shape.len() == 1 {
        (further, least)
    } else {
        let fan_in: usize = shape[1..].iter().product();
        let bound = 3.0_f64.sqrt() * (2.0 / fan_in as f64).sqrt();
        (2.0 * bound, -bound)
    };
    let hash = fnv1a64(name);
    let count = shape.iter().product();
    (0..count).into_par_iter().map(|index| (uniform(hash, index, seed) * scale + offset) as f32).collect()
}

/// Shapes by tensor name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Names and usual shapes of an architecture's tensors.
///
/// # Errors
/// When the architecture has no usual widths.
pub fn shapes(architecture: &Architecture) -> Result<Shapes, ModelError> {
    // Without weights a builder takes its usual widths.
    let graph = (architecture.build)(&mut Weights::from_tensors([].into(), "usual widths"))?;
    let mut shapes = Shapes::new();
    for node in graph.nodes() {
        // Where a module ends in something else, its normalisation has a longer name than its tensors.
        let module = node.name.strip_suffix(".batch_norm").unwrap_or(&node.name);
        for (part, tensor) in node.op.weights() {
            shapes.insert(format!("{module}.{part}"), tensor.dims().to_vec());
        }
        if node.op_as::<BatchNorm2d>().is_some() {
            let channels = node.op.weights()[0].1.dims().to_vec();
            shapes.insert(format!("{module}.running_mean"), channels.clone());
            shapes.insert(format!("{module}.running_var"), channels);
        }
    }
    Ok(shapes)
}

/// The layer that gives an architecture's logits, by the name of its tensors: the last that has weights.
///
/// # Errors
/// When the architecture has no usual widths.
pub fn last_layer(architecture: &Architecture) -> Result<Option<String>, ModelError> {
    let graph = (architecture.build)(&mut Weights::from_tensors([].into(), "usual widths"))?;
    Ok(graph.nodes().iter().rev().find(|node| !node.op.weights().is_empty()).map(|node| node.name.clone()))
}

/// The values of all tensors of an architecture, each with its shape.
#[must_use]
pub fn tensors(architecture: &Architecture, shapes: Shapes, seed: u64) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let normalisation = normalisation(architecture.name);
    let valued = |(name, shape): (String, Vec<usize>)| {
        let values = values_with(&name, &shape, seed, normalisation);
        (name, (shape, values))
    };
    shapes.into_iter().map(valued).collect()
}
