//! Runs of what a box changes against whole runs, on networks of the zoo.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use common::formula;
use glassbox::graph::{Control, Cost, Graph, INPUT, Keep, Local};

/// Enough for all of these networks.
const PLENTY: usize = 1 << 30;

fn picture(size: usize, precision: DType) -> Tensor {
    let value = |index: usize| 4.0 * formula::uniform(formula::fnv1a64("input"), index, 1) - 2.0;
    let values: Vec<f64> = (0..3 * size * size).map(value).collect();
    Tensor::from_vec(values, (1, 3, size, size), &Device::Cpu).unwrap().to_dtype(precision).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Boxes of a size in the corners, at edges and inside.
fn places(size: usize, side: usize) -> Vec<[usize; 2]> {
    let end = side - size;
    [[0, 0], [end, end], [0, end / 2], [end / 3, 0], [end / 2, end / 2 + 1], [7, 21]]
        .map(|at| at.map(|at| at.min(end)))
        .to_vec()
}

/// The greatest difference of the logits as a part of the greatest logit.
fn deviation(graph: &Arc<Graph>, local: &Local, at: &[[usize; 2]], size: usize) -> f64 {
    let control = Control::default();
    let picture = local.picture();
    let patches = Tensor::full(-1.5_f64, (at.len(), 3, size, size), &Device::Cpu).unwrap();
    let patches = patches.to_dtype(picture.dtype()).unwrap();
    let found = local.run(at, &patches, &control).unwrap();
    let mut expected = Vec::new();
    for (index, &[row, column]) in at.iter().enumerate() {
        let patch = patches.narrow(0, index, 1).unwrap();
        let changed = picture.slice_assign(&[0..1, 0..3, row..row + size, column..column + size], &patch).unwrap();
        let run = graph.run(&[(INPUT, changed)], graph.output(), &Keep::nothing(), &control).unwrap();
        expected.extend(values(run.target()));
    }
    let alone = values(local.output());
    let matters = expected.iter().zip(alone.iter().cycle()).any(|(covered, alone)| (covered - alone).abs() > 1e-4);
    assert!(matters, "boxes of {size} change nothing");
    let greatest = expected.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
    let differences = values(&found).into_iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
    differences.fold(0.0, f64::max) / greatest
}

/// Holds what a box changes to whole runs in both precisions, and gives the part of the multiplications that a box of
/// 8 × 8 pixels takes.
fn check(architecture: &str, side: usize) -> f64 {
    let control = Control::default();
    let mut share = 1.0;
    // Rounding grows through some dozens of layers; in float64 nothing but rounding is left.
    for (precision, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
        let graph = Arc::new(formula::graph(architecture, &[], 1, precision));
        let picture = picture(side, precision);
        let local = Local::new(&graph, &picture, graph.output(), PLENTY, &control).unwrap();
        assert_eq!(local.whole_because(), None);
        for size in [2, 8, 21, side] {
            let found = deviation(&graph, &local, &places(size, side), size);
            eprintln!("{architecture:<20} {precision:?} box {size:>2}: {found:.1e}");
            assert!(found < tolerance, "{architecture} in {precision:?}, boxes of {size}: off by {found:e}");
        }
        let Cost { local, whole, .. } = local.cost(&[[side / 2; 2]], [8; 2]).unwrap();
        share = local as f64 / whole as f64;
    }
    eprintln!("{architecture:<20} a box of 8 of {side} pixels takes {share:.3} of the multiplications");
    share
}

#[test]
fn networks_with_steps_and_shortcuts() {
    assert!(check("resnet18", 64) < 0.9);
    assert!(check("resnet50", 64) < 0.9);
}

#[test]
fn networks_with_joined_branches() {
    assert!(check("googlenet", 64) < 0.9);
    assert!(check("inception_v3", 96) < 0.9);
    assert!(check("densenet121", 64) < 0.9);
}

#[test]
fn networks_with_channels_in_groups() {
    assert!(check("mobilenet_v2", 64) < 0.9);
    // From the first layer that weighs channels by their means on everything changes.
    assert!(check("mobilenet_v3_small", 64) <= 1.0);
    assert!(check("efficientnet_b0", 64) <= 1.0);
}

#[test]
fn networks_with_dense_layers() {
    // The dense layers, which see everything, are most of it for so small a picture.
    assert!(check("alexnet", 64) < 1.0);
}
