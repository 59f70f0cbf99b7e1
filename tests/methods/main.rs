//! Every method on a small network that has each kind of layer a way back can meet, against pytorch-grad-cam and
//! Captum (`tests/peers/methods.py`).

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod network;

use std::{collections::HashSet, path::Path, sync::Arc};

use candle_core::{DType, Tensor};
use common::{
    fidelity, formula,
    reference::{Reference, error},
};
use glassbox::{
    explain::{self, Ask, Attribution, InputSpace, Method, Settings, Statistic, Target},
    graph::{Control, Graph, INPUT, Keep, NodeId, Trace},
};

/// What a vector may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

const CAPTUM: &str = "Captum 0.9";
const GRAD_CAM: &str = "pytorch-grad-cam 1.5.7";

/// The peers' vectors and the network.
struct Peers {
    reference: Reference,
    graph: Arc<Graph>,
    input: Tensor,
    seed: u64,
    /// The class that the fields are for, and a second one for maps.
    top: Vec<usize>,
}

impl Peers {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/methods/network.safetensors");
        let reference = Reference::read(&path);
        let seed = reference.meta["seed"].as_u64().unwrap();
        let size = reference.meta["size"].as_u64().unwrap() as usize;
        Self {
            graph: network::network(seed, DType::F32),
            input: network::input(size, seed, DType::F32),
            seed,
            top: serde_json::from_value(reference.meta["top"].clone()).unwrap(),
            reference,
        }
    }

    /// The compared layers: role and node.
    fn layers(&self) -> Vec<(String, NodeId)> {
        let layers = self.reference.meta["layers"].as_object().unwrap();
        layers.iter().map(|(role, name)| (role.clone(), self.graph.find(name.as_str().unwrap()).unwrap())).collect()
    }

    /// The preprocessing that the black baseline is made with.
    fn space(&self) -> InputSpace {
        let three = |key: &str| serde_json::from_value(self.reference.meta[key].clone()).unwrap();
        InputSpace { mean: three("mean"), std: three("std"), ..InputSpace::PLAIN }
    }

    fn run(&self, keep: &Keep) -> Trace {
        let feeds = [(INPUT, self.input.clone())];
        self.graph.run(&feeds, self.graph.output(), keep, &Control::default()).unwrap()
    }

    /// A method's map.
    fn map(&self, method: &'static dyn Method, layer: NodeId, class: usize, settings: &Settings) -> Attribution {
        let trace = self.run(&method.keeps(&self.graph, layer));
        let (target, control, space) = (Target::class(class), Control::default(), self.space());
        let map =
            method.compute(&Ask { settings, space: &space, ..Ask::new(&trace, layer, &target, &control) }).unwrap();
        assert_eq!((map.method, map.class), (method.name(), class));
        map
    }

    /// Compares one vector.
    fn compare(&self, method: &str, key: &str, peer: &str, values: &[f32]) {
        let error = error(values, &self.reference.tensors[key]);
        eprintln!("{method:<20} {key:<32} {error:9.2e}");
        fidelity::record(method, "small network of all layer kinds", key, peer, error);
        assert!(error <= TOLERANCE, "{key}: {error:e}");
    }

    /// How many vectors have a key that begins so.
    fn count(&self, prefixes: &[&str]) -> usize {
        self.reference.tensors.keys().filter(|key| prefixes.iter().any(|prefix| key.starts_with(prefix))).count()
    }
}

/// Settings from text, as on the command line.
fn settings(method: &dyn Method, set: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (name, text) in set {
        let parameter = method.parameters().iter().find(|parameter| parameter.name == *name).unwrap();
        settings.set(parameter, parameter.parse(text).unwrap());
    }
    settings
}

#[test]
fn logits() {
    let peers = Peers::read();
    let logits = peers.run(&Keep::nothing()).target().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    peers.compare("logits", "logits", "PyTorch 2.15", &logits);
}

#[test]
fn class_activation_maps() {
    let peers = Peers::read();
    let methods = ["gradcam", "gradcamplusplus", "hirescam", "layercam", "xgradcam", "scorecam", "ablationcam"];
    let mut compared = 0;
    for (role, layer) in peers.layers() {
        for name in methods {
            for &class in &peers.top {
                let map = peers.map(explain::find(name).unwrap(), layer, class, &Settings::DEFAULT);
                peers.compare(name, &format!("{name}.{role}.{class}.raw"), GRAD_CAM, &map.values);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, peers.count(&methods.map(|method| format!("{method}.")).each_ref().map(String::as_str)));
}

/// A principal component has no sign of its own: the reference's is arbitrary, and ours goes with the mean activation.
#[test]
fn eigencam_up_to_its_sign() {
    let peers = Peers::read();
    let method = explain::find("eigencam").unwrap();
    for (role, layer) in peers.layers() {
        let map = peers.map(method, layer, peers.top[0], &Settings::DEFAULT);
        assert_eq!(map.values, peers.map(method, layer, peers.top[1], &Settings::DEFAULT).values, "no class matters");
        let trace = peers.run(&Keep::nothing().output_of(layer));
        let activations = explain::activations(&trace, layer, 0).unwrap();
        let places = map.rows * map.columns;
        let mean = |place: usize| activations.values.iter().skip(place).step_by(places).sum::<f32>();
        let overall = (0..places).map(mean).sum::<f32>() / places as f32;
        let agreement: f32 = (0..places).map(|place| map.values[place] * (mean(place) - overall)).sum();
        assert!(agreement > 0.0, "{role}: {agreement}");

        let key = format!("eigencam.{role}.{}.raw", peers.top[0]);
        let product: f32 = map.values.iter().zip(&peers.reference.tensors[&key]).map(|(a, b)| a * b).sum();
        let signed: Vec<f32> = map.values.iter().map(|value| value * product.signum()).collect();
        peers.compare("eigencam", &key, GRAD_CAM, &signed);
    }
    assert_eq!(peers.layers().len(), peers.count(&["eigencam."]));
}

#[test]
fn fields_over_the_pixels() {
    let peers = Peers::read();
    for name in ["gradient", "gradientxinput", "guidedbackprop", "deconvnet"] {
        let map = peers.map(explain::find(name).unwrap(), INPUT, peers.top[0], &Settings::DEFAULT);
        assert_eq!((map.channels, map.rows, map.layer.as_deref()), (3, 24, None));
        peers.compare(name, name, CAPTUM, &map.values);
    }
}

#[test]
fn noisy_copies() {
    let peers = Peers::read();
    let trace = peers.run(&Keep::nothing().output_of(INPUT));
    let values = peers.input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let level = peers.reference.meta["level"].as_f64().unwrap();
    let spread = 3.0_f64.sqrt() * level * (f64::from(high) - f64::from(low));
    let noise = |copy: usize, noise: &mut [f32]| {
        let hash = formula::fnv1a64(&format!("noise.{copy}"));
        for (index, value) in noise.iter_mut().enumerate() {
            *value = ((2.0 * formula::uniform(hash, index, peers.seed) - 1.0) * spread) as f32;
        }
    };
    let samples = peers.reference.meta["samples"].as_u64().unwrap() as usize;
    let (target, control) = (Target::class(peers.top[0]), Control::default());
    let ask = Ask::new(&trace, INPUT, &target, &control);
    for (name, statistic) in [("smoothgrad", Statistic::Mean), ("vargrad", Statistic::Variance)] {
        let map = explain::noisy_gradients(&ask, statistic, samples, &noise).unwrap();
        assert_eq!(map.method, name);
        peers.compare(name, name, CAPTUM, &map.values);
    }
}

#[test]
fn integrated_gradients_and_their_gap() {
    let peers = Peers::read();
    let method = explain::find("integratedgradients").unwrap();
    for baseline in ["zero", "black"] {
        let steps = peers.reference.meta["steps"].to_string();
        let settings = settings(method, &[("steps", &steps), ("baseline", baseline)]);
        let map = peers.map(method, INPUT, peers.top[0], &settings);
        let key = format!("integratedgradients.{baseline}");
        peers.compare("integratedgradients", &key, CAPTUM, &map.values);
        let fact = |name: &str| map.facts.iter().find(|fact| fact.name == name).unwrap().value;
        let gap = peers.reference.meta[format!("completeness_gap.{baseline}")].as_f64().unwrap();
        let difference = fact("score_difference");
        assert!((fact("completeness_gap") - gap).abs() < 1e-5 * difference.abs(), "{baseline}: {gap} {:?}", map.facts);
        assert!((fact("completeness_gap_relative") - (gap / difference).abs()).abs() < 1e-5, "{:?}", map.facts);
    }
}

#[test]
fn guided_gradcam() {
    let peers = Peers::read();
    let method = explain::find("guidedgradcam").unwrap();
    for (role, layer) in peers.layers() {
        for enlarged in ["nearest", "bilinear"] {
            let map = peers.map(method, layer, peers.top[0], &settings(method, &[("enlarged", enlarged)]));
            let key = format!("guidedgradcam.{role}.{}.{enlarged}", peers.top[0]);
            peers.compare("guidedgradcam", &key, CAPTUM, &map.values);
        }
    }
}

#[test]
fn feature_maps() {
    let peers = Peers::read();
    let method = explain::find("featuremap").unwrap();
    let (target, control) = (Target::class(0), Control::default());
    let mut compared = HashSet::new();
    for (role, layer) in peers.layers() {
        let trace = peers.run(&explain::keeps_of_feature_maps(layer));
        let ask = Ask::new(&trace, layer, &target, &control);
        for (whole, kind) in [(false, "unit"), (true, "map")] {
            let maps = explain::feature_maps(&ask, 3, whole).unwrap();
            let channels: Vec<usize> = maps.iter().map(|map| map.channel).collect();
            let strongest: Vec<usize> =
                serde_json::from_value(peers.reference.meta[format!("strongest.{role}")].clone()).unwrap();
            assert_eq!(channels, strongest, "{role}");
            for map in [&maps[0], &maps[2]] {
                let key = format!("featuremap.{role}.{}.{kind}", map.channel);
                peers.compare("featuremap", &key, CAPTUM, &map.picture.values);
                assert_eq!(*map, explain::feature_map(&ask, map.channel, whole).unwrap());
                compared.insert(key);
            }
            // The method is the same by its parameters, and takes the strongest channel unless told.
            let sent = if whole { "map" } else { "strongest" };
            let first = peers.map(method, layer, 0, &settings(method, &[("unit", sent)]));
            assert_eq!(first.values, maps[0].picture.values);
            let third = settings(method, &[("unit", sent), ("channel", &maps[2].channel.to_string())]);
            let third = peers.map(method, layer, 0, &third);
            assert_eq!(third.values, maps[2].picture.values);
            let facts: Vec<f64> = third.facts.iter().map(|fact| fact.value).collect();
            let (row, column) = maps[2].unit;
            let expected = [maps[2].channel as f64, row as f64, column as f64, f64::from(maps[2].activation)];
            assert_eq!(facts, expected);
        }
        let missing = explain::feature_map(&ask, 99, false).unwrap_err().to_string();
        assert!(missing.contains("has no channel 99"), "{missing}");
    }
    assert_eq!(compared.len(), peers.count(&["featuremap."]));
}
