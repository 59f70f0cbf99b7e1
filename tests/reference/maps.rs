//! Logits, activations and the maps of layers.

use glassbox::{
    explain::{self, Ask, Target},
    graph::Control,
};

use super::subject::{Network, Subject, elements};

/// The methods whose maps the references have.
const METHODS: [&str; 5] = ["gradcam", "gradcamplusplus", "hirescam", "layercam", "xgradcam"];

/// Key and values of all that is wanted.
pub fn compute(subject: &Subject, network: &Network, wanted: &dyn Fn(&str) -> bool) -> Vec<(String, Vec<f32>)> {
    let mut found = Vec::new();
    if wanted("logits") {
        found.push(("logits".to_owned(), elements(network.trace.target())));
    }
    let control = Control::default();
    for (role, node) in network.nodes(subject) {
        let key = format!("activation.{role}");
        if wanted(&key) {
            let channels: Vec<usize> =
                serde_json::from_value(subject.reference.meta[format!("{key}.channels")].clone()).unwrap();
            let activations = explain::activations(&network.trace, node, 0).unwrap();
            let values = channels.iter().flat_map(|&channel| activations.channel(channel).unwrap().to_vec()).collect();
            found.push((key, values));
        }
        for method in METHODS {
            for &class in &subject.classes {
                let [raw, shown] = ["raw", "shown"].map(|kind| format!("{method}.{role}.{class}.{kind}"));
                if !wanted(&raw) && !wanted(&shown) {
                    continue;
                }
                let target = Target::class(class);
                let ask = Ask::new(&network.trace, node, &target, &control);
                let map = explain::find(method).unwrap().compute(&ask).unwrap();
                if wanted(&shown) {
                    found.push((shown, map.shown(224, 224)));
                }
                if wanted(&raw) {
                    found.push((raw, map.values));
                }
            }
        }
    }
    found
}

/// What a key was computed with.
pub fn peer(key: &str) -> &'static str {
    if METHODS.iter().any(|method| key.split('.').next() == Some(method)) {
        "pytorch-grad-cam 1.5.7"
    } else {
        "PyTorch 2.15"
    }
}
