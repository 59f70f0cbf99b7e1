//! Values of interest: windows and VOI LUTs (DICOM PS3.3 C.11.2).

/// How a window maps values to the screen (VOI LUT Function, PS3.3 C.11.2.1.2 and .3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VoiFunction {
    #[default]
    Linear,
    LinearExact,
    Sigmoid,
}

/// One choice of what part of the value range the screen shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Voi {
    /// Centre and width in units of the modality LUT's output.
    Window { centre: f64, width: f64, function: VoiFunction, explanation: Option<String> },
    /// A table over modality values: entry `clamp(v − first, 0, len − 1)`, entries 0 ..= 2^bits − 1.
    Table { first: i64, bits: u16, values: Vec<u16>, explanation: Option<String> },
}
