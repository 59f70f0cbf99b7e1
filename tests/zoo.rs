//! Networks of the zoo against torchvision: logits, Grad-CAM at the last layer and the gradient with respect to the
//! input, for those that the large reference vectors lack and for narrow, few-class and re-headed variants.
//!
//! `tests/peers/zoo_logits.py` makes the vectors, in float64.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{collections::HashMap, path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use common::{
    fidelity::{self, Compared},
    formula,
    reference::{Reference, error},
};
use glassbox::{
    explain::{self, Ask, Target},
    graph::{Control, Graph, INPUT, Keep, Rule},
    model::{Weights, zoo},
};

/// What a value may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

fn read(name: &str) -> Reference {
    Reference::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/peers/zoo/{name}.safetensors")))
}

/// The network with the formula's weights: its usual shapes, or those that the file names.
fn network(reference: &Reference, precision: DType) -> Arc<Graph> {
    let architecture = reference.meta["arch"].as_str().unwrap();
    let seed = reference.meta["seed"].as_u64().unwrap();
    let Some(biased) = reference.meta["biased"].as_object() else {
        return Arc::new(formula::graph(architecture, &[], seed, precision));
    };
    let shape = |value: &serde_json::Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|length| length.as_u64().unwrap() as usize).collect()
    };
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: &[usize]| {
        let tensor = Tensor::from_vec(formula::values(&name, shape, seed), shape, &Device::Cpu).unwrap();
        tensors.insert(name, tensor.to_dtype(precision).unwrap());
    };
    for (module, weight) in biased {
        let weight = shape(weight);
        add(format!("{module}.weight"), &weight);
        let others: &[&str] = if weight.len() == 1 { &["bias", "running_mean", "running_var"] } else { &["bias"] };
        for other in others {
            add(format!("{module}.{other}"), &weight[..1]);
        }
    }
    for (module, weight) in reference.meta["plain"].as_object().unwrap() {
        add(format!("{module}.weight"), &shape(weight));
    }
    let mut weights = Weights::from_tensors(tensors, "formula");
    let graph = (zoo::find(architecture).unwrap().build)(&mut weights).unwrap();
    weights.finish().unwrap();
    Arc::new(graph)
}

/// The formula's input, uniform in −2..2.
fn input(reference: &Reference, precision: DType) -> Tensor {
    let size = reference.meta["size"].as_u64().unwrap() as usize;
    let (hash, seed) = (formula::fnv1a64("input"), reference.meta["seed"].as_u64().unwrap());
    let values = (0..3 * size * size).map(|index| (4.0 * formula::uniform(hash, index, seed) - 2.0) as f32).collect();
    Tensor::from_vec(values, (1, 3, size, size), &Device::Cpu).unwrap().to_dtype(precision).unwrap()
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Means of 8×8 blocks of `3 × size × size`.
fn block_means(field: &[f32], size: usize) -> Vec<f32> {
    let blocks = size / 8;
    let mean = |plane: usize, row: usize, column: usize| {
        let place = |index: usize| field[(plane * size + row * 8 + index / 8) * size + column * 8 + index % 8];
        ((0..64).map(|index| f64::from(place(index))).sum::<f64>() / 64.0) as f32
    };
    let places =
        (0..3 * blocks * blocks).map(|index| (index / blocks / blocks, index / blocks % blocks, index % blocks));
    places.map(|(plane, row, column)| mean(plane, row, column)).collect()
}

/// Everything that the reference has, computed here.
fn compute(reference: &Reference, precision: DType) -> [(&'static str, Vec<f32>); 3] {
    let graph = network(reference, precision);
    let input = input(reference, precision);
    let size = input.dims()[3];
    let control = Control::default();
    let layer = graph.find(reference.meta["layer"].as_str().unwrap()).unwrap();
    let class = reference.meta["top"].as_u64().unwrap() as usize;
    let keep = Keep::nothing().output_of(layer).gradients_to(INPUT);
    let trace = graph.run(&[(INPUT, input)], graph.output(), &keep, &control).unwrap();
    let target = Target::class(class);
    let map = explain::find("gradcam").unwrap().compute(&Ask::new(&trace, layer, &target, &control)).unwrap();
    let mut seed = vec![0.0_f32; trace.target().elem_count()];
    seed[class] = 1.0;
    let seed = Tensor::from_vec(seed, trace.target().shape(), &Device::Cpu).unwrap().to_dtype(precision).unwrap();
    let gradient = trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &control).unwrap();
    [
        ("logits", elements(trace.target())),
        ("gradcam", map.values),
        ("gradient", block_means(&elements(&gradient), size)),
    ]
}

/// Holds logits and Grad-CAM to torchvision in float32, and everything in float64: the gradient passes every switch of
/// a pooling and every sign, which rounding in float32 turns here and there in one program or the other.
fn check(name: &str) {
    let reference = read(name);
    let (single, double) = (compute(&reference, DType::F32), compute(&reference, DType::F64));
    for ((key, single), (_, double)) in single.iter().zip(&double) {
        let expected = &reference.tensors[*key];
        let (single, double) = (error(single, expected), error(double, expected));
        eprintln!("{name:<24} {key:<9} {single:9.2e} in float32 {double:9.2e} in float64");
        let peer = if *key == "gradcam" { "pytorch-grad-cam 1.5.7" } else { "torchvision 0.29" };
        let (deviation, precise, key) = (single, Some(double), *key);
        let compared =
            Compared { what: key, network: name, key: "noise", reference: peer, deviation, precise, steady: None };
        fidelity::write(&compared);
        assert!(double <= TOLERANCE, "{name} {key} in float64: {double:e}");
        assert!(single <= TOLERANCE || key == "gradient", "{name} {key}: {single:e}");
    }
}

macro_rules! networks {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*};
}

networks!(
    densenet169,
    densenet201,
    inception_v3,
    mobilenet_v2,
    mobilenet_v3_small,
    mobilenet_v3_large,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b2,
    efficientnet_b3,
    efficientnet_b4,
    efficientnet_b5,
    densenet121_half,
    googlenet_7,
    mobilenet_v2_half,
    mobilenet_v2_quarter,
    mobilenet_v3_small_half,
    efficientnet_b0_linear,
    resnet18_sequential,
);

/// CAM is Grad-CAM times the number of places where a dense layer follows global average pooling; the rectifier between
/// DenseNet's last normalisation and the pooling belongs to what the pooling sees.
#[test]
fn cam_is_grad_cam_at_what_the_pooling_sees() {
    for (name, layer) in
        [("densenet121_half", "relu"), ("googlenet_7", "inception5b"), ("mobilenet_v2_half", "features.18")]
    {
        let reference = read(name);
        let graph = network(&reference, DType::F32);
        let node = explain::class_map_layer(&graph).unwrap();
        assert_eq!(Some(node), graph.find(layer), "{name}");
        let control = Control::default();
        let keep = Keep::nothing().output_of(node).gradients_to(node);
        let trace = graph.run(&[(INPUT, input(&reference, DType::F32))], graph.output(), &keep, &control).unwrap();
        let target = Target::class(3);
        let map =
            |method: &str| explain::find(method).unwrap().compute(&Ask::new(&trace, node, &target, &control)).unwrap();
        let (cam, grad_cam) = (map("cam"), map("gradcam"));
        let places = (cam.rows * cam.columns) as f32;
        let scaled: Vec<f32> = grad_cam.values.iter().map(|value| value * places).collect();
        assert!(error(&cam.values, &scaled) < 1e-5, "{name}");
    }
}

#[test]
fn cam_refuses_a_head_of_two_dense_layers_and_says_why() {
    let graph = network(&read("mobilenet_v3_small_half"), DType::F32);
    let message = explain::class_map_layer(&graph).unwrap_err().to_string();
    assert!(message.contains("classifier.") && message.contains("between"), "{message}");
}
