//! The knee model: AlexNet's layout, narrow; global average pooling, maximum over the slices, linear (MRNet).
//!
//! The phantom's tears are known to the pixel, so the class map (weights × features, at the resolution of the last
//! convolution) is trained to light up there and nowhere else, beside the question whether a slice and a stack
//! show a tear.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use glassbox::demo::knee::render::View;
use glassbox::demo::random::Random;
use rayon::prelude::*;

use crate::adam::{Adam, rate};
use crate::knee_data::{CLASSES, Mixture, PATCH_POOL, PATCHES, Patch, SCALE, Stack, image, training_knee};
use crate::knee_loss::{Pooled, USUAL, class_map, cross_entropy, dot, worth_going_back};
use crate::layers::{Gradients, Layer, Map, Parameter, Tape, add, backward, forward, tensors};
use crate::pool::Pool;
use crate::threshold;
use crate::weights::{Initial, log};

/// Slices that are kept to be used again.
const POOL_SLICES: usize = 2500;

/// A part of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// Which phantoms are drawn.
    pub mixture: Mixture,
    /// Stacks in a step, and slices in a stack.
    pub stacks: usize,
    pub slices: usize,
    pub steps: usize,
    pub peak_rate: f32,
}

/// A network under training.
pub struct Network {
    pub parameters: Vec<Parameter>,
    layers: Vec<Layer>,
    head: usize,
}

impl Network {
    /// Random weights; widths as `c` in the code, classes as [`CLASSES`].
    pub fn new(seed: u64) -> Self {
        let c = [16, 32, 48, 48, 48];
        let mut initial = Initial::new(seed);
        let shapes = [
            (1, c[0], 11, 4, 2),
            (c[0], c[1], 5, 1, 2),
            (c[1], c[2], 3, 1, 1),
            (c[2], c[3], 3, 1, 1),
            (c[3], c[4], 3, 1, 1),
        ];
        let mut layers = Vec::new();
        for (index, (inputs, outputs, kernel, stride, padding)) in shapes.into_iter().enumerate() {
            let place = [0, 3, 6, 8, 10][index];
            let weight = initial.convolution(&format!("pretrained_model.{place}"), inputs, outputs, kernel);
            layers.push(Layer::Convolution { weight, bias: weight + 1, kernel, stride, padding });
            layers.push(Layer::Relu);
            if index < 2 {
                layers.push(Layer::MaxPool { kernel: 3, stride: 2 });
            }
        }
        let head = initial.dense("classifier", c[4], CLASSES.len(), -3.0);
        Self { parameters: initial.parameters, layers, head }
    }

    /// Goes on from weights as they are shipped; see [`Network::shipped`].
    pub fn from_shipped(shipped: &[Parameter]) -> std::result::Result<Self, String> {
        let mut network = Self::new(0);
        let head = network.head;
        for (place, parameter) in network.parameters.iter_mut().enumerate() {
            let name = &parameter.name;
            let found = shipped
                .iter()
                .find(|other| other.name == *name)
                .ok_or_else(|| format!("There is no tensor {name}."))?;
            let mut shape = parameter.shape.clone();
            if place == 0 {
                shape[1] = 3;
            }
            if found.shape != shape {
                return Err(format!("The tensor {name} is {:?}, not {shape:?}.", found.shape));
            }
            if place == 0 {
                let plane = shape[2] * shape[3];
                let first_channels = found.values.chunks_exact(3 * plane).flat_map(|filter| &filter[..plane]);
                parameter.values = first_channels.map(|value| value * 3.0 * SCALE).collect();
            } else {
                let unit = if place == head { GAIN } else { 1.0 };
                parameter.values = found.values.iter().map(|value| value / unit).collect();
            }
        }
        Ok(network)
    }

    /// Moves each class's bias to where it tells most of `knees` training phantoms rightly, all planes alike: the
    /// stacks that are learnt from have more tears and fewer slices than an examination.
    pub fn set_thresholds(&mut self, knees: u64) -> Result<()> {
        let ready = tensors(&self.parameters)?;
        let answers: Vec<[(f32, bool); 2]> = (0..knees)
            .into_par_iter()
            .flat_map_iter(|number| View::ALL.map(|view| (number, view)))
            .map(|(number, view)| {
                let knee = training_knee(number);
                let torn = [knee.finding.meniscus, knee.finding.cruciate];
                let logits = self.logits(&ready, (0..view.slices()).map(|slice| image(&knee, view, slice)))?;
                Ok([(logits[0], torn[0]), (logits[1], torn[1])])
            })
            .collect::<Result<_>>()?;
        for class in 0..CLASSES.len() {
            let of_class: Vec<(f32, bool)> = answers.iter().map(|answers| answers[class]).collect();
            let line = threshold::best(&of_class);
            let wrong = |line: f32| of_class.iter().filter(|(logit, torn)| (*logit > line) != *torn).count();
            let counts = [wrong(0.0), wrong(line)];
            log(&format!(
                "class {class}: bias moved by {:.2}, {} instead of {} of {} wrong",
                -line,
                counts[1],
                counts[0],
                of_class.len()
            ));
            self.parameters[self.head + 1].values[class] -= line;
        }
        Ok(())
    }

    /// One logit a class for a whole stack.
    fn logits(&self, ready: &[Tensor], images: impl Iterator<Item = Map>) -> Result<Vec<f32>> {
        let features = self.features(ready, images)?;
        let (weight, bias) = (self.head_weight(), &self.parameters[self.head + 1].values);
        Ok(weight.chunks_exact(features.len()).zip(bias).map(|(weight, bias)| dot(weight, &features) + bias).collect())
    }

    /// What the output layer is given for a stack: each feature's mean over a slice, its maximum over the slices.
    fn features(&self, ready: &[Tensor], images: impl Iterator<Item = Map>) -> Result<Vec<f32>> {
        let mut strongest = Vec::new();
        for image in images {
            let tape = forward(&self.layers, &self.parameters, ready, image)?;
            let mean = Pooled::of(tape.output()).mean;
            if strongest.is_empty() {
                strongest = mean;
            } else {
                strongest.iter_mut().zip(mean).for_each(|(most, value)| *most = most.max(value));
            }
        }
        Ok(strongest)
    }

    /// Trains for a number of steps, each on a number of stacks of so many slices; `checkpoint` is called now and then.
    pub fn train(&mut self, lesson: &Lesson, seed: u64, mut checkpoint: impl FnMut(&Self)) -> Result<()> {
        let Lesson { mixture, stacks, slices, steps, peak_rate } = *lesson;
        let mut adam = Adam::new(&self.parameters, 1e-4);
        let mut shown = [0.0; 4];
        let mut pool = Pool::new(POOL_SLICES / slices, seed);
        for step in 0..steps {
            let ready = tensors(&self.parameters)?;
            let results: Vec<_> = pool
                .plan(stacks)
                .into_par_iter()
                .enumerate()
                .map(|(place, planned)| {
                    let fresh = planned.is_err();
                    let mut random = Random::new(seed ^ 0x736b_6970, (step * stacks + place) as u64);
                    let stack = planned.unwrap_or_else(|number| Arc::new(Stack::draw(&mixture, slices, seed, number)));
                    let mut gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
                    let losses = self.gradients(&stack, &ready, &mut gradients, &mut random)?;
                    Ok((gradients, losses, fresh.then_some(stack)))
                })
                .collect::<Result<_>>()?;
            let mut sum: Gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
            for (gradients, losses, fresh) in results {
                if let Some(stack) = fresh {
                    pool.keep(stack);
                }
                sum.iter_mut().zip(&gradients).for_each(|(sum, gradient)| add(sum, gradient));
                shown.iter_mut().zip(losses).for_each(|(shown, loss)| *shown += loss / stacks as f32 / 20.0);
            }
            sum.iter_mut().flatten().for_each(|gradient| *gradient /= stacks as f32);
            adam.step(&mut self.parameters, &sum, rate(peak_rate, step, steps));
            if step % 20 == 19 {
                let [stack, slice, inside, outside] = shown;
                log(&format!(
                    "step {:5}: stack {stack:.3} slice {slice:.3} inside {inside:.3} outside {outside:.3}",
                    step + 1
                ));
                shown = [0.0; 4];
            }
            if step % 50 == 49 {
                checkpoint(self);
            }
        }
        Ok(())
    }

    /// Trains the class map alone, on square parts of slices: several times as many tears in the same time.
    pub fn train_patches(&mut self, steps: usize, peak_rate: f32, seed: u64) -> Result<()> {
        let mut adam = Adam::new(&self.parameters, 1e-4);
        let mut pool = Pool::new(PATCH_POOL, seed);
        let mut shown = [0.0; 4];
        for step in 0..steps {
            let ready = tensors(&self.parameters)?;
            let results: Vec<_> = pool
                .plan(PATCHES)
                .into_par_iter()
                .map(|planned| {
                    let fresh = planned.is_err();
                    let patch = planned.unwrap_or_else(|number| Arc::new(Patch::draw(seed, number)));
                    let mut gradients: Gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
                    let tape = forward(&self.layers, &self.parameters, &ready, patch.image.clone())?;
                    let output = tape.output();
                    let mut by_map = vec![0.0; output.values.len()];
                    let mut losses = [0.0; 4];
                    let weight = self.head_weight();
                    for (class, cells) in patch.cells.iter().enumerate() {
                        let row = class * output.channels..(class + 1) * output.channels;
                        let mut change = vec![0.0; output.channels];
                        class_map(output, cells, &weight[row.clone()], &mut change, &mut by_map, &mut losses);
                        for change in &mut change {
                            *change *= GAIN;
                        }
                        add(&mut gradients[self.head][row], &change);
                    }
                    backward(&self.layers, &self.parameters, &ready, &tape, by_map, &mut gradients)?;
                    Ok((gradients, losses, fresh.then_some(patch)))
                })
                .collect::<Result<_>>()?;
            let mut sum: Gradients = self.parameters.iter().map(|p| vec![0.0; p.values.len()]).collect();
            for (gradients, losses, fresh) in results {
                if let Some(patch) = fresh {
                    pool.keep(patch);
                }
                sum.iter_mut().zip(&gradients).for_each(|(sum, gradient)| add(sum, gradient));
                shown.iter_mut().zip(losses).for_each(|(shown, loss)| *shown += loss / PATCHES as f32 / 20.0);
            }
            sum.iter_mut().flatten().for_each(|gradient| *gradient /= PATCHES as f32);
            adam.step(&mut self.parameters, &sum, rate(peak_rate, step, steps));
            if step % 20 == 19 {
                log(&format!("patches, step {:5}: inside {:.3} outside {:.3}", step + 1, shown[2], shown[3]));
                shown = [0.0; 4];
            }
        }
        Ok(())
    }

    /// Losses (stack, slice, class map inside and outside the tear) of one stack, and their gradient.
    fn gradients(
        &self,
        stack: &Stack,
        ready: &[Tensor],
        gradients: &mut Gradients,
        random: &mut Random,
    ) -> Result<[f32; 4]> {
        let slices = stack.images.len();
        let (weight, bias) = (&self.head_weight(), &self.parameters[self.head + 1].values);
        let tapes: Vec<Tape> = stack
            .images
            .iter()
            .map(|image| forward(&self.layers, &self.parameters, ready, image.clone()))
            .collect::<Result<_>>()?;
        let pooled: Vec<Pooled> = tapes.iter().map(|tape| Pooled::of(tape.output())).collect();
        let width = pooled[0].mean.len();
        let winner: Vec<usize> = (0..width)
            .map(|k| (0..slices).fold(0, |best, s| if pooled[s].mean[k] > pooled[best].mean[k] { s } else { best }))
            .collect();
        let mut by_mean = vec![vec![0.0; width]; slices];
        let mut by_map: Vec<Vec<f32>> = tapes.iter().map(|tape| vec![0.0; tape.output().values.len()]).collect();
        let mut losses = [0.0; 4];
        for class in 0..CLASSES.len() {
            let w = &weight[class * width..][..width];
            let (mut w_change, mut b_change) = (vec![0.0; width], 0.0);
            // The stack as a whole.
            let strongest: Vec<f32> = (0..width).map(|k| pooled[winner[k]].mean[k]).collect();
            let torn = (0..slices).any(|s| stack.label(s, class) == Some(true));
            let (loss, slope) = cross_entropy(dot(w, &strongest) + bias[class], torn);
            losses[0] += loss;
            b_change += slope;
            for k in 0..width {
                w_change[k] += slope * strongest[k];
                by_mean[winner[k]][k] += slope * w[k];
            }
            for s in 0..slices {
                // Each slice by itself, as a stack of one.
                if let Some(torn) = stack.label(s, class) {
                    let (loss, slope) = cross_entropy(dot(w, &pooled[s].mean) + bias[class], torn);
                    let slope = slope * 0.5 / USUAL;
                    losses[1] += loss / USUAL;
                    b_change += slope;
                    for k in 0..width {
                        w_change[k] += slope * pooled[s].mean[k];
                        by_mean[s][k] += slope * w[k];
                    }
                }
                class_map(tapes[s].output(), &stack.cells[s][class], w, &mut w_change, &mut by_map[s], &mut losses);
            }
            for change in &mut w_change {
                *change *= GAIN;
            }
            add(&mut gradients[self.head][class * width..][..width], &w_change);
            gradients[self.head + 1][class] += b_change;
        }
        for s in 0..slices {
            add(&mut by_map[s], &pooled[s].gradient(&by_mean[s], tapes[s].output()));
        }
        for (s, weight) in worth_going_back(&by_map, random) {
            let above = by_map[s].iter().map(|slope| slope * weight).collect();
            backward(&self.layers, &self.parameters, ready, &tapes[s], above, gradients)?;
        }
        Ok(losses)
    }

    fn head_weight(&self) -> Vec<f32> {
        self.parameters[self.head].values.iter().map(|value| value * GAIN).collect()
    }

    /// The weights as MRNet has them: three equal input channels of 0..255.
    pub fn shipped(&self) -> Vec<Parameter> {
        let mut parameters = self.parameters.clone();
        parameters[self.head].values = self.head_weight();
        let first = &mut parameters[0];
        let [outputs, _, height, width] = first.shape[..] else { return parameters };
        let plane = height * width;
        first.values = (0..outputs * 3 * plane)
            .map(|index| first.values[index / (3 * plane) * plane + index % plane] / (3.0 * SCALE))
            .collect();
        first.shape[1] = 3;
        parameters
    }
}

/// The output layer's weights are trained in this unit: a tear fills few of the cells that are averaged, so that its
/// weights must become large.
const GAIN: f32 = 8.0;
