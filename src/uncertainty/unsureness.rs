//! What makes a network unsure: the mutual information of prediction and weights as the output of a graph, so that every
//! explanation method can be asked about it as about a class.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, bail};

use super::{Classes, Sampler, UncertaintyError};
use crate::graph::{
    Forward, Graph, GraphBuilder, INPUT, NodeId, Op, Rule, Saved,
    ops::{Concat, Slice},
};

type Result<T, E = candle_core::Error> = std::result::Result<T, E>;

/// A network with one output: by how much the passes disagree, in nats.
#[derive(Debug)]
pub struct Unsureness {
    /// The network; its output is `[batch, 1]`.
    pub graph: Arc<Graph>,
    /// Where the layers that were asked for are in it.
    pub layers: Vec<NodeId>,
}

/// Bytes of drawn weights and of activations that one graph may take (2 GiB).
const MOST_BYTES: usize = 1 << 31;

impl Sampler {
    /// The graph of the mutual information `H(mean p) − mean H(p)` over passes: what comes before the first random
    /// layer once, what comes after it once for each pass with the weights of that pass, and the mutual information of
    /// all their logits at the end (Depeweg et al. 2018).
    ///
    /// A layer that differs from pass to pass becomes all its copies, one channel after the other, so that a map of it is
    /// the sum over the passes. `input` is the shape of the network's input.
    ///
    /// # Errors
    /// [`UncertaintyError::Unsureness`]: fewer than two passes, outputs that are no probabilities, more memory than is
    /// taken.
    pub fn unsureness(
        &self,
        (passes, seed): (usize, u64),
        layers: &[NodeId],
        classes: Classes,
        input: &[usize],
    ) -> Result<Unsureness, UncertaintyError> {
        let refuse = |reason: &str| Err(UncertaintyError::Unsureness { reason: reason.to_owned() });
        let passes = self.passes(passes);
        if classes == Classes::NoProbabilities {
            return refuse("its outputs are no probabilities");
        }
        if passes < 2 {
            return refuse("it takes at least 2 passes to disagree");
        }
        let varying = self.varying();
        self.check_memory(passes, &varying, input)?;
        let networks = (0..passes).map(|pass| self.network(pass, seed)).collect::<Result<Vec<_>, _>>()?;
        let first = &networks[0];
        let mut builder = GraphBuilder::new();
        // For each node its copies, one a pass; where it does not vary, the same one.
        let mut places: Vec<Vec<NodeId>> = vec![vec![INPUT; passes]];
        let mut whole: Vec<NodeId> = vec![INPUT];
        for (id, node) in first.nodes().iter().enumerate().skip(1) {
            if !varying[id] {
                let inputs: Vec<NodeId> = node.inputs.iter().map(|&source| places[source][0]).collect();
                let at = builder.add_shared(node.name.clone(), Arc::clone(&node.op), &inputs);
                mark(&mut builder, node.functional, at);
                places.push(vec![at; passes]);
                whole.push(at);
                continue;
            }
            let mut copies = Vec::with_capacity(passes);
            for (pass, network) in networks.iter().enumerate() {
                let node = &network.nodes()[id];
                let inputs: Vec<NodeId> = node.inputs.iter().map(|&source| places[source][pass]).collect();
                let at = builder.add_shared(format!("{}@{pass}", node.name), Arc::clone(&node.op), &inputs);
                mark(&mut builder, node.functional, at);
                copies.push(at);
            }
            whole.push(copies[0]);
            if layers.contains(&id) {
                let all = builder.add(node.name.clone(), Concat::CHANNELS, &copies);
                whole[id] = all;
                let channels = channels_of(first, id, input)?;
                for (pass, copy) in copies.iter_mut().enumerate() {
                    let (start, end) = ((pass * channels) as i64, ((pass + 1) * channels) as i64);
                    let part = Slice { dimension: 1, start, end, step: 1 };
                    *copy = builder.add(format!("{}@{pass}.part", node.name), part, &[all]);
                }
            }
            places.push(copies);
        }
        let outputs = channels_of(first, first.output(), input)?;
        let information = MutualInformation { exclusive: classes == Classes::Exclusive && outputs > 1 };
        builder.add("mutual information", information, &places[first.output()]);
        let graph = Arc::new(builder.finish()?);
        let layers = layers.iter().filter_map(|&id| whole.get(id).copied()).collect();
        Ok(Unsureness { graph, layers })
    }

    /// Copies of weights and outputs must not take more memory than a machine has.
    fn check_memory(&self, passes: usize, varying: &[bool], input: &[usize]) -> Result<(), UncertaintyError> {
        let first = &self.members()[0];
        let shapes = first.graph.shapes(input)?;
        let outputs = shapes.iter().zip(varying).filter(|(_, varies)| **varies);
        let outputs: usize = outputs.map(|(shape, _)| shape.iter().product::<usize>()).sum();
        let weights: usize = if self.members().len() > 1 {
            0
        } else {
            first.noise.iter().map(|(id, noise)| noise.numbers(shapes[*id].iter().product())).sum()
        };
        let each = (outputs + weights).saturating_mul(size_of::<f32>()).max(1);
        if each.saturating_mul(passes) <= MOST_BYTES {
            return Ok(());
        }
        let most = MOST_BYTES / each;
        Err(UncertaintyError::Unsureness {
            reason: format!(
                "{passes} passes take {} MB each, more than is taken; ask for at most {most}, or make only later layers \
                 stochastic",
                each >> 20
            ),
        })
    }
}

fn mark(builder: &mut GraphBuilder, functional: bool, node: NodeId) {
    if functional {
        builder.mark_functional(node);
    }
}

/// How many channels (or features) a node gives.
fn channels_of(graph: &Graph, node: NodeId, input: &[usize]) -> Result<usize, UncertaintyError> {
    Ok(graph.shapes(input)?[node].get(1).copied().unwrap_or(1))
}

/// `H(mean p) − mean H(p)` of the probabilities that belong to several logits `[batch, outputs]`: of one distribution
/// (softmax), or summed over outputs that are a yes or no each (sigmoid). Output `[batch, 1]`, nats.
#[derive(Debug, Clone, Copy)]
pub(super) struct MutualInformation {
    pub exclusive: bool,
}

impl Op for MutualInformation {
    fn kind(&self) -> &'static str {
        "MutualInformation"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match inputs {
            [[batch, _], ..] if inputs.iter().all(|shape| shape == &inputs[0]) => Ok(vec![*batch, 1]),
            _ => Err("it takes logits of one shape [batch, outputs]".to_owned()),
        }
    }

    fn forward(&self, inputs: &[&Tensor], record: bool) -> Result<Forward> {
        let passes = inputs.iter().map(|logits| rows(logits)).collect::<Result<Vec<_>>>()?;
        let batch = inputs[0].dim(0)?;
        let values: Vec<f64> = (0..batch)
            .map(|element| {
                let logits: Vec<&[f64]> = passes.iter().map(|rows| rows[element].as_slice()).collect();
                self.of(&logits).0
            })
            .collect();
        let output = Tensor::from_vec(values, (batch, 1), &Device::Cpu)?;
        let output = output.to_dtype(inputs[0].dtype())?.to_device(inputs[0].device())?;
        let state = if record { inputs.iter().map(|&logits| logits.clone()).collect() } else { Vec::new() };
        Ok(Forward { output, state })
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        if saved.state.len() <= which {
            bail!("the forward step was not recorded");
        }
        let passes = saved.state.iter().map(rows).collect::<Result<Vec<_>>>()?;
        let gradients = rows(gradient)?;
        let mut back = Vec::new();
        for (element, gradient) in gradients.iter().enumerate() {
            let logits: Vec<&[f64]> = passes.iter().map(|rows| rows[element].as_slice()).collect();
            back.extend(self.of(&logits).1(which).into_iter().map(|value| value * gradient[0]));
        }
        let like = &saved.state[which];
        Tensor::from_vec(back, like.shape(), &Device::Cpu)?.to_dtype(like.dtype())?.to_device(like.device())
    }
}

/// Below this a pass agrees with the mean, and what is left is rounding: sums of thousands of numbers in `f64`.
const AGREEMENT: f64 = 1e-12;

impl MutualInformation {
    /// The mutual information of one element's logits, and its derivative with respect to those of a pass.
    fn of<'a>(self, logits: &'a [&'a [f64]]) -> (f64, impl Fn(usize) -> Vec<f64> + 'a) {
        let passes = logits.len() as f64;
        // The logarithm of each probability, for each pass; a yes or no becomes two, side by side.
        let logs: Vec<Vec<f64>> = logits.iter().map(|logits| self.log_probabilities(logits)).collect();
        let mut means = vec![0.0_f64; logs[0].len()];
        for log in &logs {
            means.iter_mut().zip(log).for_each(|(mean, log)| *mean += log.exp() / passes);
        }
        // By how much each pass is surer of each class than all are on average.
        let surer: Vec<Vec<f64>> = logs
            .iter()
            .map(|log| {
                let one = |(log, mean): (&f64, &f64)| {
                    let difference = log - mean.max(f64::MIN_POSITIVE).ln();
                    if difference.abs() < AGREEMENT { 0.0 } else { difference }
                };
                log.iter().zip(&means).map(one).collect()
            })
            .collect();
        // H(mean p) − mean H(p) = mean over the passes of Σ p ln(p / mean p), which is never below 0.
        let sum: f64 = logs
            .iter()
            .zip(&surer)
            .flat_map(|(log, surer)| log.iter().zip(surer).map(|(log, surer)| log.exp() * surer))
            .sum();
        let information = (sum / passes).max(0.0);
        let derivative = move |pass: usize| {
            let p: Vec<f64> = logs[pass].iter().map(|log| log.exp()).collect();
            let surer = &surer[pass];
            if self.exclusive {
                let mean: f64 = p.iter().zip(surer).map(|(p, surer)| p * surer).sum();
                return p.iter().zip(surer).map(|(p, surer)| p * (surer - mean) / passes).collect();
            }
            let pairs = p.as_chunks::<2>().0.iter().zip(surer.as_chunks::<2>().0);
            pairs.map(|([yes, no], [surer_yes, surer_no])| yes * no * (surer_yes - surer_no) / passes).collect()
        };
        (information, derivative)
    }

    fn log_probabilities(self, logits: &[f64]) -> Vec<f64> {
        if self.exclusive {
            let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - greatest).exp()).sum();
            return logits.iter().map(|logit| logit - greatest - sum.ln()).collect();
        }
        // ln σ(z) = −ln(1 + e^−z), without overflow.
        let log_sigmoid = |z: f64| z.min(0.0) - (-z.abs()).exp().ln_1p();
        logits.iter().flat_map(|&logit| [log_sigmoid(logit), log_sigmoid(-logit)]).collect()
    }
}

fn rows(tensor: &Tensor) -> Result<Vec<Vec<f64>>> {
    tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec2::<f64>()
}

#[cfg(test)]
mod tests;
