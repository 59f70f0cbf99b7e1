//! Where images lie in a layer's space, brought into the plane.

mod pca;
mod tsne;

pub use pca::pca;
pub use tsne::{greatest_perplexity, tsne};

use super::{InsideError, Skipped};
use crate::graph::Control;

/// How codes are brought into the plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Principal components: a linear view that keeps as much variance as two axes can.
    Pca,
    /// t-SNE (van der Maaten and Hinton 2008; Barnes-Hut: van der Maaten 2014): keeps neighbours together; distances
    /// between groups and the sizes of groups mean nothing.
    Tsne {
        /// Roughly how many neighbours each image has.
        perplexity: u32,
    },
}

/// Codes in the plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// One point a code.
    pub points: Vec<[f32; 2]>,
    /// The share of the variance along each axis, for principal components.
    pub explained: Option<[f32; 2]>,
}

/// Images in the plane. All lists go together.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// The layer whose codes were embedded.
    pub layer: String,
    /// One point an image.
    pub points: Vec<[f32; 2]>,
    /// Each image's place in the list of images.
    pub inputs: Vec<usize>,
    /// The class with the greatest probability.
    pub predicted: Vec<usize>,
    /// That class's probability.
    pub confidence: Vec<f32>,
    /// The share of the variance along each axis, for principal components.
    pub explained: Option<[f32; 2]>,
    /// Images that could not be taken into account.
    pub skipped: Vec<Skipped>,
}

/// Brings codes of one length into the plane. The same codes and seed give the same points on every run of one machine;
/// principal components do not use the seed. `interim` is given the points as they move.
///
/// # Errors
/// As [`pca`] and [`tsne`].
pub fn project(
    codes: &[Vec<f32>],
    by: Projection,
    seed: u64,
    control: &Control,
    interim: &mut (dyn FnMut(Plane) + Send),
) -> Result<Plane, InsideError> {
    match by {
        Projection::Pca => pca(codes, control),
        Projection::Tsne { perplexity } => {
            let points = tsne(codes, perplexity, seed, control, &mut |points| {
                interim(Plane { points, explained: None });
            })?;
            Ok(Plane { points, explained: None })
        }
    }
}

/// That all codes have one length and finite values.
fn check(codes: &[Vec<f32>]) -> Result<(), InsideError> {
    let expected = codes.first().map_or(0, Vec::len);
    for (input, code) in codes.iter().enumerate() {
        if code.len() != expected {
            return Err(InsideError::CodeLength { found: code.len(), expected });
        }
        if code.iter().any(|value| !value.is_finite()) {
            return Err(InsideError::CodeNotFinite { input });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
