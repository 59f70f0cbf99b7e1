//! A picture in its tile: paints itself, and turns mouse and wheel into commands.

use egui::{Event, Mesh, MouseWheelUnit, PointerButton, Pos2, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo};

use super::annotations;
use super::command::{Command, Tool};
use super::covering;
use super::inside::patch::from_corner;
use super::scene::Scene;
use super::state::{Content, Hovered, Layout, PLANE_SLOTS, Slot, State, Tile, Which};
use super::transform::ScreenFromSlice;
use super::{anatomy, linked, theme, window};
use crate::study::Slice;

/// Shows one picture tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>, index: usize, tile: Tile) {
    let state = scene.state;
    let slot = &state.slots[tile.slot];
    let response = ui.interact(rect, ui.scope_id().with(("viewport", index)), Sense::click_and_drag());
    let name = accessible_name(index, tile, slot);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme::IMAGE_BACKGROUND);

    let texture = scene.slice_texture(index, tile);
    if let Some(slice) = slot.slice() {
        let map = placed(rect, slot, slice);
        if let Some(texture) = &texture {
            painter.add(textured(&map, slice, texture.handle.id()));
        }
        if state.layout == Layout::Planes && state.full_tile.is_none() {
            paint_reference_lines(&painter, scene, tile.slot, slice, &map);
        }
        linked::paint(&painter, rect, scene, tile.slot, slice, &map);
        paint_region(&painter, state, tile.slot, slice, &map);
        paint_patch(&painter, state, slice, &map);
        covering::paint(&painter, rect, scene, tile, &map);
        if let Some(hovered) = state.hovered
            && hovered.slot == tile.slot
            && !response.contains_pointer()
        {
            let (row, column) = hovered.pixel;
            annotations::cross(&painter, map.point(column as f32 + 0.5, row as f32 + 0.5));
        }
        annotations::paint(ui, &painter, rect, scene, tile, slice, &map, texture.is_some());
        interact(ui, &response, scene, index, tile.slot, slice, &map, rect);
    } else {
        let text = match tile.slot {
            1 => "No axial series in this study",
            2 => "No coronal series in this study",
            3 => "No sagittal series in this study",
            _ => "",
        };
        annotations::centred(&painter, rect, text);
        if response.clicked() {
            scene.send(Command::Activate(index));
        }
    }
    let tiles_with_pictures = state.visible_tiles().filter(|(_, tile)| tile.content.is_picture()).count();
    if index == state.active_tile && tiles_with_pictures > 1 {
        let colour = theme::palette(ui.ctx()).accent;
        painter.rect_stroke(rect, 0.0, Stroke::new(1.0, colour), egui::StrokeKind::Inside);
    }
}

/// Where the slice lies in its tile.
#[must_use]
pub fn placed(rect: Rect, slot: &Slot, slice: &Slice) -> ScreenFromSlice {
    let spacing = slice.spacing_mm.filter(|spacing| spacing.iter().all(|side| *side > 0.0)).unwrap_or([1.0, 1.0]);
    ScreenFromSlice::new(rect, slice.rows, slice.columns, spacing, &slot.view)
}

fn accessible_name(index: usize, tile: Tile, slot: &Slot) -> String {
    let what = match tile.content {
        Content::Channel => "channel",
        content => content.map().map_or("image", Which::label),
    };
    match slot.series() {
        Some(series) => format!(
            "Viewport {}: {what}, {}, slice {} of {}",
            index + 1,
            series.description,
            slot.position + 1,
            slot.positions()
        ),
        None => format!("Viewport {}: {what}, empty", index + 1),
    }
}

fn textured(map: &ScreenFromSlice, slice: &Slice, texture: egui::TextureId) -> Shape {
    let corners = map.corners(slice.rows, slice.columns);
    let coordinates = [Pos2::new(0.0, 0.0), Pos2::new(1.0, 0.0), Pos2::new(1.0, 1.0), Pos2::new(0.0, 1.0)];
    let mut mesh = Mesh::with_texture(texture);
    for (pos, uv) in corners.into_iter().zip(coordinates) {
        mesh.vertices.push(egui::epaint::Vertex { pos, uv, color: egui::Color32::WHITE });
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(0, 2, 3);
    Shape::mesh(mesh)
}

/// The region that was drawn on the slice, or is being drawn.
fn paint_region(painter: &egui::Painter, state: &State, slot: usize, slice: &Slice, map: &ScreenFromSlice) {
    let explain = &state.explain;
    let drawn = explain.regions.get(&slice.source).map(|outline| outline.corners.clone());
    let growing = state.drawing.as_ref().filter(|drawing| drawing.slot == slot);
    let Some(corners) = growing.map(|drawing| drawing.corners(explain.stroke)).or(drawn) else { return };
    let points: Vec<Pos2> = corners.into_iter().map(|(x, y)| map.point(x, y)).collect();
    for (width, colour) in [(3.0, egui::Color32::from_black_alpha(160)), (1.5, theme::REGION)] {
        painter.add(Shape::closed_line(points.clone(), Stroke::new(width, colour)));
    }
}

/// What a unit sees of the slice, after it was gone to from the strongest images.
fn paint_patch(painter: &egui::Painter, state: &State, slice: &Slice, map: &ScreenFromSlice) {
    let Some((_, patch)) = state.inside.patch.as_ref().filter(|(source, _)| *source == slice.source) else { return };
    let area = from_corner(*patch);
    let corners = [area.left_top(), area.right_top(), area.right_bottom(), area.left_bottom()];
    let points: Vec<Pos2> = corners.into_iter().map(|at| map.point(at.x, at.y)).collect();
    for (width, colour) in [(3.0, egui::Color32::from_black_alpha(160)), (1.5, theme::REGION)] {
        painter.add(Shape::closed_line(points.clone(), Stroke::new(width, colour)));
    }
}

fn paint_reference_lines(
    painter: &egui::Painter,
    scene: &Scene<'_>,
    own_slot: usize,
    slice: &Slice,
    map: &ScreenFromSlice,
) {
    let Some(own) = &slice.geometry else { return };
    for slot in PLANE_SLOTS.filter(|slot| *slot != own_slot) {
        let other = scene.state.slots[slot].slice().and_then(|slice| slice.geometry.as_ref());
        let Some(other) = other else { continue };
        if let Some(ends) = anatomy::reference_line(own, slice.rows, slice.columns, other) {
            let colour = theme::PLANES[slot - 1].gamma_multiply(0.8);
            painter.line_segment(ends.map(|(x, y)| map.point(x, y)), Stroke::new(1.0, colour));
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one picture, one pointer: what they need is listed once, here")]
fn interact(
    ui: &Ui,
    response: &egui::Response,
    scene: &mut Scene<'_>,
    index: usize,
    slot_index: usize,
    slice: &Slice,
    map: &ScreenFromSlice,
    rect: Rect,
) {
    let state = scene.state;
    let shift = ui.input(|input| input.modifiers.shift);
    if (response.clicked() || response.drag_started()) && state.active_tile != index {
        scene.send(Command::Activate(index));
    }
    if response.double_clicked() {
        scene.send(Command::ShowFull(index));
    } else if response.clicked()
        && shift
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let (x, y) = map.slice_position(pointer);
        scene.send(Command::PointTo { slot: slot_index, x, y });
    }

    let delta = response.drag_delta();
    if delta != Vec2::ZERO {
        let tool = if response.dragged_by(PointerButton::Middle) {
            Some(Tool::Pan)
        } else if response.dragged_by(PointerButton::Secondary) {
            Some(Tool::Zoom)
        } else if response.dragged_by(PointerButton::Primary) {
            Some(state.tool)
        } else {
            None
        };
        if let Some(tool) = tool {
            drag(ui, response, scene, slot_index, tool, delta, rect, map);
        }
    }
    if response.drag_stopped() && state.drawing.is_some() {
        scene.send(Command::CloseRegion);
    }
    if response.drag_stopped() && state.cover.shown.is_some() {
        scene.send(Command::DropCover);
    }
    if response.hovered() {
        wheel(ui, response, scene, slot_index, rect);
    }

    let pixel = response.hover_pos().and_then(|pointer| map.pixel(pointer, slice.rows, slice.columns));
    match pixel {
        Some(pixel) => {
            let shown = state.layout.tiles().get(index).and_then(|tile| tile.content.map());
            let hovered = Some(Hovered { slot: slot_index, pixel, map: shown.unwrap_or(Which::Class) });
            if response.contains_pointer() && state.hovered != hovered {
                scene.send(Command::Hover(hovered));
            }
            ui.set_cursor_icon(egui::CursorIcon::Crosshair);
        }
        None if response.contains_pointer() && state.hovered.is_some() => scene.send(Command::Hover(None)),
        None => {}
    }
}

#[expect(clippy::too_many_arguments, reason = "each tool needs some of these")]
fn drag(
    ui: &Ui,
    response: &egui::Response,
    scene: &mut Scene<'_>,
    slot_index: usize,
    tool: Tool,
    delta: Vec2,
    rect: Rect,
    map: &ScreenFromSlice,
) {
    let slot = &scene.state.slots[slot_index];
    match tool {
        Tool::Window => {
            let Some(picture) = scene.facts.slots[slot_index].picture.value.clone() else { return };
            let current = slot.voi.clone().unwrap_or_else(|| picture.default_voi());
            let voi = Some(window::dragged(&picture, &current, delta));
            scene.send(Command::SetVoi { slot: slot_index, voi });
        }
        Tool::Pan => {
            let mut view = slot.view;
            view.pan_points += delta;
            scene.send(Command::SetView { slot: slot_index, view });
        }
        Tool::Zoom => {
            let mut view = slot.view;
            let origin = ui.input(|input| input.pointer.press_origin()).unwrap_or(rect.center());
            view.zoom_at((-delta.y * 0.01).exp(), origin - rect.center());
            scene.send(Command::SetView { slot: slot_index, view });
        }
        Tool::Region => {
            let Some(pointer) = response.interact_pointer_pos() else { return };
            let is_first = scene.state.drawing.is_none();
            let origin = ui.input(|input| input.pointer.press_origin()).filter(|_| is_first);
            for at in origin.into_iter().chain([pointer]) {
                let (x, y) = map.slice_position(at);
                scene.send(Command::DrawRegion { slot: slot_index, x, y });
            }
        }
        Tool::Cover => {
            let Some(pointer) = response.interact_pointer_pos() else { return };
            // The drag is noticed once the pointer has moved some points; it began where the button was pressed.
            let is_first = response.drag_started() || !scene.state.cover.is_dragged();
            let origin = ui.input(|input| input.pointer.press_origin()).filter(|_| is_first);
            for (at, begins) in origin.map(|at| (at, true)).into_iter().chain([(pointer, false)]) {
                let (x, y) = map.slice_position(at);
                scene.send(Command::DragCover { slot: slot_index, x, y, begins });
            }
        }
        Tool::Scroll => {
            // The whole stack over the height of the tile, at least four points a slice.
            let points = (rect.height() / slot.positions().max(1) as f32).clamp(4.0, 24.0);
            let total = response.total_drag_delta().unwrap_or(delta).y;
            let steps = (total / points).trunc() as isize - ((total - delta.y) / points).trunc() as isize;
            if steps != 0 {
                scene.send(Command::Scroll { slot: slot_index, steps });
            }
        }
    }
}

/// Points that a touchpad scrolls for one slice.
const POINTS_PER_SLICE: f32 = 30.0;

fn wheel(ui: &Ui, response: &egui::Response, scene: &mut Scene<'_>, slot_index: usize, rect: Rect) {
    let slot = &scene.state.slots[slot_index];
    let (mut points, mut lines, mut zoom) = (0.0, 0.0, 1.0_f32);
    ui.input(|input| {
        for event in &input.events {
            match event {
                Event::MouseWheel { unit, delta, modifiers, .. } => {
                    if modifiers.ctrl || modifiers.command {
                        let step = if *unit == MouseWheelUnit::Point { delta.y / 200.0 } else { delta.y * 0.15 };
                        zoom *= step.exp();
                    } else if *unit == MouseWheelUnit::Point {
                        points += delta.y;
                    } else {
                        lines += delta.y;
                    }
                }
                Event::Zoom(factor) => zoom *= factor,
                _ => {}
            }
        }
    });
    if zoom != 1.0 {
        let anchor = response.hover_pos().unwrap_or(rect.center()) - rect.center();
        let mut view = slot.view;
        view.zoom_at(zoom, anchor);
        scene.send(Command::SetView { slot: slot_index, view });
    }
    // A notch is a slice; a touchpad's points add up to slices.
    let id = response.id.with("scrolled");
    let mut rest = if points == 0.0 { 0.0 } else { ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(0.0) + points };
    let mut steps = -lines.round() as isize;
    if rest.abs() >= POINTS_PER_SLICE {
        let whole = (rest / POINTS_PER_SLICE).trunc();
        steps -= whole as isize;
        rest -= whole * POINTS_PER_SLICE;
    }
    if points != 0.0 {
        ui.data_mut(|data| data.insert_temp(id, rest));
    }
    if steps != 0 {
        scene.send(Command::Scroll { slot: slot_index, steps });
    }
}
