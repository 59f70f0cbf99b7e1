//! Logits, activations, maps and gradients against PyTorch, pytorch-grad-cam and Captum.
//!
//! Needs the reference vectors of `../shared/reference`; the compact ones in `tests/reference` are for clones without.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

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

/// What `reference` has of one network and `wanted` asks for, computed here: key and values.
fn compute(
    graph: &Arc<Graph>,
    input: &Tensor,
    reference: &Reference,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<(String, Vec<f32>)> {
    let control = Control::default();
    let wanted = |key: &str| reference.tensors.contains_key(key) && wanted(key);
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
                let key = |kind: &str| format!("{method}.{role}.{class}.{kind}");
                if wanted(&key("raw")) || wanted(&key("shown")) {
                    let map = map(method, &trace, *node, class);
                    found.push((key("shown"), map.shown(224, 224)));
                    found.push((key("raw"), map.values));
                }
            }
        }
    }
    for (key, rule) in FIELDS.into_iter().filter(|(key, _)| wanted(key)) {
        let mut seed = vec![0.0_f32; trace.target().elem_count()];
        seed[classes[0]] = 1.0;
        let seed = Tensor::from_vec(seed, trace.target().shape(), &Device::Cpu).unwrap();
        let seed = seed.to_dtype(input.dtype()).unwrap();
        let field = elements(&trace.vjp(graph.output(), &seed, INPUT, rule, &control).unwrap());
        let field = if reference.is_block_means(key) { block_means(&field) } else { field };
        found.push((key.to_owned(), field));
    }
    found.retain(|(key, _)| wanted(key));
    found
}

/// The gradients with respect to the network's input.
const FIELDS: [(&str, Rule); 3] =
    [("gradient", Rule::Gradient), ("guided", Rule::Guided), ("deconvnet", Rule::Deconvnet)];

fn map(method: &str, trace: &Trace, node: NodeId, class: usize) -> Attribution {
    let method = explain::find(method).unwrap();
    let (target, params) = (Target::class(class), Params::default());
    method.compute(trace.graph(), trace, node, &target, &params, &Control::default()).unwrap()
}

/// Compares one architecture's vectors and prints the table.
///
/// Two float32 programs cannot agree everywhere. Grad-CAM++ divides by numbers near zero, at layers before their ReLU
/// above all, and a max pooling turns to another place where two values differ in the last bit. Such a key passes when
/// this program in float64 agrees with PyTorch in float64; the table says how far PyTorch's float32 is from there.
fn check(architecture: &str, folder: &Path, picture_path: &Path) {
    let reference = Reference::read(&folder.join(format!("{architecture}.safetensors")));
    let seed = reference.meta["seed"].as_u64().unwrap();
    let input = picture(picture_path);
    let run = |precision: DType, reference: &Reference, wanted: &dyn Fn(&str) -> bool| {
        let graph = Arc::new(formula::graph(architecture, &[], seed, precision));
        compute(&graph, &input.to_dtype(precision).unwrap(), reference, wanted)
    };
    let mut beyond = Vec::new();
    for (key, values) in run(DType::F32, &reference, &|_| true) {
        let error = error(&values, &reference.tensors[&key]);
        eprintln!("{architecture:<14} {key:<32} {error:9.2e}");
        if error > TOLERANCE {
            beyond.push(key);
        }
    }
    if beyond.is_empty() {
        return;
    }
    let is_loose = |key: &String| key.starts_with("gradcamplusplus") || key.starts_with("gradcam.") || is_field(key);
    assert!(beyond.iter().all(is_loose), "float64 is no excuse for {beyond:?}");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/float64");
    let precise = Reference::read(&own.join(format!("{architecture}.safetensors")));
    // A shown map follows from the raw one.
    let wanted = |key: &str| beyond.iter().any(|beyond| beyond.replace(".shown", ".raw") == key);
    for (key, values) in run(DType::F64, &precise, &wanted) {
        let of_ours = error(&values, &precise.tensors[&key]);
        let expected = &reference.tensors[&key];
        let means = is_field(&key) && !reference.is_block_means(&key);
        let expected = if means { &block_means(expected) } else { expected };
        let of_reference = error(expected, &precise.tensors[&key]);
        eprintln!(
            "{architecture:<14} {key:<32} {of_ours:9.2e} in float64; PyTorch's float32 is {of_reference:.2e} from there"
        );
        assert!(of_ours <= TOLERANCE, "{architecture} {key} in float64");
    }
}

fn is_field(key: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == key)
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
