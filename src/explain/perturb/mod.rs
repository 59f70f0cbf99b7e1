//! What methods that hide parts of the picture share: what is put in place, many runs with progress and interim maps,
//! sets of superpixels, and least squares.

mod baseline;
mod changes;
mod coalitions;
mod pieces;
pub(super) mod ridge;
mod runs;
pub(super) mod shapley;
mod solve;

pub use baseline::Baseline;
pub use coalitions::Coalitions;
pub(super) use pieces::{HIDDEN, KERNEL, QUICK, SEGMENTS, SUPERPIXELS, Scene, superpixels};
pub(super) use runs::Runs;

#[cfg(test)]
mod tests;
