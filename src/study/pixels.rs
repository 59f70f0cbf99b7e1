//! Stored values, in the width in which the file has them.

/// Decoded stored values of one slice, before any LUT or colour conversion; row-major, samples interleaved.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    pub stored: Stored,
    /// What a reader should be told: "62 of 8192 bytes are missing; they are shown as 0".
    pub notes: Vec<String>,
}

/// The values, one variant for each native width.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}
