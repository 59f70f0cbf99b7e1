//! The exam: task × plane × probability, what they combine to, and which series each plane is.

use std::fmt::Write;

use egui::{
    Align2, Color32, ComboBox, FontId, Rect, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, Vec2, WidgetInfo,
};

use super::{bar, percent, quiet};
use crate::engine::exam::{Cell, Row};
use crate::model::exam::PlaneChoice;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::ExamChoice;
use crate::viewer::theme;

/// Height of a row of the table, in points.
const ROW: f32 = 44.0;
/// Height of its head, in points.
const HEAD: f32 = 22.0;

/// Shows the table in a tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let Some(choice) = scene.state.explain.exam.clone() else { return };
    ui.painter().rect_filled(rect, 0.0, theme::palette(ui.ctx()).panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::MARGIN)).id_salt("exam"));
    ScrollArea::vertical().id_salt("exam table").auto_shrink([false, false]).show(&mut area, |ui| {
        ui.label(RichText::new(choice.exam.card.name.as_str()).size(14.0));
        quiet(ui, "Probability of each finding on each plane. A click goes to the slice that decided.");
        ui.add_space(theme::SPACE);
        let rows = scene.facts.exam.rows.clone();
        table(ui, scene, &choice, &rows);
        ui.add_space(theme::SPACE);
        for (task, row) in choice.exam.card.tasks.iter().zip(&rows) {
            let words = format!("{}: {}", task.name, row.combined.words);
            if row.combined.missing.is_empty() {
                quiet(ui, words);
            } else {
                ui.label(RichText::new(words).small().color(theme::palette(ui.ctx()).warning));
            }
        }
        ui.add_space(theme::SPACE);
        series(ui, scene, &choice);
        ui.add_space(theme::GAP);
        let use_line = RichText::new(choice.exam.card.intended_use.as_str()).small();
        ui.label(use_line.color(theme::palette(ui.ctx()).warning));
    });
}

/// The colour of a column's plane, for text on a panel.
fn colour_of(ui: &Ui, plane: PlaneChoice) -> Color32 {
    let colour = match plane {
        PlaneChoice::Axial => theme::PLANES[0],
        PlaneChoice::Coronal => theme::PLANES[1],
        PlaneChoice::Sagittal => theme::PLANES[2],
        PlaneChoice::Any => return theme::palette(ui.ctx()).text,
    };
    match ui.ctx().theme() {
        egui::Theme::Dark => colour,
        // These colours are made for images, which are dark; on a light panel they are too pale to read.
        egui::Theme::Light => {
            let [red, green, blue] = [colour.r(), colour.g(), colour.b()].map(|part| (u16::from(part) * 9 / 16) as u8);
            Color32::from_rgb(red, green, blue)
        }
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn table(ui: &mut Ui, scene: &mut Scene<'_>, choice: &ExamChoice, rows: &[Row]) {
    let palette = theme::palette(ui.ctx());
    let columns = choice.exam.columns.len();
    let width = ui.available_width();
    let names = (width * 0.24).clamp(70.0, 130.0);
    let cell_width = (width - names) / (columns + 1) as f32;
    let (area, _) = ui.allocate_exact_size(Vec2::new(width, HEAD + ROW * rows.len() as f32), Sense::hover());
    let cell_at = |row: f32, column: usize, height: f32| {
        let corner = area.min + Vec2::new(names + column as f32 * cell_width, row);
        Rect::from_min_size(corner, Vec2::new(cell_width, height)).shrink2(Vec2::new(2.0, 1.0))
    };
    let font = FontId::proportional(12.0);
    for (index, column) in choice.exam.columns.iter().enumerate() {
        let colour = colour_of(ui, column.plane);
        let at = cell_at(0.0, index, HEAD).center();
        let name = fitting(ui, &capital(&column.name), cell_width - 6.0, colour);
        ui.painter().galley(at - name.size() / 2.0, name, colour);
    }
    let at = cell_at(0.0, columns, HEAD).center();
    ui.painter().text(at, Align2::CENTER_CENTER, "Combined", font, palette.text);
    let in_view = scene.state.active().series().and_then(|series| choice.column_of(&series.uid));
    for (task, row) in rows.iter().enumerate() {
        let top = HEAD + ROW * task as f32;
        let label = Rect::from_min_size(area.min + Vec2::new(0.0, top), Vec2::new(names, ROW));
        task_label(ui, scene, choice, task, label);
        for (column, cell) in row.cells.iter().enumerate() {
            let is_shown = choice.task == task && in_view == Some(column);
            show_cell(ui, scene, choice, (task, column), cell, cell_at(top, column, ROW), is_shown);
        }
        combined(ui, choice, task, row, cell_at(top, columns, ROW));
    }
}

fn fitting(ui: &Ui, words: &str, width: f32, colour: Color32) -> std::sync::Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(words.to_owned(), FontId::proportional(12.0), colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(8.0));
    ui.painter().layout_job(job)
}

fn task_label(ui: &mut Ui, scene: &mut Scene<'_>, choice: &ExamChoice, task: usize, rect: Rect) {
    let palette = theme::palette(ui.ctx());
    let name = choice.exam.card.tasks[task].name.as_str();
    let response = ui.interact(rect, ui.scope_id().with(("task", task)), Sense::click());
    let chosen = choice.task == task;
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, format!("Explain {name}")));
    if chosen || response.hovered() {
        let fill = if chosen { palette.chosen } else { palette.raised };
        ui.painter().rect_filled(rect.shrink2(Vec2::new(0.0, 1.0)), 3.0, fill);
    }
    let mut job = egui::text::LayoutJob::simple(
        name.to_owned(),
        FontId::proportional(13.0),
        palette.text,
        rect.width() - 2.0 * theme::GAP,
    );
    job.wrap.max_rows = 2;
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(rect.left_center() + Vec2::new(theme::GAP, -galley.size().y / 2.0), galley, palette.text);
    if response.on_hover_text("Explain this finding on every plane").clicked() {
        scene.send(Command::SetTask(task));
    }
}

fn show_cell(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    choice: &ExamChoice,
    (task, column): (usize, usize),
    cell: &Cell,
    rect: Rect,
    is_shown: bool,
) {
    let palette = theme::palette(ui.ctx());
    let finding = &choice.exam.card.tasks[task].name;
    let plane = &choice.exam.columns[column].name;
    let (main, below, hover) = words_of(cell);
    let slice = cell.result().map(|result| result.deciding_slice);
    let can_go = matches!(cell, Cell::Ready(_) | Cell::Waiting { .. });
    let sense = if can_go { Sense::click() } else { Sense::hover() };
    let response = ui.interact(rect, ui.scope_id().with(("cell", task, column)), sense);
    let name = format!("{finding}, {plane}: {main} {below}");
    response.widget_info(|| WidgetInfo::selected(Role::Button, can_go, is_shown, name.trim_end()));
    let fill = if is_shown {
        palette.chosen
    } else if response.hovered() && can_go {
        palette.raised
    } else {
        palette.background
    };
    let painter = ui.painter();
    painter.rect_filled(rect, 3.0, fill);
    let is_weak = !matches!(cell, Cell::Ready(_));
    let colour = match cell {
        Cell::Failed(_) => palette.error,
        Cell::Missing(_) => palette.warning,
        _ if is_weak => palette.quiet,
        _ => palette.text,
    };
    let font = if cell.result().is_some() { theme::numbers(14.0) } else { FontId::proportional(12.0) };
    painter.text(rect.center() - Vec2::new(0.0, 8.0), Align2::CENTER_CENTER, main, font, colour);
    let small = FontId::proportional(11.0);
    painter.text(rect.center() + Vec2::new(0.0, 8.0), Align2::CENTER_CENTER, below, small, palette.quiet);
    let trough =
        Rect::from_min_max(rect.left_bottom() - Vec2::new(-4.0, 5.0), rect.right_bottom() - Vec2::new(4.0, 2.0));
    match cell {
        Cell::Waiting { done, total, so_far: None } => {
            bar(painter, trough, *done as f32 / (*total).max(1) as f32, palette.quiet, palette.raised);
        }
        _ => {
            if let Some(result) = cell.result() {
                bar(painter, trough, result.probability, theme::class_colour(result.class), palette.raised);
            }
        }
    }
    if is_shown {
        painter.rect_stroke(rect, 3.0, egui::Stroke::new(1.0, palette.accent), egui::StrokeKind::Inside);
    }
    let response = if hover.is_empty() { response } else { response.on_hover_text(hover) };
    if response.clicked() {
        scene.send(Command::ShowCell { task, column, slice });
    }
}

/// What stands in a cell, in small letters under it, and what is said when the pointer rests on it.
fn words_of(cell: &Cell) -> (String, String, String) {
    match cell {
        Cell::Absent => {
            (String::new(), String::new(), "The exam has no model for this finding on this plane".to_owned())
        }
        Cell::Missing(reason) => ("missing".to_owned(), String::new(), reason.to_string()),
        Cell::Failed(reason) => ("failed".to_owned(), String::new(), reason.to_string()),
        Cell::Waiting { done, total, so_far } => {
            let main =
                so_far.as_ref().map_or_else(|| "…".to_owned(), |result| percent(result.probability).trim().to_owned());
            (main, format!("{done} of {total} slices"), String::new())
        }
        Cell::Ready(result) => {
            let mut hover = format!("Show slice {}, which decided", result.deciding_slice + 1);
            if let Some(logit) = result.logit {
                let _ = write!(hover, "\nLogit of the stack: {logit:.2}");
            }
            if result.interval90.is_some() {
                hover.push_str("\nThe 90 % interval is that of this slice over the draws");
            }
            let below = match result.interval90 {
                Some([low, high]) => {
                    format!("slice {}: {:.0}–{:.0} %", result.deciding_slice + 1, low * 100.0, high * 100.0)
                }
                None => format!("slice {}", result.deciding_slice + 1),
            };
            (percent(result.probability).trim().to_owned(), below, hover)
        }
    }
}

fn combined(ui: &mut Ui, choice: &ExamChoice, task: usize, row: &Row, rect: Rect) {
    let palette = theme::palette(ui.ctx());
    let name = &choice.exam.card.tasks[task].name;
    let combined = &row.combined;
    let probability = combined.probability.map(|probability| probability as f32);
    let words = match probability {
        Some(probability) => percent(probability).trim().to_owned(),
        None if combined.is_interim => "…".to_owned(),
        None => "none".to_owned(),
    };
    let response = ui.interact(rect, ui.scope_id().with(("combined", task)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{name}, combined: {words}")));
    let colour = if combined.is_interim { palette.quiet } else { palette.text };
    let painter = ui.painter();
    painter.text(rect.center() - Vec2::new(0.0, 8.0), Align2::CENTER_CENTER, &words, theme::numbers(15.0), colour);
    let below = match (combined.is_interim, combined.missing.len()) {
        (true, _) => "so far".to_owned(),
        (false, 0) => String::new(),
        (false, count) => format!("{count} missing"),
    };
    let small = FontId::proportional(11.0);
    let warning = if combined.missing.is_empty() { palette.quiet } else { palette.warning };
    painter.text(rect.center() + Vec2::new(0.0, 8.0), Align2::CENTER_CENTER, below, small, warning);
    if let Some(probability) = probability {
        let trough =
            Rect::from_min_max(rect.left_bottom() - Vec2::new(-4.0, 5.0), rect.right_bottom() - Vec2::new(4.0, 2.0));
        bar(painter, trough, probability, palette.accent, palette.raised);
    }
    response.on_hover_text(&combined.words);
}

/// Which series each plane is, and how to choose another one.
fn series(ui: &mut Ui, scene: &mut Scene<'_>, choice: &ExamChoice) {
    let Some(study) = scene.state.slots[0].series.as_ref().map(|series| std::sync::Arc::clone(&series.study)) else {
        return;
    };
    for (index, (column, assigned)) in choice.exam.columns.iter().zip(&choice.columns).enumerate() {
        ui.horizontal(|ui| {
            let colour = colour_of(ui, column.plane);
            let (rect, _) = ui.allocate_exact_size(Vec2::new(72.0, 22.0), Sense::hover());
            ui.painter().text(
                rect.left_center(),
                Align2::LEFT_CENTER,
                capital(&column.name),
                FontId::proportional(12.0),
                colour,
            );
            let named = assigned.series.as_ref().and_then(|series| series.series()).map(series_words);
            let text = named.unwrap_or_else(|| "missing".to_owned());
            let response = ComboBox::from_id_salt(("series of column", index))
                .width((ui.available_width() - 8.0).max(80.0))
                .selected_text(RichText::new(text.as_str()).small())
                .truncate()
                .show_ui(ui, |ui| {
                    if ui.selectable_label(!choice.is_by_hand(index), "As the exam card finds it").clicked() {
                        scene.send(Command::SetExamSeries { column: index, series: None });
                    }
                    for other in &study.series {
                        let is_chosen = assigned.uid() == Some(other.uid.as_str());
                        if ui.selectable_label(is_chosen, series_words(other)).clicked() {
                            let series = Some(other.uid.clone());
                            scene.send(Command::SetExamSeries { column: index, series });
                        }
                    }
                })
                .response
                .on_hover_text(&assigned.words);
            let name = format!("Series of {}", column.name);
            let enabled = ui.is_enabled();
            response.widget_info(|| WidgetInfo {
                label: Some(name.clone()),
                enabled,
                current_text_value: Some(text.clone()),
                ..WidgetInfo::new(Role::ComboBox)
            });
        });
    }
}

fn series_words(series: &crate::study::Series) -> String {
    let number = series.number.map(|number| format!("{number}  ")).unwrap_or_default();
    let slices = series.positions();
    let word = if slices == 1 { "slice" } else { "slices" };
    format!("{number}{}  ({slices} {word})", series.description)
}
