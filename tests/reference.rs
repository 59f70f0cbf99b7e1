//! Logits, activations, maps and gradients against PyTorch, pytorch-grad-cam and Captum.
//!
//! Needs the reference vectors of `../shared/reference`; the compact ones in `tests/reference` are for clones without.

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use common::{
    formula,
    reference::{Reference, block_means, error},
};
use glassbox::{
    explain::{self, Ask, Attribution, Target},
    graph::{Control, Graph, INPUT, Keep, NodeId, Rule, Rules, Trace, ops::winning_slices},
};

/// What a map may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// The same, where float64 shows that float32 is what does not do better.
const LOOSE: f64 = 1e-3;

/// How many times PyTorch's float32 error this program's may be where both are beyond [`LOOSE`].
const COMPARABLE: f64 = 3.0;

/// What a field over the pixels may differ by in float32 once float64 has proven it. Such a field goes back through every
/// pooling switch and every sign; where two values are 1e-7 apart, rounding turns a switch, in one program's float32 or
/// the other's, and the field jumps: PyTorch's own float32 is off by 2.7e-2 (resnet18) to 9.9e-2 (vgg16) of its float64.
const TURNED: f64 = 0.15;

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
    for (key, rules) in fields().into_iter().filter(|(key, _)| wanted(key)) {
        let mut seed = vec![0.0_f32; trace.target().elem_count()];
        seed[classes[0]] = 1.0;
        let seed = Tensor::from_vec(seed, trace.target().shape(), &Device::Cpu).unwrap();
        let seed = seed.to_dtype(input.dtype()).unwrap();
        let field = elements(&trace.vjp(graph.output(), &seed, INPUT, rules, &control).unwrap());
        let field = if reference.is_block_means(key) { block_means(&field) } else { field };
        found.push((key.to_owned(), field));
    }
    found.retain(|(key, _)| wanted(key));
    found
}

/// The gradients with respect to the network's input. Captum knows ReLU modules only; the last two are Captum's on
/// networks that have a module for each of torchvision's calls of `F.relu`.
fn fields() -> [(&'static str, Rules); 5] {
    [
        ("gradient", Rule::Gradient.into()),
        ("guided", Rules::modules_only(Rule::Guided)),
        ("deconvnet", Rules::modules_only(Rule::Deconvnet)),
        ("guided.all", Rule::Guided.into()),
        ("deconvnet.all", Rule::Deconvnet.into()),
    ]
}

fn map(method: &str, trace: &Trace, node: NodeId, class: usize) -> Attribution {
    let method = explain::find(method).unwrap();
    let (target, control) = (Target::class(class), Control::default());
    method.compute(&Ask::new(trace, node, &target, &control)).unwrap()
}

/// Compares one architecture's vectors and prints the table.
///
/// Two float32 programs cannot agree everywhere. Grad-CAM++ divides by numbers near zero, at layers before their ReLU
/// above all, and a max pooling turns to another place where two values differ in the last bit. Such a key passes when
/// this program in float64 agrees with PyTorch in float64 (`precise`), and this program's float32 is from there no
/// farther than [`LOOSE`] or than PyTorch's own float32 goes astray.
fn check(architecture: &str, reference: &Path, precise: &Path, picture_path: &Path) {
    let reference = Reference::read(reference);
    let seed = reference.meta["seed"].as_u64().unwrap();
    let input = picture(picture_path);
    let run = |precision: DType, wanted: &dyn Fn(&str) -> bool| -> HashMap<String, Vec<f32>> {
        let graph = Arc::new(formula::graph(architecture, &[], seed, precision));
        compute(&graph, &input.to_dtype(precision).unwrap(), &reference, wanted).into_iter().collect()
    };
    let found = run(DType::F32, &|_| true);
    let mut keys: Vec<&String> = found.keys().collect();
    keys.sort();
    let off = |key: &String| error(&found[key], &reference.tensors[key]);
    for key in &keys {
        eprintln!("{architecture:<14} {key:<32} {:9.2e}", off(key));
    }
    let beyond: Vec<&String> = keys.into_iter().filter(|key| off(key) > TOLERANCE).collect();
    if beyond.is_empty() {
        return;
    }
    let is_loose = |key: &&String| key.starts_with("gradcam") || is_field(key);
    assert!(beyond.iter().all(is_loose), "float64 is no excuse for {beyond:?}");
    let precise = Reference::read(precise);
    // A shown map follows from the raw one, so the raw one is what PyTorch's float64 is written down for.
    let raw = |key: &str| key.replace(".shown", ".raw");
    let sure = run(DType::F64, &|key| beyond.iter().any(|beyond| *beyond == key || raw(beyond) == key));
    for key in beyond {
        let base = raw(key);
        let means = is_field(key) && !reference.is_block_means(key);
        let proof = if means { &block_means(&sure[&base]) } else { &sure[&base] };
        let proof = error(proof, &precise.tensors[&base]);
        let (ours, theirs) = (error(&found[key], &sure[key]), error(&reference.tensors[key], &sure[key]));
        eprintln!(
            "{architecture:<14} {key:<32} {proof:9.2e} in float64; float32: {ours:.2e} here, {theirs:.2e} PyTorch"
        );
        assert!(proof <= TOLERANCE, "{architecture} {key} in float64");
        let bound = if is_field(key) { TURNED } else { LOOSE.max(COMPARABLE * theirs) };
        assert!(ours <= bound, "{architecture} {key}: {ours:e} is not float32's own error");
    }
}

fn is_field(key: &str) -> bool {
    fields().iter().any(|(field, _)| *field == key)
}

/// One test an architecture, so that they run side by side.
macro_rules! architectures {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            let Some(shared) = common::shared() else { return };
            let folder = shared.join("reference");
            let file = concat!(stringify!($name), ".safetensors");
            check(stringify!($name), &folder.join(file), &own().join("float64").join(file), &folder.join("cat_dog.png"));
        }
    )*};
}

architectures!(alexnet, vgg16, vgg16_bn, vgg19, resnet18, resnet50, squeezenet1_1, densenet121, densenet161, googlenet);

/// Where torchvision calls `F.relu`, guided backpropagation and deconvnet of all rectifiers, as the literature means
/// them: compared in float64 with PyTorch's float64.
#[test]
fn rectifiers_called_as_functions_can_follow_the_rule_too() {
    let Some(shared) = common::shared() else { return };
    for architecture in ["densenet121", "googlenet"] {
        let precise = Reference::read(&own().join(format!("float64/{architecture}.safetensors")));
        let seed = precise.meta["seed"].as_u64().unwrap();
        let graph = Arc::new(formula::graph(architecture, &[], seed, DType::F64));
        let input = picture(&shared.join("reference/cat_dog.png")).to_dtype(DType::F64).unwrap();
        let found: HashMap<_, _> = compute(&graph, &input, &precise, &is_field).into_iter().collect();
        for key in ["guided", "deconvnet"] {
            let all = format!("{key}.all");
            for key in [key, &all] {
                let off = error(&found[key], &precise.tensors[key]);
                eprintln!("{architecture:<14} {key:<32} {off:9.2e} in float64");
                assert!(off <= TOLERANCE, "{architecture} {key}");
            }
            let apart = error(&found[&all], &found[key]);
            assert!(apart > 0.1, "{architecture} {key}: the two rules give the same");
        }
    }
}

/// Where the vectors lie that are checked in.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

/// The vectors that are checked in, on the picture that is.
fn check_compact(architecture: &str) {
    let file = |end: &str| own().join(format!("{architecture}{end}.safetensors"));
    check(architecture, &file(""), &file("_float64"), &own().join("picture.png"));
}

#[test]
fn compact_squeezenet1_1() {
    check_compact("squeezenet1_1");
}

#[test]
fn compact_resnet18() {
    check_compact("resnet18");
}

#[test]
fn mrnet() {
    let Some(shared) = common::shared() else { return };
    let reference = Reference::read(&shared.join("reference/mrnet.safetensors"));
    check_stack(&reference, &reference.tensors["stack"]);
}

/// MRNet on a stack that one slice makes, rolled by 8 columns from slice to slice.
#[test]
fn compact_mrnet() {
    let slice = image::open(own().join("slice.png")).unwrap().to_luma8();
    let width = slice.width();
    let rolled = (0..6).flat_map(|index| {
        let column = move |x: u32| (x + width - 8 * index) % width;
        let slice = &slice;
        (0..slice.height()).flat_map(move |y| (0..width).map(move |x| f32::from(slice.get_pixel(column(x), y).0[0])))
    });
    let stack: Vec<f32> = rolled.collect();
    check_stack(&Reference::read(&own().join("mrnet.safetensors")), &stack);
}

/// Pooled features, winners, logits and each slice's CAM of six slices of 256×256.
fn check_stack(reference: &Reference, stack: &[f32]) {
    let seed = reference.meta["seed"].as_u64().unwrap();
    let shapes: [(&str, &[usize]); 2] = [("classifier.weight", &[2, 256]), ("classifier.bias", &[2])];
    let graph = Arc::new(formula::graph("mrnet", &shapes, seed, DType::F32));
    let slices = 6;
    let stack = Tensor::from_slice(stack, (slices, 1, 256, 256), &Device::Cpu).unwrap();
    let stack = stack.repeat((1, 3, 1, 1)).unwrap();

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
        let maps = (0..slices).flat_map(|slice| {
            let target = Target::class(class);
            method.compute(&Ask { slice, ..Ask::new(&trace, pooled, &target, &control) }).unwrap().values
        });
        found.push((format!("cam.{class}"), maps.collect()));
    }
    for (key, values) in found {
        let error = error(&values, &reference.tensors[&key]);
        eprintln!("{:<14} {key:<32} {error:9.2e}", "mrnet");
        assert!(error <= TOLERANCE, "{key}");
    }
}
