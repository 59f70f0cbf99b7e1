//! The classes with their probabilities; a click chooses the class that is explained.

use egui::{Align2, FontId, Rect, Role, ScrollArea, Sense, TextEdit, Ui, Vec2, WidgetInfo};

use super::{bar, heading, percent, quiet};
use crate::engine::ModelInfo;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

const ROW: f32 = 24.0;
/// From so many classes on there is a field to find one by name.
const MANY: usize = 12;

/// Shows the list.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    let noun = scene.state.active().step_noun().to_uppercase();
    let title = match (model.stack, model.segmentation) {
        (true, _) => &format!("THIS {noun} BY ITSELF"),
        (false, true) => "CLASSES, BY THEIR SHARE OF THE PIXELS",
        (false, false) => "CLASSES",
    };
    heading(ui, title);
    let facts = &scene.facts.slots[scene.state.active_slot()];
    if let Some(reason) = &facts.scores.failure {
        ui.colored_label(theme::palette(ui.ctx()).error, reason.as_ref());
        return;
    }
    let scores = facts.scores.value.clone();
    let is_current = facts.scores.is_current;
    let probabilities = scores.as_ref().map_or(&[][..], |scores| &scores.probabilities[..]);

    let follows = scene.state.explain.class.is_none();
    // In an exam the finding says which class is explained.
    if model.classes.len() > 1
        && scene.state.explain.exam.is_none()
        && ui
            .selectable_label(follows, "Strongest class")
            .on_hover_text("Explain whichever class the network thinks most likely")
            .clicked()
    {
        scene.send(Command::SetClass(None));
    }

    let filter = if model.classes.len() > MANY { filter_field(ui).to_lowercase() } else { String::new() };
    let mut order: Vec<usize> = (0..model.classes.len())
        .filter(|class| filter.is_empty() || model.classes[*class].to_lowercase().contains(&filter))
        .collect();
    if model.classes.len() > MANY {
        let strength = |class: usize| probabilities.get(class).copied().unwrap_or(0.0);
        order.sort_by(|a, b| strength(*b).total_cmp(&strength(*a)));
    }
    if order.is_empty() {
        quiet(ui, "No class has this in its name.");
    }
    let chosen = facts.class;
    let height = ROW * order.len().min(MANY) as f32;
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("classes").max_height(height).auto_shrink([false, true]).show_rows(
        ui,
        ROW,
        order.len(),
        |ui, rows| {
            for class in &order[rows] {
                let probability = probabilities.get(*class).copied();
                class_row(ui, scene, &model.classes[*class], *class, probability, is_current, chosen == Some(*class));
            }
        },
    );
    ui.spacing_mut().item_spacing.y = theme::GAP;
}

fn filter_field(ui: &mut Ui) -> String {
    let id = ui.scope_id().with("class filter");
    let mut filter: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let response = ui.add(TextEdit::singleline(&mut filter).hint_text("Find a class").desired_width(f32::INFINITY));
    if response.changed() {
        ui.data_mut(|data| data.insert_temp(id, filter.clone()));
    }
    ui.add_space(theme::GAP);
    filter
}

fn class_row(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    name: &str,
    class: usize,
    probability: Option<f32>,
    is_current: bool,
    chosen: bool,
) {
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, name));
    if response.clicked() {
        scene.send(Command::SetClass(Some(class)));
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(rect);
    if chosen {
        painter.rect_filled(rect, 3.0, palette.chosen);
    } else if response.hovered() {
        painter.rect_filled(rect, 3.0, palette.raised);
    }
    let inner = rect.shrink2(Vec2::new(theme::GAP, 0.0));
    let text = if is_current { palette.text } else { palette.quiet };
    painter.circle_filled(inner.left_center() + Vec2::new(4.0, -2.0), 3.5, theme::class_colour(class));
    let numbers_width = 60.0;
    let mut job = egui::text::LayoutJob::simple_singleline(name.to_owned(), FontId::proportional(13.0), text);
    job.wrap = egui::text::TextWrapping::truncate_at_width(inner.width() - numbers_width - 16.0);
    let galley = painter.layout_job(job);
    painter.galley(inner.left_center() + Vec2::new(14.0, -galley.size().y / 2.0 - 2.0), galley, text);
    if let Some(probability) = probability {
        painter.text(
            inner.right_center() - Vec2::new(0.0, 2.0),
            Align2::RIGHT_CENTER,
            percent(probability),
            theme::numbers(12.0),
            text,
        );
        let trough =
            Rect::from_min_max(inner.left_bottom() - Vec2::new(0.0, 4.0), inner.right_bottom() - Vec2::new(0.0, 2.0));
        let fill = theme::class_colour(class).gamma_multiply(if is_current { 1.0 } else { 0.5 });
        bar(&painter, trough, probability, fill, palette.raised);
    }
    response.on_hover_text("Explain this class");
}
