//! Quickshift: each pixel climbs to its nearest neighbour of higher density.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{Pixels, Superpixels, lab::lab};
use crate::graph::{Cancelled, Control};

/// Standard deviation of the noise that decides between equal densities, as in scikit-image.
const TIE_NOISE: f64 = 1e-5;

/// The noise is the same for every picture, so that a picture always falls into the same superpixels.
const TIE_SEED: u64 = 42;

/// What quickshift is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quickshift {
    /// Standard deviation of the density's Gaussian kernel, in pixels and in units of scaled colour alike, at least 1.
    pub kernel: f64,
    /// Links longer than this are cut.
    pub max_distance: f64,
    /// What L*a*b* is multiplied by before it counts as much as pixels do.
    pub ratio: f64,
}

impl Quickshift {
    /// LIME's setting for pictures.
    pub const LIME: Self = Self { kernel: 4.0, max_distance: 200.0, ratio: 0.2 };
}

/// Vedaldi and Soatto 2008, in the space of L*a*b* and position, as scikit-image does it.
///
/// Densities are sums of a Gaussian over the window of three standard deviations around each pixel. Each pixel's
/// parent is the nearest pixel of higher density in that window; the trees are the superpixels. A picture of one
/// colour, where only the noise would decide, is one superpixel.
///
/// # Errors
/// [`Cancelled`].
pub fn quickshift(picture: &Pixels, settings: Quickshift, control: &Control) -> Result<Superpixels, Cancelled> {
    if picture.is_constant() {
        return Ok(Superpixels::one(picture));
    }
    let space = Space::of(picture, settings);
    let densities = space.densities(control)?;
    let mut parents = space.parents(&densities, settings.max_distance, control)?;
    loop {
        control.check()?;
        let next: Vec<u32> = parents.iter().map(|&parent| parents[parent as usize]).collect();
        if next == parents {
            break;
        }
        parents = next;
    }
    // Roots become numbers in the order of their places.
    let mut number = vec![0_u32; parents.len()];
    let mut count = 0;
    for (place, &root) in parents.iter().enumerate() {
        if root as usize == place {
            number[place] = count;
            count += 1;
        }
    }
    let labels = parents.iter().map(|&root| number[root as usize]).collect();
    Ok(Superpixels { rows: picture.rows, columns: picture.columns, labels, count: count as usize })
}

/// A picture in scaled L*a*b*.
struct Space {
    rows: usize,
    columns: usize,
    colours: Vec<[f64; 3]>,
    /// Half the window's width.
    reach: usize,
    /// −1 / 2σ².
    exponent: f64,
}

impl Space {
    fn of(picture: &Pixels, settings: Quickshift) -> Self {
        let colours = picture
            .colours
            .par_iter()
            .map(|rgb| lab(rgb.map(|value| f64::from(value) / 255.0)).map(|value| value * settings.ratio))
            .collect();
        Self {
            rows: picture.rows,
            columns: picture.columns,
            colours,
            reach: (3.0 * settings.kernel).ceil() as usize,
            exponent: -0.5 / (settings.kernel * settings.kernel),
        }
    }

    /// Visits the window around a pixel: place and squared distance, row by row.
    #[inline]
    fn window(&self, row: usize, column: usize, mut visit: impl FnMut(usize, f64)) {
        let own = self.colours[row * self.columns + column];
        let across = column.saturating_sub(self.reach)..(column + self.reach + 1).min(self.columns);
        for other_row in row.saturating_sub(self.reach)..(row + self.reach + 1).min(self.rows) {
            let down = row as f64 - other_row as f64;
            let start = other_row * self.columns;
            for (offset, colour) in self.colours[start + across.start..start + across.end].iter().enumerate() {
                let [l, a, b] = [own[0] - colour[0], own[1] - colour[1], own[2] - colour[2]];
                let right = column as f64 - (across.start + offset) as f64;
                visit(start + across.start + offset, l * l + a * a + b * b + down * down + right * right);
            }
        }
    }

    /// The density at each pixel, with the noise that decides ties.
    fn densities(&self, control: &Control) -> Result<Vec<f64>, Cancelled> {
        let mut random = ChaCha8Rng::seed_from_u64(TIE_SEED);
        let mut densities: Vec<f64> = (0..self.colours.len()).map(|_| TIE_NOISE * normal(&mut random)).collect();
        densities.par_chunks_mut(self.columns).enumerate().try_for_each(|(row, line)| {
            control.check()?;
            for (column, density) in line.iter_mut().enumerate() {
                self.window(row, column, |_, squared| *density += (squared * self.exponent).exp());
            }
            Ok(())
        })?;
        Ok(densities)
    }

    /// The nearest pixel of higher density in each pixel's window; the pixel itself where there is none, or none near
    /// enough.
    fn parents(&self, densities: &[f64], max_distance: f64, control: &Control) -> Result<Vec<u32>, Cancelled> {
        let mut parents = vec![0_u32; densities.len()];
        parents.par_chunks_mut(self.columns).enumerate().try_for_each(|(row, line)| {
            control.check()?;
            for (column, parent) in line.iter_mut().enumerate() {
                let own = row * self.columns + column;
                let density = densities[own];
                let (mut nearest, mut least) = (own, f64::INFINITY);
                self.window(row, column, |place, squared| {
                    if squared < least && densities[place] > density {
                        (nearest, least) = (place, squared);
                    }
                });
                *parent = if least.sqrt() > max_distance { own } else { nearest } as u32;
            }
            Ok(())
        })?;
        Ok(parents)
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
