//! A network with trained weights on photographs: scores and class activation maps against an independent
//! implementation's (`squeezenet1_0_imagenet.golden.json` beside the weights says how those came to be).

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::Device;
use glassbox::{
    explain::{self, Ask, Target},
    graph::{Control, Keep},
    model::Model,
    study::{self, Reader, Storage},
};
use serde_json::Value;

fn card(shared: &Path, folder: &Path) -> PathBuf {
    let weights = shared.join("data/weights/squeezenet1_0_imagenet.safetensors");
    let classes = shared.join("data/natural/imagenet_class_index.json");
    let text = format!(
        r#"
name = "SqueezeNet 1.0"
version = "1.0"
summary = "The thousand classes of ImageNet"
architecture = "squeezenet1_0"
weights = '{}'
classes_file = '{}'

[input]
size = [224, 224]
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"#,
        weights.display(),
        classes.display()
    );
    let path = folder.join("model.toml");
    fs::write(&path, text).unwrap();
    path
}

/// The golden numbers of a file, by its name here.
fn golden(shared: &Path, name: &str) -> Value {
    let text = fs::read_to_string(shared.join("data/weights/squeezenet1_0_imagenet.golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let entries = golden["imagenet_squeezenet1_0"].as_array().unwrap();
    let there = if name == "cat_dog.png" { "both.png" } else { name };
    entries.iter().find(|entry| entry["file"].as_str().unwrap().ends_with(there)).unwrap().clone()
}

#[test]
fn scores_and_class_activation_maps_are_the_golden_ones() {
    let Some(shared) = common::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = Model::load(&card(&shared, folder.path()), &Device::Cpu).unwrap();
    assert_eq!(model.classes[243], "bull_mastiff");
    assert_eq!(model.default_layer(), "features.12");

    for name in ["cat_dog.png", "dogs.png"] {
        let storage: Arc<dyn Storage> = Arc::new(study::Disk);
        let path = shared.join("data/natural").join(name);
        let opened = study::open(&[path], &storage, &|_| std::ops::ControlFlow::Continue(()));
        let slice = &opened.studies[0].series[0].slices[0];
        let picture = Reader::new(storage).picture(slice).unwrap();

        let input = model.input(&picture).unwrap();
        let control = Control::default();
        let layer = explain::class_map_layer(&model.graph).unwrap();
        let cam = explain::find("cam").unwrap();
        let keep = Keep::nothing().output_of(layer).and(&cam.keeps(&model.graph, layer));
        let trace = model.graph.run(&[(0, input.tensor)], model.graph.output(), &keep, &control).unwrap();
        let logits: Vec<f32> = trace.target().flatten_all().unwrap().to_vec1().unwrap();
        let probabilities = model.probabilities(&logits);

        let golden = golden(&shared, name);
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        for (found, expected) in order.iter().zip(golden["top5"].as_array().unwrap()) {
            assert_eq!(*found as u64, expected[0].as_u64().unwrap(), "{name}");
            assert_eq!(model.classes[*found], expected[2].as_str().unwrap(), "{name}");
            let logit = f64::from(logits[*found]) - expected[3].as_f64().unwrap();
            let probability = f64::from(probabilities[*found]) - expected[4].as_f64().unwrap();
            assert!(logit.abs() < 2e-3 && probability.abs() < 2e-4, "{name}, {found}: {logit}, {probability}");
        }

        for (key, peak) in golden.as_object().unwrap() {
            let Some(what) = key.strip_prefix("cam_peak_rc_") else { continue };
            let class = match what.split('_').next().unwrap() {
                "top1" => order[0],
                number => number.parse().unwrap(),
            };
            let map = cam.compute(&Ask::new(&trace, layer, &Target::class(class), &control)).unwrap();
            assert_eq!((map.rows, map.columns), (13, 13));
            let (row, column) = map.peak();
            let expected = (peak[0].as_u64().unwrap() as usize, peak[1].as_u64().unwrap() as usize);
            assert_eq!((row, column), expected, "{name}, class {class}");
        }
    }
}
