//! Every method on a small network that has each kind of layer a way back can meet, against pytorch-grad-cam and
//! Captum (`tests/peers/methods.py`).

#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod network;

use std::{collections::HashSet, path::Path, sync::Arc};

use candle_core::{DType, Tensor};
use common::{
    fidelity,
    reference::{Reference, error},
};
use glassbox::{
    explain::{self, Ask, Target},
    graph::{Control, Graph, INPUT, Keep, NodeId, Trace},
};

/// What a vector may differ by, as a part of the reference's largest magnitude.
const TOLERANCE: f64 = 1e-4;

/// The peers' vectors, the network, and what has been compared.
struct Peers {
    reference: Reference,
    graph: Arc<Graph>,
    input: Tensor,
}

impl Peers {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/methods/network.safetensors");
        let reference = Reference::read(&path);
        let seed = reference.meta["seed"].as_u64().unwrap();
        let size = reference.meta["size"].as_u64().unwrap() as usize;
        Self { graph: network::network(seed, DType::F32), input: network::input(size, seed, DType::F32), reference }
    }

    /// The compared layers: role and node.
    fn layers(&self) -> Vec<(String, NodeId)> {
        let layers = self.reference.meta["layers"].as_object().unwrap();
        layers.iter().map(|(role, name)| (role.clone(), self.graph.find(name.as_str().unwrap()).unwrap())).collect()
    }

    fn run(&self, keep: &Keep) -> Trace {
        let feeds = [(INPUT, self.input.clone())];
        self.graph.run(&feeds, self.graph.output(), keep, &Control::default()).unwrap()
    }

    /// Compares one vector.
    fn compare(&self, method: &str, key: &str, peer: &str, values: &[f32]) {
        let error = error(values, &self.reference.tensors[key]);
        eprintln!("{method:<20} {key:<32} {error:9.2e}");
        fidelity::record(method, "small network of all layer kinds", key, peer, error);
        assert!(error <= TOLERANCE, "{key}: {error:e}");
    }
}

const CAPTUM: &str = "Captum 0.9";

#[test]
fn feature_maps() {
    let peers = Peers::read();
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
        }
    }
    let all = peers.reference.tensors.keys().filter(|key| key.starts_with("featuremap.")).count();
    assert_eq!(compared.len(), all);
}
