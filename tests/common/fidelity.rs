//! Writes down how far each comparison with a reference was off; `cargo run --example fidelity` makes
//! `docs/fidelity.md` of it.
//!
//! Only with `GLASSBOX_FIDELITY` set in the environment. A test calls [`record`] once for each vector it compares.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::{fs::OpenOptions, io::Write, path::Path};

/// One comparison.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// What was computed, as `gradcam` or `logits`: a method's name where it is one.
    pub what: &'a str,
    /// The network, as `resnet18`, or the test object.
    pub network: &'a str,
    /// Which vector of several: role, class, variant.
    pub key: &'a str,
    /// What it was compared with, with the version, as `pytorch-grad-cam 1.5.7`.
    pub reference: &'a str,
    /// The largest difference over the reference's largest magnitude.
    pub deviation: f64,
    /// The same of a computation in float64 with a reference in float64, where the comparison rests on it.
    pub precise: Option<f64>,
    /// The difference between float32 and float64 here, where float32 follows the switches of float64 (which place won
    /// a pooling, which ReLU was open), where the comparison rests on it.
    pub steady: Option<f64>,
}

/// Writes down one comparison: `record("lime", "squeezenet1_1", "coefficients", "lime 0.2", deviation)`.
pub fn record(what: &str, network: &str, key: &str, reference: &str, deviation: f64) {
    write(&Compared { what, network, key, reference, deviation, precise: None, steady: None });
}

/// Writes down one comparison, if `GLASSBOX_FIDELITY` is set.
pub fn write(compared: &Compared) {
    if std::env::var_os("GLASSBOX_FIDELITY").is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fidelity");
    std::fs::create_dir_all(&folder).unwrap();
    let Compared { what, network, key, reference, deviation, precise, steady } = compared;
    assert!([what, network, key, reference].iter().all(|text| !text.contains(['\t', '\n'])), "{compared:?}");
    let [precise, steady] = [precise, steady].map(|value| value.map_or_else(String::new, |value| format!("{value:e}")));
    let line = format!("{what}\t{network}\t{key}\t{reference}\t{deviation:e}\t{precise}\t{steady}\n");
    // One write of a short line to a file opened for appending: tests that run side by side do not mix.
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("compared.tsv")).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
