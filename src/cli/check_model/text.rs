//! The report as a table and findings for the terminal.

use glassbox::export::check::CheckRecord;
use glassbox::inside::{Finding, LayerReport};

/// Columns of the table.
const HEADINGS: [&str; 8] = ["layer", "function", "output", "dead", "nearly dead", "not above 0", "saturated", "field"];

/// Everything, ready to print.
pub fn report(record: &CheckRecord) -> String {
    let report = &record.report;
    let mut lines = vec![format!(
        "{} {}: {} run, {}.",
        record.model.name,
        record.model.version,
        counted(report.inputs, "image"),
        counted(report.findings.len(), "finding")
    )];
    lines.push(String::new());
    lines.extend(table(&report.layers));
    if let Some(narrow) = &record.narrow {
        lines.push(String::new());
        lines.push(narrow.words());
    }
    for finding in &report.findings {
        lines.push(String::new());
        lines.extend(finding_lines(record, finding));
    }
    for failed in &record.failed {
        lines.push(String::new());
        lines.push(format!("{}: {}", failed.source, failed.reason));
    }
    lines.push(String::new());
    lines.push(format!(
        "Dead: 0 at every place of every image. Nearly dead: above 0 at fewer than 0.1 % of the places. {}",
        record.model.intended_use
    ));
    lines.join("\n")
}

fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Left-aligned columns as wide as their widest entry.
fn table(layers: &[LayerReport]) -> Vec<String> {
    let mut rows: Vec<[String; 8]> = vec![HEADINGS.map(str::to_owned)];
    rows.extend(layers.iter().map(|layer| {
        [
            layer.layer.clone(),
            layer.op.clone(),
            layer.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×"),
            layer.dead.len().to_string(),
            layer.nearly_dead.len().to_string(),
            format!("{:.1} %", layer.sparsity * 100.0),
            layer.saturation.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
            layer.field.map_or("whole input".to_owned(), |[rows, columns]| format!("{rows}×{columns}")),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

fn finding_lines(record: &CheckRecord, finding: &Finding) -> Vec<String> {
    let title = record.definitions.iter().find(|one| one.kind == finding.kind).map_or(finding.kind, |one| one.title);
    vec![
        format!("{}: {title}. {}", finding.severity.word(), finding.what),
        format!("  Rule: {}", finding.rule),
        format!("  Advice: {}", finding.advice),
        format!("  From: {}", finding.source),
    ]
}
