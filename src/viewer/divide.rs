//! How the window is divided into panels and tiles.

use egui::{CentralPanel, Frame, Margin, Panel, Ui};

use super::command::Command;
use super::panels::{
    activations, browser, check, density, embedding, filters, help, inspector, layers, notices, scrubber, status,
    strongest, toolbar, verdict,
};
use super::scene::Scene;
use super::state::Content;
use super::{annotations, theme, viewport};

/// Shows every panel and every tile.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let plain = |horizontal: f32, vertical: f32| {
        Frame::new().fill(palette.panel).inner_margin(Margin::symmetric(horizontal as i8, vertical as i8))
    };
    Panel::top("toolbar").exact_size(36.0).frame(plain(theme::SPACE, 0.0)).show(ui, |ui| toolbar::show(ui, scene));
    Panel::bottom("status").exact_size(24.0).frame(plain(theme::MARGIN, 0.0)).show(ui, |ui| status::show(ui, scene));
    if scene.state.browser_shown {
        Panel::left("browser")
            .default_size(theme::BROWSER_WIDTH)
            .size_range(180.0..=420.0)
            .frame(plain(theme::MARGIN, 0.0))
            .show(ui, |ui| browser::show(ui, scene));
    }
    if scene.state.inspector_shown {
        Panel::right("inspector")
            .default_size(theme::INSPECTOR_WIDTH)
            .size_range(260.0..=480.0)
            .frame(plain(theme::MARGIN, 0.0))
            .show(ui, |ui| inspector::show(ui, scene));
    }
    let slot = scene.state.active();
    if slot.positions() > 1 || slot.times() > 1 {
        let frame = plain(theme::MARGIN, theme::SPACE);
        Panel::bottom("scrubber").frame(frame).show(ui, |ui| scrubber::show(ui, scene));
    }
    let frame = Frame::new().fill(palette.background);
    CentralPanel::default().frame(frame).show(ui, |ui| tiles(ui, scene));
    layers::show(ui, scene);
    notices::show(ui, scene);
    help::show(ui, scene);
    help::palette(ui, scene);
}

fn tiles(ui: &mut Ui, scene: &mut Scene<'_>) {
    let area = ui.max_rect();
    if scene.state.slots[0].series.is_none() {
        let words = if scene.library.opening.is_some() {
            "Opening …"
        } else {
            "Drop files or a folder here, or open them from the File menu"
        };
        annotations::centred(ui.painter(), area, words);
        return;
    }
    let rects = match scene.state.full_tile {
        Some(_) => vec![area; scene.state.layout.tiles().len()],
        None => scene.state.layout.rects(area),
    };
    let mut pictures = scene.state.visible_tiles().filter(|(_, tile)| tile.content.is_picture());
    if scene.state.hovered.is_some() && !pictures.any(|(index, _)| ui.rect_contains_pointer(rects[index])) {
        // The cross of the pixel under the pointer goes with the pointer.
        scene.send(Command::Hover(None));
    }
    for (index, tile) in scene.state.visible_tiles() {
        let rect = rects[index];
        scene.tile_rects.push((index, rect));
        match tile.content {
            Content::Image | Content::Overlay(_) | Content::Channel => viewport::show(ui, rect, scene, index, tile),
            Content::Activations => activations::show(ui, rect, scene),
            Content::Filters => filters::show(ui, rect, scene),
            Content::Strongest => strongest::show(ui, rect, scene),
            Content::Embedding => embedding::show(ui, rect, scene),
            Content::Check => check::show(ui, rect, scene),
            Content::Density => density::show(ui, rect, scene, index),
            Content::Verdict => verdict::show(ui, rect, scene),
        }
    }
}
