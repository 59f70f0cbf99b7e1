//! The model, and what it says of the whole stack.

use std::sync::Arc;

use egui::{ComboBox, RichText, Ui};

use super::super::percent;
use super::{heading, name_combo, quiet};
use crate::engine::{ModelInfo, ModelPath};
use crate::model::Entry;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// The model, with what it is for.
pub fn choice(ui: &mut Ui, scene: &mut Scene<'_>) {
    heading(ui, "MODEL");
    let catalogue = Arc::clone(&scene.facts.catalogue);
    let chosen = scene.state.explain.model.clone();
    let is_chosen = |entry: &Entry| chosen.as_ref().is_some_and(|chosen| chosen.0 == entry.path);
    let entry = catalogue.entries.iter().find(|entry| is_chosen(entry));
    if catalogue.entries.is_empty() {
        quiet(ui, "No model was found. Start the program with --models and a folder of model cards.");
        return;
    }
    let text = entry.map_or("Choose a model", |entry| entry.name.as_str());
    let response =
        ComboBox::from_id_salt("model").width(ui.available_width()).selected_text(text).truncate().show_ui(ui, |ui| {
            for entry in &catalogue.entries {
                let name = if entry.problem.is_some() {
                    format!("{}  (can't be used)", entry.name)
                } else {
                    entry.name.clone()
                };
                if ui.selectable_label(is_chosen(entry), name).on_hover_text(&entry.summary).clicked() {
                    scene.send(Command::SetModel(ModelPath(entry.path.clone())));
                }
            }
        });
    name_combo(ui, &response.response, "Model", text);
    if let Some(entry) = entry {
        quiet(ui, entry.summary.as_str());
        if let Some(problem) = &entry.problem {
            ui.colored_label(theme::palette(ui.ctx()).error, problem);
        }
    }
    let model = &scene.facts.model;
    if let Some(reason) = &model.failure {
        ui.colored_label(theme::palette(ui.ctx()).error, reason.as_ref());
    } else if let Some(progress) = model.progress {
        quiet(ui, format!("Loading … {:.0} %", progress * 100.0));
    }
}

/// What a stack network says of the whole stack.
pub fn stack_result(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    if !model.stack {
        return;
    }
    heading(ui, "WHOLE STACK");
    let facts = &scene.facts.slots[scene.state.active_slot()];
    if let Some(reason) = &facts.stack.failure {
        ui.colored_label(theme::palette(ui.ctx()).error, reason.as_ref());
        return;
    }
    let Some(stack) = facts.stack.value.clone() else {
        let done = facts.profile.iter().flatten().count();
        quiet(ui, format!("Computing: {done} of {} slices", facts.sources.len()));
        return;
    };
    let class = facts.class.unwrap_or(0);
    let deciding = facts.deciding_slice();
    let name = model.classes.get(class).cloned().unwrap_or_default();
    let probability = stack.probabilities.get(class).copied().unwrap_or(0.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).size(15.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(percent(probability)).font(theme::numbers(15.0)));
        });
    });
    if let Some(slice) = deciding {
        ui.horizontal(|ui| {
            quiet(ui, format!("Decided by slice {}", slice + 1));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Show it").on_hover_text("Go to the slice that adds most to this class (D)").clicked() {
                    scene.send(Command::DecidingSlice);
                }
            });
        });
    }
}

/// Intended use, version, and what tells the model from others.
pub fn about(ui: &mut Ui, model: &ModelInfo) {
    let card = &model.card;
    ui.label(RichText::new(&card.intended_use).small().color(theme::palette(ui.ctx()).warning));
    quiet(ui, format!("Version {}   {}", card.version, card.architecture));
    let digest = model.weights_sha256.get(..12).unwrap_or(&model.weights_sha256);
    quiet(ui, format!("Weights SHA-256 {digest}…")).on_hover_text(&model.weights_sha256);
}
