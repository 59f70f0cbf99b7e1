//! Stack networks that share their trunk: tasks trained on the same features differ in their head alone, so what the
//! maximum over the slices sees is the same for all of them.

use std::fmt::Write;

use candle_core::DType;
use sha2::{Digest, Sha256};

use super::compute;
use super::key::ModelId;
use crate::graph::ops::BatchNorm2d;
use crate::model::Model;

/// Names what a stack network computes before its maximum: two networks with the same name see the same features.
///
/// It is the SHA-256 of the preprocessing and of all weights before the maximum. Where that does not tell the whole
/// (a graph from a file, running statistics, which are no weights) it is the model itself.
pub fn of(model: &Model, id: &ModelId) -> ModelId {
    named(model).map_or_else(|| id.clone(), |name| ModelId(name.into()))
}

fn named(model: &Model) -> Option<String> {
    let last = compute::stack_layer(model)?;
    // The layers of an architecture of the zoo follow from its name and the shapes of its weights.
    crate::model::zoo::find(&model.card.architecture)?;
    let mut hasher = Sha256::new();
    hasher.update(&model.card.architecture);
    hasher.update(serde_json::to_vec(&model.card.input).ok()?);
    for node in &model.graph.nodes()[..=last] {
        if node.op_as::<BatchNorm2d>().is_some() {
            return None;
        }
        for (name, weight) in node.op.weights() {
            hasher.update(format!("{}.{name}{:?}", node.name, weight.dims()));
            let values = weight.to_dtype(DType::F32).and_then(|weight| weight.flatten_all()?.to_vec1::<f32>()).ok()?;
            hasher.update(bytemuck::cast_slice(&values));
        }
    }
    let mut name = "trunk:".to_owned();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    Some(name)
}
