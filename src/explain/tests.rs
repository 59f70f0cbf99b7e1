//! Methods on small networks: heads they suit, degenerate inputs, batches and stacks.

mod composed;
mod every;
mod laws;

use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::*;
use crate::graph::{
    Control, Graph, GraphBuilder, GraphError, INPUT, Keep, Trace,
    ops::{AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Relu, SliceMax},
};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
}

/// One-channel input, two channels `max(x, 0)` and `max(−x, 0)`, global average, three classes.
fn network(kernel: &[f32], stack: bool) -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = graph.add("conv", Conv2d::new(tensor(kernel, &[2, 1, 1, 1]), None).unwrap(), &[INPUT]);
    let relu = graph.add("relu", Relu, &[conv]);
    let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[relu]);
    let mut features = graph.add("flatten", Flatten, &[gap]);
    if stack {
        features = graph.add("max", SliceMax, &[features]);
    }
    let weight = tensor(&[1.0, 0.0, 0.0, 1.0, -1.0, -2.0], &[3, 2]);
    graph.add("fc", Linear::new(weight, None).unwrap(), &[features]);
    Arc::new(graph.finish().unwrap())
}

fn explain(
    graph: &Arc<Graph>,
    method: &str,
    layer: &str,
    input: &Tensor,
    (class, slice): (usize, usize),
) -> Result<Attribution, ExplainError> {
    let (method, layer, control) = (find(method).unwrap(), graph.find(layer).unwrap(), Control::default());
    let keep = method.keeps(graph, layer);
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control)?;
    method.compute(&Ask { slice, ..Ask::new(&trace, layer, &Target::class(class), &control) })
}

const KERNEL: [f32; 2] = [1.0, -1.0];

#[test]
fn names_are_unique_and_found() {
    for method in METHODS {
        assert_eq!(find(method.name()).unwrap().label(), method.label());
    }
    assert!(find("magic").is_none());
}

#[test]
fn cam_adds_up_to_the_logit_and_gradcam_is_its_part() {
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, -2.0, 3.0, 0.0], &[1, 1, 2, 2]);
    let cam = explain(&graph, "cam", "fc", &input, (2, 0)).unwrap();
    assert_eq!(cam.values, [-1.0, -4.0, -3.0, 0.0]);
    assert_eq!(cam.layer.as_deref(), Some("relu"));
    let gradcam = explain(&graph, "gradcam", "relu", &input, (2, 0)).unwrap();
    // Four places share the average.
    assert_eq!(gradcam.values, [-0.25, -1.0, -0.75, 0.0]);
    assert_eq!(gradcam.peak(), (1, 1));
}

#[test]
fn constant_and_empty_pictures_give_finite_maps() {
    for value in [0.0, 5.0] {
        let input = tensor(&[value; 9], &[1, 1, 3, 3]);
        for method in ["cam", "gradcam", "gradcamplusplus"] {
            let map = explain(&network(&KERNEL, false), method, "relu", &input, (1, 0)).unwrap();
            assert_eq!(map.values, [0.0; 9], "class 1 sees only negative places");
            assert_eq!(map.shown(4, 4), [0.0; 16]);
        }
    }
}

#[test]
fn a_gradient_of_zero_gives_a_map_of_zero() {
    let graph = network(&[0.0, 0.0], false);
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    for method in ["gradcam", "gradcamplusplus"] {
        for layer in ["input", "conv"] {
            let map = explain(&graph, method, layer, &input, (0, 0)).unwrap();
            assert_eq!(map.values, [0.0; 4], "{method} at {layer}");
        }
    }
}

#[test]
fn one_place_is_enough() {
    let input = tensor(&[2.0], &[1, 1, 1, 1]);
    for method in ["cam", "gradcam", "gradcamplusplus"] {
        let map = explain(&network(&KERNEL, false), method, "relu", &input, (0, 0)).unwrap();
        assert_eq!((map.rows, map.columns, map.peak()), (1, 1, (0, 0)));
        assert!(map.values[0] > 0.0 && map.shown(3, 3).iter().all(|value| value.is_finite()));
    }
}

#[test]
fn an_element_of_a_batch_is_explained_as_if_alone() {
    let slices = [[1.0, -2.0, 3.0, 0.0], [0.5, 0.5, -1.0, 2.0]];
    let batch = tensor(&slices.concat(), &[2, 1, 2, 2]);
    for method in ["cam", "gradcam", "gradcamplusplus"] {
        for (slice, values) in slices.iter().enumerate() {
            let graph = network(&KERNEL, false);
            let alone = explain(&graph, method, "relu", &tensor(values, &[1, 1, 2, 2]), (0, 0)).unwrap();
            assert_eq!(explain(&graph, method, "relu", &batch, (0, slice)).unwrap(), alone);
        }
    }
    let missing = explain(&network(&KERNEL, false), "gradcam", "relu", &batch, (0, 2)).unwrap_err();
    assert_eq!(missing.to_string(), "There is no slice 2 in this run of 2, counted from 0");
}

#[test]
fn in_a_stack_the_gradient_goes_to_the_winning_slice_of_each_feature() {
    let graph = network(&KERNEL, true);
    assert!(graph.is_stack());
    let stack = tensor(&[4.0, 0.0, 0.0, 0.0, -1.0, -1.0, 0.0, 1.0], &[2, 1, 2, 2]);
    // Class 0 is the mean of the positive part, which slice 0 wins.
    let winner = explain(&graph, "gradcam", "relu", &stack, (0, 0)).unwrap();
    let other = explain(&graph, "gradcam", "relu", &stack, (0, 1)).unwrap();
    assert_eq!((winner.values, other.values), (vec![1.0, 0.0, 0.0, 0.0], vec![0.0; 4]));
    let cam = explain(&graph, "cam", "relu", &stack, (1, 1)).unwrap();
    assert_eq!(cam.values, [1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn broken_weights_are_an_error_not_a_map() {
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    let error = explain(&network(&[f32::NAN, 1.0], false), "gradcam", "relu", &input, (0, 0)).unwrap_err();
    assert!(matches!(&error, ExplainError::Graph(GraphError::NotFinite { node }) if node == "fc"), "{error}");
    let broken = tensor(&[f32::INFINITY, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    assert!(explain(&network(&KERNEL, false), "cam", "relu", &broken, (0, 0)).is_err());
}

#[test]
fn what_cannot_be_explained_is_said() {
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    let message = |result: Result<Attribution, ExplainError>| result.unwrap_err().to_string();
    let flat = message(explain(&graph, "gradcam", "flatten", &input, (0, 0)));
    assert!(flat.contains("`flatten` gives shape [1, 2], which has no rows and columns"), "{flat}");
    let class = message(explain(&graph, "gradcam", "relu", &input, (3, 0)));
    assert_eq!(class, "There is no class 3; the network has 3, counted from 0");

    let mut vgg = GraphBuilder::new();
    let pool = vgg.add("avgpool", AdaptiveAvgPool2d { size: [7, 7] }, &[INPUT]);
    let flat = vgg.add("flatten", Flatten, &[pool]);
    vgg.add(
        "classifier",
        Linear::new(Tensor::ones((2, 49), candle_core::DType::F32, &Device::Cpu).unwrap(), None).unwrap(),
        &[flat],
    );
    let graph = Arc::new(vgg.finish().unwrap());
    let reason = message(explain(&graph, "cam", "input", &input, (0, 0)));
    assert!(reason.starts_with("CAM cannot explain this network: `avgpool` pools to 7×7 places"), "{reason}");
    assert!(find("cam").unwrap().suits(&graph).is_err() && find("gradcam").unwrap().suits(&graph).is_ok());
}

#[test]
fn a_run_that_kept_too_little_or_was_cancelled_says_so() {
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    let (method, control) = (find("gradcam").unwrap(), Control::default());
    let relu = graph.find("relu").unwrap();
    let run = |keep: &Keep, target| graph.run(&[(INPUT, input.clone())], target, keep, &control).unwrap();
    let compute = |trace: &Trace| method.compute(&Ask::new(trace, relu, &Target::class(0), &control)).unwrap_err();
    assert!(matches!(compute(&run(&Keep::nothing(), graph.output())), ExplainError::NotKept { .. }));
    let outputs = run(&Keep::nothing().output_of(relu), graph.output());
    assert!(matches!(compute(&outputs), ExplainError::Graph(GraphError::NotKept { .. })));
    assert!(matches!(compute(&run(&Keep::nothing(), relu)), ExplainError::NotLogits { .. }));
    control.cancel();
    let cancelled = graph.run(&[(INPUT, input)], graph.output(), &Keep::nothing(), &control).unwrap_err();
    assert!(matches!(cancelled, GraphError::Cancelled(_)));
}

#[test]
fn activations_have_their_range_by_channel() {
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, -2.0, 3.0, 0.0], &[1, 1, 2, 2]);
    let [relu, fc] = ["relu", "fc"].map(|name| graph.find(name).unwrap());
    let keep = Keep::nothing().output_of(relu);
    let trace = graph.run(&[(INPUT, input)], fc, &keep, &Control::default()).unwrap();
    let grid = activations(&trace, relu, 0).unwrap();
    assert_eq!((grid.channels, grid.rows, grid.columns), (2, 2, 2));
    assert_eq!((grid.maximum, grid.minimum, grid.mean), (vec![3.0, 2.0], vec![0.0, 0.0], vec![1.0, 0.5]));
    let logits = activations(&trace, fc, 0).unwrap();
    assert_eq!((logits.channels, logits.rows, logits.columns, logits.values.len()), (3, 1, 1, 3));
}

/// A segmentation of one channel into two classes: logits `x` and `−x` at each pixel.
fn segmentation() -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = graph.add("conv", Conv2d::new(tensor(&KERNEL, &[2, 1, 1, 1]), None).unwrap(), &[INPUT]);
    graph.add("logits", Conv2d::new(tensor(&[1.0, 0.0, 0.0, 1.0], &[2, 2, 1, 1]), None).unwrap(), &[conv]);
    Arc::new(graph.finish().unwrap())
}

#[test]
fn in_a_segmentation_the_logits_of_the_predicted_pixels_or_of_a_drawn_region_are_summed() {
    let graph = segmentation();
    let input = tensor(&[1.0, -2.0, 3.0, 0.5], &[1, 1, 2, 2]);
    let (conv, control) = (graph.find("conv").unwrap(), Control::default());
    let keep = Keep::nothing().output_of(INPUT).output_of(conv).gradients_to(conv);
    let trace = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    let score = |target: &Target| {
        let ask = Ask::new(&trace, conv, target, &control);
        let unit = |unit| score::scores(&ask, INPUT, &ask.input().unwrap(), unit).map(|scores| scores[0]);
        (unit(score::Unit::Logit), unit(score::Unit::Probability))
    };
    let (logit, probability) = score(&Target::class(0));
    assert!((logit.unwrap() - 4.5).abs() < 1e-6, "pixels 0, 2 and 3 are of class 0");
    let softmax = |x: f64| 1.0 / (1.0 + (-2.0 * x).exp());
    assert!((probability.unwrap() - (softmax(1.0) + softmax(3.0) + softmax(0.5)) / 3.0).abs() < 1e-6);

    let mask = |inside: [bool; 4]| Region::Drawn(Arc::new(Mask { rows: 2, columns: 2, inside: inside.to_vec() }));
    let drawn = Target { region: mask([true, true, false, false]), ..Target::class(0) };
    assert!((score(&drawn).0.unwrap() + 1.0).abs() < 1e-6);
    let map = find("gradcam").unwrap().compute(&Ask::new(&trace, conv, &drawn, &control)).unwrap();
    // Two of four pixels have gradient 1 to channel 0 and 0 to channel 1.
    assert_eq!(map.values, [0.5, -1.0, 1.5, 0.25]);
    let nothing = Target { region: mask([false; 4]), ..Target::class(1) };
    assert!(matches!(score(&nothing).0, Err(ExplainError::EmptyRegion { class: 1 })));
}
