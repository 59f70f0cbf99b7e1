//! Parts against whole runs: every node of small networks of each kind as the target, boxes everywhere.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Cost, Local};
use crate::graph::{
    Control, Graph, GraphBuilder, GraphError, INPUT, Keep, NodeId,
    ops::{tests::noise, *},
};

/// Enough for all of these networks.
const PLENTY: usize = 1 << 30;

/// Sums of the same products in another order.
const TOLERANCE: f64 = 1e-12;

fn conv(inputs: usize, outputs: usize, side: usize, seed: u64) -> Conv2d {
    Conv2d::new(noise(&[outputs, inputs, side, side], seed), Some(noise(&[outputs], seed + 1))).unwrap()
}

fn norm(channels: usize, seed: u64) -> BatchNorm2d {
    let [weight, bias, mean] = [0, 1, 2].map(|index| noise(&[channels], seed + index));
    let variance = (noise(&[channels], seed + 3) + 1.5).unwrap();
    BatchNorm2d::new(weight, bias, &mean, &variance, 1e-5).unwrap()
}

fn finished(mut graph: GraphBuilder, last: NodeId, channels: usize) -> Arc<Graph> {
    let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[last]);
    let flat = graph.add("flatten", Flatten, &[gap]);
    graph.add("fc", Linear::new(noise(&[5, channels], 99), None).unwrap(), &[flat]);
    Arc::new(graph.finish().unwrap())
}

/// Convolutions and poolings in a row.
fn chain() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let a = graph.add("conv1", conv(2, 4, 3, 1).padding([1; 2]), &[INPUT]);
    let a = graph.add("relu1", Relu, &[a]);
    let a = graph.add("pool1", MaxPool2d::square(2, 2, 0, false), &[a]);
    let a = graph.add("conv2", conv(4, 3, 5, 3).padding([2; 2]), &[a]);
    let a = graph.add("relu2", Relu, &[a]);
    let a = graph.add("pool2", MaxPool2d::square(3, 2, 1, true), &[a]);
    let a = graph.add("conv3", conv(3, 6, 1, 5), &[a]);
    finished(graph, a, 6)
}

/// Residual sums, with steps on the way and on the shortcut.
fn residual() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let a = graph.add("stem", conv(2, 4, 7, 1).stride([2; 2]).padding([3; 2]), &[INPUT]);
    let a = graph.add("bn", norm(4, 40), &[a]);
    let a = graph.add("relu", Relu, &[a]);
    let pool = graph.add("pool", MaxPool2d::square(3, 2, 1, false), &[a]);
    let a = graph.add("conv1", conv(4, 6, 3, 5).stride([2; 2]).padding([1; 2]), &[pool]);
    let a = graph.add("relu1", Relu, &[a]);
    let a = graph.add("conv2", conv(6, 6, 3, 7).padding([1; 2]), &[a]);
    let b = graph.add("down", conv(4, 6, 1, 9).stride([2; 2]), &[pool]);
    let b = graph.add("downbn", norm(6, 50), &[b]);
    let a = graph.add("sum", Add, &[a, b]);
    let a = graph.add("relu2", Relu, &[a]);
    finished(graph, a, 6)
}

/// Branches that are joined, with poolings whose windows at the edge count fewer places.
fn branches() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let one = graph.add("one", conv(2, 2, 1, 1), &[INPUT]);
    let wide = graph.add("wide", conv(2, 3, 5, 3).padding([2; 2]), &[INPUT]);
    let pool = AvgPool2d::new([3; 2], [1; 2]).padding([1; 2], [1; 2]).count_padding(false);
    let pooled = graph.add("pooled", pool, &[INPUT]);
    let joined = graph.add("joined", Concat::CHANNELS, &[one, wide, pooled]);
    let ceil = AvgPool2d::new([3, 2], [2; 2]).padding([1, 0], [1, 1]).ceil(true);
    let a = graph.add("ceil", ceil, &[joined]);
    let padded = AvgPool2d::new([2; 2], [1; 2]).padding([1; 2], [0; 2]);
    let b = graph.add("padded", padded, &[a]);
    let c = graph.add("max", MaxPool2d::new([2; 2], [1; 2]).padding([1; 2], [0; 2]), &[a]);
    let a = graph.add("dense", Concat::CHANNELS, &[b, c, a]);
    finished(graph, a, 21)
}

/// Channels in groups, dilated kernels, borders of unequal width as TensorFlow has them.
fn unequal() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let amounts = vec![[0; 2], [0; 2], [0, 1], [2, 0]];
    let a = graph.add("pad", Pad { amounts, mode: PadMode::Constant(0.5) }, &[INPUT]);
    let a = graph.add("conv1", conv(2, 4, 3, 1).stride([2, 1]), &[a]);
    let a = graph.add("depthwise", conv(1, 4, 3, 3).groups(4).padding([1; 2]), &[a]);
    let a = graph.add("relu6", Map(Function::RELU6), &[a]);
    let weight = noise(&[4, 2, 2, 3], 6);
    let dilated = Conv2d::new(weight, None).unwrap().groups(2).dilation([3, 2]).padding([2, 2]).padding_end([1, 3]);
    let a = graph.add("dilated", dilated, &[a]);
    let a = graph.add("pool", MaxPool2d::new([2; 2], [2, 1]).dilation([2; 2]).padding([1, 0], [0, 1]), &[a]);
    let b = graph.add("mirrored", Pad { amounts: vec![[0; 2], [0; 2], [1; 2], [1; 2]], mode: PadMode::Reflect }, &[a]);
    let b = graph.add("conv2", conv(4, 4, 3, 8), &[b]);
    let a = graph.add("sum", Add, &[a, b]);
    finished(graph, a, 4)
}

/// What works on single places, and what stretches or looks everywhere.
fn elements() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let constant = |shape: &[usize], seed| BinaryConstant::new(Arithmetic::Mul, noise(shape, seed), true);
    let a = graph.add("scaled", constant(&[2, 1, 1], 1), &[INPUT]);
    let a = graph.add("conv1", conv(2, 6, 3, 2).padding([1; 2]), &[a]);
    let a = graph.add("lrn", LocalResponseNorm { size: 3, alpha: 0.3, beta: 0.75, k: 1.0 }, &[a]);
    let a = graph.add("prelu", PRelu::new(noise(&[6], 4)).unwrap(), &[a]);
    let b = graph.add("half", Slice { dimension: 1, start: 1, end: 4, step: 1 }, &[a]);
    let c = graph.add("other", Slice { dimension: 1, start: 0, end: 6, step: 2 }, &[a]);
    let a = graph.add("product", Binary(Arithmetic::Mul), &[b, c]);
    let a = graph.add("softmax", Softmax { dimension: 1 }, &[a]);
    let a = graph.add("conv2", conv(3, 4, 3, 6).padding([1; 2]), &[a]);
    let squeezed = graph.add("squeeze", AdaptiveAvgPool2d::GLOBAL, &[a]);
    let excited = graph.add("excite", conv(4, 4, 1, 8), &[squeezed]);
    let excited = graph.add("sigmoid", Map(Function::Sigmoid), &[excited]);
    let a = graph.add("weighed", Binary(Arithmetic::Mul), &[a, excited]);
    let a = graph.add("dropout", Dropout, &[a]);
    finished(graph, a, 4)
}

/// Something of another size for each column, and a normalisation over the whole picture.
fn placed() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let a = graph.add("conv1", conv(2, 4, 3, 2).padding([1; 2]), &[INPUT]);
    let a = graph.add("columns", BinaryConstant::new(Arithmetic::Add, noise(&[1, 1, 1, 19], 1), false), &[a]);
    let a = graph.add("conv2", conv(4, 4, 3, 5), &[a]);
    let normal = GroupNorm::new(2, noise(&[4], 3), noise(&[4], 4), 1e-5).unwrap();
    let a = graph.add("normal", normal, &[a]);
    finished(graph, a, 4)
}

fn networks() -> [(&'static str, Arc<Graph>); 6] {
    [
        ("chain", chain()),
        ("residual", residual()),
        ("branches", branches()),
        ("unequal", unequal()),
        ("elements", elements()),
        ("placed", placed()),
    ]
}

/// Rows and columns of the pictures, odd so that steps do not come out even.
const SIZE: [usize; 2] = [23, 19];

/// Boxes of one size: in corners, at edges, inside.
fn places([height, width]: [usize; 2], [rows, columns]: [usize; 2]) -> Vec<[usize; 2]> {
    let (bottom, right) = (rows - height, columns - width);
    let mut places = vec![[0, 0], [bottom, right], [0, right / 2], [bottom / 3, 0], [bottom / 2, right / 2], [3, 4]];
    for at in &mut places {
        *at = [at[0].min(bottom), at[1].min(right)];
    }
    places
}

/// The picture with patches put on, one picture each.
fn patched(picture: &Tensor, at: &[[usize; 2]], patches: &Tensor) -> Tensor {
    let (_, _, height, width) = patches.dims4().unwrap();
    let one = |(index, &[row, column]): (usize, &[usize; 2])| {
        let patch = patches.narrow(0, index, 1).unwrap();
        picture.slice_assign(&[0..1, 0..picture.dims()[1], row..row + height, column..column + width], &patch).unwrap()
    };
    let pictures: Vec<Tensor> = at.iter().enumerate().map(one).collect();
    Tensor::cat(&pictures, 0).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// The greatest difference as a part of the greatest value.
fn deviation(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (values(found), values(expected));
    let greatest = expected.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
    let pairs = found.iter().zip(&expected);
    pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max) / greatest.max(1e-9)
}

fn whole(graph: &Arc<Graph>, pictures: &Tensor, target: NodeId) -> Tensor {
    let feeds = [(INPUT, pictures.clone())];
    graph.run(&feeds, target, &Keep::nothing(), &Control::default()).unwrap().target().clone()
}

#[test]
fn parts_are_those_of_whole_runs_at_every_node() {
    let control = Control::default();
    let picture = noise(&[1, 2, SIZE[0], SIZE[1]], 77);
    for (name, graph) in networks() {
        for target in 0..graph.nodes().len() {
            let local = Local::new(&graph, &picture, target, PLENTY, &control).unwrap();
            assert_eq!(local.whole_because(), None);
            for size in [[1, 1], [2, 5], [6, 6], [9, 4], [23, 3], SIZE] {
                let at = places(size, SIZE);
                let patches = noise(&[at.len(), 2, size[0], size[1]], 7);
                let expected = whole(&graph, &patched(&picture, &at, &patches), target);
                let found = local.run(&at, &patches, &control).unwrap();
                let deviation = deviation(&found, &expected);
                let node = &graph.nodes()[target].name;
                assert!(deviation < TOLERANCE, "{name} up to {node}, boxes of {size:?}: off by {deviation:e}");
            }
        }
    }
}

#[test]
fn only_what_changes_is_computed() {
    let control = Control::default();
    let picture = noise(&[1, 2, 64, 64], 77);
    let cost = |graph: &Arc<Graph>, size: usize| -> Cost {
        let local = Local::new(graph, &picture, graph.output(), PLENTY, &control).unwrap();
        local.cost(&[[30.min(64 - size); 2], [0, 0]], [size; 2]).unwrap()
    };
    let share = |graph: &Arc<Graph>, size: usize| {
        let Cost { local, whole, .. } = cost(graph, size);
        local as f64 / whole as f64
    };
    assert!(share(&chain(), 4) < 0.05, "{:?}", cost(&chain(), 4));
    assert!(share(&residual(), 4) < 0.2, "{:?}", cost(&residual(), 4));
    assert!(share(&branches(), 4) < 0.1, "{:?}", cost(&branches(), 4));
    assert!(share(&chain(), 64) == 1.0 && share(&chain(), 16) > share(&chain(), 8));
    // By hand: 6×6 of 64×64 places of the first convolution, 8×8 of 32×32 of the second, 5×5 of 17×17 of the third; in
    // the corner fewer would do, but all parts are of one size.
    let places = 6 * 6 * 4 * 2 * 9 + 8 * 8 * 3 * 4 * 25 + 5 * 5 * 6 * 3;
    let all = 64 * 64 * 4 * 2 * 9 + 32 * 32 * 3 * 4 * 25 + 17 * 17 * 6 * 3;
    assert_eq!(cost(&chain(), 4), Cost { local: 2 * (places + 5 * 6), whole: 2 * (all + 5 * 6), largest: 8 * 8 * 3 });
}

#[test]
fn single_precision_and_an_unchanged_box_give_the_picture_itself() {
    let control = Control::default();
    for (name, graph) in [("chain", in_single(&chain)), ("residual", in_single(&residual))] {
        let picture = noise(&[1, 2, SIZE[0], SIZE[1]], 5).to_dtype(DType::F32).unwrap();
        let local = Local::new(&graph, &picture, graph.output(), PLENTY, &control).unwrap();
        let same = picture.narrow(2, 3, 6).unwrap().narrow(3, 4, 7).unwrap();
        let found = local.run(&[[3, 4]], &same, &control).unwrap();
        assert!(deviation(&found, local.output()) < 1e-5, "{name}");
        let patch = Tensor::zeros((1, 2, 6, 7), DType::F32, &Device::Cpu).unwrap();
        let expected = whole(&graph, &patched(&picture, &[[3, 4]], &patch), graph.output());
        let found = local.run(&[[3, 4]], &patch, &control).unwrap();
        assert!(deviation(&found, &expected) < 1e-5, "{name}");
        assert!(deviation(&found, local.output()) > 1e-4, "{name}: the box matters");
    }
}

/// A network whose weights are made `f32`.
fn in_single(network: &dyn Fn() -> Arc<Graph>) -> Arc<Graph> {
    let double = network();
    let mut graph = GraphBuilder::new();
    for node in &double.nodes()[1..] {
        let single = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap();
        if let Some(conv) = node.op_as::<Conv2d>() {
            let plain = Conv2d::new(single(&conv.weight), conv.bias.as_ref().map(single)).unwrap();
            graph.add(&node.name, plain.stride(conv.stride).padding(conv.padding), &node.inputs);
        } else if let Some(linear) = node.op_as::<Linear>() {
            graph.add(&node.name, Linear::new(single(linear.weight()), None).unwrap(), &node.inputs);
        } else if node.op_as::<BatchNorm2d>().is_some() {
            let ones = Tensor::ones(node.op.parameters() / 2, DType::F32, &Device::Cpu).unwrap();
            let norm = BatchNorm2d::new(ones.clone(), ones.clone(), &ones, &ones, 1e-5).unwrap();
            graph.add(&node.name, norm, &node.inputs);
        } else {
            graph.add_shared(&node.name, Arc::clone(&node.op), &node.inputs);
        }
    }
    Arc::new(graph.finish().unwrap())
}

#[test]
fn each_picture_of_a_stack_network_is_a_stack_of_its_own() {
    let mut graph = GraphBuilder::new();
    let a = graph.add("conv", conv(2, 4, 3, 1).padding([1; 2]), &[INPUT]);
    let a = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[a]);
    let a = graph.add("flatten", Flatten, &[a]);
    let a = graph.add("max", SliceMax, &[a]);
    graph.add("fc", Linear::new(noise(&[3, 4], 9), None).unwrap(), &[a]);
    let graph = Arc::new(graph.finish().unwrap());
    let control = Control::default();
    let picture = noise(&[1, 2, 12, 12], 3);
    let local = Local::new(&graph, &picture, graph.output(), PLENTY, &control).unwrap();
    let at = [[0, 0], [5, 5], [8, 2]];
    let patches = noise(&[3, 2, 4, 4], 8);
    let found = local.run(&at, &patches, &control).unwrap();
    let pictures = patched(&picture, &at, &patches);
    let alone: Vec<Tensor> =
        (0..3).map(|index| whole(&graph, &pictures.narrow(0, index, 1).unwrap(), graph.output())).collect();
    assert!(deviation(&found, &Tensor::cat(&alone, 0).unwrap()) < TOLERANCE);
}

#[test]
fn too_little_memory_means_whole_runs_and_says_so() {
    let control = Control::default();
    let (graph, picture) = (residual(), noise(&[1, 2, SIZE[0], SIZE[1]], 77));
    let local = Local::new(&graph, &picture, graph.output(), 1000, &control).unwrap();
    let reason = local.whole_because().unwrap();
    assert!(reason.starts_with("keeping the activations of one picture would take"), "{reason}");
    let (at, patches) = (places([6, 6], SIZE), noise(&[6, 2, 6, 6], 7));
    let expected = whole(&graph, &patched(&picture, &at, &patches), graph.output());
    assert!(deviation(&local.run(&at, &patches, &control).unwrap(), &expected) < TOLERANCE);
    let Cost { local, whole, .. } = local.cost(&at, [6, 6]).unwrap();
    assert_eq!(local, whole);
}

#[test]
fn boxes_that_do_not_fit_are_refused() {
    let control = Control::default();
    let (graph, picture) = (chain(), noise(&[1, 2, SIZE[0], SIZE[1]], 77));
    let local = Local::new(&graph, &picture, graph.output(), PLENTY, &control).unwrap();
    let refused = |at: &[[usize; 2]], shape: &[usize]| {
        let error = local.run(at, &noise(shape, 1), &control).unwrap_err();
        assert!(matches!(error, GraphError::Patch { .. }), "{error}");
        error.to_string()
    };
    let outside = refused(&[[0, 0], [20, 4]], &[2, 2, 4, 4]);
    assert!(outside.contains("4 × 4 pixels at row 20, column 4 of a picture of 23 × 19"), "{outside}");
    refused(&[[usize::MAX, 0]], &[1, 2, 4, 4]);
    refused(&[[0, 0]], &[2, 2, 4, 4]);
    refused(&[[0, 0]], &[1, 3, 4, 4]);
    refused(&[[0, 0]], &[2, 4, 4]);
    refused(&[], &[1, 2, 4, 4]);
    let two = noise(&[2, 2, SIZE[0], SIZE[1]], 77);
    assert!(matches!(Local::new(&graph, &two, graph.output(), PLENTY, &control), Err(GraphError::Patch { .. })));
}

#[test]
fn a_cancelled_run_stops() {
    let control = Control::default();
    let (graph, picture) = (chain(), noise(&[1, 2, SIZE[0], SIZE[1]], 77));
    let local = Local::new(&graph, &picture, graph.output(), PLENTY, &control).unwrap();
    for checks in [0, 2, 5] {
        let control = Control::cancelled_after(checks);
        let error = local.run(&[[1, 1]], &noise(&[1, 2, 4, 4], 1), &control).unwrap_err();
        assert!(matches!(error, GraphError::Cancelled(_)), "after {checks}: {error}");
    }
}
