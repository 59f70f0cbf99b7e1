//! Ways back through many nodes, whose gradients are turned in place, against node by node, where nothing is.

use std::sync::Arc;

use candle_core::{DType, Tensor};

use crate::graph::{
    Control, Graph, GraphBuilder, INPUT, Keep, NodeId, Rule, Trace,
    ops::{Add, BatchNorm2d, Conv2d, Flatten, MaxPool2d, Relu, tests::noise},
};

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// A chain, so that its way back is one node's after the other's.
fn chain() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let float = |shape: &[usize], seed: u64| noise(shape, seed).to_dtype(DType::F32).unwrap();
    let mut last = INPUT;
    for (index, inputs) in [3, 32, 32].into_iter().enumerate() {
        let seed = 10 * index as u64;
        let weight = (float(&[32, inputs, 3, 3], seed) * 0.2).unwrap();
        last = graph.add(format!("conv{index}"), Conv2d::new(weight, None).unwrap().padding([1; 2]), &[last]);
        let [weight, bias, mean] = [1, 2, 3].map(|part| float(&[32], seed + part));
        let variance = mean.ones_like().unwrap();
        let norm = BatchNorm2d::new(weight, bias, &mean, &variance, 1e-5).unwrap();
        last = graph.add(format!("norm{index}"), norm, &[last]);
        last = graph.add(format!("relu{index}"), Relu, &[last]);
        last = graph.add(format!("pool{index}"), MaxPool2d::square(3, 2, 1, false), &[last]);
    }
    Arc::new(graph.finish().unwrap())
}

/// Ways that part and meet again, as in residual blocks, one of them through an operation that leaves its gradient where
/// it is.
fn forked(precision: DType) -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = |graph: &mut GraphBuilder, name: &str, inputs: usize, seed: u64, from: NodeId| {
        let weight = (noise(&[16, inputs, 3, 3], seed).to_dtype(precision).unwrap() * 0.2).unwrap();
        graph.add(name, Conv2d::new(weight, None).unwrap().padding([1; 2]), &[from])
    };
    let stem = conv(&mut graph, "stem", 3, 1, INPUT);
    let first = conv(&mut graph, "first", 16, 2, stem);
    let rectified = graph.add("rectified", Relu, &[first]);
    let flat = graph.add("flat", Flatten, &[stem]);
    let flat_too = graph.add("flat_too", Flatten, &[rectified]);
    let sum = graph.add("sum", Add, &[stem, rectified]);
    let second = conv(&mut graph, "second", 16, 3, sum);
    let again = graph.add("again", Add, &[second, sum, stem]);
    let last = graph.add("last", Flatten, &[again]);
    graph.add("all", Add, &[last, flat, flat_too]);
    Arc::new(graph.finish().unwrap())
}

#[test]
fn gradients_that_part_and_meet_are_those_of_one_way_after_the_other() {
    let control = Control::default();
    let (graph, wide) = (forked(DType::F32), forked(DType::F64));
    let trace = run(&graph, 400);
    let seed = noise(trace.target().dims(), 401);
    let narrow = seed.to_dtype(DType::F32).unwrap();
    let before = values(&narrow);
    // In `f64` no memory is given on.
    let input = noise(&[2, 3, 37, 41], 400).to_dtype(DType::F32).unwrap().to_dtype(DType::F64).unwrap();
    let keep = Keep::nothing().gradients_to(INPUT);
    let expected = wide.run(&[(INPUT, input)], wide.output(), &keep, &control).unwrap();
    for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
        let plain = expected.vjp(wide.output(), &seed, INPUT, rule, &control).unwrap();
        let plain = values(&plain.to_dtype(DType::F32).unwrap());
        let most = plain.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        for _ in 0..2 {
            let found = values(&trace.vjp(graph.output(), &narrow, INPUT, rule, &control).unwrap());
            let off = found.iter().zip(&plain).fold(0.0_f32, |off, (a, b)| off.max((a - b).abs()));
            // Rounding in `f32`.
            assert!(off < 2e-5 * most, "{rule:?}: {off} of {most}");
        }
    }
    assert_eq!(values(&narrow), before, "the seed is the caller's");
}

fn run(graph: &Arc<Graph>, seed: u64) -> Trace {
    let input = noise(&[2, 3, 37, 41], seed).to_dtype(DType::F32).unwrap();
    let keep = Keep::nothing().gradients_to(INPUT);
    graph.run(&[(INPUT, input)], graph.output(), &keep, &Control::default()).unwrap()
}

#[test]
fn gradients_turned_in_place_are_those_of_node_by_node() {
    let graph = chain();
    let trace = run(&graph, 100);
    let control = Control::default();
    let seed = noise(trace.target().dims(), 101).to_dtype(DType::F32).unwrap();
    let before = values(&seed);
    for rule in [Rule::Gradient, Rule::Guided, Rule::Deconvnet] {
        let mut gradient = seed.clone();
        for node in (INPUT + 1..=graph.output()).rev() {
            gradient = trace.vjp(node, &gradient, node - 1, rule, &control).unwrap();
        }
        // The same products in the same order: the same to the last digit, and again from the same trace.
        for _ in 0..2 {
            let found = trace.vjp(graph.output(), &seed, INPUT, rule, &control).unwrap();
            assert_eq!(values(&found), values(&gradient), "{rule:?}");
        }
    }
    assert_eq!(values(&seed), before, "the seed is the caller's");
}

#[test]
fn memory_that_was_given_on_changes_nothing() {
    let graph = chain();
    let control = Control::default();
    let expected = run(&graph, 200);
    let seed = expected.target().ones_like().unwrap();
    let back = |trace: &Trace| values(&trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &control).unwrap());
    let gradient = back(&expected);
    for other in 0..3 {
        let over = run(&graph, 300 + other);
        assert_ne!(back(&over), gradient);
        over.recycle().unwrap();
        let again = run(&graph, 200);
        assert_eq!((values(again.target()), back(&again)), (values(expected.target()), gradient.clone()));
        again.recycle().unwrap();
        assert_eq!(back(&expected), gradient, "a run that is kept is not touched");
    }
}
