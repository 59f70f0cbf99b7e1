//! Runs and gradients of whole graphs.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{
    Control, Graph, GraphBuilder, GraphError, INPUT, Keep, NodeId, Rule, Trace,
    ops::{AdaptiveAvgPool2d, Add, Concat, Conv2d, Expand, Flatten, Linear, MaxPool2d, Relu},
};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
}

/// `y = mean(2x + relu(3x)) + mean(3x)`, with a shortcut, a concatenation and a node that nothing uses.
fn network() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = |factor: f32| Conv2d::new(tensor(&[factor], &[1, 1, 1, 1]), None).unwrap();
    let a = graph.add("block.a", conv(2.0), &[INPUT]);
    let b = graph.add("block.b", conv(3.0), &[INPUT]);
    let relu = graph.add("block.relu", Relu, &[b]);
    graph.add("unused", Relu, &[a]);
    let sum = graph.add("block.sum", Add, &[a, relu]);
    let both = graph.add("block.both", Concat::CHANNELS, &[sum, b]);
    let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[both]);
    let flat = graph.add("flatten", Flatten, &[gap]);
    graph.add("fc", Linear::new(tensor(&[1.0, 1.0], &[1, 2]), None).unwrap(), &[flat]);
    Arc::new(graph.finish().unwrap())
}

fn node(graph: &Graph, name: &str) -> NodeId {
    graph.find(name).unwrap()
}

#[test]
fn gradients_of_all_paths_add_up() {
    let graph = network();
    let input = tensor(&[1.0, -1.0], &[1, 1, 1, 2]);
    let keep = Keep::nothing().gradients_to(INPUT);
    let control = Control::default();
    let trace = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    // ((2 + 3) + (−2 + 0)) / 2 + (3 − 3) / 2
    assert_eq!(trace.target().to_vec2::<f32>().unwrap(), [[1.5]]);
    let seed = tensor(&[1.0], &[1, 1]);
    let gradient = trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &control).unwrap();
    assert_eq!(gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [4.0, 2.5]);
    assert!((control.progress() - 1.0).abs() < 1e-6);
    let wrong = trace.vjp(graph.output(), &tensor(&[1.0, 2.0], &[1, 2]), INPUT, Rule::Gradient, &control);
    assert!(wrong.unwrap_err().to_string().contains("seed has shape [1, 2]"));
}

#[test]
fn a_head_runs_from_what_a_trunk_gave() {
    let graph = network();
    let control = Control::default();
    let input = tensor(&[1.0, -1.0], &[1, 1, 1, 2]);
    let trunk = graph.run(&[(INPUT, input)], node(&graph, "gap"), &Keep::nothing(), &control).unwrap();
    let fed = [(node(&graph, "gap"), trunk.target().clone())];
    let head = graph.run(&fed, graph.output(), &Keep::nothing(), &control).unwrap();
    assert_eq!(head.target().to_vec2::<f32>().unwrap(), [[1.5]]);
}

#[test]
fn only_what_is_asked_for_is_kept() {
    let graph = network();
    let control = Control::default();
    let (sum, b) = (node(&graph, "block.sum"), node(&graph, "block.b"));
    let input = tensor(&[1.0, -1.0], &[1, 1, 1, 2]);
    let keep = Keep::nothing().output_of(sum).gradients_to(sum);
    let trace = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    assert!(trace.output(sum).is_some() && trace.output(b).is_none() && trace.output(INPUT).is_none());
    let seed = tensor(&[1.0], &[1, 1]);
    trace.vjp(graph.output(), &seed, sum, Rule::Gradient, &control).unwrap();
    let error = trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &control).unwrap_err();
    assert!(matches!(&error, GraphError::NotKept { node } if node.starts_with("block.")), "{error}");
    let backwards = trace.vjp(sum, &seed, graph.output(), Rule::Gradient, &control).unwrap_err();
    assert!(matches!(backwards, GraphError::NoPath { .. }));
}

#[test]
fn errors_name_node_operation_and_shapes() {
    let graph = network();
    let control = Control::default();
    let run = |feeds: &[(NodeId, Tensor)]| graph.run(feeds, graph.output(), &Keep::nothing(), &control).unwrap_err();
    let message = run(&[(INPUT, tensor(&[0.0; 8], &[1, 2, 2, 2]))]).to_string();
    assert_eq!(
        message,
        "The layer `block.a` (Conv2d) cannot take an input of shape [1, 2, 2, 2]: it takes 1 channels, not 2"
    );
    assert_eq!(graph.shapes(&[1, 2, 2, 2]).unwrap_err().to_string(), message);
    assert_eq!(run(&[]).to_string(), "The layer `fc` depends on `input`, which was given no value");
    assert!(matches!(run(&[(99, tensor(&[0.0], &[1]))]), GraphError::NoNode { node: 99, .. }));
}

#[test]
fn outputs_beyond_all_measure_are_refused() {
    let mut graph = GraphBuilder::new();
    graph.add("huge", Expand { shape: vec![1, 1, 1 << 20, 1 << 20] }, &[INPUT]);
    let message = graph.finish().unwrap().shapes(&[1, 1, 1, 1]).unwrap_err().to_string();
    assert!(message.starts_with("The layer `huge` (Expand)") && message.contains("more than"), "{message}");
}

#[test]
fn names_and_modules_are_found() {
    let graph = network();
    assert_eq!(graph.find("block"), graph.find("block.both"));
    assert_eq!(graph.find("input"), Some(INPUT));
    assert_eq!(graph.find("blo"), None);
}

#[test]
fn nodes_that_make_no_graph_are_refused() {
    let message = |graph: GraphBuilder| graph.finish().unwrap_err().to_string();
    assert!(message(GraphBuilder::new()).contains("no node but the input"));
    let mut twice = GraphBuilder::new();
    let a = twice.add("a", Relu, &[INPUT]);
    twice.add("a", Relu, &[a]);
    assert!(message(twice).contains("two nodes are named `a`"));
    let mut ahead = GraphBuilder::new();
    ahead.add("a", Relu, &[1]);
    assert!(message(ahead).contains("later node"));
}

#[test]
fn what_a_run_from_the_middle_needs_is_found() {
    let graph = network();
    let control = Control::default();
    let input = tensor(&[1.0, -1.0], &[1, 1, 1, 2]);
    let relu = node(&graph, "block.relu");
    let beside = graph.beside(relu);
    assert_eq!(beside, [node(&graph, "block.a"), node(&graph, "block.b")]);
    assert!(graph.beside(node(&graph, "gap")).is_empty());
    let keep = beside.iter().fold(Keep::nothing().output_of(relu), |keep, &node| keep.output_of(node));
    let whole = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    let mut fed = vec![(relu, tensor(&[0.0, 0.0], &[1, 1, 1, 2]))];
    fed.extend(beside.iter().map(|&node| (node, whole.output(node).unwrap().clone())));
    let rest = graph.run(&fed, graph.output(), &Keep::nothing(), &control).unwrap();
    // The rectified branch gave (3 + 0) / 2.
    assert_eq!(rest.target().to_vec2::<f32>().unwrap(), [[0.0]]);
}

#[test]
fn a_run_in_another_precision_keeps_its_choices() {
    let control = Control::default();
    let graph = |precision: DType| {
        let mut graph = GraphBuilder::new();
        let weight = tensor(&[1.0 / 3.0], &[1, 1, 1, 1]).to_dtype(precision).unwrap();
        let conv = graph.add("conv", Conv2d::new(weight, None).unwrap(), &[INPUT]);
        let pool = graph.add("pool", MaxPool2d::square(2, 2, 0, false), &[conv]);
        graph.add("relu", Relu, &[pool]);
        Arc::new(graph.finish().unwrap())
    };
    // In float64 the second value wins; in float32 the two are the same, and the first would.
    let input = Tensor::from_vec(vec![1.0_f64, 1.0 + 1e-12, 0.0, 0.0], (1, 1, 2, 2), &Device::Cpu).unwrap();
    let [precise, rounded] = [DType::F64, DType::F32].map(graph);
    let keep = Keep::nothing().gradients_to(INPUT);
    let run = |graph: &Arc<Graph>, input| graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    let back = |trace: &Trace| {
        let seed = trace.target().ones_like().unwrap();
        let field = trace.vjp(trace.target_node(), &seed, INPUT, Rule::Gradient, &control).unwrap();
        field.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    let third = 1.0 / 3.0;
    let trace = run(&precise, input.clone());
    assert_eq!(back(&trace), [0.0, third, 0.0, 0.0]);
    let converted = trace.in_precision(&rounded, DType::F32).unwrap();
    assert_eq!((converted.target().dtype(), back(&converted)), (DType::F32, vec![0.0, third, 0.0, 0.0]));
    assert_eq!(back(&run(&rounded, input.to_dtype(DType::F32).unwrap())), [third, 0.0, 0.0, 0.0]);
    let other = trace.in_precision(&network(), DType::F32).unwrap_err();
    assert!(other.to_string().contains("the same network"), "{other}");
}
