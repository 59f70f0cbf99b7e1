//! The channels of the chosen layer, side by side, and one of them followed through the slices.

mod detail;
pub(super) mod grid;
mod header;

use egui::{Align2, FontId, Pos2, Rect, Ui, UiBuilder, Vec2};

use super::note;
use crate::explain::Activations;
use crate::viewer::command::Command;
use crate::viewer::inside::atlas::{Pages, is_signed, range};
use crate::viewer::legend::colour_strip;
use crate::viewer::paint::Channel;
use crate::viewer::scene::Scene;
use crate::viewer::textures::Atlas;
use crate::viewer::theme;
use crate::viewer::window::number;
use grid::{Cell, Grid};

/// Smallest side of a channel on the screen, in points.
const CELL: f32 = 56.0;
/// Height of the line under the grid, in points.
const FOOTER: f32 = 20.0;

/// Shows the grid in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("activations"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if scene.facts.model.value.is_none() {
        note(ui, rect, "Choose a model to see what its layers respond to.");
        return;
    }
    header::show(ui, scene);
    let facts = &scene.facts.slots[0];
    let shows_seen = scene.state.explain.shows_seen;
    let failure = if shows_seen { &facts.seen.failure } else { &facts.activations.failure };
    if let Some(reason) = failure.clone() {
        note(ui, rect, &reason);
    } else if shows_seen {
        seen(ui, rect, scene);
    } else {
        channels(ui, rect, scene);
    }
}

/// Every channel of the layer.
fn channels(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let Some(activations) = scene.facts.slots[0].activations.value.clone() else {
        note(ui, rect, "Computing …");
        return;
    };
    let pages = Pages::of(activations.channels, activations.rows, activations.columns);
    let shown = scene.facts.inside.sorted.channels.clone();
    let chosen = scene.state.inside.channel;
    // Each page is looked up once a frame, when its first cell is seen.
    let mut textures: Vec<Option<Option<(crate::viewer::textures::Texture, bool)>>> = vec![None; pages.count()];
    let available = ui.available_height();
    let detail = if chosen.is_some() { detail::height(available) } else { 0.0 };
    let height = (available - FOOTER - detail).max(CELL);
    let name = format!("Activations, layer {}", activations.layer);
    let grid = Grid {
        name: &name,
        what: "Channel",
        count: shown.len(),
        least: CELL,
        aspect: pages.aspect(),
        height,
        chosen,
        places: &shown,
    };
    let pointed = grid.show(ui, |place| {
        let channel = shown[place];
        let (page, within) = pages.place(channel);
        let texture = textures[page].get_or_insert_with(|| scene.channel_page(page));
        let picture = texture.as_ref().and_then(|(texture, is_current)| {
            let atlas = texture.channels.as_ref().filter(|atlas| within < atlas.channels.len())?;
            let area = grid::texels(atlas, within, texture.handle.size_vec2());
            Some((texture.handle.id(), area, *is_current))
        });
        Cell { channel, picture, is_dead: scene.facts.inside.history.is_dead(channel) }
    });
    if let Some(channel) = pointed.clicked {
        scene.send(Command::FollowChannel(Some(channel).filter(|channel| Some(*channel) != chosen)));
    }
    if shown.is_empty() {
        note(ui, rect, "No channel of this layer is asked for by the filter.");
    }
    if let Some(channel) = chosen {
        detail::show(ui, scene, &activations, &pages, channel, available);
    }
    let words = match pointed.under.filter(|channel| *channel < activations.channels) {
        Some(channel) => pointed_words(scene, &activations, channel),
        None if chosen.is_none() => "Click a channel to see it large and to follow it".to_owned(),
        None => String::new(),
    };
    footer(ui, rect, &words);
    scale(ui, rect, scene, &activations);
}

/// The numbers of the channel under the pointer.
fn pointed_words(scene: &Scene<'_>, activations: &Activations, channel: usize) -> String {
    let [low, high, mean] = [&activations.minimum, &activations.maximum, &activations.mean]
        .map(|values| number(f64::from(values[channel])));
    let silent = if scene.facts.inside.history.is_dead(channel) { "   dead so far" } else { "" };
    format!("Channel {channel}   min {low}   max {high}   mean {mean}{silent}")
}

/// What the strongest channels saw.
fn seen(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let Some((texture, is_current)) = scene.seen_texture() else {
        let done = scene.facts.slots[0].seen.progress.filter(|done| *done > 0.0);
        let words = done.map_or("Computing …".to_owned(), |done| format!("Computing … {:.0} %", done * 100.0));
        note(ui, rect, &words);
        return;
    };
    let Some(atlas) = texture.channels.clone() else { return };
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    let name = format!("What each channel saw, layer {layer}");
    let shown: Vec<usize> = atlas.channels.iter().map(|channel| channel.index).collect();
    let grid = Grid {
        name: &name,
        what: "Channel",
        count: shown.len(),
        least: 2.0 * CELL,
        aspect: aspect(&atlas),
        height: (ui.available_height() - FOOTER).max(CELL),
        chosen: scene.state.inside.channel,
        places: &shown,
    };
    let pointed = grid.show(ui, |place| {
        let area = grid::texels(&atlas, place, texture.handle.size_vec2());
        Cell { channel: shown[place], picture: Some((texture.handle.id(), area, is_current)), is_dead: false }
    });
    if let Some(channel) = pointed.clicked {
        scene.send(Command::FollowChannel(Some(channel)));
    }
    let under = pointed.under.and_then(|channel| atlas.channels.iter().find(|known| known.index == channel));
    let words = match under {
        Some(Channel { index, unit: Some(((row, column), activation)), .. }) => format!(
            "Channel {index}   strongest in row {row}, column {column} of the layer: {}",
            number(f64::from(*activation))
        ),
        _ => "Deconvnet (Zeiler and Fergus 2014): grey is nothing, each picture on its own scale".to_owned(),
    };
    footer(ui, rect, &words);
}

fn aspect(atlas: &Atlas) -> f32 {
    atlas.cell_texels[1] as f32 / atlas.cell_texels[0].max(1) as f32
}

fn footer(ui: &Ui, rect: Rect, words: &str) {
    let at = Pos2::new(rect.left() + theme::SPACE, rect.bottom() - theme::GAP);
    let colour = theme::palette(ui.ctx()).quiet;
    ui.painter().text(at, Align2::LEFT_BOTTOM, words, FontId::proportional(11.5), colour);
}

/// What the colours of the grid stand for, at the right end of the line under it.
fn scale(ui: &Ui, rect: Rect, scene: &Scene<'_>, activations: &Activations) {
    if rect.width() < 420.0 {
        return;
    }
    let explain = &scene.state.explain;
    let signed = is_signed(activations);
    let colormap = if signed { explain.signed_colormap } else { explain.colormap };
    let ends = if explain.channels_share_scale {
        let (low, high) = range(activations);
        let most = low.abs().max(high.abs());
        let (low, high) = if signed { (-most, most) } else { (low, high) };
        [number(f64::from(low)), number(f64::from(high))]
    } else if signed {
        ["-max".to_owned(), "max each".to_owned()]
    } else {
        ["min".to_owned(), "max each".to_owned()]
    };
    let colour = theme::palette(ui.ctx()).quiet;
    let (painter, font) = (ui.painter(), FontId::proportional(11.0));
    let mut at = Pos2::new(rect.right() - theme::SPACE, rect.bottom() - theme::GAP);
    let [low, high] = ends;
    at.x = painter.text(at, Align2::RIGHT_BOTTOM, high, font.clone(), colour).left() - theme::GAP;
    let strip = Rect::from_min_max(at - Vec2::new(56.0, 11.0), at - Vec2::new(0.0, 4.0));
    colour_strip(painter, strip, colormap, 0.0);
    painter.text(Pos2::new(strip.left() - theme::GAP, at.y), Align2::RIGHT_BOTTOM, low, font, colour);
}
