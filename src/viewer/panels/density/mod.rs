//! How sure the network is: the density of each class's probability, with its numbers, of the image in view and of a
//! pinned one.

mod controls;
mod legend;
mod numbers;
mod plot;
mod words;

use std::sync::Arc;

use egui::{Align, Context, Label, Layout, Rect, RichText, ScrollArea, Ui, UiBuilder};

use super::quiet;
use crate::engine::ModelInfo;
use crate::viewer::command::Command;
use crate::viewer::plotter::{BRIDGE, Drawing, Order, Seat};
use crate::viewer::scene::Scene;
use crate::viewer::state::name_of;
use crate::viewer::theme;

pub use controls::{map_passes, passes};

/// What a deterministic network says instead of a density.
pub const DETERMINISTIC: &str = "This network gives the same answer in every run, so there is no spread to draw, and \
     its probability alone does not say how sure it is. Choose a model with a Flipout or dropout layer, or an ensemble.";

/// From this height on a tile has room for every control, in points.
const ROOMY: f32 = 460.0;

/// One image in the plot.
struct Image {
    /// What people call it.
    name: String,
    /// Its curves and numbers.
    drawing: Arc<Drawing>,
    /// Whether it is the one that stays.
    is_pinned: bool,
}

/// Shows the plot in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>, index: usize) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("density"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    let Some(model) = scene.facts.model.value.clone() else {
        sentence(ui, rect, "Choose a model to see how sure it is.");
        return;
    };
    if !model.stochastic {
        sentence(ui, rect, DETERMINISTIC);
        return;
    }
    ui.spacing_mut().item_spacing.y = 2.0;
    let images = images(ui.ctx(), scene, &model);
    head(ui, scene, &model, index);
    let is_roomy = rect.height() > ROOMY;
    controls::show(ui, scene, images.first(), is_roomy);
    let draws = &scene.facts.slots[0].draws;
    if let Some(reason) = draws.held.failure.clone() {
        let rest = ui.available_rect_before_wrap();
        sentence(ui, rest, &reason);
        return;
    }
    let Some(first) = images.first() else {
        let rest = ui.available_rect_before_wrap();
        sentence(ui, rest, &waiting(scene));
        return;
    };
    let shown: Vec<usize> = first.drawing.classes.iter().map(|class| class.class).collect();
    legend::show(ui, scene, &model, &images, &shown);

    let below = numbers::height(&images) + words::height(&images, ui.available_width());
    // The plot keeps the larger part; what is cut off of the numbers can be scrolled to.
    let height = (ui.available_height() - below).max(ui.available_height() * 0.5).max(96.0);
    plot::show(ui, height, &model, &images);
    ScrollArea::both().id_salt("numbers").auto_shrink([false, false]).show(ui, |ui| {
        numbers::show(ui, &model, &images);
        words::show(ui, &model, &images);
    });
}

/// A quiet sentence in the middle of what is left of the tile.
fn sentence(ui: &mut Ui, rect: Rect, words: &str) {
    let colour = theme::palette(ui.ctx()).quiet;
    let width = rect.shrink2(egui::vec2((rect.width() * 0.5 - 220.0).max(theme::MARGIN), theme::MARGIN));
    ui.put(width, Label::new(RichText::new(words).color(colour)).wrap());
}

/// The pinned image and the one in view, as far as they are drawn: the one in view first.
fn images(ctx: &Context, scene: &mut Scene<'_>, model: &ModelInfo) -> Vec<Image> {
    let view = &scene.state.density;
    let draws = &scene.facts.slots[0].draws;
    let in_view = draws.in_view().map(Arc::clone);
    // The same classes of both images: those of the image in view.
    let pinned = view.pinned_by(&model.id).zip(scene.facts.pinned.clone());
    let leading = in_view.as_ref().or(pinned.as_ref().map(|(_, result)| result));
    let Some(classes) = leading.map(|leading| view.shown(&leading.summary.mean)) else { return Vec::new() };
    let order = |result| Order {
        result,
        classes: classes.clone(),
        bandwidth: view.bandwidth,
        histogram: view.histogram,
        rug: view.rug,
    };
    let mut images = Vec::new();
    let in_view = in_view.map(order);
    let slot = &scene.state.slots[0];
    if let Some((drawing, is_current)) = scene.plots.drawing(Seat::InView, in_view) {
        if !is_current {
            // Nobody else may wake the window when the time of the stand-in is over.
            ctx.request_repaint_after(BRIDGE);
        }
        images.push(Image { name: name_of(slot), drawing, is_pinned: false });
    }
    let is_another = slot.slice().is_some_and(|slice| !view.is_pinned(&model.id, &slice.source));
    match pinned.filter(|_| is_another) {
        Some((pinned, result)) => {
            if let Some((drawing, _)) = scene.plots.drawing(Seat::Pinned, Some(order(result))) {
                images.push(Image { name: pinned.name.clone(), drawing, is_pinned: true });
            }
        }
        None => scene.plots.forget(Seat::Pinned),
    }
    images
}

/// What is said while nothing is drawn yet.
fn waiting(scene: &Scene<'_>) -> String {
    let progress = scene.facts.slots[0].draws.held.progress.filter(|done| *done > 0.0);
    match progress {
        _ if scene.state.explain.paused => "Stopped. Go on from the Explain menu.".to_owned(),
        Some(done) => format!("Sampling … {:.0} %", done * 100.0),
        None => "Sampling …".to_owned(),
    }
}

/// The title, and what is done with the image as a whole.
fn head(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo, index: usize) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let is_full = scene.state.full_tile.is_some();
            let (name, tooltip) = if is_full {
                ("Smaller", "Back to all viewports")
            } else {
                ("Enlarge", "This plot alone in the centre, or back")
            };
            if ui.small_button(name).on_hover_text(tooltip).clicked() {
                scene.send(Command::ShowFull(index));
            }
            pin(ui, scene, model);
            // What is left over is the title's, which gives way in a narrow tile.
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new("How sure the network is").strong()).truncate());
            });
        });
    });
}

fn pin(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    let view = &scene.state.density;
    let is_this = scene.state.slots[0].slice().is_some_and(|slice| view.is_pinned(&model.id, &slice.source));
    let is_of_other_model = view.pinned.is_some() && view.pinned_by(&model.id).is_none();
    if view.pinned.is_some() {
        let tooltip = if is_of_other_model {
            "Another model has judged the pinned image, so it is not drawn here; forget it"
        } else {
            "Take the pinned image out of the plot"
        };
        if ui.small_button("Unpin").on_hover_text(tooltip).clicked() {
            scene.send(Command::UnpinDensity);
        }
    }
    if is_this {
        quiet(ui, "Pinned: open another image");
    } else {
        let tooltip = "Keep this image's distribution in the plot, and draw that of others beside it (K)";
        let can = scene.facts.slots[0].draws.in_view().is_some();
        if ui.add_enabled(can, egui::Button::new("Pin this image").small()).on_hover_text(tooltip).clicked() {
            scene.send(Command::PinDensity);
        }
    }
}

/// "240 drawn, sampling …": how many of the passes that are chosen beside it there are.
fn drawn(scene: &Scene<'_>) -> String {
    let wanted = scene.state.explain.passes;
    let draws = &scene.facts.slots[0].draws;
    let drawn = draws.in_view().map_or(0, |result| result.passes);
    if draws.held.is_current || drawn >= wanted {
        return format!("{} drawn", grouped(drawn));
    }
    let word = if scene.state.explain.paused { "stopped" } else { "sampling …" };
    format!("{} of {} drawn, {word}", grouped(drawn), grouped(wanted))
}

/// "100,000".
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut words = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// The name of a class.
fn class_name(model: &ModelInfo, class: usize) -> &str {
    model.classes.get(class).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 100, 1000, 25_000, 100_000, 1_234_567].map(grouped),
            ["0", "100", "1,000", "25,000", "100,000", "1,234,567"]
        );
    }
}
