//! The layer whose map is shown.

use std::sync::Arc;

use egui::{ComboBox, Ui};

use super::{name_combo, quiet, row};
use crate::engine::ModelInfo;
use crate::explain::Method;
use crate::model::LayerInfo;
use crate::viewer::command::Command;
use crate::viewer::layer_tree::Purpose;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Shows the layer, the layers that are mostly asked for, and the way to all others.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    let needs_layer = scene.state.explain.method().is_some_and(Method::needs_layer);
    let chosen = scene.facts.layer.clone().unwrap_or_else(|| Arc::from(""));
    ui.add_enabled_ui(needs_layer, |ui| {
        row(ui, "Layer", |ui| {
            let all_width = 52.0 + theme::SPACE;
            let response = ComboBox::from_id_salt("layer")
                .width(ui.available_width() - all_width)
                .selected_text(chosen.as_ref())
                .truncate()
                .show_ui(ui, |ui| {
                    ui.set_min_width(240.0);
                    for layer in offered(model) {
                        entry(ui, scene, layer, &chosen);
                    }
                });
            name_combo(ui, &response.response, "Layer", &chosen);
            if ui.button("All …").on_hover_text("Choose from the whole network (F8)").clicked() {
                scene.send(Command::ChooseLayer(Purpose::Map));
            }
        });
    });
    if !needs_layer {
        quiet(ui, "This method takes no layer.");
    } else if let Some(layer) = model.layers.iter().find(|layer| layer.name == *chosen) {
        quiet(ui, format!("{}, {}", layer.op, shape_words(&layer.shape)));
    }
}

/// What the card offers, the stages of the network, and the model's own layer, in the network's order; a module under
/// its own name.
fn offered(model: &ModelInfo) -> Vec<(&str, Option<&LayerInfo>)> {
    let card = model.card.explain.layers.iter().map(String::as_str);
    let stages = model.stages.iter().flatten().map(|stage| &**stage);
    let mut names: Vec<&str> = Vec::new();
    for name in card.chain(stages).chain([model.default_layer.as_str()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut offered: Vec<(&str, Option<&LayerInfo>)> = names
        .into_iter()
        .map(|name| {
            let is_in = |layer: &&LayerInfo| {
                layer.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            (name, model.layers.iter().rfind(is_in))
        })
        .collect();
    offered.sort_by_key(|(_, layer)| layer.map(|layer| layer.node));
    offered
}

fn entry(ui: &mut Ui, scene: &mut Scene<'_>, (name, layer): (&str, Option<&LayerInfo>), chosen: &str) {
    let shape = layer.map(|layer| shape_words(&layer.shape)).unwrap_or_default();
    if ui.selectable_label(name == chosen, format!("{name}   {shape}")).clicked() {
        scene.send(Command::SetLayer(Some(Arc::from(name))));
    }
}

/// "256 channels of 13 × 13".
fn shape_words(shape: &[usize]) -> String {
    match shape {
        [channels, rows, columns] => format!("{channels} channels of {rows} × {columns}"),
        other => other.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "),
    }
}
