//! How a stochastic head is sampled.

use egui::{DragValue, Ui, WidgetInfo};

use super::{parameters, row};
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;

/// Passes and seed.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
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
    parameters::seed(ui, scene);
}
