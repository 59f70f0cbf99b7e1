//! Networks with weights from a closed formula, so that reference vectors need no weight files; see `make_reference.py`
//! beside the vectors.

#![allow(unused_imports, reason = "not each test uses all")]
#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use candle_core::{DType, Device, Tensor};
pub use glassbox::model::formula::{fnv1a64, uniform, values};
use glassbox::{
    graph::Graph,
    model::{Weights, formula, zoo},
};

/// An architecture of the zoo with its usual widths and the formula's weights; `shapes` overrides some shapes.
#[must_use]
pub fn graph(architecture: &str, shapes: &[(&str, &[usize])], seed: u64, precision: DType) -> Graph {
    let architecture = zoo::find(architecture).unwrap();
    let mut all = formula::shapes(architecture).unwrap();
    for (name, shape) in shapes {
        *all.get_mut(*name).unwrap() = shape.to_vec();
    }
    let tensors = formula::tensors(architecture, all, seed).into_iter().map(|(name, (shape, values))| {
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        (name, tensor.to_dtype(precision).unwrap())
    });
    let mut weights = Weights::from_tensors(tensors.collect(), "formula");
    let graph = (architecture.build)(&mut weights).unwrap();
    weights.finish().unwrap();
    graph
}
