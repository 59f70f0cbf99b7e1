//! Logits, activations, maps and gradients against PyTorch, pytorch-grad-cam and Captum.
//!
//! Needs the reference vectors of `../shared/reference`; the compact ones in `tests/reference` are for clones without.

mod common;

use std::{path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use common::{
    formula,
    reference::{Reference, block_means, error},
};
use glassbox::{
    explain::{self, Attribution, Params, Target},
    graph::{Control, Graph, INPUT, Keep, NodeId, Rule, Trace, ops::winning_slices},
};

/// What a map may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// The input of torchvision's networks from a picture of 224×224: `(x / 255 − mean) / std`, `[1, 3, 224, 224]`.
fn picture(path: &Path) -> Tensor {
    let picture = image::open(path).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (224, 224), "the reference was made without resizing");
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut values = Vec::with_capacity(3 * 224 * 224);
    for channel in 0..3 {
        let normal = |value: u8| ((f64::from(value) / 255.0 - mean[channel]) / std[channel]) as f32;
        values.extend(picture.pixels().map(|pixel| normal(pixel.0[channel])));
    }
    Tensor::from_vec(values, (1, 3, 224, 224), &Device::Cpu).unwrap()
}

/// A tensor's elements, row-major.
fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Everything that the reference has of one network, computed here: key and values.
fn compute(graph: &Arc<Graph>, input: &Tensor, reference: &Reference) -> Vec<(String, Vec<f32>)> {
    let control = Control::default();
    let roles: Vec<(String, NodeId)> = reference.meta["layers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(role, layer)| (role.clone(), graph.find(layer.as_str().unwrap()).unwrap()))
        .collect();
    let keep = roles.iter().fold(Keep::nothing(), |keep, &(_, node)| keep.output_of(node)).gradients_to(INPUT);
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();

    let mut found = vec![("logits".to_owned(), elements(trace.target()))];
    let classes: Vec<usize> =
        reference.meta["top"].as_array().unwrap().iter().map(|class| class.as_u64().unwrap() as usize).collect();
    for (role, node) in &roles {
        let activations = explain::activations(&trace, *node, 0).unwrap();
        if let Some(kept) = reference.meta[format!("activation.{role}.channels")].as_array() {
            let channels = kept.iter().map(|channel| activations.channel(channel.as_u64().unwrap() as usize).unwrap());
            found.push((format!("activation.{role}"), channels.flatten().copied().collect()));
        }
        for method in ["gradcam", "gradcamplusplus"] {
            for &class in &classes {
                let map = map(method, &trace, *node, class);
                let key = format!("{method}.{role}.{class}");
                found.push((format!("{key}.shown"), map.shown(224, 224)));
                found.push((format!("{key}.raw"), map.values));
            }
        }
    }
    for (key, rule) in [("gradient", Rule::Gradient), ("guided", Rule::Guided), ("deconvnet", Rule::Deconvnet)] {
        let mut seed = vec![0.0_f32; trace.target().elem_count()];
        seed[classes[0]] = 1.0;
        let seed = Tensor::from_vec(seed, trace.target().shape(), &Device::Cpu).unwrap();
        let seed = seed.to_dtype(input.dtype()).unwrap();
        let field = elements(&trace.vjp(graph.output(), &seed, INPUT, rule, &control).unwrap());
        let field = if reference.is_block_means(key) { block_means(&field) } else { field };
        found.push((key.to_owned(), field));
    }
    found.retain(|(key, _)| reference.tensors.contains_key(key));
    found
}

fn map(method: &str, trace: &Trace, node: NodeId, class: usize) -> Attribution {
    let method = explain::find(method).unwrap();
    let (target, params) = (Target::class(class), Params::default());
    method.compute(trace.graph(), trace, node, &target, &params, &Control::default()).unwrap()
}

/// Compares one architecture's vectors and prints the table.
fn check(architecture: &str, folder: &Path, picture_path: &Path) {
    let reference = Reference::read(&folder.join(format!("{architecture}.safetensors")));
    let seed = reference.meta["seed"].as_u64().unwrap();
    let input = picture(picture_path);
    let run = |precision: DType| {
        let graph = Arc::new(formula::graph(architecture, &[], seed, precision));
        compute(&graph, &input.to_dtype(precision).unwrap(), &reference)
    };
    let found = run(DType::F32);
    let errors: Vec<f64> = found.iter().map(|(key, values)| error(values, &reference.tensors[key])).collect();
    for ((key, _), error) in found.iter().zip(&errors) {
        eprintln!("{architecture:<14} {key:<32} {error:9.2e}");
    }
    if errors.iter().all(|&error| error <= TOLERANCE) {
        return;
    }
    let exact = run(DType::F64);
    for (((key, values), (_, precise)), error_32) in found.iter().zip(&exact).zip(errors) {
        let (of_reference, of_ours) = (error(precise, &reference.tensors[key]), error(values, precise));
        if error_32 > TOLERANCE {
            eprintln!(
                "{architecture:<14} {key:<32} {error_32:9.2e}; from float64: reference {of_reference:9.2e}, ours {of_ours:9.2e}"
            );
        }
    }
    panic!();
}

/// One test an architecture, so that they run side by side.
macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            let Some(shared) = common::shared() else { return };
            let folder = shared.join("reference");
            check(stringify!($name), &folder, &folder.join("cat_dog.png"));
        }
    )*};
}

architectures!(alexnet, vgg16, vgg16_bn, vgg19, resnet18, resnet50, squeezenet1_1);

#[test]
fn mrnet() {
    let Some(shared) = common::shared() else { return };
    let reference = Reference::read(&shared.join("reference/mrnet.safetensors"));
    let seed = reference.meta["seed"].as_u64().unwrap();
    let shapes: [(&str, &[usize]); 2] = [("classifier.weight", &[2, 256]), ("classifier.bias", &[2])];
    let graph = Arc::new(formula::graph("mrnet", &shapes, seed, DType::F32));
    let shape = reference.shapes["stack"].clone();
    let stack = Tensor::from_vec(reference.tensors["stack"].clone(), shape.as_slice(), &Device::Cpu).unwrap();
    let stack = stack.unsqueeze(1).unwrap().repeat((1, 3, 1, 1)).unwrap();

    let pooled = graph.find("pooled").unwrap();
    let method = explain::find("cam").unwrap();
    let keep = method.keeps(&graph, pooled).output_of(pooled);
    let control = Control::default();
    let trace = graph.run(&[(INPUT, stack)], graph.output(), &keep, &control).unwrap();
    let features = trace.output(pooled).unwrap();
    let winners: Vec<f32> = winning_slices(features).unwrap().into_iter().map(|slice| slice as f32).collect();
    let mut found = vec![
        ("logits".to_owned(), elements(trace.target())),
        ("pooled".to_owned(), elements(features)),
        ("winning_slice".to_owned(), winners),
    ];
    for class in 0..2 {
        let maps = (0..shape[0]).flat_map(|slice| {
            let (target, params) = (Target::class(class), Params { slice });
            method.compute(&graph, &trace, pooled, &target, &params, &control).unwrap().values
        });
        found.push((format!("cam.{class}"), maps.collect()));
    }
    for (key, values) in found {
        let error = error(&values, &reference.tensors[&key]);
        eprintln!("{:<14} {key:<32} {error:9.2e}", "mrnet");
        assert!(error <= TOLERANCE, "{key}");
    }
}
