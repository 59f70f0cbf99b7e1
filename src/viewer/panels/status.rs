//! The line at the bottom: device, job, pixel under the pointer, and what the program is not.

use egui::{Align, Layout, ProgressBar, RichText, Ui};

use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::window::number;
use crate::viewer::{anatomy, lay, theme};

/// Words that stand under everything.
pub const RESEARCH_USE: &str = "Research use. Not for diagnosis.";

/// Shows the line.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        let activity = &scene.facts.activity;
        ui.label(RichText::new(&activity.device).small().color(palette.quiet));
        if activity.text.is_empty() {
            ui.label(RichText::new("Ready").small().color(palette.quiet));
        } else {
            ui.add(ProgressBar::new(activity.progress.unwrap_or(0.0)).desired_width(96.0).desired_height(8.0));
            let queued = if activity.queued > 1 { format!("  ({} to go)", activity.queued) } else { String::new() };
            ui.label(RichText::new(format!("{}{queued}", activity.text)).small());
            if ui.small_button("Stop").on_hover_text("Stop what the networks are computing").clicked() {
                scene.send(Command::CancelJobs);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(RESEARCH_USE).small().color(palette.warning));
            ui.add_space(theme::SPACE);
            let words = pixel_words(scene);
            ui.label(RichText::new(words).font(theme::numbers(11.5)));
        });
    });
}

/// "col 120 row 88   12.4, −3.1, 40.0 mm   value 312   map 0.42".
fn pixel_words(scene: &Scene<'_>) -> String {
    let Some(hovered) = scene.state.hovered else { return String::new() };
    let Some(slice) = scene.state.slots[hovered.slot].slice() else { return String::new() };
    let (row, column) = hovered.pixel;
    let mut parts = vec![format!("col {column:>4}  row {row:>4}")];
    if let Some(geometry) = &slice.geometry {
        let [x, y, z] = anatomy::mm_from_slice(geometry, column as f64 + 0.5, row as f64 + 0.5);
        parts.push(format!("{x:.1}, {y:.1}, {z:.1} mm"));
    } else if let Some(spacing) = slice.spacing_mm {
        parts.push(format!("{:.1}, {:.1} mm", column as f64 * spacing[1], row as f64 * spacing[0]));
    }
    if let Some(pixel) = scene.engine.pixel(&slice.source, row, column) {
        if pixel.unit.is_empty() {
            parts.push(format!("value {}", pixel.stored));
        } else {
            parts.push(format!("stored {}  {} {}", pixel.stored, number(f64::from(pixel.value)), pixel.unit));
        }
    }
    let map = scene.facts.slots[hovered.slot].map.current();
    if let Some(value) = map.and_then(|map| lay::value_at(map, row, column)) {
        parts.push(format!("map {}", number(f64::from(value))));
    }
    parts.join("   ")
}
