//! The model, and what it says of the whole stack.

use std::sync::Arc;

use egui::{ComboBox, RichText, Ui};

use super::super::percent;
use super::{heading, name_combo, quiet};
use crate::engine::{ModelInfo, ModelPath};
use crate::model::{Entry, ExamEntry};
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// The model, with what it is for.
pub fn choice(ui: &mut Ui, scene: &mut Scene<'_>) {
    heading(ui, "MODEL");
    let catalogue = Arc::clone(&scene.facts.catalogue);
    let chosen = scene.state.explain.model.clone();
    let is_chosen = |entry: &Entry| chosen.as_ref().is_some_and(|chosen| chosen.0 == entry.path);
    let exam = scene.state.explain.exam.clone();
    let entry = catalogue.entries.iter().find(|entry| is_chosen(entry)).filter(|_| exam.is_none());
    if catalogue.entries.is_empty() {
        quiet(ui, "No model was found. Start the program with --models and a folder of model cards.");
        return;
    }
    // A card that was given by its path is in no list, and runs all the same.
    let given = scene.facts.model.value.clone().filter(|_| chosen.is_some() && entry.is_none());
    let unlisted = given.as_ref().map_or("Choose a model", |model| model.card.name.as_str());
    let of_entry = entry.map_or(unlisted, |entry| entry.name.as_str());
    let text = exam.as_ref().map_or(of_entry, |choice| choice.exam.card.name.as_str());
    let response = ComboBox::from_id_salt("model")
        .height(420.0)
        .width(ui.available_width())
        .selected_text(text)
        .truncate()
        .show_ui(ui, |ui| {
            for entry in &catalogue.entries {
                let name = if entry.problem.is_some() {
                    format!("{}  (can't be used)", entry.name)
                } else {
                    entry.name.clone()
                };
                let is_chosen = exam.is_none() && is_chosen(entry);
                if ui.selectable_label(is_chosen, name).on_hover_text(&entry.summary).clicked() {
                    scene.send(Command::SetModel(ModelPath(entry.path.clone())));
                }
            }
            exams(ui, scene, &catalogue.exams);
        });
    name_combo(ui, &response.response, "Model", text);
    if let Some(choice) = &exam {
        quiet(ui, choice.exam.card.summary.as_str());
        for (index, task) in choice.exam.card.tasks.iter().enumerate() {
            let is_chosen = choice.task == index;
            if ui.radio(is_chosen, &task.name).on_hover_text("Explain this finding on every plane").clicked() {
                scene.send(Command::SetTask(index));
            }
        }
    }
    if let Some(model) = given.filter(|model| exam.is_none() && !model.card.summary.is_empty()) {
        quiet(ui, model.card.summary.as_str());
    }
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

/// Exams under the models, where there are any.
fn exams(ui: &mut Ui, scene: &mut Scene<'_>, entries: &[ExamEntry]) {
    if entries.is_empty() {
        return;
    }
    ui.separator();
    quiet(ui, "Exams");
    let chosen = scene.state.explain.exam.as_ref().map(|choice| choice.exam.path.clone());
    for entry in entries {
        let is_chosen = chosen.as_ref() == Some(&entry.path);
        match &entry.exam {
            Ok(exam) => {
                if ui.selectable_label(is_chosen, &entry.name).on_hover_text(&entry.summary).clicked() {
                    scene.send(Command::SetExam(Some(Arc::clone(exam))));
                }
            }
            Err(problem) => {
                let name = format!("{}  (can't be used)", entry.name);
                ui.add_enabled(false, egui::Button::selectable(false, name)).on_disabled_hover_text(problem);
            }
        }
    }
}

/// What slices that are judged alone say together, as the card says.
fn joined_slices(ui: &mut Ui, scene: &Scene<'_>, model: &ModelInfo) {
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let Some((joined, class)) = facts.gathered.joined().zip(facts.class) else { return };
    let Some(probability) = joined.probabilities.get(class) else { return };
    heading(ui, "WHOLE STACK");
    let name = model.classes.get(class).cloned().unwrap_or_default();
    let (done, total) = facts.gathered.progress();
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).size(15.0));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.label(RichText::new(percent(*probability)).font(theme::numbers(15.0)));
        });
    });
    let rule = model.card.output.aggregate.unwrap_or_default().words();
    let so_far = if done == total { String::new() } else { format!(", {done} of {total} so far") };
    quiet(ui, format!("Each slice is judged alone: the {rule}{so_far}"));
}

/// What a stack network says of the whole stack.
pub fn stack_result(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    if !model.stack {
        joined_slices(ui, scene, model);
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
        let word = scene.state.slots[scene.state.active_slot()].step_word().to_lowercase();
        quiet(ui, format!("Computing: {done} of {} {word}s", facts.sources.len()));
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
            let word = scene.state.slots[scene.state.active_slot()].step_word().to_lowercase();
            quiet(ui, format!("Decided by {word} {}", slice + 1));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let what = format!("Go to the {word} that adds most to this class (D)");
                if ui.button("Show it").on_hover_text(what).clicked() {
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
    if let Some(narrow) = &model.narrow {
        quiet(ui, format!("Large dense layers in {}", narrow.kept_in.name())).on_hover_text(narrow.words());
    }
}
