//! The rows for the terminal, one at a time.

use super::machine::Machine;
use super::measure::Row;

/// What stands above the rows.
pub fn heading(machine: &Machine) -> String {
    let place = match &machine.gpu {
        Some(gpu) => format!("{} ({gpu})", machine.device),
        None => machine.device.clone(),
    };
    format!(
        "{}, {} cores, {}; {place}, {} threads\n\n{}",
        machine.processor,
        machine.cores,
        machine.instructions.join(" "),
        machine.threads,
        columns(["network", "work", "input", "median ms", "least ms", "runs", "per second", "memory", "others"])
    )
}

/// One row.
pub fn line(row: &Row) -> String {
    let input = row.input.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
    let work = match (row.passes, row.settings.is_empty()) {
        (Some(passes), _) => format!("{} {passes}", row.work),
        (None, false) => format!("{} {}", row.work, row.settings),
        (None, true) => row.work.clone(),
    };
    let memory = row.peak_memory_bytes.map_or("–".to_owned(), |bytes| format!("{} MB", bytes / 1_000_000));
    let others = row.others.map_or("–".to_owned(), |cores| format!("{cores:.2}"));
    columns([
        &row.network,
        &work,
        &input,
        &milliseconds(row.median_ms),
        &milliseconds(row.least_ms),
        &row.runs.to_string(),
        &format!("{:.1}", row.per_second),
        &memory,
        &others,
    ])
}

/// What stands below the rows.
pub fn ending(machine: &Machine, others: Option<f64>, is_formula: bool) -> String {
    /// From this share of a core on, times are no longer this program's own.
    const MUCH: f64 = 0.1;
    let mut lines = vec![String::new()];
    lines.push(match others {
        Some(cores) if cores > MUCH => format!(
            "Others kept {cores:.2} of {} cores busy meanwhile: times are longer than on a quiet machine.",
            machine.cores
        ),
        Some(cores) => format!("Others kept {cores:.2} of {} cores busy meanwhile.", machine.cores),
        None => "What else used the processor meanwhile is not known on this system.".to_owned(),
    });
    lines.push(
        "Per second: images or slices run, maps made, or passes drawn. Memory: the most the program had, weights included."
            .to_owned(),
    );
    if is_formula {
        lines.push("Weights come from a formula: times mean something, answers nothing.".to_owned());
    }
    lines.join("\n")
}

fn milliseconds(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 1000.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// Names to the left, numbers to the right.
fn columns(cells: [&str; 9]) -> String {
    let [network, work, input, median, least, runs, rate, memory, others] = cells;
    format!(
        "{network:<16} {work:<22} {input:<14} {median:>10} {least:>10} {runs:>5} {rate:>11} {memory:>9} {others:>7}"
    )
}
