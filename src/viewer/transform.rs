//! Slice pixels ↔ points on the screen: fit, zoom, pan, quarter turns and flips.
//!
//! Slice coordinates are continuous: `(0, 0)` is the upper left corner of the first pixel, `x` runs along columns,
//! `y` along rows; the centre of the first pixel is `(0.5, 0.5)`.

use egui::{Pos2, Rect, Vec2};

/// How the user has turned, moved and enlarged a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// 1 = the whole picture fits the viewport.
    pub zoom: f32,
    /// Shift of the picture's centre from the viewport's, in points.
    pub pan_points: Vec2,
    /// Clockwise quarter turns, 0 ..= 3; applied after the flips.
    pub turns: u8,
    /// Mirrored left to right on the screen.
    pub mirrored_horizontally: bool,
    /// Mirrored top to bottom on the screen.
    pub mirrored_vertically: bool,
}

impl Default for View {
    fn default() -> Self {
        Self { zoom: 1.0, pan_points: Vec2::ZERO, turns: 0, mirrored_horizontally: false, mirrored_vertically: false }
    }
}

impl View {
    /// The smallest and largest zoom.
    pub const ZOOM: std::ops::RangeInclusive<f32> = 0.2..=40.0;

    /// Enlarges by `factor` so that what lies at `anchor` (points from the viewport's centre) stays there.
    pub fn zoom_at(&mut self, factor: f32, anchor: Vec2) {
        let zoom = (self.zoom * factor).clamp(*Self::ZOOM.start(), *Self::ZOOM.end());
        let applied = zoom / self.zoom;
        self.pan_points = anchor + (self.pan_points - anchor) * applied;
        self.zoom = zoom;
    }

    /// Turns what is on the screen by a quarter; `clockwise` or against.
    pub fn turn(&mut self, clockwise: bool) {
        // Flips come first, so a turn of the screen is a turn here.
        self.turns = (self.turns + if clockwise { 1 } else { 3 }) % 4;
        let Vec2 { x, y } = self.pan_points;
        self.pan_points = if clockwise { Vec2::new(-y, x) } else { Vec2::new(y, -x) };
    }

    /// Mirrors what is on the screen left to right.
    pub fn flip_horizontally(&mut self) {
        if self.turns.is_multiple_of(2) {
            self.mirrored_horizontally = !self.mirrored_horizontally;
        } else {
            self.mirrored_vertically = !self.mirrored_vertically;
        }
        self.pan_points.x = -self.pan_points.x;
    }

    /// Mirrors what is on the screen top to bottom.
    pub fn flip_vertically(&mut self) {
        if self.turns.is_multiple_of(2) {
            self.mirrored_vertically = !self.mirrored_vertically;
        } else {
            self.mirrored_horizontally = !self.mirrored_horizontally;
        }
        self.pan_points.y = -self.pan_points.y;
    }
}

/// The affine map from slice coordinates to screen points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScreenFromSlice {
    /// Screen vector of one column.
    column: Vec2,
    /// Screen vector of one row.
    row: Vec2,
    /// Screen position of slice `(0, 0)`.
    origin: Pos2,
}

impl ScreenFromSlice {
    /// Lays a picture of `rows` × `columns` with pixels of `spacing` (row distance, column distance; any unit)
    /// into `viewport`.
    #[must_use]
    pub fn new(viewport: Rect, rows: usize, columns: usize, spacing: [f64; 2], view: &View) -> Self {
        let (height, width) = (rows as f32 * spacing[0] as f32, columns as f32 * spacing[1] as f32);
        let (shown_width, shown_height) = if view.turns.is_multiple_of(2) { (width, height) } else { (height, width) };
        let fit = (viewport.width() / shown_width.max(1e-6)).min(viewport.height() / shown_height.max(1e-6));
        let scale = fit * view.zoom;
        let mut column = Vec2::new(spacing[1] as f32 * scale, 0.0);
        let mut row = Vec2::new(0.0, spacing[0] as f32 * scale);
        if view.mirrored_horizontally {
            column.x = -column.x;
        }
        if view.mirrored_vertically {
            row.y = -row.y;
        }
        for _ in 0..view.turns {
            column = Vec2::new(-column.y, column.x);
            row = Vec2::new(-row.y, row.x);
        }
        let centre = viewport.center() + view.pan_points;
        let origin = centre - column * (columns as f32 / 2.0) - row * (rows as f32 / 2.0);
        Self { column, row, origin }
    }

    /// Where a slice position is on the screen.
    #[must_use]
    pub fn point(&self, x: f32, y: f32) -> Pos2 {
        self.origin + self.column * x + self.row * y
    }

    /// What slice position lies under a point of the screen: `(x, y)`.
    #[must_use]
    pub fn slice_position(&self, point: Pos2) -> (f32, f32) {
        let offset = point - self.origin;
        let determinant = self.column.x * self.row.y - self.column.y * self.row.x;
        (
            (offset.x * self.row.y - offset.y * self.row.x) / determinant,
            (offset.y * self.column.x - offset.x * self.column.y) / determinant,
        )
    }

    /// The pixel `(row, column)` under a point, if the picture is there.
    #[must_use]
    pub fn pixel(&self, point: Pos2, rows: usize, columns: usize) -> Option<(usize, usize)> {
        let (x, y) = self.slice_position(point);
        let inside = x >= 0.0 && y >= 0.0 && x < columns as f32 && y < rows as f32;
        inside.then_some((y as usize, x as usize))
    }

    /// Points on the screen for one column step.
    #[must_use]
    pub fn points_per_column(&self) -> f32 {
        self.column.length()
    }

    /// What slice direction (columns, rows) points to the right and what points down on the screen, unit steps.
    #[must_use]
    pub fn right_and_down(&self) -> [Vec2; 2] {
        let unit = |along_x: f32, along_y: f32| Vec2::new(along_x, along_y).normalized();
        [unit(self.column.x, self.row.x), unit(self.column.y, self.row.y)]
    }

    /// The four corners of the picture in the order of texture coordinates (0,0), (1,0), (1,1), (0,1).
    #[must_use]
    pub fn corners(&self, rows: usize, columns: usize) -> [Pos2; 4] {
        let (width, height) = (columns as f32, rows as f32);
        [self.point(0.0, 0.0), self.point(width, 0.0), self.point(width, height), self.point(0.0, height)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEWPORT: Rect = Rect { min: Pos2::new(100.0, 50.0), max: Pos2::new(500.0, 250.0) };

    #[test]
    fn an_untouched_picture_fits_and_is_centred() {
        let map = ScreenFromSlice::new(VIEWPORT, 100, 100, [1.0, 1.0], &View::default());
        assert_eq!(map.point(50.0, 50.0), VIEWPORT.center());
        assert_eq!(map.point(0.0, 0.0), Pos2::new(200.0, 50.0));
        assert_eq!(map.pixel(Pos2::new(201.0, 51.0), 100, 100), Some((0, 0)));
        assert_eq!(map.pixel(Pos2::new(199.0, 51.0), 100, 100), None);
    }

    #[test]
    fn pixels_that_are_not_square_keep_their_shape_in_millimetres() {
        let map = ScreenFromSlice::new(VIEWPORT, 50, 100, [2.0, 1.0], &View::default());
        let corners = map.corners(50, 100);
        assert_eq!((corners[2] - corners[0]).x, (corners[2] - corners[0]).y);
    }

    #[test]
    fn screen_and_slice_are_inverse_for_every_turn_and_flip() {
        for turns in 0..4 {
            for (horizontally, vertically) in [(false, false), (true, false), (false, true), (true, true)] {
                let view = View {
                    zoom: 1.7,
                    pan_points: Vec2::new(13.0, -8.0),
                    turns,
                    mirrored_horizontally: horizontally,
                    mirrored_vertically: vertically,
                };
                let map = ScreenFromSlice::new(VIEWPORT, 64, 48, [0.5, 0.8], &view);
                let (x, y) = map.slice_position(map.point(12.25, 40.5));
                assert!((x - 12.25).abs() < 1e-3 && (y - 40.5).abs() < 1e-3, "{view:?}");
            }
        }
    }

    #[test]
    fn turning_and_flipping_act_on_the_screen() {
        let mut view = View::default();
        view.turn(true);
        let map = ScreenFromSlice::new(VIEWPORT, 100, 100, [1.0, 1.0], &view);
        // What was to the right is now below.
        assert_eq!(map.right_and_down()[1], Vec2::new(1.0, 0.0));
        view.flip_vertically();
        let map = ScreenFromSlice::new(VIEWPORT, 100, 100, [1.0, 1.0], &view);
        assert_eq!(map.right_and_down()[1], Vec2::new(-1.0, 0.0));
        view.flip_vertically();
        view.turn(false);
        assert_eq!(view, View::default());
    }

    #[test]
    fn zooming_keeps_what_lies_under_the_pointer() {
        let mut view = View::default();
        let pointer = Pos2::new(260.0, 90.0);
        let before = ScreenFromSlice::new(VIEWPORT, 80, 80, [1.0, 1.0], &view).slice_position(pointer);
        view.zoom_at(3.0, pointer - VIEWPORT.center());
        let after = ScreenFromSlice::new(VIEWPORT, 80, 80, [1.0, 1.0], &view).slice_position(pointer);
        assert!((before.0 - after.0).abs() < 1e-3 && (before.1 - after.1).abs() < 1e-3);
    }
}
