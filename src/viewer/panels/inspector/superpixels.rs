//! How much is shown of a map of superpixels: from the single most decisive one outward.

use egui::{Slider, Ui, WidgetInfo};

use super::{heading, row};
use crate::explain::Evidence;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::Which;

/// Shows the slider, for maps that have superpixels.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let segments = facts.map(Which::Class).visible().and_then(|(_, map)| map.attribution.segments.clone());
    let Some(segments) = segments else { return };
    let choice = scene.state.explain.superpixels;
    heading(ui, "SUPERPIXELS");
    let count = segments.evidence(choice.evidence).len().max(1);
    row(ui, "Shown", |ui| {
        let mut shown = choice.count.min(count);
        ui.spacing_mut().slider_width = (ui.available_width() - 72.0).max(60.0);
        let response = ui.add(Slider::new(&mut shown, 1..=count).suffix(format!(" / {count}")));
        let enabled = ui.is_enabled();
        response.widget_info(|| WidgetInfo::slider(enabled, shown as f64, "Superpixels"));
        if response.on_hover_text("From the single most decisive superpixel outward").changed() {
            scene.send(Command::SetSuperpixels(shown));
        }
    });
    row(ui, "Evidence", |ui| {
        for (evidence, name) in [(Evidence::Both, "Both"), (Evidence::For, "For"), (Evidence::Against, "Against")] {
            let tooltip = match evidence {
                Evidence::Both => "What speaks for the class and what speaks against it, each in its own colour",
                Evidence::For => "Only what speaks for the class",
                Evidence::Against => "Only what speaks against the class",
            };
            if ui.selectable_label(choice.evidence == evidence, name).on_hover_text(tooltip).clicked() {
                scene.send(Command::SetEvidence(evidence));
            }
        }
    });
}
