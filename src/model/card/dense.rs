//! `dense_weights`: how large dense layers keep their weights.

use serde::{Deserialize, Serialize};

/// How the weights of large dense layers are kept in memory on the CPU.
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
