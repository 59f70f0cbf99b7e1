//! The box that covers a part of the slice in view: "what if I cover this?".

use super::{Content, State, Tile};
use crate::explain::Baseline;

/// A step of the keyboard, as a part of the slice's longer side.
const STEP: f32 = 1.0 / 64.0;

/// A box over the slices of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct CoverBox {
    /// The slot whose picture it lies on.
    pub slot: usize,
    /// The series in that slot; on another the box is not shown.
    pub series_uid: String,
    /// Left, top, right and bottom in slice coordinates; (0, 0) is the outer corner of the first pixel.
    pub rectangle: [f32; 4],
    /// What the pointer holds while it drags.
    grip: Option<Grip>,
}

/// What the pointer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Grip {
    /// A corner; the opposite one stays here.
    Corner(f32, f32),
    /// The whole box, at this distance from its left top.
    Whole(f32, f32),
}

/// What is covered, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Covering {
    /// The box, if there is one.
    pub shown: Option<CoverBox>,
    /// What lies under it.
    pub baseline: Baseline,
}

impl Default for Covering {
    fn default() -> Self {
        Self { shown: None, baseline: Baseline::Grey }
    }
}

impl Covering {
    /// Whether the pointer holds the box.
    #[must_use]
    pub fn is_dragged(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.grip.is_some())
    }
}

impl State {
    /// The box on the slice in view of a slot: left, top, right, bottom in slice coordinates.
    #[must_use]
    pub fn covered(&self, slot: usize) -> Option<[f32; 4]> {
        let shown = self.cover.shown.as_ref().filter(|shown| shown.slot == slot)?;
        let is_here = self.slots[slot].series().is_some_and(|series| series.uid == shown.series_uid);
        is_here.then_some(shown.rectangle)
    }

    /// Whether a tile shows the box as an outline alone: its map is that of the slice as it is, and what covers the slice
    /// is seen in the tile beside it.
    #[must_use]
    pub fn outlines_cover(&self, tile: Tile) -> bool {
        let has_map = tile.content.map().is_some() && self.explain.overlay_on;
        has_map && self.visible_tiles().any(|(_, other)| other.content == Content::Image && other.slot == tile.slot)
    }

    /// The pointer drags a box: a new one from where it began, or the one that it took hold of.
    pub(super) fn drag_cover(&mut self, slot: usize, (x, y): (f32, f32), begins: bool) {
        let Some((series, slice)) = self.slots[slot].series().zip(self.slots[slot].slice()) else { return };
        let (width, height) = (slice.columns as f32, slice.rows as f32);
        let inside = |x: f32, y: f32| (x.clamp(0.0, width), y.clamp(0.0, height));
        let here = self.covered(slot);
        if begins || here.is_none() {
            let held =
                here.filter(|[left, top, right, bottom]| (*left..*right).contains(&x) && (*top..*bottom).contains(&y));
            let (grip, rectangle) = if let Some(rectangle) = held {
                (Grip::Whole(x - rectangle[0], y - rectangle[1]), rectangle)
            } else {
                let (x, y) = inside(x, y);
                (Grip::Corner(x, y), [x, y, x, y])
            };
            self.cover.shown = Some(CoverBox { slot, series_uid: series.uid.clone(), rectangle, grip: Some(grip) });
            return;
        }
        let Some(shown) = &mut self.cover.shown else { return };
        match shown.grip {
            Some(Grip::Corner(from_x, from_y)) => {
                let (x, y) = inside(x, y);
                shown.rectangle = [from_x.min(x), from_y.min(y), from_x.max(x), from_y.max(y)];
            }
            Some(Grip::Whole(across, down)) => {
                shown.rectangle = placed(shown.rectangle, (x - across, y - down), (width, height));
            }
            None => {}
        }
    }

    /// The pointer lets go; a box of less than a pixel is none.
    pub(super) fn drop_cover(&mut self) {
        let Some(shown) = &mut self.cover.shown else { return };
        shown.grip = None;
        let [left, top, right, bottom] = shown.rectangle;
        if right - left < 1.0 || bottom - top < 1.0 {
            self.cover.shown = None;
        }
    }

    /// Moves the box by steps of the keyboard.
    pub(super) fn nudge_cover(&mut self, right: i8, down: i8) {
        let Some(slot) = self.cover.shown.as_ref().map(|shown| shown.slot) else { return };
        let (Some(rectangle), Some(slice)) = (self.covered(slot), self.slots[slot].slice()) else { return };
        let (width, height) = (slice.columns as f32, slice.rows as f32);
        let step = (STEP * width.max(height)).round().max(1.0);
        let at = (rectangle[0] + step * f32::from(right), rectangle[1] + step * f32::from(down));
        let rectangle = placed(rectangle, at, (width, height));
        if let Some(shown) = &mut self.cover.shown {
            shown.rectangle = rectangle;
        }
    }
}

/// The box with its left top there, but not over an edge of the slice.
fn placed([left, top, right, bottom]: [f32; 4], (x, y): (f32, f32), (width, height): (f32, f32)) -> [f32; 4] {
    let (across, down) = (right - left, bottom - top);
    let (x, y) = (x.min(width - across).max(0.0), y.min(height - down).max(0.0));
    [x, y, x + across, y + down]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::colormap::COLORMAPS;
    use crate::viewer::state::{Explain, Layout};

    #[test]
    fn a_map_keeps_its_pixels_only_beside_the_covered_picture() {
        let mut state = State::new(Explain::new(&COLORMAPS[0], "gradcam"));
        let outlines = |state: &State| -> Vec<bool> {
            state.visible_tiles().map(|(_, tile)| state.outlines_cover(tile)).collect()
        };
        assert_eq!(outlines(&state), [false, true], "the image, then the map beside it");
        state.explain.overlay_on = false;
        assert_eq!(outlines(&state), [false, false], "two pictures without a map");
        state.explain.overlay_on = true;
        state.full_tile = Some(1);
        assert_eq!(outlines(&state), [false], "nothing stands beside it");
        state.full_tile = None;
        state.layout = Layout::Contrast;
        assert_eq!(outlines(&state), [false, true, true, true]);
        state.layout = Layout::Layers;
        assert_eq!(outlines(&state), [false; 4], "maps without the image");
    }

    #[test]
    fn a_box_stays_on_the_slice() {
        let size = (100.0, 80.0);
        assert_eq!(placed([10.0, 10.0, 30.0, 20.0], (95.0, -5.0), size), [80.0, 0.0, 100.0, 10.0]);
        assert_eq!(placed([10.0, 10.0, 30.0, 20.0], (11.0, 75.0), size), [11.0, 70.0, 31.0, 80.0]);
        assert_eq!(placed([0.0, 0.0, 100.0, 80.0], (7.0, 7.0), size), [0.0, 0.0, 100.0, 80.0]);
    }
}
