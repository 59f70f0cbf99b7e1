//! One slice, ready for the eye and for the network alike.

use super::Voi;

/// One decoded slice after the modality LUT (grey) or after conversion to RGB (colour).
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub rows: usize,
    pub columns: usize,
    pub kind: PictureKind,
}

/// What the pixels of a [`Picture`] are.
#[derive(Debug, Clone, PartialEq)]
pub enum PictureKind {
    /// Row-major values after the modality LUT.
    Grey {
        values: Vec<f32>,
        /// The windows and tables that the file offers, first = default; never empty
        /// (a reader without one supplies the full range of the stored type or of the values).
        voi: Vec<Voi>,
        /// MONOCHROME1: the screen value is inverted after the VOI.
        inverted: bool,
    },
    /// Row-major interleaved RGB, 8 bit.
    Rgb { pixels: Vec<u8> },
}
