//! The mutual information as a graph: its value, its derivative by finite differences, and where it is nothing.

use std::sync::Arc;

use super::*;
use crate::{
    graph::{
        Control, Keep,
        ops::{AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Relu},
    },
    uncertainty::{Member, Noise, Summary},
};

fn tensor(values: &[f64], rows: usize) -> Tensor {
    Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu).unwrap()
}

fn information(exclusive: bool, passes: &[&[f64]]) -> f64 {
    MutualInformation { exclusive }.of(passes).0
}

/// The derivative of every logit of every pass against a central difference.
fn assert_derivative(exclusive: bool, passes: &[Vec<f64>]) {
    let step = 1e-5;
    let at = |passes: &[Vec<f64>]| information(exclusive, &passes.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let logits: Vec<&[f64]> = passes.iter().map(Vec::as_slice).collect();
    let (_, derivative) = MutualInformation { exclusive }.of(&logits);
    for (pass, row) in passes.iter().enumerate() {
        let found = derivative(pass);
        assert_eq!(found.len(), row.len());
        for (class, found) in found.into_iter().enumerate() {
            let moved = |by: f64| {
                let mut moved = passes.to_vec();
                moved[pass][class] += by;
                at(&moved)
            };
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            // The central difference is exact to the second order in the step, and rounding is 1e-16 / step.
            assert!((found - expected).abs() < 1e-9, "pass {pass}, class {class}: {found} {expected}");
        }
    }
}

#[test]
fn the_derivative_is_that_of_finite_differences() {
    let passes = vec![vec![0.3, -1.2, 2.0], vec![1.1, 0.4, -0.7], vec![-2.0, 0.1, 0.2], vec![5.0, -3.0, 0.0]];
    for exclusive in [true, false] {
        assert_derivative(exclusive, &passes);
        assert_derivative(exclusive, &passes[..2]);
    }
    assert_derivative(false, &[vec![0.7], vec![-1.9], vec![3.0]]);
}

#[test]
fn the_value_is_the_summary_s_epistemic_part() {
    let passes: [&[f64]; 3] = [&[0.3, -1.2, 2.0], &[1.1, 0.4, -0.7], &[-2.0, 0.1, 0.2]];
    let softmax = |logits: &[f64]| {
        let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
        logits.iter().map(|logit| (logit.exp() / sum) as f32).collect::<Vec<_>>()
    };
    let rows: Vec<f32> = passes.iter().flat_map(|logits| softmax(logits)).collect();
    assert!((information(true, &passes) - f64::from(Summary::of(&rows, 3).epistemic)).abs() < 1e-6);
    let rows: Vec<f32> = passes.iter().flat_map(|row| row.iter().map(|z| (1.0 / (1.0 + (-z).exp())) as f32)).collect();
    let summary = Summary::of_independent(&rows, 3);
    assert!((information(false, &passes) - f64::from(summary.epistemic)).abs() < 1e-6);
    // Certain passes that contradict each other: one bit.
    assert!((information(true, &[&[800.0, -800.0], &[-800.0, 800.0]]) - std::f64::consts::LN_2).abs() < 1e-12);
    assert!((information(false, &[&[800.0], &[-800.0]]) - std::f64::consts::LN_2).abs() < 1e-12);
}

#[test]
fn passes_that_agree_have_no_information_and_no_derivative() {
    for exclusive in [true, false] {
        for logits in [&[0.3, -1.2, 2.0][..], &[0.0; 3], &[500.0, -500.0, 0.0]] {
            let passes = [logits; 7];
            let (value, derivative) = MutualInformation { exclusive }.of(&passes);
            assert_eq!(value, 0.0);
            assert!((0..7).all(|pass| derivative(pass).iter().all(|value| *value == 0.0)));
        }
    }
}

#[test]
fn as_an_operation_it_takes_batches_and_weighs_each_row_s_derivative() {
    let op = MutualInformation { exclusive: true };
    let (first, second) = (tensor(&[0.3, -1.2, 2.0, 0.5], 2), tensor(&[1.0, 0.0, 0.1, -3.0], 2));
    assert_eq!(op.shape(&[&[2, 2], &[2, 2]]).unwrap(), [2, 1]);
    assert!(op.shape(&[&[2, 2], &[2, 3]]).is_err() && op.shape(&[&[2, 2, 1]]).is_err() && op.shape(&[]).is_err());
    let forward = op.forward(&[&first, &second], true).unwrap();
    let values = rows(&forward.output).unwrap();
    assert!((values[1][0] - information(true, &[&[2.0, 0.5], &[0.1, -3.0]])).abs() < 1e-12);
    let saved = Saved { inputs: vec![vec![2, 2]; 2], state: forward.state };
    let back = op.vjp(&tensor(&[1.0, -2.0], 2), 1, &saved, Rule::Gradient).unwrap();
    let logits: [&[f64]; 2] = [&[2.0, 0.5], &[0.1, -3.0]];
    let (_, derivative) = op.of(&logits);
    for (found, expected) in rows(&back).unwrap()[1].iter().zip(derivative(1)) {
        assert!((found + 2.0 * expected).abs() < 1e-12);
    }
    assert!(op.vjp(&tensor(&[1.0, 1.0], 2), 0, &Saved { inputs: vec![], state: vec![] }, Rule::Gradient).is_err());
}

/// A convolution, and a dense layer whose weights are random; the convolution too where asked for.
fn network(std: f64, with_conv: bool) -> (Arc<Graph>, Sampler) {
    let random = |shape: &[usize], seed: usize| {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count).map(|i| (((i + seed) * 37 % 101) as f64 - 50.0) / 60.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let constant = |shape: &[usize]| (random(shape, 0).zeros_like().unwrap() + std).unwrap();
    let mut graph = GraphBuilder::new();
    let conv = Conv2d::new(random(&[3, 1, 3, 3], 5), Some(random(&[3], 2))).unwrap().padding([1; 2]);
    let conv = graph.add("conv", conv, &[INPUT]);
    let relu = graph.add("relu", Relu, &[conv]);
    let pool = graph.add("pool", AdaptiveAvgPool2d::GLOBAL, &[relu]);
    let flat = graph.add("flat", Flatten, &[pool]);
    let dense = graph.add("fc", Linear::new(random(&[4, 3], 11), Some(random(&[4], 1))).unwrap(), &[flat]);
    let graph = Arc::new(graph.finish().unwrap());
    let mut noise = vec![(dense, Noise::Weights { std: constant(&[4, 3]), bias_std: None })];
    if with_conv {
        noise.push((conv, Noise::Weights { std: constant(&[3, 1, 3, 3]), bias_std: Some(constant(&[3])) }));
    }
    let member = Member { graph: Arc::clone(&graph), noise };
    (graph, Sampler::new(vec![member], None).unwrap().unwrap())
}

fn picture() -> Tensor {
    let values: Vec<f64> = (0..36).map(|i| ((i * 29 % 36) as f64 - 10.0) / 12.0).collect();
    Tensor::from_vec(values, (1, 1, 6, 6), &Device::Cpu).unwrap()
}

/// The information of an input, and its gradient at a layer.
fn at(unsureness: &Unsureness, layer: NodeId, input: &Tensor) -> (f64, Tensor) {
    let graph = &unsureness.graph;
    let keep = Keep::nothing().gradients_to(layer).output_of(layer);
    let control = Control::default();
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();
    let seed = trace.target().ones_like().unwrap();
    let gradient = trace.vjp(graph.output(), &seed, layer, Rule::Gradient, &control).unwrap();
    (rows(trace.target()).unwrap()[0][0], gradient)
}

#[test]
fn the_gradient_at_the_pixels_goes_through_every_drawn_network() {
    for with_conv in [false, true] {
        let (_, sampler) = network(0.8, with_conv);
        let unsureness = sampler.unsureness((6, 3), &[1], Classes::Exclusive, &[1, 1, 6, 6]).unwrap();
        let (value, gradient) = at(&unsureness, INPUT, &picture());
        assert!(value > 0.01, "{value}");
        let gradient: Vec<f64> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let pixels: Vec<f64> = picture().flatten_all().unwrap().to_vec1().unwrap();
        let step = 1e-5;
        for pixel in (0..36).step_by(5) {
            let moved = |by: f64| {
                let mut pixels = pixels.clone();
                pixels[pixel] += by;
                at(&unsureness, INPUT, &Tensor::from_vec(pixels, (1, 1, 6, 6), &Device::Cpu).unwrap()).0
            };
            let expected = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((gradient[pixel] - expected).abs() < 1e-8, "{pixel}: {} {expected}", gradient[pixel]);
        }
    }
}

#[test]
fn a_layer_that_varies_becomes_all_its_copies() {
    let (graph, sampler) = network(0.8, true);
    let relu = graph.find("relu").unwrap();
    let unsureness = sampler.unsureness((4, 3), &[relu], Classes::Exclusive, &[1, 1, 6, 6]).unwrap();
    let (_, gradient) = at(&unsureness, unsureness.layers[0], &picture());
    assert_eq!(gradient.dims(), [1, 12, 6, 6]);
    assert_eq!(unsureness.graph.nodes()[unsureness.layers[0]].name, "relu");
    // Where it does not vary it is there once.
    let (graph, sampler) = network(0.8, false);
    let relu = graph.find("relu").unwrap();
    let unsureness = sampler.unsureness((4, 3), &[relu], Classes::Exclusive, &[1, 1, 6, 6]).unwrap();
    assert_eq!(at(&unsureness, unsureness.layers[0], &picture()).1.dims(), [1, 3, 6, 6]);
}

#[test]
fn a_network_without_spread_has_no_unsureness_anywhere() {
    let (_, sampler) = network(0.0, true);
    let unsureness = sampler.unsureness((5, 1), &[1], Classes::Exclusive, &[1, 1, 6, 6]).unwrap();
    let (value, gradient) = at(&unsureness, INPUT, &picture());
    assert_eq!(value, 0.0);
    assert!(gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap().iter().all(|value| *value == 0.0));
}

#[test]
fn what_cannot_be_asked_is_said_in_a_sentence() {
    let (_, sampler) = network(0.5, true);
    let refusal =
        |passes, classes| sampler.unsureness((passes, 1), &[1], classes, &[1, 1, 6, 6]).unwrap_err().to_string();
    assert!(refusal(1, Classes::Exclusive).contains("at least 2 passes"));
    assert!(refusal(5, Classes::NoProbabilities).contains("no probabilities"));
    assert!(refusal(1 << 40, Classes::Exclusive).contains("ask for at most"));
}
