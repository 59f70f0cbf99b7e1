//! The models that are built into the program.

/// A model card and its weights.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// Name of its folder in `models/`.
    pub name: &'static str,
    /// The model card (TOML).
    pub card: &'static str,
    /// The weights (safetensors).
    pub weights: &'static [u8],
}

/// The demo models, trained on phantoms by `examples/train_demo`.
#[must_use]
pub fn models() -> &'static [Embedded] {
    &[]
}
