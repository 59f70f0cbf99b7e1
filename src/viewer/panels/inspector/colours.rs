//! How maps are coloured and scaled.

use egui::{ComboBox, Sense, Slider, Ui, Vec2, WidgetInfo};

use super::{name_combo, row};
use crate::display::colormap::COLORMAPS;
use crate::engine::ModelInfo;
use crate::explain::Reading;
use crate::viewer::command::Command;
use crate::viewer::legend::{Legend, colour_strip};
use crate::viewer::scene::Scene;
use crate::viewer::state::{Scale, Which};
use crate::viewer::theme;

/// Shows the overlay's switch, opacity, threshold, colour map and scale.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
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
    let facts = &scene.facts.slots[scene.state.active_slot()];
    // The map under the eye: the active tile's, or the class's.
    let active = scene.state.layout.tiles().get(scene.state.active_tile).and_then(|tile| tile.content.map());
    let which = active.unwrap_or(Which::Class);
    let reading = facts.map(which).reading();
    colormap(ui, scene, reading);
    legend(ui, scene, Legend::of(scene.state, facts, Some(model), which), reading);
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

/// The colours, of those that suit the map: around zero where it has a sign.
fn colormap(ui: &mut Ui, scene: &mut Scene<'_>, reading: Reading) {
    let chosen = scene.state.explain.colormap_for(reading);
    row(ui, "Map", |ui| {
        let width = ui.available_width();
        let response = ComboBox::from_id_salt("colormap").width(width).selected_text(chosen.label).show_ui(ui, |ui| {
            for colormap in COLORMAPS.iter().filter(|map| map.diverging == (reading == Reading::Signed)) {
                let entry =
                    ui.selectable_label(colormap.name == chosen.name, format!("            {}", colormap.label));
                let strip =
                    egui::Rect::from_min_size(entry.rect.left_center() + Vec2::new(6.0, -4.0), Vec2::new(36.0, 8.0));
                colour_strip(ui.painter(), strip, colormap, 0.0);
                if entry.on_hover_text(colormap.note).clicked() {
                    scene.send(Command::SetColormap(colormap.name));
                }
            }
        });
        name_combo(ui, &response.response, "Colour map", chosen.label);
    });
}

/// The strip with numbers, as on the image.
fn legend(ui: &mut Ui, scene: &Scene<'_>, legend: Option<Legend>, reading: Reading) {
    let explain = &scene.state.explain;
    let height = if legend.as_ref().is_some_and(|legend| legend.sides.is_some()) { 44.0 } else { 30.0 };
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let strip = egui::Rect::from_min_size(rect.min + Vec2::new(1.0, 2.0), Vec2::new(rect.width() - 2.0, 10.0));
    let painter = ui.painter();
    let Some(legend) = legend else {
        colour_strip(painter, strip, explain.colormap_for(reading), explain.threshold);
        return;
    };
    colour_strip(painter, strip, legend.colormap, legend.threshold);
    let colour = theme::palette(ui.ctx()).quiet;
    let below = strip.bottom() + 3.0;
    let put = |x: f32, y: f32, align: egui::Align2, words: &str, font: egui::FontId| {
        painter.text(egui::pos2(x, y), align, words, font, colour);
    };
    let (numbers, words) = (theme::numbers(11.0), egui::FontId::proportional(11.0));
    put(strip.left(), below, egui::Align2::LEFT_TOP, &legend.ends[0], numbers.clone());
    put(strip.right(), below, egui::Align2::RIGHT_TOP, &legend.ends[1], numbers.clone());
    let unit = if reading == Reading::Magnitude { "magnitude" } else { "arbitrary units" };
    let (middle, font) = if legend.is_signed { ("0", numbers) } else { (unit, words.clone()) };
    put(strip.center().x, below, egui::Align2::CENTER_TOP, middle, font);
    if let Some([left, right]) = &legend.sides {
        put(strip.left(), below + 14.0, egui::Align2::LEFT_TOP, left, words.clone());
        put(strip.right(), below + 14.0, egui::Align2::RIGHT_TOP, right, words);
    }
}
