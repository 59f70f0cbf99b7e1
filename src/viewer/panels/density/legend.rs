//! What the colours and lines of the plot stand for; a click on a class draws it or leaves it out.

use egui::{Color32, FontId, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo};

use super::{Image, class_name};
use crate::engine::ModelInfo;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::{DensityView, likeliest_first};
use crate::viewer::theme;

/// Classes named beside the plot at most, unless more are drawn.
const NAMED: usize = 8;

/// Shows the images by name, when there are two, and the classes.
pub(super) fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo, images: &[Image], shown: &[usize]) {
    if images.len() > 1 {
        for image in images {
            ui.horizontal(|ui| {
                let colour = theme::palette(ui.ctx()).text;
                sample(ui, colour, image.is_pinned);
                let words = if image.is_pinned { format!("{} (pinned)", image.name) } else { image.name.clone() };
                ui.add(egui::Label::new(words).truncate()).on_hover_text(if image.is_pinned {
                    "Dashed: the pinned image"
                } else {
                    "Filled: the image in view"
                });
            });
        }
    }
    let Some(image) = images.first() else { return };
    let order = likeliest_first(&image.drawing.result.summary.mean);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        for (place, class) in order.iter().enumerate() {
            let is_shown = shown.contains(class);
            if place < NAMED || is_shown {
                chip(ui, scene, class_name(model, *class), *class, is_shown, shown);
            }
        }
        if order.len() > NAMED {
            more(ui, scene, model, &order, shown);
        }
        if scene.state.density.classes.is_some()
            && ui.small_button("Two likeliest").on_hover_text("Draw whichever two classes are likeliest").clicked()
        {
            scene.send(Command::SetDensityClasses(None));
        }
    });
}

/// A class with its colour; pressed while it is drawn.
fn chip(ui: &mut Ui, scene: &mut Scene<'_>, name: &str, class: usize, is_shown: bool, shown: &[usize]) {
    let palette = theme::palette(ui.ctx());
    let text = if is_shown { palette.text } else { palette.quiet };
    let galley = ui.painter().layout_no_wrap(name.to_owned(), FontId::proportional(12.0), text);
    let size = Vec2::new(galley.size().x + 26.0, 20.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, is_shown, format!("Draw {name}")));
    if response.hovered() || is_shown {
        ui.painter().rect_filled(rect, 3.0, palette.raised);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 3.0, Stroke::new(1.0, palette.accent), egui::StrokeKind::Inside);
    }
    let dot = rect.left_center() + Vec2::new(10.0, 0.0);
    let colour = theme::plot_colour(ui.ctx(), class);
    if is_shown {
        ui.painter().circle_filled(dot, 4.0, colour);
    } else {
        ui.painter().circle_stroke(dot, 3.5, Stroke::new(1.0, colour));
    }
    ui.painter().galley(rect.left_center() + Vec2::new(19.0, -galley.size().y / 2.0), galley, text);
    if response.on_hover_text(if is_shown { "Leave this class out" } else { "Draw this class as well" }).clicked() {
        scene.send(Command::SetDensityClasses(Some(DensityView::switched(shown, class))));
    }
}

/// All classes in a list, where there are too many to name.
fn more(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo, order: &[usize], shown: &[usize]) {
    ui.menu_button("More classes …", |ui| {
        ui.set_width(240.0);
        ScrollArea::vertical().max_height(320.0).show_rows(ui, 24.0, order.len(), |ui, rows| {
            for class in &order[rows] {
                let is_shown = shown.contains(class);
                if ui.selectable_label(is_shown, class_name(model, *class)).clicked() {
                    scene.send(Command::SetDensityClasses(Some(DensityView::switched(shown, *class))));
                }
            }
        });
    });
}

/// A piece of curve: filled of the image in view, dashed of the pinned one.
pub(super) fn sample(ui: &mut Ui, colour: Color32, is_dashed: bool) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(18.0, 12.0), Sense::hover());
    let line = [rect.left_center() - Vec2::new(0.0, 2.0), rect.right_center() - Vec2::new(0.0, 2.0)];
    if is_dashed {
        ui.painter().extend(Shape::dashed_line(&line, Stroke::new(1.5, colour), 4.0, 3.0));
    } else {
        let below = Rect::from_min_max(line[0], rect.right_bottom());
        ui.painter().rect_filled(below, 0.0, colour.gamma_multiply(0.25));
        ui.painter().line_segment(line, Stroke::new(1.5, colour));
    }
}
