//! What is asked of the network: model, class, method, layer, colours.

use std::sync::Arc;

use egui::{ComboBox, DragValue, RichText, ScrollArea, Sense, Slider, Ui, Vec2, WidgetInfo};

use super::{classes, heading, quiet};
use crate::display::colormap::COLORMAPS;
use crate::engine::{ModelInfo, ModelPath};
use crate::explain::METHODS;
use crate::model::Entry;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::Scale;
use crate::viewer::{annotations, theme};

/// Shows the panel.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        model_choice(ui, scene);
        let Some(model) = scene.facts.model.value.clone() else { return };
        stack_result(ui, scene, &model);
        classes::show(ui, scene, &model);
        heading(ui, "EXPLANATION");
        method_choice(ui, scene);
        layer_choice(ui, scene, &model);
        heading(ui, "COLOURS");
        colours(ui, scene);
        if model.stochastic {
            heading(ui, "UNCERTAINTY");
            passes(ui, scene);
        }
        heading(ui, "ABOUT THE MODEL");
        about(ui, &model);
        ui.add_space(theme::MARGIN);
    });
}

/// A control with its name to the left, all controls of a panel beginning at the same place.
fn row<R>(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::new(72.0, 24.0), Sense::hover());
        let colour = theme::palette(ui.ctx()).quiet;
        ui.painter().text(
            rect.left_center(),
            egui::Align2::LEFT_CENTER,
            name,
            egui::FontId::proportional(13.0),
            colour,
        );
        add(ui)
    })
    .inner
}

fn model_choice(ui: &mut Ui, scene: &mut Scene<'_>) {
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

/// Names a combo box for those who don't see what stands beside it.
fn name_combo(ui: &Ui, response: &egui::Response, name: &str, value: &str) {
    let (enabled, label, value) = (ui.is_enabled(), name.to_owned(), value.to_owned());
    response.widget_info(|| WidgetInfo {
        label: Some(label.clone()),
        enabled,
        current_text_value: Some(value.clone()),
        ..WidgetInfo::new(egui::Role::ComboBox)
    });
}

fn stack_result(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
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
            ui.label(RichText::new(super::percent(probability)).font(theme::numbers(15.0)));
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

fn method_choice(ui: &mut Ui, scene: &mut Scene<'_>) {
    let chosen = scene.state.explain.method;
    let method = METHODS.iter().find(|method| method.name() == chosen);
    row(ui, "Method", |ui| {
        let text = method.map_or(chosen, |method| method.label());
        let response =
            ComboBox::from_id_salt("method").width(ui.available_width()).selected_text(text).show_ui(ui, |ui| {
                for method in METHODS {
                    let entry = ui.selectable_label(method.name() == chosen, method.label());
                    if entry.on_hover_text(method.about().shows).clicked() {
                        scene.send(Command::SetMethod(method.name()));
                    }
                }
            });
        name_combo(ui, &response.response, "Method", text);
    });
    if let Some(method) = method {
        quiet(ui, method.about().shows);
    }
}

fn layer_choice(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    let chosen = scene.facts.layer.clone().unwrap_or_else(|| Arc::from(""));
    row(ui, "Layer", |ui| {
        let response = ComboBox::from_id_salt("layer")
            .width(ui.available_width())
            .selected_text(chosen.as_ref())
            .truncate()
            .show_ui(ui, |ui| {
                ui.set_min_width(240.0);
                let offered = &model.card.explain.layers;
                let (first, rest): (Vec<_>, Vec<_>) =
                    model.layers.iter().filter(|layer| layer.spatial).partition(|layer| offered.contains(&layer.name));
                for layer in &first {
                    layer_entry(ui, scene, layer, &chosen);
                }
                if !first.is_empty() && !rest.is_empty() {
                    ui.separator();
                }
                for layer in &rest {
                    layer_entry(ui, scene, layer, &chosen);
                }
            });
        name_combo(ui, &response.response, "Layer", &chosen);
    });
    if let Some(layer) = model.layers.iter().find(|layer| layer.name == *chosen) {
        quiet(ui, format!("{}, {}", layer.op, shape_words(&layer.shape)));
    }
}

fn layer_entry(ui: &mut Ui, scene: &mut Scene<'_>, layer: &crate::model::LayerInfo, chosen: &str) {
    let text = format!("{}   {}", layer.name, shape_words(&layer.shape));
    if ui.selectable_label(layer.name == chosen, text).clicked() {
        scene.send(Command::SetLayer(Some(Arc::from(layer.name.as_str()))));
    }
}

/// "256 channels of 13 × 13".
fn shape_words(shape: &[usize]) -> String {
    match shape {
        [channels, rows, columns] => format!("{channels} channels of {rows} × {columns}"),
        other => other.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "),
    }
}

fn colours(ui: &mut Ui, scene: &mut Scene<'_>) {
    let explain = scene.state.explain.clone();
    let mut on = explain.overlay_on;
    if ui.checkbox(&mut on, "Overlay").on_hover_text("Show or hide where the network looked (O)").changed() {
        scene.send(Command::ToggleOverlay);
    }
    for (name, value, command) in [
        ("Opacity", explain.opacity, Command::SetOpacity as fn(f32) -> Command),
        ("Threshold", explain.threshold, Command::SetThreshold as fn(f32) -> Command),
    ] {
        row(ui, name, |ui| {
            let mut percent = (value * 100.0).round();
            ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
            let slider = Slider::new(&mut percent, 0.0..=100.0).suffix(" %").max_decimals(0);
            let response = ui.add(slider);
            let enabled = ui.is_enabled();
            response.widget_info(|| WidgetInfo::slider(enabled, f64::from(percent), name));
            if response.changed() {
                scene.send(command(percent / 100.0));
            }
        });
    }
    row(ui, "Map", |ui| {
        let width = ui.available_width();
        let response =
            ComboBox::from_id_salt("colormap").width(width).selected_text(explain.colormap.label).show_ui(ui, |ui| {
                for colormap in COLORMAPS {
                    let entry = ui.selectable_label(
                        colormap.name == explain.colormap.name,
                        format!("            {}", colormap.label),
                    );
                    let strip = egui::Rect::from_min_size(
                        entry.rect.left_center() + Vec2::new(6.0, -4.0),
                        Vec2::new(36.0, 8.0),
                    );
                    annotations::colour_strip(ui.painter(), strip, colormap, 0.0);
                    if entry.on_hover_text(colormap.note).clicked() {
                        scene.send(Command::SetColormap(colormap.name));
                    }
                }
            });
        name_combo(ui, &response.response, "Colour map", explain.colormap.label);
    });
    legend(ui, scene);
    row(ui, "Scale", |ui| {
        for (scale, text, tooltip) in [
            (Scale::Stack, "Stack", "One scale over the whole stack: a slice with nothing looks like nothing"),
            (Scale::Slice, "Slice", "Each slice scaled by itself: compare shapes, not strengths"),
        ] {
            if ui.selectable_label(explain.scale == scale, text).on_hover_text(tooltip).clicked() {
                scene.send(Command::SetScale(scale));
            }
        }
    });
}

/// The strip with numbers, as on the image.
fn legend(ui: &mut Ui, scene: &Scene<'_>) {
    let explain = &scene.state.explain;
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), 30.0), Sense::hover());
    let strip = egui::Rect::from_min_size(rect.min + Vec2::new(1.0, 2.0), Vec2::new(rect.width() - 2.0, 10.0));
    annotations::colour_strip(ui.painter(), strip, explain.colormap, explain.threshold);
    let Some(map) = facts.map.current() else { return };
    let (low, high) = facts.range.unwrap_or_else(|| map.range());
    let low = if explain.colormap.diverging { low } else { low.max(0.0) };
    let colour = theme::palette(ui.ctx()).quiet;
    let font = theme::numbers(11.0);
    let number = |value: f32| crate::viewer::window::number(f64::from(value));
    let below = strip.bottom() + 3.0;
    let painter = ui.painter();
    painter.text(egui::pos2(strip.left(), below), egui::Align2::LEFT_TOP, number(low), font.clone(), colour);
    painter.text(egui::pos2(strip.right(), below), egui::Align2::RIGHT_TOP, number(high), font, colour);
    painter.text(
        egui::pos2(strip.center().x, below),
        egui::Align2::CENTER_TOP,
        "arbitrary units",
        egui::FontId::proportional(11.0),
        colour,
    );
}

fn passes(ui: &mut Ui, scene: &mut Scene<'_>) {
    let explain = scene.state.explain.clone();
    row(ui, "Passes", |ui| {
        let mut value = explain.passes;
        let response = ui.add(DragValue::new(&mut value).range(2..=10_000).speed(2));
        let enabled = ui.is_enabled();
        response.widget_info(|| WidgetInfo {
            label: Some("Passes".to_owned()),
            ..WidgetInfo::drag_value(enabled, value as f64)
        });
        if response.on_hover_text("Runs through the stochastic layer; more give a smoother density").changed() {
            scene.send(Command::SetPasses(value));
        }
    });
    row(ui, "Seed", |ui| {
        let mut value = explain.seed;
        let response = ui.add(DragValue::new(&mut value).speed(0.1));
        let enabled = ui.is_enabled();
        response.widget_info(|| WidgetInfo {
            label: Some("Seed".to_owned()),
            ..WidgetInfo::drag_value(enabled, value as f64)
        });
        if response.on_hover_text("The same seed gives the same draws").changed() {
            scene.send(Command::SetSeed(value));
        }
    });
}

fn about(ui: &mut Ui, model: &ModelInfo) {
    let card = &model.card;
    ui.label(RichText::new(&card.intended_use).small().color(theme::palette(ui.ctx()).warning));
    quiet(ui, format!("Version {}   {}", card.version, card.architecture));
    let digest = model.weights_sha256.get(..12).unwrap_or(&model.weights_sha256);
    quiet(ui, format!("Weights SHA-256 {digest}…")).on_hover_text(&model.weights_sha256);
}
