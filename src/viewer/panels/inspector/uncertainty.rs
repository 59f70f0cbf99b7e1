//! How a stochastic network is sampled.

use egui::Ui;

use super::{parameters, quiet, row};
use crate::viewer::panels::density;
use crate::viewer::scene::Scene;

/// Passes, draws of maps, and seed.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    row(ui, "Passes", |ui| density::passes(ui, scene, "Passes"));
    row(ui, "Maps over", |ui| {
        density::map_passes(ui, scene);
        quiet(ui, "draws");
    });
    parameters::seed(ui, scene);
}
