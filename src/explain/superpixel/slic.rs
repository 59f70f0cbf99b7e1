//! SLIC: k-means of colour and position around a grid of centres.

use super::{Pixels, Superpixels, connect::connected, lab::lab};
use crate::graph::{Cancelled, Control};

/// Rounds of k-means, as in scikit-image.
const ROUNDS: usize = 10;

/// What SLIC is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slic {
    /// About how many superpixels are wanted, at least 1.
    pub segments: usize,
    /// How much position counts against colour: the more, the squarer the superpixels.
    pub compactness: f64,
}

/// Achanta et al. 2012, as scikit-image does it: the picture's range is stretched, centres start on a grid without
/// colour, each reaches for pixels within two grid steps, and pieces that are too small join a neighbour. A picture of
/// one colour is one superpixel.
///
/// # Errors
/// [`Cancelled`].
pub fn slic(picture: &Pixels, settings: Slic, control: &Control) -> Result<Superpixels, Cancelled> {
    let (rows, columns) = (picture.rows, picture.columns);
    if picture.is_constant() {
        return Ok(Superpixels::one(picture));
    }
    let colours = stretched(picture, settings.compactness);
    let [down, across] = grid([rows, columns], settings.segments.max(1));
    let mut centres: Vec<Centre> = Vec::new();
    for row in (down.start..rows).step_by(down.step) {
        for column in (across.start..columns).step_by(across.step) {
            centres.push(Centre { place: [row as f64, column as f64], colour: [0.0; 3] });
        }
    }
    let step = down.step.max(across.step) as f64;
    let nearness = 1.0 / (step * step);
    let mut nearest = vec![0_usize; rows * columns];
    for _ in 0..ROUNDS {
        let mut distances = vec![f64::INFINITY; rows * columns];
        for (number, centre) in centres.iter().enumerate() {
            control.check()?;
            if !centre.place[0].is_finite() {
                // Nothing was nearest to it: it has no mean.
                continue;
            }
            let reach = |at: f64, step: usize, end: usize| {
                let reach = 2.0 * step as f64;
                (at - reach).max(0.0) as usize..((at + reach + 1.0).min(end as f64)) as usize
            };
            for row in reach(centre.place[0], down.step, rows) {
                let y = centre.place[0] - row as f64;
                for column in reach(centre.place[1], across.step, columns) {
                    let x = centre.place[1] - column as f64;
                    let place = row * columns + column;
                    let pairs = colours[place].iter().zip(centre.colour);
                    let colour: f64 = pairs.map(|(own, centre)| (own - centre) * (own - centre)).sum();
                    let distance = (y * y + x * x) * nearness + colour;
                    if distance < distances[place] {
                        (distances[place], nearest[place]) = (distance, number);
                    }
                }
            }
        }
        centres = means(&nearest, &colours, columns, centres.len());
    }
    let size = (rows * columns) as f64 / centres.len() as f64;
    let labels = connected(&nearest, [rows, columns], (0.5 * size) as usize, (3.0 * size) as usize);
    Ok(Superpixels::from_labels(rows, columns, &labels).unwrap_or_else(|| Superpixels::one(picture)))
}

/// Where a superpixel is, and its colour.
struct Centre {
    /// Row and column.
    place: [f64; 2],
    /// Scaled L*a*b*.
    colour: [f64; 3],
}

/// L*a*b* over the compactness, from the picture with its range stretched to 0..1.
fn stretched(picture: &Pixels, compactness: f64) -> Vec<[f64; 3]> {
    let values = || picture.colours.iter().flatten().copied();
    let (least, most) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
    let range = f64::from(most - least).max(1.0);
    let part = |value: u8| f64::from(value - least) / range;
    picture.colours.iter().map(|&rgb| lab(rgb.map(part)).map(|value| value / compactness)).collect()
}

/// The mean place and colour of each centre's pixels; NaN where it has none.
fn means(nearest: &[usize], colours: &[[f64; 3]], columns: usize, count: usize) -> Vec<Centre> {
    let mut sums = vec![([0.0_f64; 2], [0.0_f64; 3], 0_usize); count];
    for (place, (&centre, colour)) in nearest.iter().zip(colours).enumerate() {
        let (position, sum, members) = &mut sums[centre];
        position[0] += (place / columns) as f64;
        position[1] += (place % columns) as f64;
        sum.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value);
        *members += 1;
    }
    let mean = |(place, colour, members): ([f64; 2], [f64; 3], usize)| Centre {
        place: place.map(|sum| sum / members as f64),
        colour: colour.map(|sum| sum / members as f64),
    };
    sums.into_iter().map(mean).collect()
}

/// Where the grid of centres starts in one direction, and its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Steps {
    start: usize,
    step: usize,
}

/// A regular grid of about `count` places, as scikit-image's `regular_grid`: half a step from the edge, and one row
/// (or column) in the middle where the picture is narrower than a step.
fn grid(size: [usize; 2], count: usize) -> [Steps; 2] {
    let area = (size[0] * size[1]) as f64;
    if area <= count as f64 {
        return [Steps { start: 0, step: 1 }; 2];
    }
    let even = (area / count as f64).sqrt();
    let narrow = usize::from(size[1] < size[0]);
    let mut steps = [even; 2];
    if (size[narrow] as f64) < even {
        steps[narrow] = size[narrow] as f64;
        steps[1 - narrow] = size[1 - narrow] as f64 / count as f64;
    }
    steps.map(|step| Steps { start: (step / 2.0).floor() as usize, step: step.round_ties_even().max(1.0) as usize })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `skimage.util.regular_grid` gives for the same shapes with a depth of 1.
    #[test]
    fn the_grid_is_scikit_images() {
        let of = |size, count| grid(size, count).map(|steps| (steps.start, steps.step));
        assert_eq!(of([224, 224], 50), [(15, 32), (15, 32)]);
        assert_eq!(of([100, 30], 7), [(10, 21), (10, 21)]);
        assert_eq!(of([4, 100], 2), [(2, 4), (25, 50)]);
        assert_eq!(of([3, 3], 9), [(0, 1), (0, 1)]);
    }
}
