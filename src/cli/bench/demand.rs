//! One piece of work, ready to run whenever a line arrives.

use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::super::{DONE, Outcome as Exit, print};
use super::load::Load;
use super::machine::{forget_peak_memory, peak_memory};
use super::subject::Subject;
use super::work::Work;

/// Runs once, says that all is ready, then answers line by line until stdin ends.
pub fn serve(subject: &Subject, work: &Work, result: Option<&Path>) -> Exit {
    let begun = Instant::now();
    let given = subject.run(work)?;
    let first = begun.elapsed();
    if let Some(path) = result {
        super::write(path, &given)?;
    }
    let ready = json!({
        "ready": true,
        "network": subject.model.card.name,
        "work": work.name(),
        "settings": work.set(),
        "input": subject.input_shape(),
        "class": subject.class(),
        "result": given.shape,
        "milliseconds": first.as_secs_f64() * 1e3,
    });
    print(&ready.to_string())?;
    for line in std::io::stdin().lock().lines() {
        line.map_err(|error| format!("Could not read from stdin: {error}"))?;
        forget_peak_memory();
        let load = Load::now();
        let begun = Instant::now();
        std::hint::black_box(subject.run(work)?);
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
        let others = load.and_then(|load| load.others_since());
        print(
            &json!({ "milliseconds": milliseconds, "others": others, "peak_memory_bytes": peak_memory() }).to_string(),
        )?;
    }
    Ok(DONE)
}
