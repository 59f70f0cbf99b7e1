//! The gradients of noisy copies of the input: what SmoothGrad and VarGrad share.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    attribution::Reading,
    channels::{Planes, layer_output},
    parameters::{Kind, Parameter, Preset, Value},
    pixels::pixel_map,
    runs::{Watch, batch_like, batch_size, evenly, gradients},
};
use crate::{
    graph::{Graph, INPUT, Keep, NodeId},
    uncertainty::normal,
};

/// The noise's standard deviation.
const LEVEL: Parameter = Parameter {
    name: "level",
    label: "Noise",
    sentence: "Standard deviation of the noise, as a part of the input's range from its smallest to its largest value.",
    kind: Kind::Real { min: 0.01, max: 1.0, default: 0.15 },
};

/// How many copies.
const SAMPLES: Parameter = Parameter {
    name: "samples",
    label: "Copies",
    sentence: "How many noisy copies of the picture: more give a calmer map.",
    kind: Kind::Integer { min: 2, max: 500, default: 25 },
};

/// What each of the methods costs.
pub(super) const COSTS: &str = "A forward and a backward pass a copy.";

/// A method that takes a statistic of the gradients of noisy copies.
pub(super) struct Noisy {
    /// The name for people.
    pub label: &'static str,
    /// The method in plain words.
    pub about: About,
    /// What is taken of the gradients.
    pub statistic: Statistic,
}

impl Method for Noisy {
    fn name(&self) -> &'static str {
        self.statistic.method()
    }

    fn label(&self) -> &'static str {
        self.label
    }

    fn group(&self) -> Group {
        Group::Gradient
    }

    fn about(&self) -> About {
        self.about
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn is_costly(&self) -> bool {
        true
    }

    fn draws(&self) -> bool {
        true
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[SAMPLES, LEVEL]
    }

    fn presets(&self) -> &'static [Preset] {
        &[
            Preset { label: "Quick", sentence: "A first look.", values: &[("samples", Value::Integer(8))] },
            Preset { label: "Calm", sentence: "For a figure.", values: &[("samples", Value::Integer(100))] },
        ]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().output_of(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        with_gaussian_noise(ask, self.statistic)
    }
}

/// What is taken of the gradients of all copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// SmoothGrad: their mean, signed.
    Mean,
    /// VarGrad: their variance, the mean of the squares less the square of the mean.
    Variance,
}

impl Statistic {
    /// The name of the method.
    const fn method(self) -> &'static str {
        match self {
            Self::Mean => "smoothgrad",
            Self::Variance => "vargrad",
        }
    }
}

/// A statistic of the gradients of copies of the explained input, to each of which noise is added. `noise` is given the
/// number of the copy, in any order and by several threads at once, and fills one value for each of the input, in network
/// input; the run must have kept the output of [`INPUT`].
///
/// # Errors
/// What a run can fail with, cancellation included; [`ExplainError::NotFinite`].
pub fn noisy_gradients(
    ask: &Ask,
    statistic: Statistic,
    samples: usize,
    noise: &(dyn Fn(usize, &mut [f32]) + Sync),
) -> Result<Attribution, ExplainError> {
    let input = ask.input()?;
    let original = layer_output(ask.trace, INPUT, ask.slice)?;
    let at_once = batch_size(ask.graph(), INPUT, input.dims(), input.device())?;
    let mut moments = Moments::new(&original);
    let mut watch = Watch::new(ask, samples);
    for batch in evenly(samples, at_once) {
        let done = batch.end;
        let copies: Vec<Vec<f64>> = batch
            .into_par_iter()
            .map(|copy| {
                let mut added = vec![0.0_f32; original.values.len()];
                noise(copy, &mut added);
                original.values.iter().zip(&added).map(|(value, noise)| value + f64::from(*noise)).collect()
            })
            .collect();
        for (_, gradient) in gradients(ask, &batch_like(&input, &copies)?)? {
            moments.add(&gradient.values);
        }
        watch.done(done, || moments.map(ask, statistic))?;
    }
    moments.map(ask, statistic)
}

/// The same with Gaussian noise as the method's settings and the seed say.
fn with_gaussian_noise(ask: &Ask, statistic: Statistic) -> Result<Attribution, ExplainError> {
    let original = layer_output(ask.trace, INPUT, ask.slice)?;
    let (low, high) = original
        .values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let deviation = (ask.settings.real(&LEVEL) * (high - low)) as f32;
    let random = ChaCha8Rng::seed_from_u64(ask.seed);
    let samples = ask.settings.count(&SAMPLES);
    noisy_gradients(ask, statistic, samples, &|copy, noise| gaussian(random.clone(), deviation, copy, noise))
}

/// The noise of one copy. Each has its own stretch of the generator's stream, as if they were drawn one after the other.
fn gaussian(mut random: ChaCha8Rng, deviation: f32, copy: usize, noise: &mut [f32]) {
    let words = noise.len().next_multiple_of(normal::BLOCK);
    random.set_word_pos(copy as u128 * words as u128);
    let mut block = [0.0_f32; normal::BLOCK];
    for values in noise.chunks_mut(normal::BLOCK) {
        normal::block(&mut random, &mut block);
        values.iter_mut().zip(&block).for_each(|(value, normal)| *value = deviation * normal);
    }
}

/// Sums over the copies so far.
struct Moments {
    size: [usize; 3],
    copies: usize,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn new(like: &Planes) -> Self {
        let zeros = vec![0.0; like.values.len()];
        Self { size: [like.channels, like.rows, like.columns], copies: 0, sum: zeros.clone(), squares: zeros }
    }

    fn add(&mut self, gradient: &[f64]) {
        /// Values of one thread at a time.
        const CHUNK: usize = 1 << 13;
        self.copies += 1;
        let sums = self.sum.par_chunks_mut(CHUNK).zip(self.squares.par_chunks_mut(CHUNK));
        sums.zip(gradient.par_chunks(CHUNK)).for_each(|((sums, squares), gradient)| {
            for ((sum, square), value) in sums.iter_mut().zip(squares).zip(gradient) {
                *sum += value;
                *square += value * value;
            }
        });
    }

    fn map(&self, ask: &Ask, statistic: Statistic) -> Result<Attribution, ExplainError> {
        let copies = self.copies.max(1) as f64;
        let pairs = self.sum.iter().zip(&self.squares);
        let values = pairs.map(|(sum, squares)| match statistic {
            Statistic::Mean => sum / copies,
            // Rounding must not make a variance negative.
            Statistic::Variance => (squares / copies - (sum / copies).powi(2)).max(0.0),
        });
        let [channels, rows, columns] = self.size;
        let field = Planes { channels, rows, columns, values: values.collect() };
        pixel_map(statistic.method(), ask, Reading::Magnitude, &field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_have_the_noise_of_one_stream() {
        let length = 2 * normal::BLOCK + 3;
        let mut stream = ChaCha8Rng::seed_from_u64(7);
        let mut block = [0.0_f32; normal::BLOCK];
        let expected: Vec<Vec<f32>> = (0..3)
            .map(|_| {
                let mut drawn = Vec::new();
                while drawn.len() < length {
                    normal::block(&mut stream, &mut block);
                    drawn.extend(block.iter().map(|value| 0.5 * value));
                }
                drawn.truncate(length);
                drawn
            })
            .collect();
        for copy in [2, 0, 1] {
            let mut noise = vec![0.0; length];
            gaussian(ChaCha8Rng::seed_from_u64(7), 0.5, copy, &mut noise);
            assert_eq!(noise, expected[copy]);
        }
    }
}
