//! The small network of `tests/peers/methods.py`, which has each kind of layer that a way back can meet.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glassbox::graph::{
    Graph, GraphBuilder, INPUT,
    ops::{AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm2d, Concat, Conv2d, Flatten, Linear, MaxPool2d, Relu},
};

use crate::common::formula;

/// A parameter by its name in the peer's network.
fn tensor(name: &str, shape: &[usize], seed: u64, precision: DType) -> Tensor {
    let values = formula::values(name, shape, seed);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(precision).unwrap()
}

/// The network with the formula's weights.
pub fn network(seed: u64, precision: DType) -> Arc<Graph> {
    let tensor = |name: &str, shape: &[usize]| tensor(name, shape, seed, precision);
    let conv = |name: &str, [outputs, inputs, kernel]: [usize; 3], has_bias: bool| {
        let weight = tensor(&format!("{name}.weight"), &[outputs, inputs, kernel, kernel]);
        Conv2d::new(weight, has_bias.then(|| tensor(&format!("{name}.bias"), &[outputs]))).unwrap()
    };
    let norm = |name: &str| {
        let part = |part: &str| tensor(&format!("{name}.{part}"), &[8]);
        BatchNorm2d::new(part("weight"), part("bias"), &part("running_mean"), &part("running_var"), 1e-5).unwrap()
    };
    let mut graph = GraphBuilder::new();
    let conv1 = graph.add("conv1", conv("conv1", [8, 3, 4], true).stride([2; 2]).padding([1; 2]), &[INPUT]);
    let bn1 = graph.add("bn1", norm("bn1"), &[conv1]);
    let relu1 = graph.add("relu1", Relu, &[bn1]);
    let pool1 = graph.add("pool1", MaxPool2d::square(3, 2, 1, false), &[relu1]);
    let conv2 = graph.add("conv2", conv("conv2", [8, 8, 3], false).padding([1; 2]), &[pool1]);
    let bn2 = graph.add("bn2", norm("bn2"), &[conv2]);
    let sum = graph.add("sum", Add, &[pool1, bn2]);
    let relu2 = graph.add("relu2", Relu, &[sum]);
    let average = AvgPool2d {
        kernel: [3; 2],
        stride: [1; 2],
        padding: [1; 2],
        padding_end: [1; 2],
        ceil: false,
        count_padding: true,
    };
    let avg = graph.add("avg", average, &[relu2]);
    let both = graph.add("both", Concat { dimension: 1 }, &[relu2, avg]);
    let conv3 = graph.add("conv3", conv("conv3", [12, 16, 2], true), &[both]);
    let relu3 = graph.add("relu3", Relu, &[conv3]);
    let pool3 = graph.add("pool3", MaxPool2d::square(2, 2, 0, true), &[relu3]);
    let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[pool3]);
    let flat = graph.add("flatten", Flatten, &[gap]);
    let dense = Linear::new(tensor("fc.weight", &[5, 12]), Some(tensor("fc.bias", &[5]))).unwrap();
    graph.add("fc", dense, &[flat]);
    Arc::new(graph.finish().unwrap())
}

/// The input, `[1, 3, size, size]`.
pub fn input(size: usize, seed: u64, precision: DType) -> Tensor {
    let hash = formula::fnv1a64("methods.input");
    let value = |index| (2.0 * formula::uniform(hash, index, seed) - 1.0) as f32 * 2.0;
    let values: Vec<f32> = (0..3 * size * size).map(value).collect();
    Tensor::from_vec(values, (1, 3, size, size), &Device::Cpu).unwrap().to_dtype(precision).unwrap()
}
