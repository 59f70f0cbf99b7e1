//! Keras models against TensorFlow: `tests/peers/keras_build.py` made them and what TensorFlow computes.
//!
//! The small ones are checked in; networks of usual size lie in `$GLASSBOX_PEERS/keras` where a developer ran the script.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    collections::{BTreeMap, HashMap},
    io::{Cursor, Read},
    path::{Path, PathBuf},
    sync::LazyLock,
};

use candle_core::{DType, Device, Tensor};
use common::{fidelity, reference::error};
use glassbox::{
    explain::{self, Ask, Target},
    graph::{Control, INPUT, Keep},
    model::{Model, ModelError},
};
use serde_json::Value;

/// What a logit or a map may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// The files that are checked in, by name.
static FILES: LazyLock<HashMap<String, Vec<u8>>> = LazyLock::new(|| {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/keras/models.zip");
    let mut archive = zip::ZipArchive::new(Cursor::new(std::fs::read(archive).unwrap())).unwrap();
    let mut files = HashMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.name().unwrap().into_owned(), content);
    }
    files
});

/// What TensorFlow computed, by model.
fn expected() -> BTreeMap<String, Value> {
    serde_json::from_slice(&FILES["expected.json"]).unwrap()
}

fn card(file: &str, expected: &Value) -> String {
    let shape = numbers(&expected["shape"]);
    let activation = expected["activation"].as_str().unwrap_or("softmax");
    format!(
        "name = \"Peer\"\nversion = \"1\"\narchitecture = \"keras\"\nweights = \"{file}\"\n[input]\nsize = [{}, {}]\n\
         channels = {}\nscale = 1\n[output]\nactivation = \"{activation}\"\n",
        shape[0], shape[1], shape[2]
    )
}

fn load(file: &str, expected: &Value) -> Result<Model, ModelError> {
    Model::from_parts(&card(file, expected), &FILES[file], &Device::Cpu)
}

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// The peer's input: `((i · 7919) mod 1009) / 504.5 − 1` over rows, columns, channels; here channels first.
fn input(expected: &Value) -> Tensor {
    let shape: Vec<usize> = numbers(&expected["shape"]).into_iter().map(|size| size as usize).collect();
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|i| ((i * 7919 % 1009) as f64 / 504.5 - 1.0) as f32).collect();
    let image = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    image.permute((2, 0, 1)).unwrap().unsqueeze(0).unwrap().contiguous().unwrap()
}

fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Compares a model's logits, its Grad-CAM and its stochastic head with TensorFlow's, where there are such.
fn compare(name: &str, file: &str, model: &Model, expected: &Value) {
    let control = Control::default();
    let graph = &model.graph;
    let cam = expected.get("cam");
    let layer = cam.map(|cam| graph.find(cam["layer"].as_str().unwrap()).unwrap());
    let mut keep = Keep::nothing();
    if let Some(layer) = layer {
        keep = keep.output_of(layer).gradients_to(layer);
    }
    if let Some(head) = &model.stochastic {
        keep = keep.output_of(head.input);
    }
    let trace = graph.run(&[(INPUT, input(expected))], graph.output(), &keep, &control).unwrap();
    let mut deviations = vec![("logits", error(&elements(trace.target()), &numbers(&expected["logits"])))];
    if let (Some(cam), Some(layer)) = (cam, layer) {
        let target = Target::class(cam["class"].as_u64().unwrap() as usize);
        let ask = Ask::new(&trace, layer, &target, &control);
        let map = explain::find("gradcam").unwrap().compute(&ask).unwrap();
        deviations.push(("gradcam", error(&map.values, &numbers(&cam["map"]))));
    }
    if let Some(std) = expected.get("std") {
        let head = model.stochastic.as_ref().unwrap();
        assert_eq!(head.layer, "dense_flipout");
        let features = elements(trace.output(head.input).unwrap());
        let (mean, deviation) = head.dense.exact_moments(&features).unwrap();
        deviations.push(("mean", error(&mean, &numbers(&expected["logits"]))));
        deviations.push(("standard deviation", error(&deviation, &numbers(std))));
    }
    for (what, deviation) in deviations {
        eprintln!("{file:<32} {what:<20} {deviation:.2e}");
        fidelity::record(what, name, file, "TensorFlow 2.18.1", deviation);
        assert!(deviation <= TOLERANCE, "{file}: {what} differs by {deviation:e}");
    }
}

#[test]
fn models_compute_what_tensorflow_computes() {
    for (name, expected) in expected() {
        for file in expected["files"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            if !file.ends_with(".weights.h5") {
                compare(&name, file, &load(file, &expected).unwrap(), &expected);
            }
        }
    }
}

#[test]
fn weights_beside_a_description_are_a_model() {
    let folder = tempfile::tempdir().unwrap();
    for (name, expected) in expected() {
        let file = format!("{name}.weights.h5");
        let Some(weights) = FILES.get(&file) else { continue };
        let config = format!("{name}.json");
        std::fs::write(folder.path().join(&file), weights).unwrap();
        std::fs::write(folder.path().join(&config), &FILES[&config]).unwrap();
        let path = folder.path().join(format!("{name}.toml"));
        let card = card(&file, &expected).replacen("[input]", &format!("config = \"{config}\"\n[input]"), 1);
        std::fs::write(&path, card).unwrap();
        compare(&name, &file, &Model::load(&path, &Device::Cpu).unwrap(), &expected);
        let refusal = load(&file, &expected).unwrap_err().to_string();
        assert!(refusal.contains("without a description of the network"), "{refusal}");
    }
}

#[test]
fn large_models_compute_what_tensorflow_computes() {
    let Some(folder) = std::env::var_os("GLASSBOX_PEERS").map(|peers| PathBuf::from(peers).join("keras")) else {
        eprintln!("skipped: GLASSBOX_PEERS names no folder of large models");
        return;
    };
    let text = std::fs::read(folder.join("expected.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&text).unwrap();
    for (name, expected) in expected {
        for file in expected["files"].as_array().unwrap() {
            let file = file.as_str().unwrap();
            let card = card(file, &expected);
            let bytes = std::fs::read(folder.join(file)).unwrap();
            compare(&name, file, &Model::from_parts(&card, &bytes, &Device::Cpu).unwrap(), &expected);
        }
    }
}

#[test]
fn layers_bear_keras_names() {
    let all = expected();
    let model = load("vgg16_flipout.keras", &all["vgg16_flipout"]).unwrap();
    let graph = &model.graph;
    let conv = graph.find("vgg16.block5_conv3").unwrap();
    assert_eq!(graph.nodes()[conv].name, "vgg16.block5_conv3.activation");
    assert_eq!(graph.find("block5_conv3"), Some(conv));
    assert_eq!(graph.find("vgg16"), graph.find("block5_pool"));
    assert_eq!(graph.nodes()[graph.output()].name, "dense_flipout");
    assert_eq!(model.classes.len(), 7);
    assert_eq!(model.posteriors.len(), 1);

    let nested = load("nested.h5", &all["nested"]).unwrap();
    assert_eq!(nested.graph.find("inner.inner_conv"), nested.graph.find("inner_conv"));
    assert!(nested.graph.find("base.separable").is_some());
    assert!(nested.notes.iter().any(|note| note.contains("rescaling")), "{:?}", nested.notes);

    let unet = load("unet.keras", &all["unet"]).unwrap();
    assert_eq!(unet.outputs(), 3);
    assert_eq!(unet.layers().last().unwrap().shape, [3, 16, 20]);
}

#[test]
fn posteriors_within_a_network_are_kept() {
    let expected = &expected()["probabilistic"];
    for file in ["probabilistic.h5", "probabilistic.keras"] {
        let model = load(file, expected).unwrap();
        assert!(model.stochastic.is_none());
        let layers: Vec<&str> = model.posteriors.iter().map(|posterior| posterior.layer.as_str()).collect();
        assert_eq!(layers, ["conv", "hidden"]);
        let conv = &model.posteriors[0];
        assert_eq!(conv.mean.dims(), [4, 3, 3, 2]);
        let sum: f64 = elements(&conv.std).into_iter().map(f64::from).sum();
        assert!((sum / expected["sigma_sum"].as_f64().unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(model.randomness.as_deref(), Some("Flipout in conv, hidden"));
        assert!(!model.notes.iter().any(|note| note.contains("means")), "{:?}", model.notes);
    }
}

/// One refusal of a card that contradicts its file.
fn refusal(file: &str, name: &str, change: (&str, &str)) -> String {
    let card = card(file, &expected()[name]);
    assert!(card.contains(change.0), "{card}");
    Model::from_parts(&card.replace(change.0, change.1), &FILES[file], &Device::Cpu).unwrap_err().to_string()
}

#[test]
fn a_card_that_contradicts_the_file_is_refused() {
    let text = refusal("mammography.h5", "mammography", ("\"softmax\"", "\"sigmoid\""));
    assert!(text.contains("`output.activation` is \"sigmoid\"; expected \"softmax\"") && text.contains("h2"), "{text}");
    let text = refusal("strided.keras", "strided", ("size = [37, 30]", "size = [30, 37]"));
    assert!(text.contains("`input.size` is [30, 37]; expected [37, 30]"), "{text}");
    let text = refusal("strided.keras", "strided", ("channels = 3", "channels = 1"));
    assert!(text.contains("`input.channels` is 1; expected 3"), "{text}");
    let text = refusal("strided.keras", "strided", ("[output]", "[output]\nhead = \"flipout\""));
    assert!(text.contains("`output.head`"), "{text}");
    let text = refusal("strided.keras", "strided", ("[input]", "config = \"a.json\"\n[input]"));
    assert!(text.contains("`config`"), "{text}");
}

/// Small steps of a generator, so that the damage is the same each time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn damaged_files_are_refused_and_do_not_crash() {
    let all = expected();
    let expected = &all["probabilistic"];
    for file in ["probabilistic.h5", "probabilistic.keras"] {
        let whole = &FILES[file];
        let card = card(file, expected);
        let mut state = 7;
        let mut refused = 0;
        for round in 0..400 {
            let mut bytes = whole.clone();
            match round % 4 {
                0 => bytes.truncate(next(&mut state) as usize % whole.len()),
                // The structure is at the beginning: superblock, groups, heaps.
                1 => {
                    let at = next(&mut state) as usize % 4096.min(whole.len());
                    bytes[at] ^= 1 << (next(&mut state) % 8);
                }
                kind => {
                    for _ in 0..if kind == 2 { 1 } else { 16 } {
                        let at = next(&mut state) as usize % whole.len();
                        bytes[at] = next(&mut state) as u8;
                    }
                }
            }
            refused += usize::from(Model::from_parts(&card, &bytes, &Device::Cpu).is_err());
        }
        assert!(refused > 100, "{file}: only {refused} of 400 damaged files were refused");
    }
}
