//! Holds what is computed against the references.
//!
//! Two float32 programs cannot agree everywhere. A way back passes pooling switches and ReLUs; where two values are 1e-7
//! apart, rounding turns a switch, in one program's float32 or in the other's, and the field jumps. And Grad-CAM++
//! divides by numbers near zero, at layers before their ReLU above all. So a key that is farther than [`TOLERANCE`] from
//! the reference must be right in float64, where nothing turns, to [`PROOF`] of PyTorch's float64. And its float32 must
//! be within [`TOLERANCE`] of that when it follows the switches of the float64 run; for a map of a layer it is also
//! enough that it is no farther from float64 than [`COMPARABLE`] times PyTorch's own float32.
//!
//! PyTorch's float64 is not there for each key: a key that turns out to be farther than it may be and has none fails, and
//! `make_float64.py` makes it.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use candle_core::DType;

use super::{
    fields::{self, FIELDS},
    maps,
    subject::{Network, Subject},
};
use crate::common::{
    fidelity::{self, Compared},
    reference::{Reference, error},
};

/// What a vector may differ by, as a part of the reference's largest magnitude.
pub const TOLERANCE: f64 = 1e-4;

/// What two float64 programs may differ by; the references are stored as float32.
const PROOF: f64 = 1e-6;

/// How many times PyTorch's own float32 error this program's may be.
const COMPARABLE: f64 = 3.0;

/// The tests of perturbation methods have their own comparisons.
const ELSEWHERE: [&str; 1] = ["occlusion"];

fn is_field(key: &str) -> bool {
    FIELDS.contains(&key)
}

/// Compares one architecture's vectors and prints the table.
pub fn check(architecture: &str, reference: &Path, precise: &Path, picture: &Path) {
    let subject = Subject::read(architecture, reference, picture);
    let reference = &subject.reference;
    let rounded = subject.run(DType::F32);
    let has = |key: &str| reference.tensors.contains_key(key);
    let mut found: BTreeMap<String, Vec<f32>> = maps::compute(&subject, &rounded, &has).into_iter().collect();
    for field in FIELDS.into_iter().filter(|field| has(field)) {
        found.insert(field.to_owned(), fields::compute(&subject, &rounded, field));
    }
    let keys: HashSet<&str> = reference.tensors.keys().map(String::as_str).collect();
    let compared: HashSet<&str> = found.keys().map(String::as_str).chain(ELSEWHERE).collect();
    assert!(keys.is_subset(&compared), "not compared: {:?}", keys.difference(&compared));

    let mut beyond = Vec::new();
    for (key, values) in &found {
        let off = error(&reference.as_stored(key, values, side(key, values)), &reference.tensors[key]);
        eprintln!("{architecture:<14} {key:<32} {off:9.2e}");
        if off <= TOLERANCE {
            write(&subject, key, off, None, None);
        } else {
            assert!(is_field(key) || maps::peer(key) != "PyTorch 2.15", "float64 is no excuse for {key}");
            beyond.push((key.as_str(), off));
        }
    }
    if beyond.is_empty() {
        return;
    }
    let truth = Reference::read(precise);
    let exact = subject.run(DType::F64);
    // A shown map follows from the raw one, so the raw one is what PyTorch's float64 is written down for.
    let raw = |key: &str| key.replace(".shown", ".raw");
    let wanted = |key: &str| beyond.iter().any(|(beyond, _)| *beyond == key || raw(beyond) == key);
    let mut sure: BTreeMap<String, Vec<f32>> = maps::compute(&subject, &exact, &wanted).into_iter().collect();
    for (key, _) in beyond.iter().filter(|(key, _)| is_field(key)) {
        sure.insert((*key).to_owned(), fields::compute(&subject, &exact, key));
    }
    let same = exact.trace.in_precision(&rounded.graph, DType::F32).unwrap();
    let switched = Network { trace: same, ..rounded.clone() };
    let steady: BTreeMap<String, Vec<f32>> = maps::compute(&subject, &switched, &wanted).into_iter().collect();
    for (key, off) in beyond {
        let base = raw(key);
        let Some(expected) = truth.tensors.get(&base) else { panic!("{architecture} {key}: {off:e}, and no float64") };
        let precise = error(&truth.as_stored(&base, &sure[&base], side(&base, &sure[&base])), expected);
        eprintln!("{architecture:<14} {base:<32} {precise:9.2e} in float64");
        assert!(precise <= PROOF, "{architecture} {base}: {precise:e} in float64");
        let steady = if is_field(key) {
            fields::error_with_the_switches_of_float64(&subject, &exact, &rounded, key)
        } else {
            error(&steady[key], &sure[key])
        };
        eprintln!("{architecture:<14} {key:<32} {steady:9.2e} in float32 with the switches of float64");
        if steady > TOLERANCE {
            assert!(!is_field(key), "{architecture} {key}: {steady:e} with the switches of float64");
            let (ours, theirs) = (error(&found[key], &sure[key]), error(&reference.tensors[key], &sure[key]));
            eprintln!("{architecture:<14} {key:<32} {ours:9.2e} in float32 with its own; PyTorch {theirs:.2e}");
            assert!(ours <= COMPARABLE * theirs, "{architecture} {key}: {ours:e} is not float32's own error");
        }
        write(&subject, key, off, Some(precise), Some(steady));
    }
}

/// Where torchvision calls `F.relu`: guided backpropagation and deconvnet of all rectifiers, as the literature means them
/// and as the methods do it if asked, in float64 with Captum's float64 on the same network with a module for each call.
pub fn check_all_rectifiers(architecture: &str, precise: &Path, picture: &Path) {
    let subject = Subject::read(architecture, precise, picture);
    let exact = subject.run(DType::F64);
    for field in ["guided", "deconvnet"] {
        let all = format!("{field}.all");
        let [modules, methods] = [field, &all].map(|key| {
            let values = fields::compute(&subject, &exact, key);
            let off = error(&subject.reference.as_stored(key, &values, 224), &subject.reference.tensors[key]);
            eprintln!("{architecture:<14} {key:<32} {off:9.2e} in float64");
            assert!(off <= PROOF, "{architecture} {key}: {off:e}");
            if key == all {
                write(&subject, key, off, Some(off), None);
            }
            values
        });
        assert!(error(&methods, &modules) > 0.1, "{architecture} {field}: the two rules give the same");
    }
}

/// Rows of a square map or field.
fn side(key: &str, values: &[f32]) -> usize {
    let channels = if is_field(key) { 3 } else { 1 };
    (values.len() / channels).isqrt()
}

/// Writes a comparison down under the method's name.
fn write(subject: &Subject, key: &str, deviation: f64, precise: Option<f64>, steady: Option<f64>) {
    let what = match key.split('.').next().unwrap_or(key) {
        "integrated_gradients" => "integratedgradients",
        "guided" => "guidedbackprop",
        other => other,
    };
    let reference = match key.strip_suffix(".all") {
        Some(_) => "Captum 0.9, a module for each ReLU",
        None if is_field(key) => "Captum 0.9",
        None => maps::peer(key),
    };
    fidelity::write(&Compared { what, network: &subject.name, key, reference, deviation, precise, steady });
}
