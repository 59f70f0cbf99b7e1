//! `dense_weights`: how large dense layers keep their weights.

use serde::{Deserialize, Serialize};

/// How the weights of large dense layers are kept in memory on the CPU.
///
/// With 16 bits logits are those of 32 within 1e-3 of the largest, or the model is refused. Gradients may move more: a unit
/// next to 0 between two dense layers, which a ReLU then passes or not, takes its whole part with it (of VGG16 with weights
/// drawn at random, Grad-CAM by 3 % of its maximum with `f16`). `glassbox check-model` measures both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DenseWeights {
    /// As everything else: 32 bits.
    #[default]
    F32,
    /// IEEE 754's 16 bits: 11 binary digits, numbers up to 65504.
    F16,
    /// The upper 16 bits of 32: 8 binary digits, numbers as large as those of `f32`.
    Bf16,
}

impl DenseWeights {
    /// As the card has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// Whether it is what a card without the key says.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}
