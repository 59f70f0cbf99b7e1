//! Makes `docs/fidelity.md` of what the tests have measured: what was computed, on which network, against which
//! reference, and the largest deviation.
//!
//! ```sh
//! rm -rf target/fidelity
//! GLASSBOX_FIDELITY=1 GLASSBOX_REQUIRE_SHARED=1 cargo test
//! cargo run --example fidelity
//! ```

#![allow(clippy::print_stdout, reason = "a program for the command line")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

/// What the table begins with.
const HEAD: &str = "\
# Fidelity

How far Glassbox is from the references, as its tests measure it. Written by `cargo run --example fidelity` from a run \
of the tests with `GLASSBOX_FIDELITY=1`; do not edit.

*Deviation* is the largest difference between two vectors over the largest magnitude in the reference's, the worst of \
all vectors compared (both classes, every layer). Where float32 rounding alone turns a pooling switch or a ReLU, \
*float64* is the deviation of Glassbox in float64 from the reference in float64: it shows that the arithmetic is the \
same.

";

/// One line of the table: all vectors of one thing on one network against one reference.
#[derive(Default)]
struct Row {
    vectors: usize,
    deviation: f64,
    worst: String,
    precise: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let measured = root.join("target/fidelity/compared.tsv");
    let lines = std::fs::read_to_string(&measured)
        .map_err(|error| format!("Run the tests with GLASSBOX_FIDELITY=1 first: {error} ({})", measured.display()))?;
    let table = table(&rows(&lines)?)?;
    let page = root.join("docs/fidelity.md");
    std::fs::create_dir_all(root.join("docs"))?;
    std::fs::write(&page, table)?;
    println!("{}", page.display());
    Ok(())
}

/// What is compared, on what, with what.
type Subject = [String; 3];

/// The rows, where a later measurement of the same vector takes the place of an earlier one.
fn rows(lines: &str) -> Result<BTreeMap<Subject, Row>, Box<dyn Error>> {
    let mut latest: HashMap<[&str; 4], [&str; 2]> = HashMap::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[what, network, key, reference, deviation, precise] = fields.as_slice() else {
            return Err(format!("This line of the measurements has other than six fields: {line}").into());
        };
        latest.insert([what, network, key, reference], [deviation, precise]);
    }
    let mut rows: BTreeMap<Subject, Row> = BTreeMap::new();
    let mut latest: Vec<_> = latest.into_iter().collect();
    latest.sort_unstable();
    for ([what, network, key, reference], [deviation, precise]) in latest {
        let row = rows.entry([what, network, reference].map(str::to_owned)).or_default();
        let deviation: f64 = deviation.parse()?;
        row.vectors += 1;
        if deviation >= row.deviation {
            (row.deviation, row.worst) = (deviation, key.to_owned());
        }
        if !precise.is_empty() {
            row.precise = Some(row.precise.unwrap_or(0.0).max(precise.parse()?));
        }
    }
    Ok(rows)
}

fn table(rows: &BTreeMap<Subject, Row>) -> Result<String, std::fmt::Error> {
    let mut page = HEAD.to_owned();
    page += "| What | Network | Reference | Vectors | Deviation | at | float64 |\n";
    page += "|---|---|---|---:|---:|---|---:|\n";
    for ([what, network, reference], row) in rows {
        let precise = row.precise.map_or_else(String::new, |precise| format!("{precise:.1e}"));
        let Row { vectors, deviation, worst, .. } = row;
        writeln!(page, "| {what} | {network} | {reference} | {vectors} | {deviation:.1e} | {worst} | {precise} |")?;
    }
    Ok(page)
}
