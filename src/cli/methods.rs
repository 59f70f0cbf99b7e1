//! `glassbox methods`: the explanation methods, what they show, and what can be set.

use std::fmt::Write;

use clap::Args;
use glassbox::explain::parameters::{Kind, Parameter, Preset, Value};
use glassbox::explain::{Group, METHODS, Method};
use serde_json::json;

use super::{DONE, Outcome, print};

/// List the explanation methods with their parameters.
#[derive(Args)]
pub struct MethodsOptions {
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the list.
pub fn run(options: &MethodsOptions) -> Outcome {
    if options.json {
        let methods: Vec<serde_json::Value> = in_order().map(|(group, method)| method_json(group, method)).collect();
        print(&serde_json::to_string_pretty(&json!({ "methods": methods })).map_err(|error| error.to_string())?)?;
    } else {
        print(text().trim_end())?;
    }
    Ok(DONE)
}

/// The methods as they are offered: group by group.
fn in_order() -> impl Iterator<Item = (Group, &'static dyn Method)> {
    Group::ALL
        .into_iter()
        .flat_map(|group| METHODS.iter().filter(move |method| method.group() == group).map(move |m| (group, *m)))
}

/// A value as JSON has it.
pub fn value_json(value: Value) -> serde_json::Value {
    match value {
        Value::Integer(value) => json!(value),
        Value::Real(value) => json!(value),
        Value::Choice(name) => json!(name),
    }
}

/// What a parameter can be, as the end of a sentence.
pub fn range_words(parameter: &Parameter) -> String {
    match parameter.kind {
        Kind::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
        Kind::Real { min, max, .. } => format!("a number from {min} to {max}"),
        Kind::Choice { options, .. } => {
            let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

fn method_json(group: Group, method: &dyn Method) -> serde_json::Value {
    let about = method.about();
    json!({
        "group": group.label(),
        "name": method.name(),
        "label": method.label(),
        "about": { "shows": about.shows, "cannot": about.cannot, "costs": about.costs, "paper": about.paper },
        "needs_layer": method.needs_layer(),
        "costly": method.is_costly(),
        "draws": method.draws(),
        "parameters": method.parameters().iter().map(parameter_json).collect::<Vec<_>>(),
        "presets": method.presets().iter().map(preset_json).collect::<Vec<_>>(),
    })
}

fn parameter_json(parameter: &Parameter) -> serde_json::Value {
    let mut entry = json!({
        "name": parameter.name,
        "label": parameter.label,
        "about": parameter.sentence,
        "default": value_json(parameter.default()),
    });
    let range = match parameter.kind {
        Kind::Integer { min, max, .. } => json!({ "kind": "integer", "min": min, "max": max }),
        Kind::Real { min, max, .. } => json!({ "kind": "real", "min": min, "max": max }),
        Kind::Choice { options, .. } => {
            let options: Vec<_> = options.iter().map(|(name, label)| json!({ "name": name, "label": label })).collect();
            json!({ "kind": "choice", "options": options })
        }
    };
    if let (Some(entry), serde_json::Value::Object(range)) = (entry.as_object_mut(), range) {
        entry.extend(range);
    }
    entry
}

fn preset_json(preset: &Preset) -> serde_json::Value {
    let values: serde_json::Map<_, _> =
        preset.values.iter().map(|(name, value)| ((*name).to_owned(), value_json(*value))).collect();
    json!({ "label": preset.label, "about": preset.sentence, "values": values })
}

fn text() -> String {
    let mut text = String::new();
    let mut last = None;
    for (group, method) in in_order() {
        if last.replace(group) != Some(group) {
            let _ = writeln!(text, "{}{}", if text.is_empty() { "" } else { "\n" }, group.label());
        }
        let about = method.about();
        let _ = writeln!(text, "  {:<22} {}, {}", method.name(), method.label(), about.paper);
        let _ = writeln!(text, "      Shows: {}", about.shows);
        let _ = writeln!(text, "      Can't show: {}", about.cannot);
        let _ = writeln!(text, "      Costs: {}", about.costs);
        for parameter in method.parameters() {
            let _ = writeln!(
                text,
                "      --set {}.{}={}   {}: {}",
                method.name(),
                parameter.name,
                parameter.default(),
                range_words(parameter),
                parameter.sentence
            );
        }
    }
    text
}
