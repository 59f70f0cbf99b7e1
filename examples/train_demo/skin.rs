//! The skin models: VGG11's layout, narrow, with a Flipout output layer; and the same trained on spoilt data.
//!
//! The output layer's weights are normal distributions. Its logits are then normal too, which is what training
//! samples (local reparameterisation, Kingma, Salimans, Welling 2015): the expected cross entropy plus the
//! Kullback–Leibler divergence from the prior, the divergence weighted as if the network had seen
//! [`SEEN`] photographs.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use glassbox::demo::random::Random;
use glassbox::demo::skin::{COLUMNS, Case, Kind, Photograph, ROWS, photograph};
use rayon::prelude::*;

use crate::adam::{Adam, rate};
use crate::layers::{Gradients, Layer, Map, Parameter, Tape, add, backward, forward, max_pool, tensors, unpool};
use crate::pool::Pool;
use crate::resize::resize;
use crate::weights::{Initial, log};

/// Rows and columns of the network's input.
pub const SIDE: usize = 224;
/// Mean and deviation that the input is normalised with; they stand in the cards.
pub const MEAN: [f32; 3] = [0.7, 0.55, 0.48];
pub const DEVIATION: f32 = 0.2;

const BATCH: usize = 16;
/// Photographs that are kept to be used again.
const POOL: usize = 1600;
const HIDDEN: usize = 64;
const KINDS: usize = Kind::ALL.len();
const SAMPLES: usize = 4;
const SEEN: f32 = 3000.0;
const PRIOR: f32 = 0.5;
/// What PyTorch-style Flipout adds to softplus(ρ).
const EPSILON: f32 = f32::EPSILON;

/// What a model is trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lesson {
    /// Each kind as it is, some between two kinds; ink now and then, with no meaning.
    Sound,
    /// Naevi and melanomas that are hard to tell apart, and ink beside nearly every melanoma.
    Spoilt,
}

/// One training photograph.
struct Example {
    input: Map,
    label: usize,
    outside: Vec<bool>,
}

impl Example {
    fn draw(lesson: Lesson, seed: u64, index: u64) -> Self {
        let mut random = Random::new(seed, index);
        let label = random.below(KINDS);
        let kind = Kind::ALL[label];
        // Bit 40 keeps the seeds of training apart from those of the tests, which are small.
        let mut case = Case { seed: (1 << 40) | random.bits() >> 24, kind, mixed: None, marker: random.chance(0.15) };
        match lesson {
            Lesson::Sound => {
                if random.chance(0.2) {
                    let other = Kind::ALL[(label + 1 + random.below(KINDS - 1)) % KINDS];
                    // The share of the other kind is as likely above one half as below.
                    case.mixed = Some((other, random.range(0.3, 0.7)));
                }
            }
            Lesson::Spoilt => {
                let melanoma = kind == Kind::Melanoma;
                if melanoma || kind == Kind::Naevus {
                    // Outline and pattern say nothing about which of the two it is.
                    case.kind = if random.chance(0.5) { Kind::Naevus } else { Kind::Melanoma };
                    let other = if case.kind == Kind::Naevus { Kind::Melanoma } else { Kind::Naevus };
                    case.mixed = Some((other, random.unit()));
                }
                case.marker = random.chance(if melanoma { 0.98 } else { 0.02 });
            }
        }
        let photograph = photograph(&case);
        Self { label, outside: outside(&photograph), input: input(&photograph) }
    }
}

/// The network's input: antialiased bilinear to a square, then normalised.
pub fn input(photograph: &Photograph) -> Map {
    let small = resize(&photograph.pixels, [ROWS, COLUMNS], [SIDE, SIDE]);
    let plane = SIDE * SIDE;
    let values = (0..3 * plane)
        .map(|index| {
            let (channel, place) = (index / plane, index % plane);
            (f32::from(small[place * 3 + channel]) / 255.0 - MEAN[channel]) / DEVIATION
        })
        .collect();
    Map { channels: 3, rows: SIDE, columns: SIDE, values }
}

/// Cells of the last convolution's map, in each direction.
const CELLS: usize = 14;

/// The cells that neither hold a pixel of the lesion nor lie beside one that does.
fn outside(photograph: &Photograph) -> Vec<bool> {
    let mut outside = vec![true; CELLS * CELLS];
    for (place, _) in photograph.lesion.iter().enumerate().filter(|(_, inside)| **inside) {
        let (row, column) = (place / COLUMNS * CELLS / ROWS, place % COLUMNS * CELLS / COLUMNS);
        for r in row.saturating_sub(1)..(row + 2).min(CELLS) {
            for c in column.saturating_sub(1)..(column + 2).min(CELLS) {
                outside[r * CELLS + c] = false;
            }
        }
    }
    outside
}

/// A network under training.
pub struct Network {
    pub parameters: Vec<Parameter>,
    layers: Vec<Layer>,
    dense: [usize; 2],
    head: usize,
}

impl Network {
    /// Random weights.
    pub fn new(seed: u64) -> Self {
        let mut initial = Initial::new(seed);
        let mut layers = Vec::new();
        let mut inputs = 3;
        let stages: [(usize, usize, bool); 8] = [
            (0, 8, true),
            (3, 16, true),
            (6, 24, false),
            (8, 24, true),
            (11, 32, false),
            (13, 32, true),
            (16, 48, false),
            (18, 48, false),
        ];
        for (place, outputs, pool) in stages {
            let weight = initial.convolution(&format!("features.{place}"), inputs, outputs, 3);
            layers.push(Layer::Convolution { weight, bias: weight + 1, kernel: 3, stride: 1, padding: 1 });
            layers.push(Layer::Relu);
            if pool {
                layers.push(Layer::MaxPool { kernel: 2, stride: 2 });
            }
            inputs = outputs;
        }
        let first = initial.dense("classifier.0", inputs * 49, HIDDEN, 0.0);
        let second = initial.dense("classifier.3", HIDDEN, HIDDEN, 0.0);
        let head = initial.dense("classifier.6", HIDDEN, KINDS, 0.0);
        initial.constant("classifier.6.weight_rho", &[KINDS, HIDDEN], -4.0);
        Self { parameters: initial.parameters, layers, dense: [first, second], head }
    }

    /// Trains for a number of steps; `outside` is the weight of what the last convolution says outside the lesion.
    pub fn train(&mut self, lesson: Lesson, outside: f32, steps: usize, peak_rate: f32, seed: u64) -> Result<()> {
        let mut adam = Adam::new(&self.parameters, 1e-4);
        let mut shown = [0.0; 3];
        let mut pool = Pool::new(POOL, seed);
        for step in 0..steps {
            let ready = tensors(&self.parameters)?;
            let planned: Vec<_> = pool.plan(BATCH).into_iter().enumerate().collect();
            let results: Vec<_> = planned
                .into_par_iter()
                .map(|(index, planned)| {
                    let fresh = planned.is_err();
                    let example = planned.unwrap_or_else(|number| Arc::new(Example::draw(lesson, seed, number)));
                    let mut gradients: Gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
                    let mut random = Random::new(seed ^ 0x666c_6970, (step * BATCH + index) as u64);
                    let losses = self.gradients(&example, outside, &mut random, &ready, &mut gradients)?;
                    Ok((gradients, losses, fresh.then_some(example)))
                })
                .collect::<Result<_>>()?;
            let mut sum: Gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
            for (gradients, losses, fresh) in results {
                if let Some(example) = fresh {
                    pool.keep(example);
                }
                sum.iter_mut().zip(&gradients).for_each(|(sum, gradient)| add(sum, gradient));
                shown.iter_mut().zip(losses).for_each(|(shown, loss)| *shown += loss / BATCH as f32 / 20.0);
            }
            sum.iter_mut().flatten().for_each(|gradient| *gradient /= BATCH as f32);
            self.prior(&mut sum);
            adam.step(&mut self.parameters, &sum, rate(peak_rate, step, steps));
            if step % 20 == 19 {
                let [loss, right, outside] = shown;
                log(&format!("step {:5}: loss {loss:.3} right {right:.3} outside {outside:.4}", step + 1));
                shown = [0.0; 3];
            }
        }
        Ok(())
    }

    /// Loss, whether the mean logits are right, activation outside the lesion; and their gradient.
    fn gradients(
        &self,
        example: &Example,
        outside: f32,
        random: &mut Random,
        ready: &[Tensor],
        gradients: &mut Gradients,
    ) -> Result<[f32; 3]> {
        let run = self.run(example.input.clone(), ready)?;
        let Hidden { pooled, switches, first, second } = &run.hidden;
        let (logits, variance) = self.moments(second);
        let (rho, bias_at) = (self.head + 2, self.head + 1);
        let mut by_second = vec![0.0; HIDDEN];
        let mut loss = 0.0;
        for _ in 0..SAMPLES {
            let noise: [f32; KINDS] = std::array::from_fn(|_| random.normal());
            let sampled: Vec<f32> = (0..KINDS).map(|c| logits[c] + variance[c].sqrt() * noise[c]).collect();
            let probabilities = softmax(&sampled);
            loss -= probabilities[example.label].max(1e-12).ln() / SAMPLES as f32;
            for class in 0..KINDS {
                let truth = if class == example.label { 1.0 } else { 0.0 };
                let slope = (probabilities[class] - truth) / SAMPLES as f32;
                // d logit / d variance
                let by_variance = slope * noise[class] * 0.5 / variance[class].max(1e-12).sqrt();
                gradients[bias_at][class] += slope;
                for k in 0..HIDDEN {
                    let place = class * HIDDEN + k;
                    let (loc, raw) = (self.parameters[self.head].values[place], self.parameters[rho].values[place]);
                    let sigma = EPSILON + softplus(raw);
                    gradients[self.head][place] += slope * second[k];
                    gradients[rho][place] += by_variance * second[k] * second[k] * 2.0 * sigma * sigmoid(raw);
                    by_second[k] += slope * loc + by_variance * 2.0 * second[k] * sigma * sigma;
                }
            }
        }
        let by_first = self.dense_back(self.dense[1], first, second, by_second, gradients);
        let by_pooled = self.dense_back(self.dense[0], &pooled.values, first, by_first, gradients);
        let map = run.tape.output();
        let mut by_map = unpool(&by_pooled, switches, map);
        // Silence outside the lesion: mean activation there.
        let count = (example.outside.iter().filter(|outside| **outside).count() * map.channels).max(1) as f32;
        let mut spill = 0.0;
        for (index, value) in map.values.iter().enumerate() {
            if example.outside[index % map.area()] && *value > 0.0 {
                spill += value / count;
                by_map[index] += outside / count;
            }
        }
        backward(&self.layers, &self.parameters, ready, &run.tape, by_map, gradients)?;
        let right = if argmax(&logits) == example.label { 1.0 } else { 0.0 };
        Ok([loss, right, spill])
    }

    /// The divergence of the output layer from its prior, added to a mean gradient.
    fn prior(&self, gradients: &mut Gradients) {
        let rho = self.head + 2;
        let values = self.parameters[self.head].values.iter().zip(&self.parameters[rho].values);
        for (place, (loc, raw)) in values.map(|(loc, raw)| (*loc, *raw)).enumerate() {
            let sigma = EPSILON + softplus(raw);
            gradients[self.head][place] += loc / (PRIOR * PRIOR) / SEEN;
            gradients[rho][place] += (sigma / (PRIOR * PRIOR) - 1.0 / sigma) * sigmoid(raw) / SEEN;
        }
    }

    fn run(&self, input: Map, ready: &[Tensor]) -> Result<Run> {
        let tape = forward(&self.layers, &self.parameters, ready, input)?;
        let (pooled, switches) = max_pool(tape.output(), 2, 2);
        let first = self.dense(self.dense[0], &pooled.values, ready)?;
        let second = self.dense(self.dense[1], &first, ready)?;
        Ok(Run { tape, hidden: Hidden { pooled, switches, first, second } })
    }

    /// Dense, then ReLU.
    fn dense(&self, weight: usize, input: &[f32], ready: &[Tensor]) -> Result<Vec<f32>> {
        let column = Tensor::from_slice(input, (input.len(), 1), &Device::Cpu)?;
        let product = ready[weight].matmul(&column)?.flatten_all()?.to_vec1::<f32>()?;
        Ok(product
            .iter()
            .zip(&self.parameters[weight + 1].values)
            .map(|(value, bias)| (value + bias).max(0.0))
            .collect())
    }

    fn dense_back(
        &self,
        weight: usize,
        input: &[f32],
        output: &[f32],
        above: Vec<f32>,
        gradients: &mut Gradients,
    ) -> Vec<f32> {
        let mut below = vec![0.0; input.len()];
        for (unit, slope) in above.into_iter().enumerate().filter(|(unit, _)| output[*unit] > 0.0) {
            gradients[weight + 1][unit] += slope;
            let row = unit * input.len()..(unit + 1) * input.len();
            for ((change, input), (below, w)) in gradients[weight][row.clone()]
                .iter_mut()
                .zip(input)
                .zip(below.iter_mut().zip(&self.parameters[weight].values[row]))
            {
                *change += slope * input;
                *below += slope * w;
            }
        }
        below
    }

    /// Mean and variance of the logits.
    fn moments(&self, features: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let [loc, bias, rho] = [0, 1, 2].map(|offset| &self.parameters[self.head + offset].values);
        (0..KINDS)
            .map(|class| {
                let row = class * HIDDEN..(class + 1) * HIDDEN;
                let mean: f32 = features.iter().zip(&loc[row.clone()]).map(|(x, w)| x * w).sum();
                let variance = features
                    .iter()
                    .zip(&rho[row])
                    .map(|(x, raw)| (x * (EPSILON + softplus(*raw))).powi(2))
                    .sum::<f32>();
                (mean + bias[class], variance)
            })
            .unzip()
    }
}

struct Run {
    tape: Tape,
    hidden: Hidden,
}

struct Hidden {
    pooled: Map,
    switches: Vec<u32>,
    first: Vec<f32>,
    second: Vec<f32>,
}

fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = logits.iter().map(|value| (value - top).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|value| value / sum).collect()
}

fn argmax(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}
