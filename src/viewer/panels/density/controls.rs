//! How often is drawn, from which seed, and how the draws are shown.

use egui::{Align, ComboBox, DragValue, Layout, Slider, Ui, Vec2, WidgetInfo};

use super::{Image, grouped};
use crate::viewer::command::Command;
use crate::viewer::plotter::{BINS, Kind};
use crate::viewer::scene::Scene;
use crate::viewer::state::DensityView;
use crate::viewer::theme;

/// Passes one can choose.
const PASSES: [usize; 13] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
/// Draws of a map one can choose: each takes a backward run.
const MAP_PASSES: [usize; 7] = [10, 20, 30, 50, 100, 200, 500];

/// Length of the bandwidth's rail, in points.
const RAIL: f32 = 72.0;

/// Shows the row, or rows where the tile is narrow. What has no room stands in the inspector, or in the enlarged tile.
pub(super) fn show(ui: &mut Ui, scene: &mut Scene<'_>, image: Option<&Image>, is_roomy: bool) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        super::quiet(ui, "Passes");
        passes(ui, scene, "Passes of the density");
        super::quiet(ui, super::drawn(scene));
        ui.add_space(theme::GAP);
        if is_roomy {
            super::quiet(ui, "Seed");
            seed(ui, scene);
            ui.add_space(theme::GAP);
        }
        let (histogram, rug) = (scene.state.density.histogram, scene.state.density.rug);
        let tooltip = format!("Bars of {:.1} % instead of a smooth curve", 100.0 / BINS as f32);
        if ui.selectable_label(histogram, "Histogram").on_hover_text(tooltip).clicked() {
            scene.send(Command::ToggleHistogram);
        }
        if ui.selectable_label(rug, "Rug").on_hover_text("A tick for each pass beneath the curves").clicked() {
            scene.send(Command::ToggleRug);
        }
        if !histogram && is_roomy {
            ui.add_space(theme::GAP);
            bandwidth(ui, scene, image);
        }
    });
}

/// How many passes are drawn of each image.
pub fn passes(ui: &mut Ui, scene: &mut Scene<'_>, name: &str) {
    let chosen = scene.state.explain.passes;
    let tooltip = "Runs through the network with other weights each; more give a smoother density and refine what is \
                   there";
    if let Some(passes) = steps(ui, name, &PASSES, chosen, tooltip) {
        scene.send(Command::SetPasses(passes));
    }
}

/// How many draws a map is the mean of.
pub fn map_passes(ui: &mut Ui, scene: &mut Scene<'_>) {
    let chosen = scene.state.explain.map_passes;
    let tooltip = "Draws of the weights whose maps are averaged, and whose spread is shown; each takes a backward run";
    if let Some(passes) = steps(ui, "Maps over", &MAP_PASSES, chosen, tooltip) {
        scene.send(Command::SetMapPasses(passes));
    }
}

/// A list of numbers in steps of about a factor of two.
fn steps(ui: &mut Ui, name: &str, all: &[usize], chosen: usize, tooltip: &str) -> Option<usize> {
    let mut now = None;
    let text = grouped(chosen);
    let response = ComboBox::from_id_salt(name).width(76.0).height(360.0).selected_text(&text).show_ui(ui, |ui| {
        for &count in all {
            if ui.selectable_label(count == chosen, grouped(count)).clicked() {
                now = Some(count);
            }
        }
    });
    let (enabled, label) = (ui.is_enabled(), name.to_owned());
    response.response.widget_info(|| WidgetInfo {
        label: Some(label.clone()),
        enabled,
        current_text_value: Some(text.clone()),
        ..WidgetInfo::new(egui::Role::ComboBox)
    });
    response.response.on_hover_text(tooltip);
    now
}

fn seed(ui: &mut Ui, scene: &mut Scene<'_>) {
    let mut seed = scene.state.explain.seed;
    let response = ui.add(DragValue::new(&mut seed).speed(0.1).update_while_editing(false));
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo {
        label: Some("Seed of the density".to_owned()),
        ..WidgetInfo::drag_value(enabled, seed as f64)
    });
    if response.on_hover_text("The same seed draws the same passes again, on every machine").changed() {
        scene.send(Command::SetSeed(seed));
    }
}

fn bandwidth(ui: &mut Ui, scene: &mut Scene<'_>, image: Option<&Image>) {
    let kind = image.and_then(|image| image.drawing.classes.first()).map(|class| class.kind);
    if kind == Some(Kind::Exact) {
        super::quiet(ui, "exact curve").on_hover_text(
            "The network's answer is one sigmoid of a Gaussian number, so its density is known exactly \
             (logit-normal): nothing is estimated from the passes",
        );
        return;
    }
    let chosen = scene.state.density.bandwidth;
    super::quiet(ui, "Bandwidth");
    let tooltip = "The bandwidth by Silverman's rule of thumb, for each class from its own passes";
    if ui.selectable_label(chosen.is_none(), "Silverman").on_hover_text(tooltip).clicked() {
        scene.send(Command::SetBandwidth(None));
    }
    let drawn = if let Some(Kind::Kernels(width)) = kind { width } else { 0.02 };
    // As precise as the slider shows it: it would round the number by itself and count that as a change.
    let rounded = (chosen.unwrap_or(drawn) * 1000.0).round() / 1000.0;
    let rounded = rounded.clamp(*DensityView::BANDWIDTHS.start(), *DensityView::BANDWIDTHS.end());
    let mut width = rounded;
    ui.spacing_mut().slider_width = RAIL;
    let slider = Slider::new(&mut width, DensityView::BANDWIDTHS).logarithmic(true).fixed_decimals(3);
    // A slider does not say how wide it will be, so by itself it would not go to the next row but out of the tile.
    let size = Vec2::new(RAIL + 64.0, ui.spacing().interact_size.y);
    let row = Layout::left_to_right(Align::Center);
    let response = ui.allocate_ui_with_layout(size, row, |ui| ui.add(slider.update_while_editing(false))).inner;
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::slider(enabled, f64::from(width), "Bandwidth"));
    let words = "How wide the kernel of each pass is (its standard deviation): wider is smoother, narrower shows more \
                 of the single passes";
    if response.on_hover_text(words).changed() && (width - rounded).abs() > 1e-4 {
        scene.send(Command::SetBandwidth(Some(width)));
    }
}
