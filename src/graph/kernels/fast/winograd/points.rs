//! The points at which Winograd's polynomials are taken: 0, pairs of either sign, and ∞.
//!
//! A pair costs half: what is even and what is odd in it are computed once. The squares of the pairs multiply to 1, which
//! keeps the transformed numbers near the size of what they come from.

use std::f32::consts::{FRAC_1_SQRT_2 as A, SQRT_2 as B};

use super::super::lane::Lane;

/// Along one side of a tile of `SIDE` pixels whose output has `OUT`.
pub trait Points<const SIDE: usize, const OUT: usize> {
    /// `Bᵀ d`.
    fn of_input<L: Lane>(d: [L; SIDE]) -> [L; SIDE];
    /// `Aᵀ m`.
    fn of_product<L: Lane>(m: [L; SIDE]) -> [L; OUT];
}

/// F(2, 3): 0, ±1, ∞.
pub struct Four;

/// F(4, 3): 0, ±√½, ±√2, ∞.
pub struct Six;

/// F(4, 5): 0, ±3/5, ±1, ±5/3, ∞. They lose a fifth less to rounding than ±½, ±1, ±2.
pub struct Eight;

/// The positive points of the pairs of each.
const FOUR: [f64; 1] = [1.0];
const SIX: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2];
const EIGHT: [f64; 3] = [0.6, 1.0, 5.0 / 3.0];

/// `G k Gᵀ`, row by row, for a kernel of 3 × 3 or 5 × 5 and tiles of `side` × `side`; the rest of the result is 0.
///
/// # Panics
/// For other kernels and tiles.
pub fn of_kernel(taps: usize, side: usize, kernel: impl Fn(usize, usize) -> f64) -> [f64; 64] {
    match (taps, side) {
        (3, 4) => of_square::<3, 4>(&FOUR, kernel),
        (3, 6) => of_square::<3, 6>(&SIX, kernel),
        (5, 8) => of_square::<5, 8>(&EIGHT, kernel),
        _ => panic!("there are no points for kernels of {taps} × {taps} on tiles of {side} × {side}"),
    }
}

fn of_square<const TAPS: usize, const SIDE: usize>(pairs: &[f64], kernel: impl Fn(usize, usize) -> f64) -> [f64; 64] {
    let columns: [[f64; SIDE]; TAPS] =
        std::array::from_fn(|c| of_taps(pairs, std::array::from_fn::<f64, TAPS, _>(|r| kernel(r, c))));
    let mut points = [0.0; 64];
    for (row, points) in points.chunks_exact_mut(SIDE).take(SIDE).enumerate() {
        points.copy_from_slice(&of_taps::<TAPS, SIDE>(pairs, std::array::from_fn(|c| columns[c][row])));
    }
    points
}

/// `G g`.
fn of_taps<const TAPS: usize, const SIDE: usize>(pairs: &[f64], taps: [f64; TAPS]) -> [f64; SIDE] {
    let mut points = [0.0; SIDE];
    (points[0], points[SIDE - 1]) = (taps[0], taps[TAPS - 1]);
    for (index, (point, points)) in pairs.iter().zip(points[1..].chunks_exact_mut(2)).enumerate() {
        let square = point * point;
        let mut norm = 2.0 * square;
        for (_, other) in pairs.iter().enumerate().filter(|(other, _)| *other != index) {
            norm *= square - other * other;
        }
        // Of the even powers, and of the odd ones.
        let (mut sums, mut power) = ([0.0, 0.0], 1.0);
        for (exponent, tap) in taps.iter().enumerate() {
            sums[exponent % 2] += tap * power / norm;
            power *= point;
        }
        points.copy_from_slice(&[sums[0] + sums[1], sums[0] - sums[1]]);
    }
    points
}

impl Points<4, 2> for Four {
    #[inline(always)]
    fn of_input<L: Lane>(d: [L; 4]) -> [L; 4] {
        [d[0].sub(d[2]), d[2].add(d[1]), d[2].sub(d[1]), d[3].sub(d[1])]
    }

    #[inline(always)]
    fn of_product<L: Lane>(m: [L; 4]) -> [L; 2] {
        [m[0].add(m[1].add(m[2])), m[1].sub(m[2]).add(m[3])]
    }
}

impl Points<6, 4> for Six {
    #[inline(always)]
    fn of_input<L: Lane>(d: [L; 6]) -> [L; 6] {
        let times = |factor: f32, lane: L| L::splat(factor).mul(lane);
        let near = L::splat(-2.0).mul_add(d[2], d[4]);
        let near_odd = times(A, L::splat(-2.0).mul_add(d[1], d[3]));
        let far = L::splat(-0.5).mul_add(d[2], d[4]);
        let far_odd = times(B, L::splat(-0.5).mul_add(d[1], d[3]));
        [
            L::splat(-2.5).mul_add(d[2], d[4].add(d[0])),
            near.add(near_odd),
            near.sub(near_odd),
            far.add(far_odd),
            far.sub(far_odd),
            L::splat(-2.5).mul_add(d[3], d[5].add(d[1])),
        ]
    }

    #[inline(always)]
    fn of_product<L: Lane>(m: [L; 6]) -> [L; 4] {
        let (near, near_odd) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (far, far_odd) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(near).add(far),
            L::splat(A).mul_add(near_odd, L::splat(B).mul(far_odd)),
            L::splat(0.5).mul_add(near, L::splat(2.0).mul(far)),
            L::splat(0.5 * A).mul_add(near_odd, L::splat(2.0 * B).mul_add(far_odd, m[5])),
        ]
    }
}

impl Points<8, 4> for Eight {
    #[inline(always)]
    fn of_input<L: Lane>(d: [L; 8]) -> [L; 8] {
        /// Squares of the points, and their sum.
        const SQUARES: [f32; 3] = [0.36, 1.0, 25.0 / 9.0];
        const SUM: f32 = 0.36 + 1.0 + 25.0 / 9.0;
        let ends = |d: [L; 4]| L::splat(SUM).mul_add(d[2].sub(d[1]), d[0].sub(d[3]));
        // The polynomial without one pair: the other squares' product is one over its own.
        let without = |pair: usize, [low, middle, high]: [L; 3]| {
            let rest = L::splat(SQUARES[pair] - SUM).mul_add(middle, high);
            L::splat(1.0 / SQUARES[pair]).mul_add(low, rest)
        };
        let even = [d[2], d[4], d[6]];
        let odd = [d[1], d[3], d[5]];
        let near = without(0, even);
        let near_odd = L::splat(0.6).mul(without(0, odd));
        let (one, one_odd) = (without(1, even), without(1, odd));
        let far = without(2, even);
        let far_odd = L::splat(5.0 / 3.0).mul(without(2, odd));
        [
            ends([d[0], d[2], d[4], d[6]]),
            near.add(near_odd),
            near.sub(near_odd),
            one.add(one_odd),
            one.sub(one_odd),
            far.add(far_odd),
            far.sub(far_odd),
            ends([d[7], d[5], d[3], d[1]]),
        ]
    }

    #[inline(always)]
    fn of_product<L: Lane>(m: [L; 8]) -> [L; 4] {
        let (near, near_odd) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (one, one_odd) = (m[3].add(m[4]), m[3].sub(m[4]));
        let (far, far_odd) = (m[5].add(m[6]), m[5].sub(m[6]));
        [
            m[0].add(near).add(one.add(far)),
            L::splat(0.6).mul_add(near_odd, L::splat(5.0 / 3.0).mul_add(far_odd, one_odd)),
            L::splat(0.36).mul_add(near, L::splat(25.0 / 9.0).mul_add(far, one)),
            L::splat(0.216).mul_add(near_odd, L::splat(125.0 / 27.0).mul_add(far_odd, one_odd.add(m[7]))),
        ]
    }
}
