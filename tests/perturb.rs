//! Occlusion against Captum, superpixels against scikit-image, LIME against its own regression.
//!
//! Needs the reference vectors of `../shared/reference`; `tests/reference/perturb.safetensors` and the compact vectors
//! beside it (made by `tests/peers/perturb.py`) are for clones without.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod common;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use candle_core::{DType, Device, Tensor};
use common::{
    fidelity, formula,
    reference::{Reference, block_means, error},
};
use glassbox::{
    explain::{
        self, Ask, Attribution, Coalitions, ExplainError, InputSpace, Settings, Target,
        lime::local_model,
        parameters::Value,
        superpixel::{Pixels, Quickshift, Slic, Superpixels, quickshift, slic},
    },
    graph::{Control, Graph, GraphError, INPUT, Keep},
};

/// What values may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// How alike superpixels must be (adjusted Rand index): ties of density are decided by noise, which is another here.
const ALIKE: f64 = 0.9;

/// Side of the pictures.
const SIDE: usize = 224;

/// torchvision's preprocessing.
const SPACE: InputSpace =
    InputSpace { scale: 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], ..InputSpace::PLAIN };

/// A picture of 224×224 as the networks' input.
fn input(path: &Path) -> Tensor {
    let picture = image::open(path).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (SIDE as u32, SIDE as u32), "the reference was made without resizing");
    let plane = |channel: usize| {
        picture.pixels().map(move |pixel| SPACE.normalised(channel, f64::from(pixel.0[channel])) as f32)
    };
    let values: Vec<f32> = (0..3).flat_map(plane).collect();
    Tensor::from_vec(values, (1, 3, SIDE, SIDE), &Device::Cpu).unwrap()
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

fn network(architecture: &str, reference: &Reference) -> Arc<Graph> {
    let seed = reference.meta["seed"].as_u64().unwrap_or(1);
    Arc::new(formula::graph(architecture, &[], seed, DType::F32))
}

/// Runs a network and asks something of the run.
fn asked<T>(
    graph: &Arc<Graph>,
    input: &Tensor,
    class: usize,
    settings: &Settings,
    answer: impl FnOnce(&Ask) -> T,
) -> T {
    let (control, target) = (Control::default(), Target::class(class));
    let keep = Keep::nothing().output_of(INPUT);
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();
    answer(&Ask { settings, space: &SPACE, ..Ask::new(&trace, INPUT, &target, &control) })
}

fn occlusion(graph: &Arc<Graph>, input: &Tensor, class: usize, window: i64, stride: i64) -> Attribution {
    let method = explain::find("occlusion").unwrap();
    let mut settings = Settings::default();
    let values =
        [("window", Value::Integer(window)), ("stride", Value::Integer(stride)), ("baseline", Value::Choice("zero"))];
    for (name, value) in values {
        let parameter = method.parameters().iter().find(|parameter| parameter.name == name).unwrap();
        settings.set(parameter, value);
    }
    asked(graph, input, class, &settings, |ask| method.compute(ask).unwrap())
}

/// Compares and writes down.
fn hold(what: &str, network: &str, key: &str, against: &str, found: &[f32], expected: &[f32]) {
    let error = error(found, expected);
    eprintln!("{network:<14} {what:<12} {key:<24} {error:9.2e}");
    fidelity::record(what, network, key, against, error);
    assert!(error <= TOLERANCE, "{what} of {network}, {key}: {error:e}");
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// Hubert and Arabie 1985: 1 for the same partition, about 0 for unrelated ones.
fn adjusted_rand_index(one: &[u32], other: &[f32]) -> f64 {
    assert_eq!(one.len(), other.len());
    let (mut both, mut first, mut second) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (&a, b) in one.iter().zip(other.iter().map(|&label| label as u32)) {
        *both.entry((a, b)).or_insert(0_u64) += 1;
        *first.entry(a).or_insert(0_u64) += 1;
        *second.entry(b).or_insert(0_u64) += 1;
    }
    let pairs = |count: &u64| (count * (count - 1) / 2) as f64;
    let (together, first, second): (f64, f64, f64) =
        (both.values().map(pairs).sum(), first.values().map(pairs).sum(), second.values().map(pairs).sum());
    let expected = first * second / pairs(&(one.len() as u64));
    (together - expected) / (f64::midpoint(first, second) - expected)
}

fn hold_superpixels(what: &str, picture: &str, found: &Superpixels, expected: &[f32]) {
    let alike = adjusted_rand_index(&found.labels, expected);
    let count = expected.iter().fold(0.0_f32, |most, &label| most.max(label)) + 1.0;
    eprintln!("{what} of {picture}: adjusted Rand index {alike:.4}, {} superpixels, {count} there", found.count);
    fidelity::record(what, picture, "1 - adjusted Rand index", "scikit-image 0.26", 1.0 - alike);
    assert!(alike >= ALIKE, "{what} of {picture}: {alike}");
}

#[test]
fn the_index_tells_partitions_apart() {
    assert!((adjusted_rand_index(&[0, 0, 1, 1], &[5.0, 5.0, 2.0, 2.0]) - 1.0).abs() < 1e-12);
    // sklearn.metrics.adjusted_rand_score([0, 0, 1, 1], [0, 0, 1, 2])
    assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0.0, 0.0, 1.0, 2.0]) - 0.571_428_571).abs() < 1e-6);
}

/// Captum's occlusion with windows of 32, a stride of 16 and 0 in network input.
fn check_occlusion(architecture: &str, file: &Path, picture: &Path) {
    let reference = Reference::read(file);
    let class = reference.meta["top"][0].as_u64().unwrap() as usize;
    let map = occlusion(&network(architecture, &reference), &input(picture), class, 32, 16);
    let found = if reference.is_block_means("occlusion") { block_means(&map.values) } else { map.values };
    let name = picture.file_stem().unwrap().to_str().unwrap();
    hold("occlusion", architecture, name, "Captum 0.9", &found, &reference.tensors["occlusion"]);
}

macro_rules! occlusions {
    ($($name:ident: $architecture:literal),*) => {$(
        #[test]
        fn $name() {
            let Some(shared) = common::shared() else { return };
            let folder = shared.join("reference");
            let file = folder.join(concat!($architecture, ".safetensors"));
            check_occlusion($architecture, &file, &folder.join("cat_dog.png"));
        }
    )*};
}

occlusions!(occlusion_alexnet: "alexnet", occlusion_resnet18: "resnet18", occlusion_squeezenet1_1: "squeezenet1_1");

#[test]
fn compact_occlusion() {
    let file = own().join("squeezenet1_1.safetensors");
    check_occlusion("squeezenet1_1", &file, &own().join("picture.png"));
}

#[test]
fn compact_occlusion_with_windows_that_the_edge_cuts() {
    let reference = Reference::read(&own().join("perturb.safetensors"));
    let number = |key: &str| reference.meta[key].as_i64().unwrap();
    let graph = network("squeezenet1_1", &reference);
    let picture = input(&own().join("picture.png"));
    let map = occlusion(&graph, &picture, number("class") as usize, number("window"), number("stride"));
    let expected = &reference.tensors["occlusion.cut"];
    hold("occlusion", "squeezenet1_1", "windows cut at the edge", "Captum 0.9", &block_means(&map.values), expected);
}

#[test]
fn quickshift_of_a_photograph() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("reference");
    let reference = Reference::read(&folder.join("lime_squeezenet1_1.safetensors"));
    let picture = Pixels::of_input(&SPACE, &input(&folder.join("cat_dog.png"))).unwrap();
    let found = quickshift(&picture, Quickshift::LIME, &Control::default()).unwrap();
    hold_superpixels("quickshift", "cat_dog", &found, &reference.tensors["segments"]);
}

#[test]
fn compact_quickshift_and_slic() {
    let reference = Reference::read(&own().join("perturb.safetensors"));
    let picture = Pixels::of_input(&SPACE, &input(&own().join("picture.png"))).unwrap();
    let control = Control::default();
    let found = quickshift(&picture, Quickshift::LIME, &control).unwrap();
    hold_superpixels("quickshift", "picture", &found, &reference.tensors["quickshift"]);
    let segments = reference.meta["segments"].as_u64().unwrap() as usize;
    let found = slic(&picture, Slic { segments, compactness: 10.0 }, &control).unwrap();
    hold_superpixels("slic", "picture", &found, &reference.tensors["slic"]);
}

/// Probabilities, sample weights, coefficients, intercept of LIME's regression for given superpixels and samples.
fn check_lime(picture: &Path, labels: &[f32], visible: impl Fn(usize) -> bool, reference: &Reference, prefix: &str) {
    let labels: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
    let superpixels = Superpixels::from_labels(SIDE, SIDE, &labels).unwrap();
    let tensor = |key: &str| reference.tensors[&format!("{prefix}{key}")].as_slice();
    let count = superpixels.count;
    let mut samples = Coalitions::new(count);
    for sample in 0..tensor("probabilities").len() {
        samples.push((0..count).map(|superpixel| visible(sample * count + superpixel)));
    }
    let class = reference.meta["class"].as_u64().unwrap() as usize;
    let graph = network("squeezenet1_1", reference);
    let model = asked(&graph, &input(picture), class, &Settings::DEFAULT, |ask| {
        local_model(ask, &superpixels, &samples).unwrap()
    });
    let name = picture.file_stem().unwrap().to_str().unwrap();
    let found = [
        ("probabilities", single(&model.probabilities)),
        ("weights", single(&model.weights)),
        ("coefficients", single(&model.linear.coefficients)),
        ("intercept", single(&[model.linear.intercept])),
        ("r_squared", single(&[model.linear.r_squared])),
    ];
    for (key, found) in found.iter().filter(|(key, _)| reference.tensors.contains_key(&format!("{prefix}{key}"))) {
        let full = format!("{name} {prefix}{key}, {} of {count}", samples.len());
        hold("lime", "squeezenet1_1", &full, "scikit-learn 1.9", found, tensor(key));
    }
}

#[test]
fn lime() {
    let Some(shared) = common::shared() else { return };
    let folder = shared.join("reference");
    let reference = Reference::read(&folder.join("lime_squeezenet1_1.safetensors"));
    let (masks, labels) = (&reference.tensors["masks"], &reference.tensors["segments"]);
    check_lime(&folder.join("cat_dog.png"), labels, |index| masks[index] == 1.0, &reference, "");
}

/// The same on our picture, with more samples than superpixels and with fewer, which are solved in different ways.
#[test]
fn compact_lime() {
    let reference = Reference::read(&own().join("perturb.safetensors"));
    let labels = &reference.tensors["slic"];
    let count = labels.iter().fold(0.0_f32, |most, &label| most.max(label)) as usize + 1;
    for key in ["lime", "lime.few"] {
        let hash = formula::fnv1a64(&format!("{key}.masks"));
        let visible = |index: usize| index < count || formula::uniform(hash, index, 1) < 0.5;
        check_lime(&own().join("picture.png"), labels, visible, &reference, &format!("{key}."));
    }
}

/// How soon is printed, not asserted: the machine may be busy with other tests.
#[test]
fn a_long_method_ends_when_it_is_cancelled() {
    // Threads of its own, as the engine has them: those that all tests share may be at another test's network just then.
    let pool = rayon::ThreadPoolBuilder::new().build().unwrap();
    pool.install(cancel_each_method);
}

fn cancel_each_method() {
    let graph = Arc::new(formula::graph("squeezenet1_1", &[], 1, DType::F32));
    let picture = input(&own().join("picture.png"));
    let (control, target) = (Control::default(), Target::class(0));
    let keep = Keep::nothing().output_of(INPUT);
    let began = Instant::now();
    let trace = graph.run(&[(INPUT, picture)], graph.output(), &keep, &control).unwrap();
    let forward = began.elapsed();
    let ask = Ask { space: &SPACE, ..Ask::new(&trace, INPUT, &target, &control) };
    for name in ["occlusion", "rise", "lime", "kernelshap"] {
        let control = Control::default();
        let ask = Ask { control: &control, ..ask };
        let (outcome, waited) = std::thread::scope(|scope| {
            let canceller = scope.spawn(|| {
                std::thread::sleep(3 * forward + Duration::from_millis(400));
                control.cancel();
                Instant::now()
            });
            let outcome = explain::find(name).unwrap().compute(&ask);
            let ended = Instant::now();
            (outcome, ended.saturating_duration_since(canceller.join().unwrap()))
        });
        eprintln!("{name}: cancelled in {waited:?}; a forward pass takes {forward:?}");
        assert!(matches!(outcome, Err(ExplainError::Graph(GraphError::Cancelled(_)))), "{name}");
    }
}
