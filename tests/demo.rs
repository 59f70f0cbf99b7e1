//! The demo models do what the demo says they do: on phantoms that they were not trained on, with the map's peak
//! where the lesion is, and the spoilt one with its peak at the ink. The full count is
//! `cargo run --release --example train_demo -- --evaluate`. The trainer's own unit tests (its gradients against
//! finite differences) run here too, for Cargo does not run those of an example.

#[path = "../examples/train_demo/adam.rs"]
mod adam;
#[path = "../examples/train_demo/knee_data.rs"]
#[expect(dead_code, reason = "the trainer uses all of it")]
mod knee_data;
#[path = "../examples/train_demo/knee_loss.rs"]
#[expect(dead_code, reason = "the trainer uses all of it")]
mod knee_loss;
#[path = "../examples/train_demo/layers.rs"]
#[expect(dead_code, reason = "the trainer uses all of it")]
mod layers;
#[path = "../examples/train_demo/threshold.rs"]
mod threshold;
#[path = "../examples/train_demo/trial.rs"]
mod trial;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::Device;
use glassbox::demo::knee::render::View;
use glassbox::demo::{self, skin};
use glassbox::model::Model;
use glassbox::study::{self, Plane, Reader};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

#[test]
fn the_study_opens_with_every_series_in_place() {
    let opened = study::open(&demo::paths(), &demo::storage(), &|_| ControlFlow::Continue(()));
    assert!(opened.failed.is_empty(), "{:?}", opened.failed);
    assert_eq!(opened.studies.len(), 3);
    for knee in opened.studies.iter().filter(|study| study.description.contains("knee")) {
        assert_eq!(knee.series.len(), 3);
        for (plane, view) in
            [(Plane::Sagittal, View::Sagittal), (Plane::Coronal, View::Coronal), (Plane::Axial, View::Axial)]
        {
            let series = knee.series.iter().find(|series| series.plane == plane).unwrap();
            assert_eq!(series.slices.len(), view.slices());
            assert!(series.description.starts_with("SYNTHETIC"), "{}", series.description);
        }
    }
}

#[test]
fn what_is_built_in_is_what_the_folders_hold() {
    for embedded in demo::models() {
        let folder = models().join(embedded.name);
        assert_eq!(std::fs::read_to_string(folder.join("model.toml")).unwrap(), embedded.card);
        assert!(std::fs::read(folder.join("weights.safetensors")).unwrap() == embedded.weights, "{}", embedded.name);
        let model = Model::from_parts(embedded.card, embedded.weights, &Device::Cpu).unwrap();
        assert!(model.card.summary.starts_with("SYNTHETIC"), "{}", model.card.summary);
    }
}

#[test]
fn the_model_sees_the_same_in_a_file_and_in_a_phantom() {
    let model = trial::model(&models(), "knee-phantom").unwrap();
    let path = Path::new("demo:/knee/intact/coronal").to_path_buf();
    let opened = study::open(&[path], &demo::storage(), &|_| ControlFlow::Continue(()));
    let series = &opened.studies[0].series[0];
    let reader = Reader::new(demo::storage());
    let from_file = model.input(&reader.picture(&series.slices[0]).unwrap()).unwrap().tensor;
    let values: Vec<f32> = from_file.flatten_all().unwrap().to_vec1().unwrap();
    let knee = demo::knee_case(false);
    let slice = (0..View::Coronal.slices())
        .find(|&slice| {
            let origin = series.slices[0].geometry.unwrap().origin_mm;
            (View::Coronal.origin_mm(slice)[1] - origin[1]).abs() < 0.1
        })
        .unwrap();
    // MRNet's stacks are made of the same numbers.
    let stack = knee.slice8(View::Coronal, slice);
    assert_eq!(values.len(), 3 * stack.len());
    let far = stack.iter().zip(&values).filter(|(a, b)| (f32::from(**a) - **b).abs() > 1.0).count();
    assert_eq!(far, 0);
}

#[test]
fn knees_are_told_apart_and_the_map_peaks_at_the_tear() {
    let model = trial::model(&models(), "knee-phantom").unwrap();
    let counts = trial::knees(&model, 1000..1008).unwrap();
    println!("{counts:?}");
    let planes = counts.all_planes();
    assert!(planes.accuracy() >= 0.95 && planes.localised() >= 0.9, "{counts:?}");
    assert!(counts.examination.accuracy() >= 0.95, "{counts:?}");
}

#[test]
fn lesions_are_told_apart_and_the_map_peaks_in_them() {
    let model = trial::model(&models(), "skin-phantom").unwrap();
    let score = trial::skin(&model, 1000..1040).unwrap();
    println!("{score:?}");
    assert!(score.accuracy() >= 0.95 && score.localised() >= 0.9, "{score:?}");
}

#[test]
fn the_spoilt_model_looks_at_the_ink() {
    let model = trial::model(&models(), "skin-marker").unwrap();
    let spoilt = trial::spoilt(&model, 1000..1012).unwrap();
    println!("{spoilt:?}");
    assert!(spoilt.missed * 10 >= spoilt.melanomas * 8, "{spoilt:?}");
    assert!(spoilt.accused * 10 >= spoilt.naevi * 8, "{spoilt:?}");
    assert!(spoilt.at_ink * 10 >= spoilt.maps * 9, "{spoilt:?}");
}

#[test]
fn an_ambiguous_lesion_has_a_wide_density() {
    let model = trial::model(&models(), "skin-phantom").unwrap();
    // Eight of each are enough to see a factor of 3; `train_demo --evaluate` takes more.
    let [clear, ambiguous] = [false, true].map(|ambiguous| trial::doubts(&model, 1000..1008, ambiguous).unwrap());
    let epistemic = |doubts: &[trial::Doubt]| trial::median(doubts, |doubt| doubt.epistemic);
    println!("epistemic part in the median: clear {:.2e}, ambiguous {:.2e}", epistemic(&clear), epistemic(&ambiguous));
    let aleatoric = |doubts: &[trial::Doubt]| trial::median(doubts, |doubt| doubt.aleatoric);
    println!("aleatoric part in the median: clear {:.2e}, ambiguous {:.2e}", aleatoric(&clear), aleatoric(&ambiguous));
    assert!(epistemic(&ambiguous) >= 3.0 * epistemic(&clear));
    let open = |doubts: &[trial::Doubt]| doubts.iter().filter(|doubt| doubt.indeterminate).count();
    assert!(
        open(&ambiguous) > open(&clear),
        "indeterminate: {} of the ambiguous, {} of the clear",
        open(&ambiguous),
        open(&clear)
    );
    assert!(trial::median(&ambiguous, |doubt| doubt.width) >= 3.0 * trial::median(&clear, |doubt| doubt.width));
}

#[test]
fn a_lesion_between_two_kinds_is_less_certain() {
    let model = trial::model(&models(), "skin-phantom").unwrap();
    let head = model.stochastic.as_ref().unwrap();
    let spread = |mixed| {
        let mut sum = 0.0;
        for seed in 1000..1012 {
            let case = skin::Case { seed, kind: skin::Kind::Naevus, mixed, marker: false };
            let picture = trial::skin_picture(skin::photograph(&case).pixels);
            let input = model.input(&picture).unwrap().tensor;
            let (graph, control) = (&model.graph, glassbox::graph::Control::default());
            let keep = glassbox::graph::Keep::nothing();
            let trace = graph.run(&[(0, input)], head.input, &keep, &control).unwrap();
            let features: Vec<f32> = trace.target().flatten_all().unwrap().to_vec1().unwrap();
            let logits = head.dense.sample(&features, 200, seed, &control).unwrap();
            let melanoma: Vec<f32> = logits.chunks_exact(4).map(|logits| model.probabilities(logits)[1]).collect();
            let mean = melanoma.iter().sum::<f32>() / 200.0;
            sum += (melanoma.iter().map(|p| (p - mean).powi(2)).sum::<f32>() / 200.0).sqrt();
        }
        sum / 12.0
    };
    let (clear, between) = (spread(None), spread(Some((skin::Kind::Melanoma, 0.5))));
    println!("standard deviation of p(melanoma): clear {clear}, between {between}");
    assert!(between > 5.0 * clear && between > 0.02, "{clear} {between}");
}
