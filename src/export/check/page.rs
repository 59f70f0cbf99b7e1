//! `check.html`: one page without anything to load, for reading and for printing.

use std::fmt::Write;

use super::super::ExportError;
use super::charts::{Bar, bars};
use super::{CheckRecord, filters};
use crate::inside::{Filters, Finding, LayerReport, Severity};

const STYLE: &str = include_str!("page.css");

/// The page. `first` are the first layer's filters, with whether its colours come blue first.
///
/// # Errors
/// When the picture of the filters cannot be encoded.
pub fn page(record: &CheckRecord, first: Option<(&Filters, bool)>) -> Result<String, ExportError> {
    let report = &record.report;
    let mut body = String::new();
    let name = escaped(&record.model.name);
    // Writing to a string does not fail, here and below.
    let _ = write!(
        body,
        "<header><h1>Network check</h1><p class=\"model\">{name}, version {}</p><p class=\"use\">{} Research use, not for \
         diagnosis.</p></header>",
        escaped(&record.model.version),
        escaped(&record.model.intended_use)
    );
    body.push_str(&provenance(record));
    body.push_str(&summary(record));
    for finding in &report.findings {
        body.push_str(&card(record, finding));
    }
    body.push_str(&by_depth(&report.layers));
    if let Some((first, reversed)) = first
        && let Some(mosaic) = filters::mosaic(first, reversed)?
    {
        // Kernels of 7 places come out 28 pixels wide, so that places can be told apart.
        let _ = write!(
            body,
            "<section><h2>First-layer filters</h2><p>The {} filters of {}, from 0, row by row. Each has its own scale: \
             grey is a weight of 0, and the largest weight has full colour.{}</p><img class=\"filters\" \
             style=\"width:{}px\" alt=\"Filters of {}\" src=\"{}\"></section>",
            mosaic.shown,
            escaped(&first.layer),
            if mosaic.shown < first.all_outputs { " The rest is not shown." } else { "" },
            mosaic.columns * (48 / first.columns.max(1)).clamp(2, 10),
            escaped(&first.layer),
            mosaic.address
        );
    }
    body.push_str(&tables(record));
    body.push_str(&definitions(record));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Network check: {name}</title><style>{STYLE}</style></head>\n<body>{body}\
         <footer>Made by {} {} on {}. The page holds all that it shows; nothing is loaded.</footer></body></html>\n",
        escaped(&record.program.name),
        escaped(&record.program.version),
        escaped(&record.time)
    ))
}

/// Text that is safe between tags and in quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Which network, which images, which program.
fn provenance(record: &CheckRecord) -> String {
    let report = &record.report;
    let mut rows = vec![
        ("Architecture", record.model.architecture.clone()),
        ("Weights, SHA-256", record.model.sha256.clone()),
        ("Card, SHA-256", record.model.card_sha256.clone()),
        ("Input", format!("{} × {} pixels", report.input[0], report.input[1])),
        ("Images run", report.inputs.to_string()),
        ("Images, SHA-256 over all", record.inputs_sha256.clone()),
        ("Program", format!("{} {}, {}", record.program.name, record.program.version, record.device)),
        ("Time", record.time.clone()),
    ];
    if let Some(narrow) = &record.narrow {
        rows.push(("Large dense layers", narrow.words()));
    }
    if !record.layers.is_empty() {
        rows.push(("Limited to the layers", record.layers.join(", ")));
    }
    if let Some(lesion) = report.lesion {
        let mm = lesion.mm.map_or(String::new(), |mm| format!("{mm} mm, "));
        rows.push(("Size of what is looked for", format!("{mm}{:.0} pixels of the input", lesion.input_px)));
    }
    let mut table = String::from("<section><h2>What was checked</h2><table class=\"facts\">");
    for (name, value) in rows {
        let _ = write!(table, "<tr><th>{name}</th><td>{}</td></tr>", escaped(&value));
    }
    table.push_str("</table></section>");
    table
}

/// How many findings of each severity, and what could not be run.
fn summary(record: &CheckRecord) -> String {
    let findings = &record.report.findings;
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let mut text = String::from("<section><h2>Findings</h2>");
    if findings.is_empty() {
        text.push_str("<p>Nothing was found by the rules below. That does not show that the network is right.</p>");
    } else {
        text.push_str("<p>");
        for severity in Severity::ALL.into_iter().rev() {
            let _ = write!(
                text,
                "<span class=\"badge {}\">{}: {}</span> ",
                class(severity),
                severity.word(),
                count(severity)
            );
        }
        text.push_str(
            "</p><p>A finding says what was measured and what the literature advises. It is a hint for those who train the \
             network; it does not show that an answer is wrong.</p>",
        );
    }
    if !record.failed.is_empty() {
        let _ = write!(text, "<p>{} could not be taken into account:</p><ul>", images(record.failed.len()));
        for failed in &record.failed {
            let _ = write!(text, "<li>{}: {}</li>", escaped(&failed.source), escaped(&failed.reason));
        }
        text.push_str("</ul>");
    }
    text.push_str("</section>");
    text
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => "notice",
        Severity::Attention => "attention",
        Severity::Serious => "serious",
    }
}

fn card(record: &CheckRecord, finding: &Finding) -> String {
    let title = record.definitions.iter().find(|one| one.kind == finding.kind).map_or(finding.kind, |one| one.title);
    let layer = finding.layer.as_ref().map_or(String::new(), |layer| format!(" · {}", escaped(layer)));
    format!(
        "<article class=\"{0}\"><h3>{1}{layer} <span class=\"badge {0}\">{2}</span></h3><p>{3}</p><dl><dt>Rule</dt><dd>{4}\
         </dd><dt>Advice</dt><dd>{5}</dd><dt>From</dt><dd>{6}</dd></dl></article>",
        class(finding.severity),
        escaped(title),
        finding.severity.word(),
        escaped(&finding.what),
        escaped(&finding.rule),
        escaped(&finding.advice),
        escaped(&finding.source)
    )
}

/// Dead share and sparsity, first layer left.
fn by_depth(layers: &[LayerReport]) -> String {
    if layers.is_empty() {
        return String::new();
    }
    let chart = |share: &dyn Fn(&LayerReport) -> f32, colour: &str, what: &str| {
        let shares: Vec<Bar> = layers.iter().map(|layer| Bar { label: &layer.layer, share: share(layer) }).collect();
        format!("<figure>{}<figcaption>{what}</figcaption></figure>", bars(&shares, colour, what))
    };
    let dead = |layer: &LayerReport| layer.dead.len() as f32 / layer.channels().max(1) as f32;
    format!(
        "<section><h2>By depth</h2>{}{}</section>",
        chart(&dead, "#b3403a", "Dead channels, share of each activation layer's channels."),
        chart(&|layer| layer.sparsity, "#3d6f9e", "Activations that are not above 0, share of each activation layer."),
    )
}

/// All figures.
fn tables(record: &CheckRecord) -> String {
    let mut text = String::from(
        "<section><h2>Activation layers</h2><table class=\"figures\"><tr><th>Layer</th><th>Function</th><th>Output</th>\
         <th>Dead</th><th>Nearly dead</th><th>Not above 0</th><th>Saturated</th><th>Field</th></tr>",
    );
    for layer in &record.report.layers {
        let _ = write!(
            text,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{}</td><td>{}</td></tr>",
            escaped(&layer.layer),
            escaped(&layer.op),
            shape(&layer.shape),
            layer.dead.len(),
            layer.nearly_dead.len(),
            layer.sparsity * 100.0,
            layer.saturation.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
            layer.field.map_or("whole input".to_owned(), |[rows, columns]| format!("{rows} × {columns}")),
        );
    }
    text.push_str(
        "</table></section><section><h2>Layers with filters</h2><table class=\"figures\"><tr><th>Layer</th><th>Filters</th>\
         <th>Size of a filter</th><th>All zero</th><th>Duplicate pairs</th></tr>",
    );
    for filters in &record.report.filters {
        let [outputs, inputs, rows, columns] = filters.shape;
        let pairs = match (&filters.duplicates, &filters.why_not) {
            (Some(pairs), _) => pairs.len().to_string(),
            (None, Some(reason)) => format!("not compared: {}", escaped(reason)),
            (None, None) => "not compared".to_owned(),
        };
        let _ = write!(
            text,
            "<tr><td>{}</td><td>{outputs}</td><td>{inputs} × {rows} × {columns}</td><td>{}</td><td>{pairs}</td></tr>",
            escaped(&filters.layer),
            filters.zero.len(),
        );
    }
    text.push_str("</table></section>");
    text
}

fn shape(lengths: &[usize]) -> String {
    lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

fn definitions(record: &CheckRecord) -> String {
    let mut text = String::from("<section><h2>What is measured, and how</h2><dl class=\"definitions\">");
    for definition in &record.definitions {
        let _ = write!(text, "<dt>{}</dt><dd>{}</dd>", escaped(definition.title), escaped(definition.definition));
    }
    text.push_str("</dl></section>");
    text
}
