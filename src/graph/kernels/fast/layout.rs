//! From pictures with the channels first to pictures with the channels last, and back.

use super::{super::each::each, image::View};

/// Side of the squares of numbers that are turned at a time; a row of one fills a line of the cache.
const SIDE: usize = 16;

/// `[batch, channels, rows, columns]` → channels last, with zeros around the pictures: `before` rows and columns before
/// and `after` behind.
///
/// # Panics
/// When `values` or `out` are too short.
pub fn to_last(values: &[f32], [batch, channels, rows, columns]: [usize; 4], edges: Edges, out: &mut [f32]) {
    let plane = rows * columns;
    assert!(values.len() >= batch * channels * plane, "pixels are missing");
    let [all_rows, all_columns] = edges.around([rows, columns]);
    let line = all_columns * channels;
    let out = &mut out[..batch * all_rows * line];
    if line == 0 {
        return;
    }
    each(out.chunks_exact_mut(line).enumerate(), |(index, out)| {
        let (picture, row) = (index / all_rows, (index % all_rows).wrapping_sub(edges.before[0]));
        if row >= rows {
            return out.fill(0.0);
        }
        let inner = edges.before[1] * channels..(edges.before[1] + columns) * channels;
        out[..inner.start].fill(0.0);
        out[inner.end..].fill(0.0);
        let out = &mut out[inner];
        let first = picture * channels * plane + row * columns;
        if channels < SIDE / 2 {
            // Squares would be empty for the most part.
            for channel in 0..channels {
                let from = &values[first + channel * plane..][..columns];
                out[channel..].iter_mut().step_by(channels).zip(from).for_each(|(to, from)| *to = *from);
            }
            return;
        }
        for columns in pieces(columns) {
            for lanes in pieces(channels) {
                let mut square = [[0.0_f32; SIDE]; SIDE];
                for (square, channel) in square.iter_mut().zip(lanes.clone()) {
                    let from = &values[first + channel * plane..][columns.clone()];
                    square[..from.len()].copy_from_slice(from);
                }
                for (place, column) in columns.clone().enumerate() {
                    let to = &mut out[column * channels..][lanes.clone()];
                    to.iter_mut().zip(&square).for_each(|(to, square)| *to = square[place]);
                }
            }
        }
    });
}

/// Pictures with the channels last → the same with zeros around them.
///
/// # Panics
/// When `out` is too short.
pub fn pad(input: View, edges: Edges, out: &mut [f32]) {
    input.check();
    let [all_rows, all_columns] = edges.around([input.rows, input.columns]);
    let line = all_columns * input.channels;
    let out = &mut out[..input.batch * all_rows * line];
    if line == 0 {
        return;
    }
    each(out.chunks_exact_mut(line).enumerate(), |(index, out)| {
        let (picture, row) = (index / all_rows, (index % all_rows).wrapping_sub(edges.before[0]));
        if row >= input.rows {
            return out.fill(0.0);
        }
        let inner = edges.before[1] * input.channels..(edges.before[1] + input.columns) * input.channels;
        out[..inner.start].fill(0.0);
        out[inner.end..].fill(0.0);
        let from = &input.values[input.at(picture, row, 0)..];
        if input.pixel == input.channels {
            let length = inner.len();
            return out[inner].copy_from_slice(&from[..length]);
        }
        for (to, from) in out[inner].chunks_exact_mut(input.channels).zip(from.chunks(input.pixel)) {
            to.copy_from_slice(&from[..input.channels]);
        }
    });
}

/// Channels last → `[batch, channels, rows, columns]`.
///
/// # Panics
/// When `out` is too short.
pub fn to_first(input: View, out: &mut [f32]) {
    input.check();
    let (plane, pixel) = (input.rows * input.columns, input.pixel);
    if plane == 0 {
        return;
    }
    let out = &mut out[..input.batch * input.channels * plane];
    for (picture, out) in out.chunks_exact_mut(input.channels * plane).enumerate() {
        each(out.chunks_mut(SIDE * plane).enumerate(), |(block, out)| {
            let lanes = out.len() / plane;
            let from = &input.values[picture * plane * pixel + block * SIDE..];
            for pixels in pieces(plane) {
                let mut square = [[0.0_f32; SIDE]; SIDE];
                for (square, place) in square.iter_mut().zip(pixels.clone()) {
                    square[..lanes].copy_from_slice(&from[place * pixel..][..lanes]);
                }
                for (lane, out) in out.chunks_exact_mut(plane).enumerate() {
                    out[pixels.clone()].iter_mut().zip(&square).for_each(|(to, square)| *to = square[lane]);
                }
            }
        });
    }
}

/// Zeros around pictures, in rows and columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edges {
    /// Before the first row and column.
    pub before: [usize; 2],
    /// Behind the last ones.
    pub after: [usize; 2],
}

impl Edges {
    /// The rows and columns of a picture with its edges.
    #[must_use]
    pub fn around(self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.before[axis] + size[axis] + self.after[axis])
    }
}

/// What lies in one square after the other.
fn pieces(count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).step_by(SIDE).map(move |start| start..(start + SIDE).min(count))
}
