//! The method: what it shows, what it can't show, what it costs, and what came out beside its map.

use egui::{Button, ComboBox, RichText, Ui};

use super::{name_combo, parameters, quiet, row};
use crate::engine::ModelInfo;
use crate::explain::{Group, METHODS, Method};
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::Which;
use crate::viewer::theme;
use crate::viewer::window::number;

/// Shows the choice of a method, its parameters and its facts.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    choice(ui, scene, model);
    let Some(method) = scene.state.explain.method() else { return };
    if let Some(reason) = unsuitable(model, method) {
        ui.colored_label(theme::palette(ui.ctx()).warning, reason);
    }
    let about = method.about();
    ui.label(RichText::new(about.shows).small());
    quiet(ui, format!("Can't show: {}", about.cannot));
    quiet(ui, format!("Costs: {}", about.costs)).on_hover_text(about.paper);
    parameters::show(ui, scene, method);
    all_slices(ui, scene, method);
    facts(ui, scene);
}

fn choice(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    let chosen = scene.state.explain.method;
    let text = scene.state.explain.method().map_or(chosen, |method| method.label());
    row(ui, "Method", |ui| {
        let response = ComboBox::from_id_salt("method")
            .width(ui.available_width())
            .height(560.0)
            .selected_text(text)
            .truncate()
            .show_ui(ui, |ui| {
                ui.set_min_width(200.0);
                for group in Group::ALL {
                    let mut methods = METHODS.iter().filter(|method| method.group() == group).peekable();
                    if methods.peek().is_none() {
                        continue;
                    }
                    ui.add_space(theme::GAP);
                    quiet(ui, group.label());
                    for method in methods {
                        entry(ui, scene, *method, unsuitable(model, *method));
                    }
                }
            });
        name_combo(ui, &response.response, "Method", text);
    });
}

fn entry(ui: &mut Ui, scene: &mut Scene<'_>, method: &'static dyn Method, unsuitable: Option<&str>) {
    let about = method.about();
    let words = format!("{}\n\nCan't show: {}\nCosts: {}", about.shows, about.cannot, about.costs);
    let is_chosen = scene.state.explain.method == method.name();
    let response = ui.add_enabled(unsuitable.is_none(), Button::selectable(is_chosen, method.label()));
    let response = response.on_hover_text(words).on_disabled_hover_text(unsuitable.unwrap_or_default());
    if response.clicked() {
        scene.send(Command::SetMethod(method.name()));
    }
}

/// Why a method can't explain this network.
fn unsuitable<'a>(model: &'a ModelInfo, method: &dyn Method) -> Option<&'a str> {
    model.unsuitable.iter().find(|(name, _)| *name == method.name()).map(|(_, reason)| &**reason)
}

/// What is costly explains the slice in view alone, unless it is asked for more.
fn all_slices(ui: &mut Ui, scene: &mut Scene<'_>, method: &dyn Method) {
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let count = facts.sources.len();
    let is_costly = method.is_costly() || scene.state.shown_maps().into_iter().any(Which::is_over_draws);
    if !is_costly || count < 2 {
        return;
    }
    let done = facts.is_explained.iter().filter(|is| **is).count();
    if scene.state.explain.all_slices {
        quiet(ui, format!("{done} of {count} slices are explained"));
        return;
    }
    ui.horizontal(|ui| {
        quiet(ui, "Only the slice in view is explained.");
        let button = ui.button("All slices").on_hover_text(format!("Explain all {count} slices: this takes long (A)"));
        if button.clicked() {
            scene.send(Command::ExplainAll);
        }
    });
}

/// Numbers that came out beside the map, as the completeness gap of integrated gradients.
fn facts(ui: &mut Ui, scene: &Scene<'_>) {
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let Some(map) = facts.map(Which::Class).current() else { return };
    for fact in &map.attribution.facts {
        ui.horizontal(|ui| {
            quiet(ui, fact.label);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(RichText::new(number(fact.value)).font(theme::numbers(12.0)));
            });
        });
    }
}
