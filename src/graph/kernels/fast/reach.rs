//! What the windows of a pooling see, and the largest values of a row of them.

use std::ops::Range;

use super::{Isa, Windows, largest};
use crate::graph::ops::{MaxPool2d, inside};

/// What one window reaches along one axis.
#[derive(Debug)]
pub struct Reach {
    /// The places of the kernel that lie inside the input.
    pub places: Range<usize>,
    /// The element of the input under the first of them.
    pub first: usize,
}

impl Reach {
    /// What all windows reach along one axis of this length.
    pub fn along(pool: &MaxPool2d, axis: usize, windows: usize, length: usize) -> Vec<Self> {
        let [stride, padding, dilation, kernel] =
            [pool.stride, pool.padding, pool.dilation, pool.kernel].map(|pair| pair[axis]);
        let reach = |window: usize| {
            let start = window * stride;
            let places = inside(start, padding, dilation, kernel, length);
            Self { first: (start + places.start * dilation).saturating_sub(padding), places }
        };
        (0..windows).map(reach).collect()
    }
}

/// Rows of pixels that lie one after the other without gaps.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// All of them.
    pub values: &'a [f32],
    /// So many are there: row `y` of the picture is at `y` modulo that.
    pub kept: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

impl Rows<'_> {
    /// The largest values in a row of windows, each of which sees something.
    ///
    /// # Panics
    /// When values are missing, or `out` has other windows or channels.
    pub fn largest(self, isa: Isa, pool: &MaxPool2d, row: &Reach, columns: &[Reach], mut out: &mut [f32]) {
        let Self { values, kept, width, channels } = self;
        let [down, across] = pool.dilation;
        let mut offsets = Vec::new();
        // At the edges windows have fewer places than between them.
        for columns in columns.chunk_by(|a, b| a.places == b.places) {
            let pixel = |r: usize, c: usize| (row.first + r * down) % kept * width + columns[0].first + c * across;
            let pixels = (0..row.places.len()).flat_map(|r| (0..columns[0].places.len()).map(move |c| pixel(r, c)));
            offsets.clear();
            offsets.extend(pixels.map(|pixel| pixel * channels));
            let windows = Windows { offsets: &offsets, step: pool.stride[1] * channels, channels };
            let (here, rest) = out.split_at_mut(columns.len() * channels);
            largest(isa, values, windows, here);
            out = rest;
        }
    }
}
