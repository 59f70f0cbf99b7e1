//! The whole network as a list to choose a layer from.

use std::sync::Arc;

use egui::{Align2, FontId, Key, Rect, Role, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo, Window};

use super::quiet;
use crate::viewer::command::Command;
use crate::viewer::layer_tree::{LayerTree, Purpose, Row, rows};
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Height of a line, in points.
const LINE: f32 = 22.0;
/// Width of the window, in points.
const WIDTH: f32 = 640.0;
/// Right edges of the columns of operation, output, parameters and MACs, in points from the right.
const COLUMNS: [f32; 4] = [330.0, 188.0, 92.0, 8.0];

/// Shows the list, if it is open.
pub fn show(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(tree) = scene.state.layer_tree.clone() else { return };
    let Some(model) = scene.facts.model.current().map(Arc::clone) else { return };
    let mut open = true;
    let height = (ui.ctx().content_rect().height() * 0.6).max(240.0);
    Window::new("Layers of the network")
        .open(&mut open)
        .anchor(Align2::CENTER_CENTER, [0.0, 0.0])
        .collapsible(false)
        .resizable(false)
        .show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            head(ui, scene, &tree);
            let lines = rows(&model.layers, &tree);
            titles(ui);
            let words = if lines.is_empty() { "No layer has these words in its name or operation." } else { "" };
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical()
                .max_height(height)
                .min_scrolled_height(height)
                .auto_shrink([false, false])
                .show_rows(ui, LINE, lines.len().max(1), |ui, shown| {
                    if lines.is_empty() {
                        quiet(ui, words);
                        return;
                    }
                    for row in &lines[shown] {
                        line(ui, scene, &tree, row);
                    }
                });
            ui.spacing_mut().item_spacing.y = theme::GAP;
            ui.add_space(theme::GAP);
            quiet(ui, foot(tree.purpose));
        });
    let escaped = ui.input(|input| input.key_pressed(Key::Escape));
    if !open || escaped {
        scene.send(Command::SetLayerTree(None));
    }
}

fn foot(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Map => "A map needs a layer with rows and columns; the others can be chosen for activations.",
        Purpose::Activations => "The activation grid shows every channel of the layer that is chosen here.",
    }
}

/// The field to find a layer by name, and what it is chosen for.
fn head(ui: &mut Ui, scene: &mut Scene<'_>, tree: &LayerTree) {
    ui.horizontal(|ui| {
        let mut filter = tree.filter.clone();
        let field = TextEdit::singleline(&mut filter).hint_text("Find a layer").desired_width(300.0);
        if ui.add(field).changed() {
            scene.send(Command::SetLayerTree(Some(LayerTree { filter, ..tree.clone() })));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            for (purpose, name) in [(Purpose::Activations, "For activations"), (Purpose::Map, "For the map")] {
                if ui.selectable_label(tree.purpose == purpose, name).clicked() {
                    scene.send(Command::SetLayerTree(Some(LayerTree { purpose, ..tree.clone() })));
                }
            }
        });
    });
    ui.add_space(theme::GAP);
}

fn titles(ui: &mut Ui) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), LINE), Sense::hover());
    let colour = theme::palette(ui.ctx()).quiet;
    let font = FontId::proportional(11.5);
    let rect = rect.shrink2(Vec2::new(theme::GAP, 0.0));
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, "Layer", font.clone(), colour);
    for (edge, title) in COLUMNS.into_iter().zip(["Operation", "Output", "Parameters", "MACs"]) {
        let at = rect.right_center() - Vec2::new(edge, 0.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, title, font.clone(), colour);
    }
}

fn line(ui: &mut Ui, scene: &mut Scene<'_>, tree: &LayerTree, row: &Row<'_>) {
    let chosen = match tree.purpose {
        Purpose::Map => scene.facts.layer.as_deref(),
        Purpose::Activations => scene.facts.activation_layer.as_deref(),
    };
    let is_chosen = chosen == Some(row.name);
    let can_be_chosen = row.can_be_named && (tree.purpose == Purpose::Activations || row.layer.spatial);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), LINE), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, can_be_chosen, is_chosen, row.name));
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(rect);
    if is_chosen {
        painter.rect_filled(rect, 3.0, palette.chosen);
    } else if response.hovered() && (can_be_chosen || row.module.is_some()) {
        painter.rect_filled(rect, 3.0, palette.raised);
    }
    let inner = rect.shrink2(Vec2::new(theme::GAP, 0.0));
    let left = inner.left() + row.depth as f32 * 14.0;
    let arrow = Rect::from_min_max(egui::pos2(left, inner.top()), egui::pos2(left + 16.0, inner.bottom()));
    if let Some((_, is_open)) = row.module {
        turn(ui, scene, tree, row.name, arrow, is_open);
    }
    let text = if can_be_chosen { palette.text } else { palette.quiet };
    let label = match row.module {
        Some((count, false)) => format!("{}   {count} layers", row.label),
        _ => row.label.to_owned(),
    };
    let name_left = left + 18.0;
    let mut job = egui::text::LayoutJob::simple_singleline(label, FontId::proportional(13.0), text);
    job.wrap = egui::text::TextWrapping::truncate_at_width((inner.right() - COLUMNS[0] - 90.0 - name_left).max(40.0));
    let galley = painter.layout_job(job);
    painter.galley(egui::pos2(name_left, inner.center().y - galley.size().y / 2.0), galley, text);
    let is_branch = row.module.is_some();
    let cells = [
        if is_branch { String::new() } else { row.layer.op.to_owned() },
        shape(&row.layer.shape),
        thousands(row.parameters as u64),
        thousands(row.macs),
    ];
    for (edge, cell) in COLUMNS.into_iter().zip(cells) {
        let at = inner.right_center() - Vec2::new(edge, 0.0);
        painter.text(at, Align2::RIGHT_CENTER, cell, theme::numbers(11.0), palette.quiet);
    }
    if response.clicked() {
        if can_be_chosen {
            let layer = Some(Arc::from(row.name));
            scene.send(match tree.purpose {
                Purpose::Map => Command::SetLayer(layer),
                Purpose::Activations => Command::SetActivationLayer(layer),
            });
        } else if row.module.is_some() {
            scene.send(toggled(tree, row.name));
        }
    }
    let tooltip = match (row.module, can_be_chosen) {
        (Some(_), true) => format!("The output of {}, as its last layer gives it", row.name),
        (None, false) => "It has no rows and columns, so there is no map of it".to_owned(),
        _ => row.name.to_owned(),
    };
    response.on_hover_text(tooltip);
}

/// The arrow in front of a module, which opens and closes it.
fn turn(ui: &Ui, scene: &mut Scene<'_>, tree: &LayerTree, name: &str, area: Rect, is_open: bool) {
    let response = ui.interact(area, ui.scope_id().with(("turn", name)), Sense::click());
    let words = if is_open { format!("Close {name}") } else { format!("Open {name}") };
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &words));
    let palette = theme::palette(ui.ctx());
    let colour = if response.hovered() { palette.text } else { palette.quiet };
    let (centre, half) = (area.center(), 3.5);
    let points = if is_open {
        vec![
            centre + Vec2::new(-half, -half * 0.6),
            centre + Vec2::new(half, -half * 0.6),
            centre + Vec2::new(0.0, half),
        ]
    } else {
        vec![
            centre + Vec2::new(-half * 0.6, -half),
            centre + Vec2::new(half, 0.0),
            centre + Vec2::new(-half * 0.6, half),
        ]
    };
    ui.painter().add(egui::Shape::convex_polygon(points, colour, egui::Stroke::NONE));
    if response.clicked() {
        scene.send(toggled(tree, name));
    }
}

fn toggled(tree: &LayerTree, name: &str) -> Command {
    let mut tree = tree.clone();
    if !tree.open.remove(name) {
        tree.open.insert(name.to_owned());
    }
    Command::SetLayerTree(Some(tree))
}

/// "256 × 13 × 13".
fn shape(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

/// "590", "12.3 k", "4.5 M", "1.8 G"; nothing for 0.
fn thousands(number: u64) -> String {
    let scaled = |unit: f64, name: &str| {
        let value = number as f64 / unit;
        format!("{value:.*} {name}", usize::from(value < 100.0))
    };
    match number {
        0 => String::new(),
        1..1_000 => number.to_string(),
        1_000..1_000_000 => scaled(1e3, "k"),
        1_000_000..1_000_000_000 => scaled(1e6, "M"),
        _ => scaled(1e9, "G"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_short() {
        assert_eq!(
            [0, 590, 12_345, 4_500_000, 123_456_789, 1_800_000_000].map(thousands),
            ["", "590", "12.3 k", "4.5 M", "123 M", "1.8 G"]
        );
    }
}
