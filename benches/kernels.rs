//! Single layers at sizes that usual networks have, forward and back: where the time of a network goes.
//!
//! `cargo bench --bench kernels`; compare rows of one run, not runs with each other.

#![expect(clippy::expect_used, reason = "a benchmark of something broken has nothing to measure")]

use std::sync::Arc;

use candle_core::{Device, Tensor};
use divan::Bencher;
use divan::counter::ItemsCount;
use glassbox::graph::ops::{Conv2d, Linear, MaxPool2d, Relu};
use glassbox::graph::{Control, Graph, GraphBuilder, INPUT, Keep, NodeId, Op, Rule};

#[global_allocator]
static MEMORY: glassbox::allocator::Aligned = glassbox::allocator::Aligned;

fn main() {
    divan::main();
}

/// A convolution: what of, channels in and out, kernel, stride, padding, rows (and columns) of the input.
#[derive(Debug)]
struct Case {
    name: &'static str,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    side: usize,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const fn case(name: &'static str, channels: [usize; 2], [kernel, stride, padding]: [usize; 3], side: usize) -> Case {
    Case { name, channels, kernel, stride, padding, side }
}

const CASES: [Case; 9] = [
    case("VGG16 conv1_2, 3×3, 64 channels, 224²", [64, 64], [3, 1, 1], 224),
    case("VGG16 conv3_2, 3×3, 256 channels, 56²", [256, 256], [3, 1, 1], 56),
    case("VGG16 conv5_2, 3×3, 512 channels, 14²", [512, 512], [3, 1, 1], 14),
    case("AlexNet conv2, 5×5, 64 to 192 channels, 31²", [64, 192], [5, 1, 2], 31),
    case("AlexNet conv1, 11×11, stride 4, 256²", [3, 64], [11, 4, 2], 256),
    case("ResNet18 conv1, 7×7, stride 2, 224²", [3, 64], [7, 2, 3], 224),
    case("ResNet18 layer3, 3×3, stride 2, 28²", [128, 256], [3, 2, 1], 28),
    case("ResNet50 layer1, 1×1, 64 to 256 channels, 56²", [64, 256], [1, 1, 0], 56),
    case("SqueezeNet squeeze, 1×1, 256 to 32 channels, 27²", [256, 32], [1, 1, 0], 27),
];

/// One layer as a graph.
fn layer(op: impl Op) -> (Arc<Graph>, NodeId) {
    let mut builder = GraphBuilder::new();
    let node = builder.add("layer", op, &[INPUT]);
    (Arc::new(builder.finish().expect("one layer is a graph")), node)
}

fn random(shape: &[usize]) -> Tensor {
    Tensor::randn(0.0_f32, 1.0, shape, &Device::Cpu).expect("small tensors fit")
}

fn convolution(case: &Case) -> (Arc<Graph>, NodeId, Tensor) {
    let [from, to] = case.channels;
    let weight = (random(&[to, from, case.kernel, case.kernel]) * 0.05).expect("small tensors fit");
    let conv = Conv2d::new(weight, None).expect("the shapes fit").stride([case.stride; 2]).padding([case.padding; 2]);
    let (graph, node) = layer(conv);
    (graph, node, random(&[1, from, case.side, case.side]))
}

/// Multiply-accumulates of a case, so that the rate is shown.
fn macs(case: &Case) -> ItemsCount {
    let out = (case.side + 2 * case.padding - case.kernel) / case.stride + 1;
    ItemsCount::new(case.channels[0] * case.channels[1] * case.kernel * case.kernel * out * out)
}

fn forward(bencher: Bencher, graph: &Arc<Graph>, node: NodeId, input: &Tensor, count: ItemsCount) {
    let run = || graph.run(&[(INPUT, input.clone())], node, &Keep::nothing(), &Control::default());
    run().expect("the shapes fit");
    bencher.counter(count).bench_local(|| run().expect("the shapes fit"));
}

fn backward(bencher: Bencher, graph: &Arc<Graph>, node: NodeId, input: &Tensor, count: ItemsCount) {
    let control = Control::default();
    let keep = Keep::nothing().gradients_to(INPUT);
    let trace = graph.run(&[(INPUT, input.clone())], node, &keep, &control).expect("the shapes fit");
    let seed = trace.target().ones_like().expect("small tensors fit");
    let back = || trace.vjp(node, &seed, INPUT, Rule::Gradient, &control).expect("the run kept what is needed");
    back();
    bencher.counter(count).bench_local(back);
}

#[divan::bench(args = CASES.iter())]
fn convolution_forward(bencher: Bencher, case: &Case) {
    let (graph, node, input) = convolution(case);
    forward(bencher, &graph, node, &input, macs(case));
}

#[divan::bench(args = CASES.iter())]
fn convolution_backward(bencher: Bencher, case: &Case) {
    let (graph, node, input) = convolution(case);
    backward(bencher, &graph, node, &input, macs(case));
}

#[divan::bench]
fn vgg16_first_dense_layer(bencher: Bencher) {
    let weight = (random(&[4096, 25_088]) * 0.01).expect("it fits into memory");
    let (graph, node) = layer(Linear::new(weight, None).expect("the shapes fit"));
    forward(bencher, &graph, node, &random(&[1, 25_088]), ItemsCount::new(4096_usize * 25_088));
}

#[divan::bench]
fn max_pooling_2x2_of_64_channels_224(bencher: Bencher) {
    let (graph, node) = layer(MaxPool2d::square(2, 2, 0, false));
    forward(bencher, &graph, node, &random(&[1, 64, 224, 224]), ItemsCount::new(64_usize * 224 * 224));
}

#[divan::bench]
fn rectifier_of_64_channels_224(bencher: Bencher) {
    let (graph, node) = layer(Relu);
    forward(bencher, &graph, node, &random(&[1, 64, 224, 224]), ItemsCount::new(64_usize * 224 * 224));
}
