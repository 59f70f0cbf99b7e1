//! Reading studies: files and folders → [`Study`] ▸ [`Series`] ▸ [`Slice`].
//!
//! Knows no network. Headers are read first ([`open()`]); pixels when they are asked for ([`Reader`]).

mod archive;
pub mod dicom;
mod dicom_format;
mod duplicates;
mod error;
mod formats;
mod geometry;
mod grouping;
mod gzip;
mod instance;
mod nifti;
mod nifti_header;
mod npy;
mod open;
mod picture;
mod pixels;
mod raster;
mod reader;
pub mod report;
mod storage;
#[cfg(test)]
mod testing;
mod tiff_pages;
mod types;
mod volume;
mod walk;

pub use archive::{Archives, disk};
pub use error::StudyError;
pub use geometry::{EdgeLetters, PLANE_TOLERANCE_DEGREES, Vector, same_position_mm};
pub use instance::{Instance, SeriesHead, StudyHead};
pub use open::{Failure, Opened, Progress, open};
pub use pixels::{Pixels, Statistics, Stored};
pub use reader::Reader;
pub(crate) use storage::names_in;
pub use storage::{Disk, Entry, Memory, Storage};
pub use types::{Geometry, Patient, Photometric, Plane, Series, Slice, Source, Study};
