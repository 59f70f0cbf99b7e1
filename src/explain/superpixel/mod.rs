//! Superpixels: a picture as connected pieces of similar colour, by quickshift or by SLIC, as scikit-image makes them.

mod connect;
mod lab;
mod quickshift;
mod slic;

use candle_core::Tensor;

pub use quickshift::{Quickshift, quickshift};
pub use slic::{Slic, slic};

use super::{ExplainError, InputSpace, extent::Extent};

/// A colour picture with 8 bits a channel, which is what pictures are cut into superpixels as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Rows of the picture.
    pub rows: usize,
    /// Columns of the picture.
    pub columns: usize,
    /// Red, green and blue, `rows × columns`, row-major.
    pub colours: Vec<[u8; 3]>,
}

impl Pixels {
    /// The picture behind a network's input, `[1, channels, rows, columns]`, each value rounded. Where the values do
    /// not lie in 0..255, as where stored values are fed, their range is stretched to it.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when the input holds NaN or infinities, [`ExplainError::Tensor`] when it has
    /// another shape.
    pub fn of_input(space: &InputSpace, input: &Tensor) -> Result<Self, ExplainError> {
        let (_, _, rows, columns) = input.dims4()?;
        let picture = space.picture(input)?;
        let Extent { black, white } = Extent::of(&picture)?;
        let eight = |value: f64| ((value - black) / (white - black) * 255.0).round().clamp(0.0, 255.0) as u8;
        let colours = picture.into_iter().map(|colour| colour.map(eight)).collect();
        Ok(Self { rows, columns, colours })
    }

    /// Whether all pixels are equal.
    fn is_constant(&self) -> bool {
        self.colours.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// A picture cut into superpixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superpixels {
    /// Rows of the picture.
    pub rows: usize,
    /// Columns of the picture.
    pub columns: usize,
    /// The superpixel of each pixel, `rows × columns`, counted from 0 without gaps.
    pub labels: Vec<u32>,
    /// How many there are.
    pub count: usize,
}

impl Superpixels {
    /// Superpixels from any labels, renumbered from 0 in the order of the labels. `None` where there are not
    /// `rows × columns`.
    #[must_use]
    pub fn from_labels(rows: usize, columns: usize, labels: &[usize]) -> Option<Self> {
        if rows.checked_mul(columns) != Some(labels.len()) {
            return None;
        }
        let mut known = labels.to_vec();
        known.sort_unstable();
        known.dedup();
        let number = |label: &usize| known.partition_point(|other| other < label) as u32;
        Some(Self { rows, columns, labels: labels.iter().map(number).collect(), count: known.len() })
    }

    /// The whole picture as one.
    fn one(picture: &Pixels) -> Self {
        let (rows, columns) = (picture.rows, picture.columns);
        Self { rows, columns, labels: vec![0; rows * columns], count: usize::from(rows * columns > 0) }
    }
}

#[cfg(test)]
mod tests;
