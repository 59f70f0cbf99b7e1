//! Fields against brute force: a pixel is changed, and the units that notice are those whose field holds it.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::*;
use crate::graph::ops::{
    AdaptiveAvgPool2d, Add, Arithmetic, AvgPool2d, BinaryConstant, Concat, Conv2d, ConvTranspose2d, Coordinates,
    Flatten, Function, Linear, Map, MaxPool2d, Pad, PadMode, Reduce, Reduction, Relu, Resize, ResizeMode, ResizeTo,
    Slice,
};
use crate::graph::{Control, GraphBuilder, Keep};

/// Positive numbers, so that nothing cancels out.
fn positive(shape: [usize; 4], seed: usize) -> Tensor {
    let count = shape.iter().product::<usize>();
    let values: Vec<f64> = (0..count).map(|index| 0.1 + ((index * 7 + seed * 13) % 11) as f64 / 11.0).collect();
    Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap()
}

fn conv(channels: [usize; 2], kernel: [usize; 2], seed: usize) -> Conv2d {
    Conv2d::new(positive([channels[1], channels[0], kernel[0], kernel[1]], seed), None).unwrap()
}

/// The graph's last node: for each unit the smallest rectangle around the pixels that change it.
fn by_force(graph: &Arc<Graph>, [rows, columns]: [usize; 2]) -> Vec<Option<[usize; 4]>> {
    let run = |picture: Vec<f64>| {
        let input = Tensor::from_vec(picture, (1, 1, rows, columns), &Device::Cpu).unwrap();
        let trace = graph.run(&[(INPUT, input)], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
        let output = trace.target().to_dtype(DType::F64).unwrap();
        let (_, channels, down, across) = output.dims4().unwrap();
        (output.flatten_all().unwrap().to_vec1::<f64>().unwrap(), channels, down * across)
    };
    let plain = vec![1.0; rows * columns];
    let (before, channels, units) = run(plain.clone());
    let mut found: Vec<Option<[usize; 4]>> = vec![None; units];
    for pixel in 0..rows * columns {
        let mut changed = plain.clone();
        // Far above everything else, so that it wins every maximum.
        changed[pixel] = 1e6;
        let (after, ..) = run(changed);
        let (row, column) = (pixel / columns, pixel % columns);
        for (unit, field) in found.iter_mut().enumerate() {
            if (0..channels).any(|channel| before[channel * units + unit] != after[channel * units + unit]) {
                let [top, left, bottom, right] = field.unwrap_or([row, column, row, column]);
                *field = Some([top.min(row), left.min(column), bottom.max(row), right.max(column)]);
            }
        }
    }
    found
}

fn agrees(name: &str, build: impl Fn(&mut GraphBuilder) -> NodeId, size: [usize; 2]) -> ReceptiveField {
    let mut builder = GraphBuilder::new();
    build(&mut builder);
    let graph = Arc::new(builder.finish().unwrap());
    let field = ReceptiveField::of(&graph, graph.output(), &[1, 1, size[0], size[1]]).unwrap().unwrap();
    let columns = field.units()[1];
    for (unit, expected) in by_force(&graph, size).into_iter().enumerate() {
        assert_eq!(field.pixels((unit / columns, unit % columns)), expected, "{name}: unit {unit}");
    }
    field
}

#[test]
fn convolutions_with_stride_dilation_and_one_sided_padding() {
    let field = agrees(
        "conv",
        |b| {
            let first = conv([1, 2], [3, 5], 1).stride([2, 1]).padding([1, 2]);
            let first = b.add("a", first, &[INPUT]);
            let second = conv([2, 2], [3, 2], 2).dilation([2, 3]).padding([1, 0]).padding_end([2, 3]);
            let second = b.add("b", second, &[first]);
            b.add("c", Relu, &[second])
        },
        [17, 14],
    );
    assert_eq!((field.size, field.stride, field.offset), ([3 + 4 * 2, 5 + 3], [2.0, 1.0], [-1 - 2, -2]));
}

#[test]
fn poolings_with_ceil_and_padding() {
    for ceil in [false, true] {
        agrees(
            "pool",
            |b| {
                let first = b.add("a", conv([1, 1], [3, 3], 1).padding([1, 1]), &[INPUT]);
                let most = b.add("b", MaxPool2d::square(3, 2, 0, ceil), &[first]);
                let mean = AvgPool2d::new([2, 3], [2, 2]).padding([1, 1], [0, 1]).ceil(ceil);
                let mean = b.add("c", mean, &[most]);
                b.add("d", conv([1, 1], [3, 3], 3).padding([1, 1]), &[mean])
            },
            [14, 17],
        );
    }
    agrees("dilated", |b| b.add("a", MaxPool2d::square(2, 1, 1, false).dilation([2, 2]), &[INPUT]), [6, 7]);
}

#[test]
fn a_pixel_that_no_window_reaches_is_not_seen_later() {
    // Kernel 3 and stride 2 on 6 pixels leave the last one out; the padded layer behind must not see it.
    let field = agrees(
        "left out",
        |b| {
            let first = b.add("a", conv([1, 1], [3, 3], 1).stride([2, 2]), &[INPUT]);
            b.add("b", conv([1, 1], [3, 3], 2).padding([1, 1]), &[first])
        },
        [6, 6],
    );
    assert_eq!(field.pixels((1, 1)), Some([0, 0, 4, 4]));
}

#[test]
fn branches_are_united() {
    let field = agrees(
        "branches",
        |b| {
            let wide = b.add("a", conv([1, 1], [1, 7], 1).padding([0, 3]), &[INPUT]);
            let tall = b.add("b", conv([1, 1], [5, 1], 2).padding([2, 0]), &[INPUT]);
            let sum = b.add("c", Add, &[wide, tall]);
            let pool = b.add("d", MaxPool2d::square(3, 1, 1, false), &[INPUT]);
            b.add("e", Concat::CHANNELS, &[sum, pool, INPUT])
        },
        [9, 11],
    );
    assert_eq!((field.size, field.offset), ([5, 7], [-2, -3]));
}

#[test]
fn transposed_convolutions_resizing_borders_and_cuts() {
    agrees(
        "transposed",
        |b| {
            let down = b.add("a", conv([1, 1], [3, 3], 1).stride([2, 2]).padding([1, 1]), &[INPUT]);
            let weight = positive([1, 1, 3, 2], 2);
            let up = ConvTranspose2d::new(weight, None).unwrap().stride([2, 2]).padding([1, 0]);
            b.add("b", up.output_padding([1, 0]), &[down])
        },
        [10, 12],
    );
    for mode in [ResizeMode::Linear, ResizeMode::Nearest(crate::graph::ops::Rounding::Floor)] {
        agrees(
            "resize",
            |b| {
                let down = b.add("a", AvgPool2d::new([2, 2], [2, 2]), &[INPUT]);
                let up = Resize { output: ResizeTo::Size([7, 9]), mode, coordinates: Coordinates::HalfPixel };
                b.add("b", up, &[down])
            },
            [8, 10],
        );
    }
    for mode in [PadMode::Constant(0.0), PadMode::Reflect, PadMode::Edge] {
        agrees(
            "pad",
            |b| {
                let pad = b.add("a", Pad { amounts: vec![[0; 2], [0; 2], [2, 1], [-1, 2]], mode }, &[INPUT]);
                let cut = b.add("b", Slice { dimension: 3, start: 1, end: -1, step: 2 }, &[pad]);
                b.add("c", conv([1, 1], [3, 2], 1), &[cut])
            },
            [6, 9],
        );
    }
}

#[test]
fn global_pooling_sees_everything_and_so_does_what_is_stretched_from_it() {
    let field = agrees("adaptive", |b| b.add("a", AdaptiveAvgPool2d { size: [3, 2] }, &[INPUT]), [8, 5]);
    assert_eq!(field.size, [4, 3]);
    let field = agrees(
        "global",
        |b| {
            let mean = Reduce { kind: Reduction::Mean, dimensions: vec![2, 3], keep: true };
            let mean = b.add("a", mean, &[INPUT]);
            let doubled = Tensor::new(&[2.0_f64], &Device::Cpu).unwrap();
            let doubled = b.add("b", BinaryConstant::new(Arithmetic::Mul, doubled, false), &[mean]);
            b.add("c", Concat::along(0), &[doubled])
        },
        [4, 5],
    );
    assert_eq!(field.pixels((0, 0)), Some([0, 0, 3, 4]));
    assert!(field.sees_all());
}

#[test]
fn known_networks_have_the_fields_of_the_literature() {
    use crate::model::{Weights, zoo};
    // Araujo, Norris and Sim 2019 for AlexNet and VGG16; torchvision's ResNets stride in the first 3 × 3 convolution of
    // a stage, which gives 435 and 427.
    for (architecture, layer, size) in [
        ("alexnet", "features.12", 195),
        ("vgg16", "features.30", 212),
        ("resnet18", "layer4", 435),
        ("resnet50", "layer4", 427),
    ] {
        let mut weights = Weights::from_tensors(std::collections::HashMap::new(), "usual widths");
        let graph = (zoo::find(architecture).unwrap().build)(&mut weights).unwrap();
        let field = ReceptiveField::of(&graph, graph.find(layer).unwrap(), &[1, 3, 224, 224]).unwrap().unwrap();
        assert_eq!((field.size, field.stride), ([size; 2], [32.0; 2]), "{architecture}");
    }
}

#[test]
fn a_gate_scales_the_units_without_widening_their_field() {
    let mut builder = GraphBuilder::new();
    let first = builder.add("a", conv([1, 1], [3, 3], 1), &[INPUT]);
    let squeezed = builder.add("b", AdaptiveAvgPool2d::GLOBAL, &[first]);
    let gate = builder.add("c", Map(Function::Sigmoid), &[squeezed]);
    builder.add("d", Binary(Arithmetic::Mul), &[first, gate]);
    let graph = builder.finish().unwrap();
    let field = ReceptiveField::of(&graph, graph.output(), &[1, 1, 8, 8]).unwrap().unwrap();
    assert!(field.scaled_by_all && field.pixels((0, 0)) == Some([0, 0, 2, 2]));
}

#[test]
fn behind_a_dense_layer_there_is_no_field_and_an_impossible_node_is_an_error() {
    let mut builder = GraphBuilder::new();
    let flat = builder.add("a", Flatten, &[INPUT]);
    let weight = Tensor::ones((2, 16), DType::F64, &Device::Cpu).unwrap();
    builder.add("b", Linear::new(weight, None).unwrap(), &[flat]);
    let graph = builder.finish().unwrap();
    assert_eq!(ReceptiveField::of(&graph, 1, &[1, 1, 4, 4]).unwrap(), None);
    assert_eq!(ReceptiveField::of(&graph, 2, &[1, 1, 4, 4]).unwrap(), None);
    assert!(ReceptiveField::of(&graph, 9, &[1, 1, 4, 4]).is_err());
}
