//! Cells in rows, of which only those in view are laid out.

use egui::{
    Align2, Color32, FontId, Mesh, Pos2, Rect, Role, ScrollArea, Sense, Shape, Stroke, TextureId, Ui, Vec2, WidgetInfo,
};

use crate::viewer::textures::Atlas;
use crate::viewer::theme;

/// Largest side of a cell, in points.
const LARGEST: f32 = 144.0;
/// Between cells, in points.
const BETWEEN: f32 = 2.0;

/// A channel as a picture.
pub struct Cell {
    /// The channel.
    pub channel: usize,
    /// Its texture, where it lies in that, and whether it belongs to the slice in view; `None` until it is painted.
    pub picture: Option<(TextureId, Rect, bool)>,
    /// Whether it was 0 on everything seen.
    pub is_dead: bool,
}

/// What the pointer does.
#[derive(Debug, Default)]
pub struct Pointed {
    /// The channel under it.
    pub under: Option<usize>,
    /// The channel that was clicked.
    pub clicked: Option<usize>,
}

/// A scrolled grid of channels.
pub struct Grid<'a> {
    /// What it is, for those who don't see it.
    pub name: &'a str,
    /// What each cell is, before its number.
    pub what: &'a str,
    /// Number of cells.
    pub count: usize,
    /// Smallest width of a cell, in points.
    pub least: f32,
    /// Height over width of a cell.
    pub aspect: f32,
    /// Height of the part in view, in points.
    pub height: f32,
    /// The followed channel.
    pub chosen: Option<usize>,
    /// The channel of each cell.
    pub places: &'a [usize],
}

impl Grid<'_> {
    /// Shows the cells in view; `cell` is asked for those alone.
    pub fn show(&self, ui: &mut Ui, mut cell: impl FnMut(usize) -> Cell) -> Pointed {
        let columns = self.columns(ui.available_width());
        let side = ((ui.available_width() - 8.0) / columns as f32).floor() - BETWEEN;
        let size = Vec2::new(side, (side * self.aspect).max(4.0));
        let step = size + Vec2::splat(BETWEEN);
        // Another layer begins at its top.
        let mut scroll = ScrollArea::vertical().id_salt(self.name).max_height(self.height).auto_shrink([false, false]);
        if let Some(place) = self.newly_chosen(ui) {
            let centred = (place / columns) as f32 * step.y - (self.height - step.y) / 2.0;
            scroll = scroll.vertical_scroll_offset(centred.max(0.0));
        }
        let mut pointed = Pointed::default();
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing = Vec2::ZERO;
            scroll.show_rows(ui, step.y, self.count.div_ceil(columns), |ui, shown| {
                let whole = Vec2::new(ui.available_width(), shown.len() as f32 * step.y);
                let (area, response) = ui.allocate_exact_size(whole, Sense::hover());
                response.widget_info(|| WidgetInfo::labeled(Role::Image, true, self.name));
                let first = shown.start * columns;
                let cells = first..(shown.end * columns).min(self.count);
                let corner = |place: usize| {
                    let index = place - first;
                    area.min + Vec2::new((index % columns) as f32 * step.x, (index / columns) as f32 * step.y)
                };
                self.cells(ui, cells, |place| Rect::from_min_size(corner(place), size), &mut cell, &mut pointed);
            });
        });
        if let Some(clicked) = pointed.clicked {
            // What is clicked is in view already.
            ui.data_mut(|data| data.insert_temp(ui.scope_id().with("followed"), Some(clicked)));
        }
        pointed
    }

    /// As many columns as fit, or fewer where there are so few cells that larger ones all are in view as well.
    fn columns(&self, width: f32) -> usize {
        let most = ((width + BETWEEN) / (self.least + BETWEEN)).floor().max(1.0) as usize;
        let fits = |columns: usize| {
            let side = (width - 8.0) / columns as f32;
            side <= LARGEST && self.count.div_ceil(columns) as f32 * (side * self.aspect + BETWEEN) <= self.height
        };
        (1..most).find(|columns| fits(*columns)).unwrap_or(most)
    }

    /// The place of the followed channel, if it was chosen elsewhere since the last frame.
    fn newly_chosen(&self, ui: &Ui) -> Option<usize> {
        let id = ui.scope_id().with("followed");
        let known: Option<Option<usize>> = ui.data(|data| data.get_temp(id));
        ui.data_mut(|data| data.insert_temp(id, self.chosen));
        let chosen = self.chosen.filter(|_| known != Some(self.chosen))?;
        self.places.iter().position(|channel| *channel == chosen)
    }

    fn cells(
        &self,
        ui: &Ui,
        places: std::ops::Range<usize>,
        area: impl Fn(usize) -> Rect,
        cell: &mut impl FnMut(usize) -> Cell,
        pointed: &mut Pointed,
    ) {
        let palette = theme::palette(ui.ctx());
        let mut meshes: Vec<Mesh> = Vec::new();
        let mut dead = Vec::new();
        let mut framed = Vec::new();
        for place in places {
            let (area, Cell { channel, picture, is_dead }) = (area(place), cell(place));
            let is_chosen = self.chosen == Some(channel);
            let response = ui.interact(area, ui.scope_id().with(("channel", channel)), Sense::click());
            response.widget_info(|| {
                let words = if is_dead { ", dead so far" } else { "" };
                WidgetInfo::selected(Role::Button, true, is_chosen, format!("{} {channel}{words}", self.what))
            });
            if response.clicked() {
                pointed.clicked = Some(channel);
            }
            if let Some((texture, texels, is_current)) = picture {
                let tint = if is_current { Color32::WHITE } else { Color32::from_gray(150) };
                let known = meshes.iter().position(|mesh| mesh.texture_id == texture);
                let index = known.unwrap_or_else(|| {
                    meshes.push(Mesh::with_texture(texture));
                    meshes.len() - 1
                });
                let mesh = &mut meshes[index];
                mesh.add_rect_with_uv(area, texels, tint);
            } else {
                ui.painter().rect_filled(area, 0.0, palette.raised);
            }
            if is_dead {
                dead.push(area);
            }
            if response.hovered() || response.has_focus() {
                pointed.under = Some(channel);
            }
            if is_chosen || response.hovered() || response.has_focus() {
                framed.push((area, channel, is_chosen));
            }
        }
        for mesh in meshes {
            ui.painter().add(Shape::mesh(mesh));
        }
        for area in dead {
            mark_dead(ui, area);
        }
        for (area, channel, is_chosen) in framed {
            frame(ui, area, channel, is_chosen);
        }
    }
}

/// A cross through a channel that was 0 on everything seen.
fn mark_dead(ui: &Ui, area: Rect) {
    let colour = theme::palette(ui.ctx()).warning.gamma_multiply(0.75);
    let inner = area.shrink(area.width() * 0.3);
    for ends in [[inner.left_top(), inner.right_bottom()], [inner.left_bottom(), inner.right_top()]] {
        ui.painter().line_segment(ends, Stroke::new(1.0, colour));
    }
}

/// The frame and number of the followed channel, or of the one under the pointer.
fn frame(ui: &Ui, area: Rect, channel: usize, is_chosen: bool) {
    let palette = theme::palette(ui.ctx());
    let width = if is_chosen { 2.0 } else { 1.0 };
    ui.painter().rect_stroke(area, 0.0, Stroke::new(width, palette.accent), egui::StrokeKind::Outside);
    if area.height() < 20.0 {
        return;
    }
    let galley = ui.painter().layout_no_wrap(channel.to_string(), FontId::proportional(11.0), theme::ANNOTATION);
    let label = Align2::LEFT_TOP.anchor_size(area.min, galley.size() + Vec2::new(6.0, 1.0));
    ui.painter().rect_filled(label, 0.0, Color32::from_black_alpha(170));
    ui.painter().galley(label.min + Vec2::new(3.0, 0.0), galley, theme::ANNOTATION);
}

/// Where a cell lies in its texture, in texture coordinates.
#[must_use]
pub fn texels(atlas: &Atlas, place: usize, texture: Vec2) -> Rect {
    let corner = Pos2::new(
        (place % atlas.cells_across * atlas.pitch_texels[0]) as f32,
        (place / atlas.cells_across * atlas.pitch_texels[1]) as f32,
    );
    let size = Vec2::new(atlas.cell_texels[0] as f32, atlas.cell_texels[1] as f32);
    Rect::from_min_max((corner.to_vec2() / texture).to_pos2(), ((corner + size).to_vec2() / texture).to_pos2())
}
