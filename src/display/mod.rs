//! Stored value → screen value: modality LUT, VOI window or LUT, photometric interpretation, colour maps.
//!
//! The order is that of DICOM PS3.3 C.11: stored value → modality LUT → VOI → inversion of MONOCHROME1.

pub mod colormap;
mod colormap_tables;
mod lut;
mod picture;
mod preset;
mod quantiles;
mod resample;
mod values;
mod voi;

pub use colormap::{Blend, COLORMAPS, Colormap, overlay};
pub use lut::ModalityLut;
pub use picture::{Picture, PictureKind, PixelValue};
pub use preset::{Preset, PresetRule, presets};
pub use resample::{Along, bilinear, resample};
pub use values::{Code, GreyValues};
pub use voi::{Voi, VoiFunction};
