//! ONNX files against ONNX Runtime, and against the same networks of the zoo.
//!
//! The small files of `tests/peers/onnx` exercise each family of operators and each exporter; `onnx_small.py` and
//! `onnx_exporters.py` in `tests/peers` make them. The large ones, torchvision's networks by both of PyTorch's exporters,
//! are made by `onnx_export.py` into the folder that `GLASSBOX_PEERS` names.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use common::{fidelity, formula, reference::error};
use glassbox::{
    explain::{self, Ask, Target},
    graph::{Control, Graph, INPUT, Keep, Rule},
    model::{Model, zoo},
};
use serde_json::Value;

/// What a value may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// `2u − 1` of the formula's sequence `input`, times `scale`.
fn input(shape: &[usize], seed: u64, scale: f64) -> Tensor {
    let hash = formula::fnv1a64("input");
    let count: usize = shape.iter().product();
    let values: Vec<f32> =
        (0..count).map(|index| (2.0 * formula::uniform(hash, index, seed) - 1.0) as f32 * scale as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// What a file ends in and Glassbox leaves out, of logits `[batch, classes, …]`.
fn ended(ends: Option<&str>, logits: &Tensor) -> Tensor {
    let exponents = || logits.broadcast_sub(&logits.max_keepdim(1).unwrap()).unwrap().exp().unwrap();
    let softmax = || exponents().broadcast_div(&exponents().sum_keepdim(1).unwrap()).unwrap();
    match ends {
        None => logits.clone(),
        Some("sigmoid") => (logits.neg().unwrap().exp().unwrap() + 1.0).unwrap().recip().unwrap(),
        Some("softmax") => softmax(),
        Some("log_softmax") => softmax().log().unwrap(),
        Some(other) => panic!("{other}"),
    }
}

#[test]
fn each_family_of_operators_gives_what_onnx_runtime_gives() {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/onnx");
    let json = |path: &Path| -> Value { serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap() };
    let list = json(&peers.join("cases.json"));
    let runtime = format!("ONNX Runtime {}", list["onnxruntime"].as_str().unwrap());
    let mut cases = list["cases"].as_array().unwrap().clone();
    // What exporters wrote themselves has a file each.
    let mut others: Vec<PathBuf> = fs::read_dir(&peers).unwrap().map(|entry| entry.unwrap().path()).collect();
    others.retain(|path| path.extension().is_some_and(|end| end == "json") && !path.ends_with("cases.json"));
    others.sort();
    cases.extend(others.iter().map(|path| json(path)));
    let folder = tempfile::tempdir().unwrap();
    let mut failures = Vec::new();
    for case in &cases {
        let file = case["file"].as_str().unwrap();
        let shape: Vec<usize> = numbers(&case["input"]).into_iter().map(|length| length as usize).collect();
        let card = format!(
            "name = \"n\"\nversion = \"1\"\narchitecture = \"onnx\"\nweights = {:?}\n[input]\nsize = [{}, {}]\nchannels = \
             {}\n[output]\nactivation = {}\n",
            peers.join(file).display().to_string(),
            shape[2],
            shape[3],
            shape[1],
            case["activation"],
        );
        fs::write(folder.path().join("model.toml"), card).unwrap();
        let model = match Model::load(folder.path(), &Device::Cpu) {
            Ok(model) => model,
            Err(error) => {
                failures.push(format!("{file}: {error}"));
                continue;
            }
        };
        let graph = &model.graph;
        let keep = Keep::nothing().gradients_to(INPUT);
        let trace = match graph.run(&[(INPUT, input(&shape, 1, 1.0))], graph.output(), &keep, &Control::default()) {
            Ok(trace) => trace,
            Err(error) => {
                failures.push(format!("{file}: {error}"));
                continue;
            }
        };
        let found = ended(case["ends"].as_str(), trace.target());
        let expected = numbers(&case["output"]);
        let off = if found.elem_count() == expected.len() {
            error(&elements(&found), &expected)
        } else {
            failures.push(format!("{file}: {:?} where {} is expected", found.dims(), case["shape"]));
            continue;
        };
        eprintln!("{file:<32} opset {:>2} {off:9.2e}", case["opset"].as_i64().unwrap());
        fidelity::record("onnx", file.trim_end_matches(".onnx"), "output", &runtime, off);
        if off > case["tolerance"].as_f64().unwrap() {
            failures.push(format!("{file}: {off:e}"));
        }
        // Each layer also knows its way back.
        let seed = trace.target().ones_like().unwrap();
        let gradient = trace.vjp(graph.output(), &seed, INPUT, Rule::Gradient, &Control::default()).unwrap();
        assert_eq!(gradient.dims(), shape, "{file}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn patterns_of_exporters_become_layers_that_explanations_know() {
    let ops = |file: &str, activation: &str| -> Vec<&'static str> {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/onnx");
        let folder = tempfile::tempdir().unwrap();
        let card = format!(
            "name = \"n\"\nversion = \"1\"\narchitecture = \"onnx\"\nweights = {:?}\n[input]\nsize = [9, 10]\n[output]\n\
             activation = \"{activation}\"\n",
            peers.join(file).display().to_string()
        );
        fs::write(folder.path().join("model.toml"), card).unwrap();
        let model = Model::load(folder.path(), &Device::Cpu).unwrap();
        assert_eq!(model.notes.is_empty(), activation == "none", "{:?}", model.notes);
        model.layers().iter().map(|layer| layer.op).collect()
    };
    // Channels last, a mean over space, a product and a sum, a softmax: nothing of it is left in the graph.
    let head = ["AdaptiveAvgPool2d", "Flatten", "Linear"];
    assert_eq!(ops("channels_last.onnx", "softmax"), [&["Conv2d", "ReLU"][..], &head].concat());
    assert_eq!(ops("channels_last_mask.onnx", "sigmoid"), ["Conv2d"]);
    assert_eq!(ops("shapes_old.onnx", "none"), [&["Conv2d"][..], &head].concat());
    assert_eq!(ops("reductions_new.onnx", "none"), [&["Conv2d", "ReLU"][..], &head].concat());
}

/// The layer that maps are compared at: its name in the zoo and in ONNX files. Where exporters fold a normalisation
/// into its convolution, it is what stands after both.
const LAYERS: &[(&str, &str)] = &[
    ("alexnet", "features.10"),
    ("vgg11", "features.18"),
    ("vgg16", "features.28"),
    ("vgg16_bn", "features.42"),
    ("resnet18", "layer4"),
    ("resnet50", "layer4"),
    ("resnext50_32x4d", "layer4"),
    ("squeezenet1_1", "features.12"),
    ("densenet121", "features.denseblock4"),
    ("googlenet", "inception5b"),
    ("inception_v3", "Mixed_7c"),
    ("mobilenet_v2", "features.18"),
    ("mobilenet_v3_small", "features.12"),
    ("mobilenet_v3_large", "features.16"),
    ("efficientnet_b0", "features.8"),
    ("efficientnet_b1", "features.8"),
    ("efficientnet_b2", "features.8"),
    ("efficientnet_b3", "features.8"),
    ("efficientnet_b4", "features.8"),
];

fn gradcam(graph: &Arc<Graph>, input: &Tensor, layer: &str, class: usize) -> (Vec<f32>, Vec<f32>) {
    let node = graph.find(layer).unwrap_or_else(|| panic!("no layer {layer}"));
    let keep = Keep::nothing().output_of(node).gradients_to(node);
    let control = Control::default();
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();
    let target = Target::class(class);
    let method = explain::find("gradcam").unwrap();
    let map = method.compute(&Ask::new(&trace, node, &target, &control)).unwrap();
    (elements(trace.target()), map.values)
}

#[test]
fn exported_networks_are_those_of_the_zoo() {
    let Some(root) = std::env::var_os("GLASSBOX_PEERS").map(PathBuf::from) else {
        eprintln!("skipped: GLASSBOX_PEERS names no folder made by tests/peers/onnx_export.py");
        return;
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("logits.json").is_file());
    folders.sort();
    assert!(!folders.is_empty());
    let mut failures = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let about: Value = serde_json::from_str(&fs::read_to_string(folder.join("logits.json")).unwrap()).unwrap();
        let (architecture, seed) = (about["architecture"].as_str().unwrap(), about["seed"].as_u64().unwrap());
        let size = about["size"].as_u64().unwrap() as usize;
        let expected = numbers(&about["logits"]);
        let class = (0..expected.len()).max_by(|&a, &b| expected[a].total_cmp(&expected[b])).unwrap();
        let picture = input(&[1, 3, size, size], seed, about["scale"].as_f64().unwrap());
        let model = match Model::load(&folder, &Device::Cpu) {
            Ok(model) => model,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let layer = LAYERS.iter().find(|(known, _)| *known == architecture).map(|&(_, layer)| layer);
        let layer = layer.unwrap_or(model.default_layer());
        let (logits, map) = gradcam(&model.graph, &picture, layer, class);
        let off = error(&logits, &expected);
        fidelity::record("onnx", &name, "logits", "ONNX Runtime", off);
        let mut line = format!("{name:<34} {:>4} layers, logits {off:9.2e}", model.layers().len());
        if off > TOLERANCE {
            failures.push(format!("{name}: logits {off:e}"));
        }
        if zoo::find(architecture).is_some() {
            let graph = Arc::new(formula::graph(architecture, &[], seed, DType::F32));
            let (_, of_zoo) = gradcam(&graph, &picture, layer, class);
            let off = error(&map, &of_zoo);
            fidelity::record("onnx", &name, "gradcam", "the zoo", off);
            line = format!("{line}, Grad-CAM at {layer} {off:9.2e}");
            if off > TOLERANCE {
                failures.push(format!("{name}: Grad-CAM {off:e}"));
            }
        }
        eprintln!("{line}, default {}", model.default_layer());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
