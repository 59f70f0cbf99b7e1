//! Stored value → screen value: modality LUT, VOI window or LUT, photometric interpretation, colour maps.
//!
//! The order is that of DICOM PS3.3 C.11: stored value → modality LUT → VOI → inversion of MONOCHROME1.

mod lut;
mod picture;
mod voi;

pub use lut::ModalityLut;
pub use picture::{Picture, PictureKind};
pub use voi::{Voi, VoiFunction};
