//! What the knee model is trained to say, and the slopes that follow.

use glassbox::demo::random::Random;

use crate::knee_data::Cell;
use crate::layers::{Map, max_pool, unpool};

/// What the losses of single slices are divided by.
pub const USUAL: f32 = 5.0;
/// Class map values are trained in these units.
const UNIT: f32 = 16.0;

/// Share of a stack's slices that the way back is taken for, at most.
const WAY_BACK: f32 = 0.4;

/// The way back costs three times as much as the way forward and most slices hardly matter, so it is taken for those
/// that matter most and for a draw of the others, which then count for more: the expected gradient is the same. Gives
/// slices and weights.
pub fn worth_going_back(slopes: &[Vec<f32>], random: &mut Random) -> Vec<(usize, f32)> {
    let sizes: Vec<f32> = slopes.iter().map(|slopes| dot(slopes, slopes).sqrt()).collect();
    let sum: f32 = sizes.iter().sum();
    let wanted = WAY_BACK * slopes.len() as f32;
    let chance = |size: f32| if sum > 0.0 { (wanted * size / sum).min(1.0) } else { 0.0 };
    let chances = sizes.into_iter().map(chance).enumerate();
    chances.filter(|(_, chance)| random.chance(*chance)).map(|(slice, chance)| (slice, 1.0 / chance)).collect()
}

/// Inside the tear the class map shall be high, well outside it zero.
pub fn class_map(
    map: &Map,
    cells: &[Cell],
    w: &[f32],
    w_change: &mut [f32],
    by_map: &mut [f32],
    losses: &mut [f32; 4],
) {
    let area = map.area();
    let mut values = vec![0.0; area];
    for (plane, w) in map.values.chunks_exact(area).zip(w) {
        values.iter_mut().zip(plane).for_each(|(sum, value)| *sum += w * value / UNIT);
    }
    let inside = cells.iter().filter(|cell| **cell == Cell::Inside).count().max(1) as f32;
    let slopes: Vec<f32> = values
        .iter()
        .zip(cells)
        .map(|(value, cell)| match cell {
            Cell::Inside => {
                let (loss, slope) = cross_entropy(value - 3.0, true);
                losses[2] += loss / inside / USUAL;
                slope / inside / UNIT / 2.0
            }
            Cell::Outside => {
                losses[3] += value * value / 40.0 / USUAL;
                value * 2.0 / 40.0 / UNIT / USUAL
            }
            Cell::Near => 0.0,
        })
        .collect();
    for (k, plane) in map.values.chunks_exact(area).enumerate() {
        w_change[k] += dot(&slopes, plane);
        by_map[k * area..][..area].iter_mut().zip(&slopes).for_each(|(out, slope)| *out += slope * w[k]);
    }
}

/// The last pooling and the mean over what it leaves.
pub struct Pooled {
    pub mean: Vec<f32>,
    switches: Vec<u32>,
    area: usize,
}

impl Pooled {
    pub fn of(map: &Map) -> Self {
        let (small, switches) = max_pool(map, 3, 2);
        let area = small.area();
        let mean = small.values.chunks_exact(area).map(|plane| plane.iter().sum::<f32>() / area as f32).collect();
        Self { mean, switches, area }
    }

    pub fn gradient(&self, by_mean: &[f32], map: &Map) -> Vec<f32> {
        let spread: Vec<f32> =
            by_mean.iter().flat_map(|slope| std::iter::repeat_n(slope / self.area as f32, self.area)).collect();
        unpool(&spread, &self.switches, map)
    }
}

/// Loss and slope of a logit that should say `truth`.
pub fn cross_entropy(logit: f32, truth: bool) -> (f32, f32) {
    let sign = if truth { 1.0 } else { -1.0 };
    let margin = sign * logit;
    let loss = (-margin.abs()).exp().ln_1p() + (-margin).max(0.0);
    (loss, -sign / (1.0 + margin.exp()))
}

pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draw_of_slices_leaves_the_expected_gradient_as_it_is() {
        const DRAWS: usize = 20_000;
        let slopes: Vec<Vec<f32>> = [4.0, 0.5, 0.0, 1.0, 0.25].iter().map(|size| vec![*size, 0.0]).collect();
        let (mut random, mut sums, mut drawn) = (Random::new(1, 2), [0.0_f32; 5], 0);
        for _ in 0..DRAWS {
            for (slice, weight) in worth_going_back(&slopes, &mut random) {
                sums[slice] += weight / DRAWS as f32;
                drawn += 1;
            }
        }
        assert!((sums[0] - 1.0).abs() < 1e-3, "what matters most is always taken: {sums:?}");
        assert_eq!(sums[2], 0.0, "what does not matter never is");
        assert!([1, 3, 4].iter().all(|slice| (sums[*slice] - 1.0).abs() < 0.1), "{sums:?}");
        assert!(drawn as f32 <= WAY_BACK * (slopes.len() * DRAWS) as f32);
    }
}
