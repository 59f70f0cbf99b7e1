//! Runs in `f32`, packed, channels last and in chains, against runs in `f64`, one plain operation after the other.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use super::{Head, Wanted};
use crate::graph::{
    Control, Graph, GraphBuilder, INPUT, Keep, NodeId, Op, Precision, Rule,
    ops::{
        AdaptiveAvgPool2d, Add, Arithmetic, AvgPool2d, BatchNorm2d, Binary, Concat, Conv2d, Function, Map, MaxPool2d,
        Relu, tests::noise,
    },
};

/// Adds nodes whose numbers have one type.
pub(in crate::graph) struct Build {
    pub graph: GraphBuilder,
    pub dtype: DType,
    pub count: u64,
}

impl Build {
    pub fn noise(&mut self, shape: &[usize], scale: f64) -> Tensor {
        self.count += 1;
        // Numbers that both types have.
        let values = (noise(shape, self.count).to_dtype(DType::F32).unwrap() * scale).unwrap();
        values.to_dtype(self.dtype).unwrap()
    }

    fn add(&mut self, op: impl Op, inputs: &[NodeId]) -> NodeId {
        self.count += 1;
        self.graph.add(format!("node{}", self.count), op, inputs)
    }

    fn conv(&mut self, from: NodeId, [inputs, outputs, kernel, stride, groups]: [usize; 5]) -> NodeId {
        let fan = inputs / groups * kernel * kernel;
        let weight = self.noise(&[outputs, inputs / groups, kernel, kernel], (4.0 / fan as f64).sqrt());
        let bias = self.noise(&[outputs], 0.2);
        let conv = Conv2d::new(weight, Some(bias)).unwrap().stride([stride; 2]).padding([kernel / 2; 2]).groups(groups);
        self.add(conv, &[from])
    }

    pub fn norm(&mut self, from: NodeId, channels: usize) -> NodeId {
        let [weight, bias, mean, variance] = [1.0, 0.3, 0.2, 0.4].map(|scale| self.noise(&[channels], scale));
        let variance = (variance + 1.0).unwrap();
        self.add(BatchNorm2d::new(weight, bias, &mean, &variance, 1e-5).unwrap(), &[from])
    }
}

/// A network with each kind of chain, and with neighbours that must not be joined.
fn network(dtype: DType) -> Graph {
    let mut b = Build { graph: GraphBuilder::new(), dtype, count: 0 };
    // conv, ReLU, pool in one go; conv and a pooling that isn't 2×2.
    let x = b.conv(INPUT, [3, 64, 3, 1, 1]);
    let x = b.add(Relu, &[x]);
    let x = b.conv(x, [64, 64, 3, 1, 1]);
    let x = b.add(Relu, &[x]);
    let x = b.add(MaxPool2d::square(2, 2, 0, false), &[x]);
    // A residual block: conv, norm, ReLU; conv, norm, sum, ReLU; the shortcut is an older node.
    let y = b.conv(x, [64, 64, 3, 1, 1]);
    let y = b.norm(y, 64);
    let y = b.add(Relu, &[y]);
    let y = b.conv(y, [64, 64, 3, 1, 1]);
    let y = b.norm(y, 64);
    let y = b.add(Add, &[y, x]);
    let y = b.add(Relu, &[y]);
    // A block whose shortcut is a convolution with larger steps, computed last.
    let z = b.conv(y, [64, 96, 3, 2, 1]);
    let z = b.norm(z, 96);
    let z = b.add(Relu, &[z]);
    let z = b.conv(z, [96, 96, 1, 1, 1]);
    let z = b.norm(z, 96);
    let shortcut = b.conv(y, [64, 96, 1, 2, 1]);
    let z = b.add(Binary(Arithmetic::Add), &[z, shortcut]);
    let z = b.add(Relu, &[z]);
    // Depthwise, limited from both sides; its input is taken twice.
    let w = b.conv(z, [96, 96, 3, 1, 96]);
    let w = b.norm(w, 96);
    let w = b.add(Map(Function::Clip { min: 0.0, max: 0.5 }), &[w]);
    let joined = b.add(Concat::CHANNELS, &[w, z]);
    // A norm before the ReLU, as in DenseNet, a plain maximum, a mean, groups.
    let v = b.norm(joined, 192);
    let v = b.add(Relu, &[v]);
    let v = b.add(MaxPool2d::square(3, 2, 1, true), &[v]);
    let v = b.conv(v, [192, 64, 3, 1, 2]);
    let v = b.add(Map(Function::Silu), &[v]);
    let v = b.add(AvgPool2d::new([2, 2], [1, 1]), &[v]);
    let v = b.conv(v, [64, 10, 1, 1, 1]);
    b.add(AdaptiveAvgPool2d::GLOBAL, &[v]);
    b.graph.finish().unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

pub(in crate::graph) fn off(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    assert!(found.is_contiguous(), "what leaves the graph lies row-major");
    let (found, expected) = (values(found), values(expected));
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
}

/// Rounding of a dozen layers in `f32`, some by Winograd's algorithm; 1e-6 was seen.
pub(in crate::graph) const ROUNDING: f64 = 1e-5;

#[test]
fn chains_compute_what_their_operations_do() {
    let exact = Arc::new(network(DType::F64));
    let input = noise(&[2, 3, 37, 42], 1000).to_dtype(DType::F32).unwrap();
    let double = input.to_dtype(DType::F64).unwrap();
    let (control, out) = (Control::default(), exact.output());
    let everything = (1..=out).fold(Keep::nothing(), Keep::output_of);
    let expected = exact.run(&[(INPUT, double)], out, &everything, &control).unwrap();
    for precision in [Precision::Fast, Precision::Exact] {
        let graph = Arc::new(network(DType::F32).at(precision));
        assert_eq!(graph.precision(), precision);
        // Twice, so that the second run takes the memory that the first one has left.
        for _ in 0..2 {
            let found = graph.run(&[(INPUT, input.clone())], out, &Keep::nothing(), &control).unwrap();
            assert!(off(found.target(), expected.target()) < ROUNDING, "{precision:?}");
        }
        // Each node in turn ends a chain early.
        for node in 1..=out {
            let keep = Keep::nothing().output_of(node);
            let found = graph.run(&[(INPUT, input.clone())], out, &keep, &control).unwrap();
            assert!(off(found.target(), expected.target()) < ROUNDING, "{precision:?} {node}");
            let difference = off(found.output(node).unwrap(), expected.output(node).unwrap());
            assert!(difference < ROUNDING, "{precision:?} {}: {difference}", graph.nodes()[node].op.kind());
            let found = graph.run(&[(INPUT, input.clone())], node, &Keep::nothing(), &control).unwrap();
            assert!(off(found.target(), expected.output(node).unwrap()) < ROUNDING, "{precision:?} {node}");
        }
    }
}

#[test]
fn gradients_pass_through_chains_as_through_their_operations() {
    let exact = Arc::new(network(DType::F64));
    let input = noise(&[2, 3, 37, 42], 1000).to_dtype(DType::F32).unwrap();
    let double = input.to_dtype(DType::F64).unwrap();
    let (control, out) = (Control::default(), exact.output());
    // Each node by itself: a ReLU or a maximum that decides otherwise in `f32` then cannot hide an error elsewhere.
    let all = (0..=out).fold(Keep::nothing(), |keep, node| keep.output_of(node).gradients_to(node));
    let expected = exact.run(&[(INPUT, double)], out, &all, &control).unwrap();
    for precision in [Precision::Fast, Precision::Exact] {
        let graph = Arc::new(network(DType::F32).at(precision));
        let found = graph.run(&[(INPUT, input.clone())], out, &Keep::nothing().gradients_to(INPUT), &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING);
        for node in 1..=out {
            let shape = expected.output(node).unwrap().dims().to_vec();
            let seed = noise(&shape, 2000 + node as u64).to_dtype(DType::F32).unwrap();
            let double = seed.to_dtype(DType::F64).unwrap();
            for &source in &graph.nodes()[node].inputs {
                for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
                    let back = found.vjp(node, &seed, source, rule, &control).unwrap();
                    let expected = expected.vjp(node, &double, source, rule, &control).unwrap();
                    let kind = graph.nodes()[node].op.kind();
                    // Elements whose switch turned are few; all others agree.
                    let (found, expected) = (values(&back), values(&expected));
                    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                    let wrong =
                        found.iter().zip(&expected).filter(|(a, b)| (*a - *b).abs() > ROUNDING * largest).count();
                    assert!(wrong <= found.len() / 5000, "{precision:?} {kind} {rule:?}: {wrong} of {}", found.len());
                }
            }
        }
    }
}

#[test]
fn what_was_kept_is_not_overwritten_by_later_runs() {
    let graph = Arc::new(network(DType::F32).at(Precision::Fast));
    let input = noise(&[1, 3, 40, 40], 1).to_dtype(DType::F32).unwrap();
    let (control, out) = (Control::default(), graph.output());
    let all = (0..=out).fold(Keep::nothing(), |keep, node| keep.output_of(node).gradients_to(node));
    let trace = graph.run(&[(INPUT, input.clone())], out, &all, &control).unwrap();
    let before: Vec<Vec<f64>> = (0..=out).map(|node| values(trace.output(node).unwrap())).collect();
    let seed = trace.target().ones_like().unwrap();
    let gradient = values(&trace.vjp(out, &seed, INPUT, Rule::Gradient, &control).unwrap());
    for round in 0..3_u64 {
        let other = noise(&[1, 3, 40, 40], 50 + round).to_dtype(DType::F32).unwrap();
        let other = graph.run(&[(INPUT, other)], out, &Keep::nothing().gradients_to(INPUT), &control).unwrap();
        other.vjp(out, &seed, INPUT, Rule::Gradient, &control).unwrap();
    }
    for (node, before) in before.iter().enumerate() {
        assert_eq!(values(trace.output(node).unwrap()), *before, "{node}");
    }
    assert_eq!(values(&trace.vjp(out, &seed, INPUT, Rule::Gradient, &control).unwrap()), gradient);
    assert_eq!(values(&input), before[INPUT]);
}

/// Asserts that a run in `f32` gives what one in `f64` gives, at the end and at each node.
fn agree(build: impl Fn(DType) -> Graph, input: &Tensor) {
    let exact = Arc::new(build(DType::F64));
    let (control, out) = (Control::default(), exact.output());
    let everything = (1..=out).fold(Keep::nothing(), Keep::output_of);
    let expected = exact.run(&[(INPUT, input.to_dtype(DType::F64).unwrap())], out, &everything, &control).unwrap();
    for precision in [Precision::Fast, Precision::Exact] {
        let graph = Arc::new(build(DType::F32).at(precision));
        for node in 1..=out {
            let found = graph.run(&[(INPUT, input.clone())], node, &Keep::nothing(), &control).unwrap();
            let difference = off(found.target(), expected.output(node).unwrap());
            assert!(difference < ROUNDING, "{precision:?} {}: {difference}", graph.nodes()[node].op.kind());
        }
    }
}

#[test]
fn sums_of_a_picture_and_one_value_a_channel_are_no_residuals() {
    let input = noise(&[2, 3, 16, 20], 1000).to_dtype(DType::F32).unwrap();
    agree(
        |dtype| {
            let mut b = Build { graph: GraphBuilder::new(), dtype, count: 0 };
            let picture = b.conv(INPUT, [3, 32, 3, 1, 1]);
            let mean = b.add(AdaptiveAvgPool2d::GLOBAL, &[picture]);
            // One value a channel plus an older picture, and a picture plus an older value a channel.
            let gate = b.conv(mean, [32, 32, 1, 1, 1]);
            let sum = b.add(Binary(Arithmetic::Add), &[gate, picture]);
            let sum = b.add(Relu, &[sum]);
            let next = b.conv(sum, [32, 32, 3, 1, 1]);
            b.add(Binary(Arithmetic::Add), &[next, mean]);
            b.graph.finish().unwrap()
        },
        &input,
    );
}

#[test]
fn chains_over_phases_compute_what_their_operations_do() {
    let input = noise(&[2, 3, 71, 90], 1000).to_dtype(DType::F32).unwrap();
    agree(
        |dtype| {
            let mut b = Build { graph: GraphBuilder::new(), dtype, count: 0 };
            let stem = b.conv(INPUT, [3, 40, 5, 2, 1]);
            let stem = b.norm(stem, 40);
            let stem = b.add(Relu, &[stem]);
            let pooled = b.add(MaxPool2d::square(2, 2, 0, false), &[stem]);
            let wide = b.conv(pooled, [40, 40, 1, 1, 1]);
            // Zeros behind the picture alone, a sum and limits.
            let weight = b.noise(&[40, 3, 11, 11], 0.1);
            let conv = Conv2d::new(weight, None).unwrap().stride([4; 2]).padding([0; 2]).padding_end([9, 6]);
            let other = b.add(conv, &[INPUT]);
            let sum = b.add(Add, &[other, wide]);
            b.add(Map(Function::Clip { min: -0.5, max: 0.5 }), &[sum]);
            b.graph.finish().unwrap()
        },
        &input,
    );
}

/// Two stems whose rows are pooled as they come, one whose sum is pooled, and limits that a ReLU follows.
fn stems(dtype: DType) -> Graph {
    let mut b = Build { graph: GraphBuilder::new(), dtype, count: 0 };
    let x = b.conv(INPUT, [3, 48, 7, 2, 1]);
    let x = b.norm(x, 48);
    let x = b.add(Relu, &[x]);
    let x = b.add(MaxPool2d::square(3, 2, 1, false), &[x]);
    let y = b.conv(INPUT, [3, 48, 3, 2, 1]);
    let y = b.add(Relu, &[y]);
    let y = b.add(MaxPool2d::square(3, 2, 0, true), &[y]);
    let shortcut = b.conv(INPUT, [3, 64, 1, 1, 1]);
    let z = b.conv(shortcut, [64, 64, 3, 1, 1]);
    let z = b.add(Add, &[z, shortcut]);
    let z = b.add(Relu, &[z]);
    let z = b.add(MaxPool2d::square(2, 2, 0, false), &[z]);
    let z = b.add(MaxPool2d::square(2, 2, 0, false), &[z]);
    let w = b.conv(z, [64, 16, 3, 1, 1]);
    let w = b.add(Map(Function::Clip { min: -0.2, max: 0.3 }), &[w]);
    let w = b.add(Relu, &[w]);
    let all = b.add(Concat::CHANNELS, &[x, y]);
    let all = b.add(Concat::CHANNELS, &[all, z]);
    b.add(Concat::CHANNELS, &[all, w]);
    b.graph.finish().unwrap()
}

#[test]
fn stems_that_are_pooled_compute_what_their_operations_do() {
    let input = noise(&[2, 3, 72, 80], 1000).to_dtype(DType::F32).unwrap();
    agree(stems, &input);
    let (exact, control) = (Arc::new(stems(DType::F64)), Control::default());
    let out = exact.output();
    let everything = (0..=out).fold(Keep::nothing(), |keep, node| keep.output_of(node).gradients_to(node));
    let double = input.to_dtype(DType::F64).unwrap();
    let expected = exact.run(&[(INPUT, double)], out, &everything, &control).unwrap();
    let graph = Arc::new(stems(DType::F32));
    // What is kept, and what the way back needs, ends a chain.
    for node in 1..=out {
        let keep = Keep::nothing().output_of(node).gradients_to(node);
        let found = graph.run(&[(INPUT, input.clone())], out, &keep, &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING, "{node}");
        assert!(off(found.output(node).unwrap(), expected.output(node).unwrap()) < ROUNDING, "{node}");
    }
    let conv = |id: NodeId| graph.nodes()[id].op_as::<Conv2d>().unwrap().prepared(&input, &Control::default());
    let prepared = conv(1).unwrap().unwrap();
    assert_eq!(chain_from(&graph, 1, Head::Convolution(prepared), &[2, 48, 36, 40]), [2, 3, 4]);
    assert!(!prepared.pools(&MaxPool2d::square(3, 2, 1, false), [36, 40], true), "sums come from the whole picture");
    // Too narrow to be computed row by row.
    assert_eq!(chain_from(&graph, 1, Head::Convolution(prepared), &[2, 48, 36, 10]), [2, 3]);
}

/// Which nodes go in one with a node, whose output has this shape, where nothing between is wanted.
fn chain_from(graph: &Graph, first: NodeId, head: Head, shape: &[usize]) -> Vec<NodeId> {
    let (keep, out) = (Keep::nothing(), graph.output());
    let needed = graph.ancestors(out, &[INPUT]);
    let recorded = graph.recorded(out, &keep);
    let only = graph.only_consumers(&graph.consumers(&needed, &[INPUT]), &needed, &[INPUT]);
    let wanted = Wanted { target: out, keep: &keep, recorded: &recorded, only: &only };
    graph.chain(first, head, &wanted, &vec![None; out + 1], shape).nodes
}

#[test]
fn joined_channels_take_their_normalisation_along() {
    let graph = network(DType::F32);
    let concat = graph.nodes().iter().position(|node| node.op.kind() == "Concat").unwrap();
    assert_eq!(chain_from(&graph, concat, Head::Joined, &[]), [concat + 1, concat + 2]);
    assert_eq!(chain_from(&graph, concat + 1, Head::Normalisation, &[]), [concat + 2]);
}
