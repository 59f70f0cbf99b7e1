//! Reads files of reference vectors and compares with them.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::{collections::HashMap, path::Path};

use safetensors::{Dtype, SafeTensors};

/// The reference vectors of one architecture.
pub struct Reference {
    /// By key.
    pub tensors: HashMap<String, Vec<f32>>,
    /// Layers, classes, and which fields are block means.
    pub meta: serde_json::Value,
}

impl Reference {
    /// Reads one file.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let json = &header.metadata().as_ref().unwrap()["json"];
        let meta = serde_json::from_str(json).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors = HashMap::new();
        for (name, view) in file.tensors() {
            let values: Vec<f32> = match view.dtype() {
                Dtype::F32 => view.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
                Dtype::I32 => {
                    view.data().chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()) as f32).collect()
                }
                Dtype::U8 => view.data().iter().map(|&byte| f32::from(byte)).collect(),
                other => panic!("{name} is {other:?}"),
            };
            tensors.insert(name, values);
        }
        Self { tensors, meta }
    }

    /// Whether a field is stored as means of 8×8 blocks.
    pub fn is_block_means(&self, key: &str) -> bool {
        self.meta[key] == "8x8 block means"
    }

    /// Square planes, each `side × side`, as the file has them: themselves, or means of blocks.
    pub fn as_stored(&self, key: &str, values: &[f32], side: usize) -> Vec<f32> {
        match self.meta[key].as_str() {
            None => values.to_vec(),
            Some("8x8 block means") => means(values, side, 8),
            Some(other) => panic!("{key} is stored as {other}"),
        }
    }
}

/// The largest difference over the reference's largest magnitude.
pub fn error(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f64, |most, &value| most.max(f64::from(value).abs()));
    let difference = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    let worst = difference.fold(0.0_f64, |most, value| if value.is_nan() { f64::INFINITY } else { most.max(value) });
    if worst == 0.0 { 0.0 } else { worst / largest }
}

/// Means of 8×8 blocks of `channels × 224 × 224`.
pub fn block_means(field: &[f32]) -> Vec<f32> {
    means(field, 224, 8)
}

/// Means of blocks of `channels × side × side`.
fn means(field: &[f32], side: usize, block: usize) -> Vec<f32> {
    let mut means = Vec::new();
    for plane in field.chunks_exact(side * side) {
        for row in (0..side).step_by(block) {
            for column in (0..side).step_by(block) {
                let place = |index: usize| plane[(row + index / block) * side + column + index % block];
                let sum: f64 = (0..block * block).map(|index| f64::from(place(index))).sum();
                means.push((sum / (block * block) as f64) as f32);
            }
        }
    }
    means
}
