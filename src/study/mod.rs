//! Reading studies: files and folders → [`Study`] ▸ [`Series`] ▸ [`Slice`].
//!
//! Knows no network. Headers are read first ([`open`]); pixels when they are asked for ([`Reader`]).

mod pixels;
mod types;

pub use pixels::{Pixels, Stored};
pub use types::{Geometry, Patient, Photometric, Plane, Series, Slice, Source, Study};
