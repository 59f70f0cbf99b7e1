//! The position under the pointer in the other planes, while it moves.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2};

use super::scene::Scene;
use super::state::{Layout, PLANE_SLOTS, State};
use super::transform::ScreenFromSlice;
use super::{anatomy, theme};
use crate::study::Slice;

/// The position under the pointer as it lies in another slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linked {
    /// Slice coordinates of the position's projection.
    pub at: (f32, f32),
    /// How far in front of or behind the slice the position lies, in millimetres.
    pub off_mm: f64,
}

/// Where the position under the pointer lies in a slot's slice, in the three-plane layout; `None` where nothing is
/// under the pointer, or neither slice knows where it lies, or the position is beside the picture.
#[must_use]
pub fn position(state: &State, slot: usize, slice: &Slice) -> Option<Linked> {
    let hovered = state.hovered?;
    if state.layout != Layout::Planes || hovered.slot == slot || !PLANE_SLOTS.contains(&hovered.slot) {
        return None;
    }
    let from = state.slots[hovered.slot].slice()?.geometry.as_ref()?;
    let own = slice.geometry.as_ref()?;
    let (row, column) = hovered.pixel;
    let point_mm = anatomy::mm_from_slice(from, column as f64 + 0.5, row as f64 + 0.5);
    let (x, y, off_mm) = anatomy::slice_from_mm(own, point_mm);
    let is_inside = (0.0..=slice.columns as f64).contains(&x) && (0.0..=slice.rows as f64).contains(&y);
    is_inside.then_some(Linked { at: (x as f32, y as f32), off_mm })
}

/// Points around the position that stay free, so that what lies there can be seen.
const FREE: f32 = 7.0;

/// Paints a crosshair in the colour of the plane that the pointer is in: full where the position lies in this slice,
/// dashed with its distance where it lies in another one.
pub fn paint(painter: &Painter, rect: Rect, scene: &Scene<'_>, slot: usize, slice: &Slice, map: &ScreenFromSlice) {
    let Some(Linked { at, off_mm }) = position(scene.state, slot, slice) else { return };
    let Some(hovered) = scene.state.hovered else { return };
    let colour = theme::PLANES[hovered.slot - 1];
    let centre = map.point(at.0, at.1);
    let is_here = off_mm.abs() <= slice.thickness_mm.unwrap_or(1.0).max(1.0) / 2.0;
    let arms = [
        [Pos2::new(rect.left(), centre.y), centre - Vec2::new(FREE, 0.0)],
        [centre + Vec2::new(FREE, 0.0), Pos2::new(rect.right(), centre.y)],
        [Pos2::new(centre.x, rect.top()), centre - Vec2::new(0.0, FREE)],
        [centre + Vec2::new(0.0, FREE), Pos2::new(centre.x, rect.bottom())],
    ];
    for arm in arms {
        let stroke = Stroke::new(1.0, colour.gamma_multiply(0.75));
        if is_here {
            painter.line_segment(arm, stroke);
        } else {
            painter.extend(Shape::dashed_line(&arm, stroke, 4.0, 4.0));
        }
    }
    painter.circle_stroke(centre, FREE - 2.0, Stroke::new(3.0, Color32::from_black_alpha(160)));
    painter.circle_stroke(centre, FREE - 2.0, Stroke::new(1.0, colour));
    if !is_here {
        let words = format!("{:.0} mm off this slice", off_mm.abs());
        let at = centre + Vec2::new(FREE + 2.0, FREE + 2.0);
        super::annotations::text(painter, at, egui::Align2::LEFT_TOP, &words, colour);
    }
}
