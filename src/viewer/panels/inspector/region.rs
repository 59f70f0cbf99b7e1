//! Where a segmentation is explained: all pixels of the class, or a drawn region.

use egui::Ui;

use super::{heading, quiet, row};
use crate::viewer::command::{Command, Tool};
use crate::viewer::region::Stroke;
use crate::viewer::scene::Scene;

/// Shows how a region is drawn, and whether there is one.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    heading(ui, "REGION");
    let state = scene.state;
    let is_drawn = state.active().slice().is_some_and(|slice| state.explain.regions.contains_key(&slice.source));
    let drawing = (state.tool == Tool::Region).then_some(state.explain.stroke);
    row(ui, "Draw", |ui| {
        for (stroke, text, tooltip) in [
            (Stroke::Rectangle, "Rectangle", "Drag on the picture from corner to corner (E)"),
            (Stroke::Freehand, "Freehand", "Drag on the picture around the region (E)"),
        ] {
            if ui.selectable_label(drawing == Some(stroke), text).on_hover_text(tooltip).clicked() {
                scene.send(Command::SetStroke(stroke));
            }
        }
        let clear = ui.add_enabled(is_drawn, egui::Button::new("Clear"));
        if clear.on_hover_text("Explain all pixels that the network gave the class (Del)").clicked() {
            scene.send(Command::ClearRegion);
        }
    });
    quiet(
        ui,
        if is_drawn {
            "The class's logits are summed over the drawn region of this slice."
        } else {
            "The class's logits are summed over all pixels that the network gave the class."
        },
    );
}
