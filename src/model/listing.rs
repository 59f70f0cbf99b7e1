//! What `glassbox models` prints: the models there are, or the layers of one.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Catalogue, Model};

/// The models and exams as JSON: `{"models": [{"name", "version", "summary", "architecture", "dense_weights",
/// "card", "problem"}], "exams": [{"name", "version", "summary", "tasks", "card", "problem"}]}`.
#[must_use]
pub fn catalogue_json(catalogue: &Catalogue) -> Value {
    let entries = catalogue.entries.iter().map(|entry| {
        let card = entry.card.as_ref();
        json!({
            "name": entry.name,
            "version": card.map(|card| &card.version),
            "summary": entry.summary,
            "architecture": card.map(|card| &card.architecture),
            "dense_weights": card.map(|card| card.dense_weights),
            "card": entry.path,
            "problem": entry.problem,
        })
    });
    let exams = catalogue.exams.iter().map(|entry| {
        let card = entry.exam.as_ref().ok().map(|exam| &exam.card);
        json!({
            "name": entry.name,
            "version": card.map(|card| &card.version),
            "summary": entry.summary,
            "tasks": card.map(|card| card.tasks.iter().map(|task| &task.name).collect::<Vec<_>>()),
            "card": entry.path,
            "problem": entry.exam.as_ref().err(),
        })
    });
    json!({ "models": entries.collect::<Vec<_>>(), "exams": exams.collect::<Vec<_>>() })
}

/// The models as text, a line each and a line for what is wrong with one.
#[must_use]
pub fn catalogue_text(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for entry in &catalogue.entries {
        let version = entry.card.as_ref().map_or("", |card| card.version.as_str());
        let title = format!("{} {version}", entry.name);
        let _ = writeln!(text, "{:<36} {}", title.trim_end(), entry.path.display());
        if !entry.summary.is_empty() {
            let _ = writeln!(text, "    {}", entry.summary);
        }
        if let Some(card) = entry.card.as_ref().filter(|card| !card.dense_weights.is_usual()) {
            let _ = writeln!(text, "    Weights of large dense layers in {}", card.dense_weights.name());
        }
        if let Some(problem) = &entry.problem {
            let _ = writeln!(text, "    Cannot be used. {problem}");
        }
    }
    for entry in &catalogue.exams {
        let version = entry.exam.as_ref().map_or("", |exam| exam.card.version.as_str());
        let title = format!("{} {version} (exam)", entry.name);
        let _ = writeln!(text, "{title:<36} {}", entry.path.display());
        match &entry.exam {
            Ok(_) => drop(writeln!(text, "    {}", entry.summary)),
            Err(problem) => drop(writeln!(text, "    Cannot be used. {problem}")),
        }
    }
    if text.is_empty() {
        text.push_str("No models were found. Name a folder that holds some with --models DIR.\n");
    }
    text
}

/// A model and its layers as JSON.
#[must_use]
pub fn model_json(model: &Model) -> Value {
    let stochastic = model.stochastic.as_ref().map(|head| &head.layer);
    json!({
        "card": model.card,
        "card_sha256": model.card_sha256,
        "weights_sha256": model.weights_sha256,
        "classes": model.classes,
        "stack": model.stack,
        "stochastic_layer": stochastic,
        "random": model.randomness,
        "ensemble_sha256": model.ensemble_sha256,
        "narrow": model.narrow,
        "default_layer": model.default_layer(),
        "parameters": parameters(model),
        "macs": macs(model),
        "layers": model.layers(),
        "notes": model.notes,
    })
}

/// A model and its layers as text: name, operation, shape for one picture, learned numbers, multiply-accumulates.
#[must_use]
pub fn model_text(model: &Model) -> String {
    let card = &model.card;
    let mut text = format!("{} {}\n", card.name, card.version);
    for line in [card.summary.as_str(), card.intended_use.as_str()] {
        if !line.is_empty() {
            let _ = writeln!(text, "{line}");
        }
    }
    let [rows, columns] = card.input.size;
    let kind = if model.stack { "a stack of pictures" } else { "one picture" };
    let _ = writeln!(text, "{}, {kind} of {} × {rows} × {columns}", card.architecture, card.input.channels);
    let _ = writeln!(text, "weights SHA-256 {}", model.weights_sha256);
    let _ = writeln!(text, "{} classes: {}", model.classes.len(), first_names(&model.classes));
    if let Some(randomness) = &model.randomness {
        let _ = writeln!(text, "random: {randomness}");
    }
    if let Some(narrow) = &model.narrow {
        let _ = writeln!(text, "{}", narrow.words());
    }
    for note in &model.notes {
        let _ = writeln!(text, "{note}");
    }
    text.push('\n');
    table(&mut text, &lines(model));
    text
}

/// Whether something is random at a node: its weights, or what of its output is dropped.
fn is_random(model: &Model, node: usize) -> bool {
    let members = model.sampler.iter().flat_map(|sampler| sampler.members());
    members.take(1).any(|member| member.noise.iter().any(|(at, _)| *at == node))
}

/// Cells of a line of the table: layer, operation, output, parameters, MACs, and what is to be said of it.
type Row = [String; 6];

/// The table's lines, head and totals included.
fn lines(model: &Model) -> Vec<Row> {
    let mut rows = vec![["layer", "operation", "output", "parameters", "MACs", ""].map(str::to_owned)];
    rows.extend(model.layers().iter().map(|layer| {
        let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
        let marks = [
            (layer_is(model, model.default_layer(), layer.node), "explained by default"),
            (is_random(model, layer.node), "stochastic"),
        ];
        let marks: Vec<&str> = marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect();
        [
            layer.name.clone(),
            layer.op.to_owned(),
            shape.join(" × "),
            grouped(layer.parameters as u64),
            grouped(layer.macs),
            marks.join(", "),
        ]
    }));
    let (layers, parameters, macs) = (model.layers().len(), parameters(model) as u64, macs(model));
    let per = if model.stack { "for one slice" } else { "for one picture" };
    rows.push([
        format!("{layers} layers"),
        String::new(),
        String::new(),
        grouped(parameters),
        grouped(macs),
        per.into(),
    ]);
    rows
}

/// Writes lines with columns as wide as their widest cell: names to the left, numbers and shapes to the right.
fn table(text: &mut String, rows: &[Row]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    for [layer, op, output, parameters, macs, marks] in rows {
        let [a, b, c, d, e] = widths;
        let line = format!("{layer:<a$}  {op:<b$}  {output:>c$}  {parameters:>d$}  {macs:>e$}  {marks}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn layer_is(model: &Model, name: &str, node: usize) -> bool {
    model.graph.find(name) == Some(node)
}

fn parameters(model: &Model) -> usize {
    model.layers().iter().map(|layer| layer.parameters).sum()
}

/// Multiply-accumulates of one forward run for one picture (or slice).
fn macs(model: &Model) -> u64 {
    model.layers().iter().map(|layer| layer.macs).sum()
}

/// The first few names, and that there are more.
fn first_names(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
