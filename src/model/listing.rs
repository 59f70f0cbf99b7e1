//! What `glassbox models` prints: the models there are, or the layers of one.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Catalogue, Model};

/// The models as JSON: `{"models": [{"name", "version", "summary", "architecture", "card", "problem"}]}`.
#[must_use]
pub fn catalogue_json(catalogue: &Catalogue) -> Value {
    let entries = catalogue.entries.iter().map(|entry| {
        let card = entry.card.as_ref();
        json!({
            "name": entry.name,
            "version": card.map(|card| &card.version),
            "summary": entry.summary,
            "architecture": card.map(|card| &card.architecture),
            "card": entry.path,
            "problem": entry.problem,
        })
    });
    json!({ "models": entries.collect::<Vec<_>>() })
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
        if let Some(problem) = &entry.problem {
            let _ = writeln!(text, "    Cannot be used. {problem}");
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
        "default_layer": model.default_layer(),
        "parameters": parameters(model),
        "layers": model.layers(),
        "notes": model.notes,
    })
}

/// A model and its layers as text: name, operation, shape for one picture, learned numbers.
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
    for note in &model.notes {
        let _ = writeln!(text, "{note}");
    }
    let width = model.layers().iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    let _ = writeln!(text, "\n{:<width$}  {:<18} {:>16} {:>12}", "layer", "operation", "output", "parameters");
    for layer in model.layers() {
        let shape: Vec<String> = layer.shape.iter().map(ToString::to_string).collect();
        let marks = [
            (layer_is(model, model.default_layer(), layer.node), "explained by default"),
            (model.stochastic.as_ref().is_some_and(|head| layer_is(model, &head.layer, layer.node)), "stochastic"),
        ];
        let marks: Vec<&str> = marks.into_iter().filter_map(|(is, mark)| is.then_some(mark)).collect();
        let line = format!(
            "{:<width$}  {:<18} {:>16} {:>12}  {}",
            layer.name,
            layer.op,
            shape.join(" × "),
            layer.parameters,
            marks.join(", ")
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{} parameters in {} layers", parameters(model), model.layers().len());
    text
}

fn layer_is(model: &Model, name: &str, node: usize) -> bool {
    model.graph.find(name) == Some(node)
}

fn parameters(model: &Model) -> usize {
    model.layers().iter().map(|layer| layer.parameters).sum()
}

/// The first few names, and that there are more.
fn first_names(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}
