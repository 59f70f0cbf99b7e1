//! Random numbers by counting: each is determined by seed, node, pass and place, so that results depend neither on the
//! number of threads nor on the device, and more passes extend fewer.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::normal::{self, BLOCK};
use crate::graph::NodeId;

/// Numbers of one stream; a whole number of blocks.
const CHUNK: usize = 16 * BLOCK;

/// Which numbers: those of one pass at one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draw {
    /// The seed of all passes.
    pub seed: u64,
    /// The node that takes them.
    pub node: NodeId,
    /// The number of the pass.
    pub pass: u64,
}

/// What the numbers of a node are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Weights = 0,
    Bias = 1,
    Mask = 2,
}

impl Draw {
    /// The generator of one chunk. The head's own sampler has zeros where the node's number stands here.
    fn stream(self, part: Part, chunk: usize) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&(self.node as u64 + 1).to_le_bytes());
        key[16..24].copy_from_slice(&(chunk as u64).to_le_bytes());
        key[24..].copy_from_slice(&(part as u64).to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(self.pass);
        random
    }

    /// Standard normal numbers.
    pub fn normals(self, part: Part, count: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; count];
        numbers.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, numbers)| {
            let mut random = self.stream(part, chunk);
            let mut block = [0.0; BLOCK];
            for numbers in numbers.chunks_mut(BLOCK) {
                normal::block(&mut random, &mut block);
                numbers.copy_from_slice(&block[..numbers.len()]);
            }
        });
        numbers
    }

    /// Zeros, as often as `rate` says, and otherwise what keeps the mean: `1 / (1 − rate)`.
    pub fn mask(self, rate: f32, count: usize) -> Vec<f32> {
        // A rate below 1 leaves a threshold that 32 bits can have.
        let threshold = (f64::from(rate) * 4_294_967_296.0).min(4_294_967_295.0) as u32;
        let kept = 1.0 / (1.0 - rate);
        let mut mask = vec![0.0; count];
        mask.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, mask)| {
            let mut random = self.stream(Part::Mask, chunk);
            for value in mask {
                *value = if random.next_u32() >= threshold { kept } else { 0.0 };
            }
        });
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: Draw = Draw { seed: 7, node: 3, pass: 11 };

    #[test]
    fn fewer_numbers_are_the_first_of_more_on_any_number_of_threads() {
        let many = DRAW.normals(Part::Weights, 3 * CHUNK + 5);
        assert_eq!(DRAW.normals(Part::Weights, CHUNK + 7), many[..CHUNK + 7]);
        let mask = DRAW.mask(0.3, 3 * CHUNK);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| DRAW.normals(Part::Weights, many.len())), many);
            assert_eq!(pool.install(|| DRAW.mask(0.3, mask.len())), mask);
        }
    }

    #[test]
    fn every_part_of_the_name_makes_other_numbers() {
        let of = |draw: Draw, part| draw.normals(part, 4);
        let own = of(DRAW, Part::Weights);
        for other in [
            of(Draw { seed: 8, ..DRAW }, Part::Weights),
            of(Draw { node: 4, ..DRAW }, Part::Weights),
            of(Draw { pass: 12, ..DRAW }, Part::Weights),
            of(DRAW, Part::Bias),
        ] {
            assert_ne!(own, other);
        }
        let chunks = DRAW.normals(Part::Weights, 2 * CHUNK);
        assert_ne!(chunks[..4], chunks[CHUNK..CHUNK + 4]);
    }

    #[test]
    fn moments_are_the_normal_distribution_s_across_chunks_and_masks_keep_the_mean() {
        let n = 40 * CHUNK;
        let numbers = DRAW.normals(Part::Weights, n);
        let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let square = numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
        // Four standard errors: 1/√n of the mean, √(2/n) of the mean square.
        assert!(mean.abs() < 4.0 / (n as f64).sqrt() && (square - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt());
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let mask = DRAW.mask(rate, n);
            let dropped = mask.iter().filter(|value| **value == 0.0).count() as f64 / n as f64;
            let error = (f64::from(rate) * f64::from(1.0 - rate) / n as f64).sqrt();
            assert!((dropped - f64::from(rate)).abs() <= 4.0 * error, "{rate}: {dropped}");
            assert!(mask.iter().all(|value| *value == 0.0 || (*value - 1.0 / (1.0 - rate)).abs() < 1e-6));
        }
    }
}
