//! A covered part of a slice: what is known of it, how it is drawn, and in which words the answer is told.

use std::sync::Arc;

use egui::{Align2, Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, Vec2};

use super::annotations::{INSET, text};
use super::facts::{Held, SlotFacts};
use super::scene::Scene;
use super::state::Tile;
use super::theme;
use super::transform::ScreenFromSlice;
use crate::engine::{CoverKey, CoverResult, Engine, ModelInfo};
use crate::explain::{Area, Baseline, Fill};
use crate::model::{Fit, card::Activation};
use crate::study::Slice;

/// What is known of the box on the slice in view.
#[derive(Debug, Clone, Default)]
pub struct CoverFacts {
    /// The box; `None` where there is none, or it lies where the network sees nothing of the slice.
    pub key: Option<CoverKey>,
    /// Whether there is a box that the network sees nothing of.
    pub is_unseen: bool,
    /// How the slice lies in the network's input.
    pub fit: Option<Fit>,
    /// What the network says; while the box moves, what it said last.
    pub held: Held<CoverResult>,
}

impl CoverFacts {
    /// Looks up what is known of a box, which is given in slice coordinates.
    pub fn update(
        &mut self,
        engine: &Engine,
        model: &ModelInfo,
        slice: &Slice,
        rectangle: Option<[f32; 4]>,
        baseline: Baseline,
    ) {
        let Some(rectangle) = rectangle else {
            *self = Self::default();
            return;
        };
        let input = &model.card.input;
        let fit = Fit::new(input.fit, [slice.rows, slice.columns], input.size);
        let area = fit.pixels_within(rectangle);
        self.is_unseen = area.is_none();
        self.fit = Some(fit);
        let key = area.map(|area| CoverKey { model: model.id.clone(), source: slice.source.clone(), area, baseline });
        let Some(key) = key else {
            (self.key, self.held) = (None, Held::default());
            return;
        };
        self.held.update(engine.cover(&key));
        if !self.held.is_current {
            self.held.value = engine.covered_last(&key);
        }
        self.key = Some(key);
    }

    /// What lies under the cover, as soon as any box of this slice has been covered with it.
    #[must_use]
    pub fn fill(&self) -> Option<&Arc<Fill>> {
        let baseline = self.key.as_ref()?.baseline;
        self.held.value.as_ref().filter(|result| result.baseline == baseline).map(|result| &result.fill)
    }

    /// The answer for a class in words, and whether it is that for the box as it lies now.
    #[must_use]
    pub fn answer(&self, facts: &SlotFacts) -> Option<(Answer, bool)> {
        let (class, network) = (facts.class?, facts.network.as_ref()?);
        let result = self.held.value.as_ref()?;
        let before = *result.before.probabilities.get(class)?;
        let after = *result.after.probabilities.get(class)?;
        let name = network.model.classes.get(class)?.clone();
        let is_part = network.model.card.output.activation != Activation::None;
        Some((Answer { name, before, after, is_part }, self.held.is_current))
    }
}

/// What covering has changed for a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The class.
    pub name: String,
    /// Its probability before; its output where the network gives no probabilities.
    pub before: f32,
    /// Its probability after.
    pub after: f32,
    /// Whether the numbers are parts of 1.
    pub is_part: bool,
}

impl Answer {
    /// "melanoma  84.2 %, covered 61.0 %  (−23.2)".
    #[must_use]
    pub fn words(&self) -> String {
        format!("{}  {}", self.name, self.numbers())
    }

    /// "84.2 %, covered 61.0 %  (−23.2)": before, after, and by how much they differ as they are written.
    #[must_use]
    pub fn numbers(&self) -> String {
        let (whole, step, unit, decimals) = if self.is_part { (100.0, 10.0, " %", 1) } else { (1.0, 1000.0, "", 3) };
        // The difference of the numbers as they are shown: readers subtract.
        let shown = |value: f32| (value * (whole * step)).round() / step;
        let (before, after) = (shown(self.before), shown(self.after));
        let change = after - before;
        let sign = if change < 0.0 { "−" } else { "+" };
        format!("{before:.decimals$}{unit}, covered {after:.decimals$}{unit}  ({sign}{:.decimals$})", change.abs())
    }
}

/// Paints the box with what the network saw in it, and what it said; beside the covered slice a map keeps its pixels.
pub fn paint(painter: &Painter, rect: Rect, scene: &mut Scene<'_>, tile: Tile, map: &ScreenFromSlice) {
    let Some(rectangle) = scene.state.covered(tile.slot) else { return };
    let texture = scene.fill_texture(tile.slot).filter(|_| !scene.state.outlines_cover(tile));
    let facts = &scene.facts.slots[tile.slot];
    let cover = &facts.cover;
    let on_screen = |[left, top, right, bottom]: [f32; 4]| {
        [(left, top), (right, top), (right, bottom), (left, bottom)].map(|(x, y)| map.point(x, y))
    };
    let seen = cover.key.as_ref().zip(cover.fit.as_ref());
    let corners = on_screen(seen.map_or(rectangle, |(key, fit)| fit.slice_rectangle(&key.area)));
    if let (Some((key, fit)), Some(texture)) = (seen, texture) {
        painter.add(filled(corners, &key.area, fit, texture));
    }
    for (width, colour) in [(3.0, Color32::from_black_alpha(160)), (1.5, theme::REGION)] {
        painter.add(Shape::closed_line(corners.to_vec(), Stroke::new(width, colour)));
    }
    let (words, colour) = if cover.is_unseen {
        ("The network does not see this part".to_owned(), theme::ANNOTATION_WARNING)
    } else if let Some(reason) = &cover.held.failure {
        (reason.to_string(), theme::ANNOTATION_WARNING)
    } else if let Some((answer, is_current)) = cover.answer(facts) {
        (answer.words(), if is_current { theme::ANNOTATION } else { theme::ANNOTATION_QUIET })
    } else {
        ("…".to_owned(), theme::ANNOTATION_QUIET)
    };
    label(painter, rect, Rect::from_points(&corners), &words, colour);
}

/// The words below the box where there is room, else above it, never beyond the tile.
fn label(painter: &Painter, tile: Rect, covered: Rect, words: &str, colour: Color32) {
    let font = egui::FontId::proportional(theme::ANNOTATION_SIZE);
    let size = painter.layout_no_wrap(words.to_owned(), font, colour).size();
    let below = covered.bottom() + INSET;
    let top = if below + size.y <= tile.bottom() - INSET { below } else { covered.top() - INSET - size.y };
    let most = Vec2::new(tile.right() - INSET - size.x, tile.bottom() - INSET - size.y);
    let left = covered.left().min(most.x).max(tile.left() + INSET);
    let top = top.min(most.y).max(tile.top() + INSET);
    text(painter, Pos2::new(left, top), Align2::LEFT_TOP, words, colour);
}

/// The part of the fill that lies in the box.
fn filled(corners: [Pos2; 4], area: &Area, fit: &Fit, texture: egui::TextureId) -> Shape {
    let along = |at: usize, axis: usize| at as f32 / fit.input[axis].max(1) as f32;
    let (top, bottom) = (along(area[0].start, 0), along(area[0].end, 0));
    let (left, right) = (along(area[1].start, 1), along(area[1].end, 1));
    let mut mesh = Mesh::with_texture(texture);
    for (pos, (u, v)) in corners.into_iter().zip([(left, top), (right, top), (right, bottom), (left, bottom)]) {
        mesh.vertices.push(egui::epaint::Vertex { pos, uv: Pos2::new(u, v), color: Color32::WHITE });
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(0, 2, 3);
    Shape::mesh(mesh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_name_class_before_after_and_difference() {
        let answer = Answer { name: "melanoma".to_owned(), before: 0.842, after: 0.61, is_part: true };
        assert_eq!(answer.words(), "melanoma  84.2 %, covered 61.0 %  (−23.2)");
        let near_one = Answer { before: 0.999_6, after: 0.005_3, ..answer.clone() };
        assert_eq!(near_one.numbers(), "100.0 %, covered 0.5 %  (−99.5)", "readers subtract what they see");
        let answer = Answer { after: 0.842, ..answer };
        assert_eq!(answer.words(), "melanoma  84.2 %, covered 84.2 %  (+0.0)");
        let answer = Answer { name: "age".to_owned(), before: 41.5, after: 43.0, is_part: false };
        assert_eq!(answer.words(), "age  41.500, covered 43.000  (+1.500)");
    }
}
