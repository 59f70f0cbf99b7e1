//! What is written over a picture: corner texts, orientation letters, scale bar, colour legend.

use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Stroke, Ui, Vec2};

use super::facts::SlotFacts;
use super::legend::{self, Legend};
use super::scene::Scene;
use super::state::{Content, Layout, Slot, Tile};
use super::transform::ScreenFromSlice;
use super::window::words;
use super::{anatomy, inside, theme};
use crate::display::PictureKind;
use crate::study::Slice;

/// Height of a line of text, in points.
pub(super) const LINE: f32 = 16.0;
/// Distance of texts from the edge, in points.
pub(super) const INSET: f32 = 8.0;

/// Paints everything that belongs over a picture.
#[expect(clippy::too_many_arguments, reason = "what is written over a picture comes from all of these")]
pub fn paint(
    ui: &Ui,
    painter: &Painter,
    rect: Rect,
    scene: &mut Scene<'_>,
    tile: Tile,
    slice: &Slice,
    map: &ScreenFromSlice,
    has_picture: bool,
) {
    let state = scene.state;
    let facts = &scene.facts.slots[tile.slot];
    let slot = &state.slots[tile.slot];
    if let Some(reason) = &facts.picture.failure {
        centred(painter, rect, &format!("This slice can't be shown. {reason}"));
    } else if !has_picture {
        centred(painter, rect, "Reading the slice …");
    }
    let overlay = tile.content.map().filter(|_| state.explain.overlay_on);
    if state.annotations_shown {
        let roomy = rect.width() > 240.0 && rect.height() > 180.0;
        top_left(painter, rect, state.layout, tile, slot, slice);
        bottom_left(ui, painter, rect, slot, slice, facts, map, roomy);
        if let Some(geometry) = &slice.geometry
            && roomy
        {
            orientation(painter, rect, geometry, map);
        }
    }
    if let Some((which, network)) = overlay.zip(facts.network.as_ref()) {
        // These words and numbers stay when the other texts are hidden: without them the colours mean nothing.
        legend::title(ui, painter, rect, scene, facts, which);
        if let Some(legend) = Legend::of(state, facts, Some(&network.model), which) {
            legend.paint(painter, rect);
        }
    }
    if tile.content == Content::Channel && scene.facts.model.value.is_some() {
        inside::legend::paint(painter, rect, scene, slice, map);
    }
}

/// A small cross: the same place in another tile.
pub fn cross(painter: &Painter, at: Pos2) {
    for (half, colour) in [(2.0, Color32::from_black_alpha(160)), (1.0, theme::ANNOTATION)] {
        let stroke = Stroke::new(half, colour);
        painter.line_segment([at - Vec2::new(9.0, 0.0), at - Vec2::new(3.0, 0.0)], stroke);
        painter.line_segment([at + Vec2::new(3.0, 0.0), at + Vec2::new(9.0, 0.0)], stroke);
        painter.line_segment([at - Vec2::new(0.0, 9.0), at - Vec2::new(0.0, 3.0)], stroke);
        painter.line_segment([at + Vec2::new(0.0, 3.0), at + Vec2::new(0.0, 9.0)], stroke);
    }
}

/// A quiet sentence in the middle of a tile.
pub fn centred(painter: &Painter, rect: Rect, text: &str) {
    if text.is_empty() {
        return;
    }
    let width = (rect.width() - 4.0 * INSET).max(40.0);
    let galley =
        painter.layout(text.to_owned(), FontId::proportional(theme::ANNOTATION_SIZE), theme::ANNOTATION_QUIET, width);
    painter.galley(rect.center() - galley.size() / 2.0, galley, theme::ANNOTATION_QUIET);
}

/// Text that stays readable on white and on black.
pub(super) fn text(painter: &Painter, at: Pos2, align: Align2, words: &str, colour: Color32) -> Rect {
    if words.is_empty() {
        return Rect::from_pos(at);
    }
    let galley = painter.layout_no_wrap(words.to_owned(), FontId::proportional(theme::ANNOTATION_SIZE), colour);
    let rect = align.anchor_size(at, galley.size());
    painter.rect_filled(rect.expand2(Vec2::new(3.0, 0.5)), 2.0, Color32::from_black_alpha(160));
    painter.galley(rect.min, galley, colour);
    rect
}

/// Cuts a name so that corner texts never run into each other.
pub(super) fn shortened(words: &str, rect: Rect) -> String {
    let characters = ((rect.width() * 0.5) / 7.0) as usize;
    if words.chars().count() <= characters.max(8) {
        words.to_owned()
    } else {
        words.chars().take(characters.max(8) - 1).chain(['…']).collect()
    }
}

fn top_left(painter: &Painter, rect: Rect, layout: Layout, tile: Tile, slot: &Slot, slice: &Slice) {
    let Some(series) = slot.series() else { return };
    let mut at = rect.left_top() + Vec2::splat(INSET);
    let mut name = series.description.clone();
    if let Some(number) = series.number {
        name = format!("{number}  {name}");
    }
    let colour = if layout == Layout::Planes && (1..=3).contains(&tile.slot) {
        theme::PLANES[tile.slot - 1]
    } else {
        theme::ANNOTATION
    };
    text(painter, at, Align2::LEFT_TOP, &shortened(&name, rect), colour);
    at.y += LINE;
    let plane = anatomy::plane_word(series.likely_plane());
    let kind = [series.modality.as_str(), plane].join(" ");
    if !kind.trim().is_empty() {
        text(painter, at, Align2::LEFT_TOP, kind.trim(), theme::ANNOTATION_QUIET);
        at.y += LINE;
    }
    let mut place = match slot.positions() {
        1 => String::new(),
        count => format!("{} {} / {count}", slot.step_word(), slot.position + 1),
    };
    if slot.times() > 1 {
        place = format!("{place}   Time {} / {}", slot.time + 1, slot.times());
    }
    if let Some(number) = slice.instance_number
        && slot.positions() > 1
        && number as usize != slot.position + 1
    {
        place = format!("{place}   (instance {number})");
    }
    text(painter, at, Align2::LEFT_TOP, &place, theme::ANNOTATION);
}

#[expect(clippy::too_many_arguments, reason = "what the corner says comes from all of these")]
fn bottom_left(
    ui: &Ui,
    painter: &Painter,
    rect: Rect,
    slot: &Slot,
    slice: &Slice,
    facts: &SlotFacts,
    map: &ScreenFromSlice,
    roomy: bool,
) {
    let mut lines: Vec<String> = Vec::new();
    if let Some(picture) = &facts.picture.value {
        let is_colour = matches!(picture.kind, PictureKind::Rgb { .. });
        let voi = slot.voi.clone().or_else(|| (!is_colour).then(|| picture.default_voi()));
        let mut window = voi.map(|voi| words(&voi)).unwrap_or_default();
        if slot.inverted {
            window.push_str("  inverted");
        }
        lines.push(window);
    }
    let pixels_per_pixel = map.points_per_column() * ui.ctx().pixels_per_point();
    lines.push(format!("Zoom {:.0} %", pixels_per_pixel * 100.0));
    if roomy {
        let mut place = Vec::new();
        if let Some(thickness) = slice.thickness_mm {
            place.push(format!("Thickness {thickness:.1} mm"));
        }
        if let Some(geometry) = &slice.geometry {
            place.push(format!("Position {:.1} mm", anatomy::position_mm(geometry)));
        }
        lines.push(place.join("   "));
    }
    let mut at = rect.left_bottom() + Vec2::new(INSET, -INSET);
    for line in lines.iter().filter(|line| !line.is_empty()) {
        text(painter, at, Align2::LEFT_BOTTOM, line, theme::ANNOTATION);
        at.y -= LINE;
    }
    if let Some(spacing) = slice.spacing_mm
        && roomy
    {
        scale_bar(painter, at - Vec2::new(0.0, 4.0), map.points_per_column() / spacing[1] as f32, rect.width());
    }
}

/// A bar of a round number of millimetres, about a fifth of the tile wide.
fn scale_bar(painter: &Painter, left_bottom: Pos2, points_per_mm: f32, tile_width: f32) {
    if !(points_per_mm.is_finite() && points_per_mm > 0.0) {
        return;
    }
    let Some(millimetres) = [200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1]
        .into_iter()
        .find(|length| length * points_per_mm <= tile_width * 0.22)
    else {
        return;
    };
    let length = millimetres * points_per_mm;
    let ends = [left_bottom, left_bottom + Vec2::new(length, 0.0)];
    for (width, colour) in [(3.0, Color32::from_black_alpha(160)), (1.0, theme::ANNOTATION)] {
        let stroke = Stroke::new(width, colour);
        painter.line_segment(ends, stroke);
        for end in ends {
            painter.line_segment([end - Vec2::new(0.0, 4.0), end + Vec2::new(0.0, 1.0)], stroke);
        }
    }
    let label = if millimetres >= 10.0 { format!("{:.0} cm", millimetres / 10.0) } else { format!("{millimetres} mm") };
    text(painter, ends[1] + Vec2::new(6.0, 2.0), Align2::LEFT_BOTTOM, &label, theme::ANNOTATION);
}

fn orientation(painter: &Painter, rect: Rect, geometry: &crate::study::Geometry, map: &ScreenFromSlice) {
    let [right, down] = map.right_and_down();
    let inset = INSET;
    let sides = [
        (right, rect.right_center() - Vec2::new(inset, 0.0), Align2::RIGHT_CENTER),
        (-right, rect.left_center() + Vec2::new(inset, 0.0), Align2::LEFT_CENTER),
        (down, rect.center_bottom() - Vec2::new(0.0, inset), Align2::CENTER_BOTTOM),
        (-down, rect.center_top() + Vec2::new(0.0, inset), Align2::CENTER_TOP),
    ];
    for (step, at, align) in sides {
        let letters = anatomy::letters(anatomy::patient_direction(geometry, step));
        text(painter, at, align, &letters, theme::ANNOTATION);
    }
}
