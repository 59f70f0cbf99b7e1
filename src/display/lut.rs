//! The modality LUT (DICOM PS3.3 C.11.1).

/// Maps stored values to values with a meaning (Hounsfield units, counts, …).
#[derive(Debug, Clone, PartialEq)]
pub enum ModalityLut {
    /// `slope · stored + intercept`; the identity has slope 1 and intercept 0.
    Linear { slope: f64, intercept: f64 },
    /// A table: the entry for a stored value `v` is `values[clamp(v − first, 0, len − 1)]`.
    Table { first: i64, values: Vec<f32> },
}

impl ModalityLut {
    /// The map that leaves stored values as they are.
    pub const IDENTITY: Self = Self::Linear { slope: 1.0, intercept: 0.0 };
}
