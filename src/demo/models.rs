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

macro_rules! embedded {
    ($name:literal) => {
        Embedded {
            name: $name,
            card: include_str!(concat!("../../models/", $name, "/model.toml")),
            weights: include_bytes!(concat!("../../models/", $name, "/weights.safetensors")),
        }
    };
}

static MODELS: [Embedded; 3] = [embedded!("knee-phantom"), embedded!("skin-phantom"), embedded!("skin-marker")];

/// The demo models, trained on phantoms by `examples/train_demo`: the knee, the skin, and the skin model that has
/// learnt the ink beside the lesion instead of the lesion.
#[must_use]
pub fn models() -> &'static [Embedded] {
    &MODELS
}

/// The demo's exam cards: name of the folder in `models/`, and text.
static EXAMS: [(&str, &str); 1] = [("knee-exam", include_str!("../../models/knee-exam/exam.toml"))];

/// The demo exams: the knee model on three planes, its two tears each combined.
#[must_use]
pub fn exams() -> &'static [(&'static str, &'static str)] {
    &EXAMS
}
