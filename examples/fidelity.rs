//! Makes `docs/fidelity.md` of what the tests have measured: what was computed, on which network, against which
//! reference, and the largest deviation.
//!
//! ```sh
//! rm -rf target/fidelity
//! GLASSBOX_FIDELITY=1 GLASSBOX_REQUIRE_SHARED=1 cargo test
//! cargo run --example fidelity
//! ```

#![expect(clippy::print_stdout, reason = "a program for the command line")]

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
all vectors compared (both classes, every layer), both in float32. Two float32 programs cannot agree everywhere: some \
methods divide by numbers near zero, and where two values are 1e-7 apart, rounding turns a pooling switch or a ReLU and \
a field over the pixels jumps. Where that happens, *float64* is the deviation of Glassbox in float64 from the reference \
in float64, and *steady* is the deviation of Glassbox's float32 from its float64 where both follow the same switches.

";

/// One line of the table: all vectors of one thing on one network against one reference.
#[derive(Default)]
struct Row {
    vectors: usize,
    deviation: f64,
    worst: String,
    precise: Option<f64>,
    steady: Option<f64>,
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
    let mut latest: HashMap<[&str; 4], [&str; 3]> = HashMap::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[what, network, key, reference, deviation, precise, steady] = fields.as_slice() else {
            return Err(format!("This line of the measurements has other than seven fields: {line}").into());
        };
        latest.insert([what, network, key, reference], [deviation, precise, steady]);
    }
    let mut rows: BTreeMap<Subject, Row> = BTreeMap::new();
    let mut latest: Vec<_> = latest.into_iter().collect();
    latest.sort_unstable();
    for ([what, network, key, reference], [deviation, precise, steady]) in latest {
        let row = rows.entry([what, network, reference].map(str::to_owned)).or_default();
        let deviation: f64 = deviation.parse()?;
        row.vectors += 1;
        if deviation >= row.deviation {
            (row.deviation, row.worst) = (deviation, key.to_owned());
        }
        for (text, most) in [(precise, &mut row.precise), (steady, &mut row.steady)] {
            if !text.is_empty() {
                *most = Some(most.unwrap_or(0.0).max(text.parse()?));
            }
        }
    }
    Ok(rows)
}

fn table(rows: &BTreeMap<Subject, Row>) -> Result<String, std::fmt::Error> {
    let mut page = HEAD.to_owned();
    page += "| What | Network | Reference | Vectors | Deviation | at | float64 | steady |\n";
    page += "|---|---|---|---:|---:|---|---:|---:|\n";
    for ([what, network, reference], row) in rows {
        let Row { vectors, deviation, worst, .. } = row;
        let [precise, steady] =
            [row.precise, row.steady].map(|value| value.map_or_else(String::new, |v| format!("{v:.1e}")));
        writeln!(
            page,
            "| {what} | {network} | {reference} | {vectors} | {deviation:.1e} | {worst} | {precise} | {steady} |"
        )?;
    }
    Ok(page)
}
