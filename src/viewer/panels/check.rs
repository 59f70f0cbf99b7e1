//! What weights and activations over many images say about how the network was trained: figures by layer, and
//! findings with what the literature advises.

use egui::{
    Align, Align2, Color32, FontId, Layout, Pos2, Rect, RichText, Role, ScrollArea, Sense, Shape, Stroke, Ui,
    UiBuilder, Vec2, WidgetInfo,
};

use super::strongest::{progress, scope};
use super::{note, quiet};
use crate::inside::{Finding, LayerReport, Report, Severity};
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Height of a line of the table, in points.
const LINE: f32 = 20.0;
/// Right edges of the columns, in points from the right of the table, with their titles.
const COLUMNS: [(f32, &str); 6] =
    [(300.0, "Channels"), (244.0, "Dead"), (184.0, "Near-dead"), (124.0, "Sparsity"), (64.0, "Alike"), (4.0, "Sees")];
/// Height of the charts by depth, in points.
const CHART: f32 = 64.0;

/// Shows the check in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("check"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if scene.facts.model.value.is_none() {
        note(ui, rect, "Choose a model to check how it was trained.");
        return;
    }
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            scope(ui, scene);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.label("Network check"));
        });
    });
    let held = scene.facts.inside.check.clone();
    progress(ui, scene, &held, "images");
    if let Some(reason) = &held.failure {
        note(ui, rect, reason);
        return;
    }
    let Some(report) = held.report() else { return };
    charts(ui, report);
    let height = ui.available_height();
    table(ui, scene, report, (height * 0.42).max(4.0 * LINE));
    ui.add_space(theme::SPACE);
    findings(ui, scene, report);
}

/// Small charts of a figure by depth.
fn charts(ui: &mut Ui, report: &Report) {
    let palette = theme::palette(ui.ctx());
    let share = |of: &[usize], layer: &LayerReport| of.len() as f32 / layer.channels().max(1) as f32;
    let dead: Vec<f32> = report.layers.iter().map(|layer| share(&layer.dead, layer)).collect();
    let near: Vec<f32> = report.layers.iter().map(|layer| share(&layer.nearly_dead, layer)).collect();
    let sparsity: Vec<f32> = report.layers.iter().map(|layer| layer.sparsity).collect();
    let input = report.input.iter().copied().max().unwrap_or(1).max(1) as f32;
    let field: Vec<f32> = report
        .layers
        .iter()
        .map(|layer| layer.field.map_or(1.0, |[rows, columns]| (rows.max(columns) as f32 / input).min(1.0)))
        .collect();
    let charts: [(&str, &[f32], Color32); 4] = [
        ("Dead channels", &dead, palette.error),
        ("Near-dead channels", &near, palette.warning),
        ("Sparsity", &sparsity, palette.accent),
        ("Receptive field", &field, palette.quiet),
    ];
    let width = (ui.available_width() - 3.0 * theme::SPACE) / 4.0;
    ui.horizontal(|ui| {
        for (name, values, colour) in charts {
            let (area, response) = ui.allocate_exact_size(Vec2::new(width, CHART), Sense::hover());
            chart(ui, area, name, values, colour);
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{name} by depth")));
            let under = response.hover_pos().and_then(|at| {
                let place = (at.x - area.left()) / area.width() * values.len() as f32;
                report.layers.get(place.max(0.0) as usize).zip(values.get(place.max(0.0) as usize))
            });
            if let Some((layer, value)) = under {
                let of = if name == "Receptive field" { " of the input's side" } else { "" };
                response.on_hover_text_at_pointer(format!("{}\n{:.1} %{of}", layer.layer, value * 100.0));
            }
        }
    });
}

fn chart(ui: &Ui, area: Rect, name: &str, values: &[f32], colour: Color32) {
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(area);
    painter.rect_filled(area, 2.0, palette.background);
    let font = FontId::proportional(11.0);
    let graph = area.with_min_y(area.top() + 16.0).shrink2(Vec2::new(2.0, 0.0));
    let most = values.iter().copied().fold(0.0_f32, f32::max);
    // Small shares are drawn on a scale of their own, which is told.
    let top = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0].into_iter().find(|top| most <= *top).unwrap_or(1.0);
    let step = graph.width() / values.len().max(1) as f32;
    for (place, value) in values.iter().enumerate() {
        let height = graph.height() * (value / top).clamp(0.0, 1.0);
        let left = graph.left() + place as f32 * step;
        let gap = if step > 4.0 { 1.0 } else { 0.0 };
        let bar = Rect::from_min_max(
            Pos2::new(left + gap, graph.bottom() - height.max(1.0)),
            Pos2::new(left + step.max(1.0), graph.bottom()),
        );
        painter.rect_filled(bar, 0.0, colour);
    }
    painter.text(area.left_top() + Vec2::new(4.0, 2.0), Align2::LEFT_TOP, name, font.clone(), palette.quiet);
    let scale = format!("{:.0} %", top * 100.0);
    painter.text(area.right_top() + Vec2::new(-4.0, 2.0), Align2::RIGHT_TOP, scale, font, palette.quiet);
}

fn table(ui: &mut Ui, scene: &mut Scene<'_>, report: &Report, height: f32) {
    let palette = theme::palette(ui.ctx());
    let font = FontId::proportional(11.5);
    let (titles, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), LINE), Sense::hover());
    ui.painter().text(titles.left_center(), Align2::LEFT_CENTER, "Layer", font.clone(), palette.quiet);
    for (edge, title) in COLUMNS {
        let at = titles.right_center() - Vec2::new(edge + 8.0, 0.0);
        ui.painter().text(at, Align2::RIGHT_CENTER, title, font.clone(), palette.quiet);
    }
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical()
            .id_salt("layers")
            .max_height(height)
            .min_scrolled_height(height)
            .auto_shrink([false, false])
            .show_rows(ui, LINE, report.layers.len(), |ui, shown| {
                for layer in &report.layers[shown] {
                    line(ui, scene, report, layer);
                }
            });
    });
}

fn line(ui: &mut Ui, scene: &mut Scene<'_>, report: &Report, layer: &LayerReport) {
    let palette = theme::palette(ui.ctx());
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), LINE), Sense::click());
    let is_chosen = scene.facts.activation_layer.as_deref() == Some(layer.layer.as_str());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_chosen, format!("Layer {}", layer.layer)));
    if is_chosen {
        ui.painter().rect_filled(rect, 2.0, palette.chosen);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 2.0, palette.raised);
    }
    let painter = ui.painter_at(rect);
    let right = rect.right() - 8.0;
    let mut job =
        egui::text::LayoutJob::simple_singleline(layer.layer.clone(), FontId::proportional(12.0), palette.text);
    job.wrap = egui::text::TextWrapping::truncate_at_width((rect.width() - COLUMNS[0].0 - 70.0).max(40.0));
    let galley = painter.layout_job(job);
    painter.galley(rect.left_center() + Vec2::new(2.0, -galley.size().y / 2.0), galley, palette.text);
    let alike = layer.filters.as_ref().and_then(|name| report.filters.iter().find(|filters| filters.layer == *name));
    let alike =
        alike.and_then(|filters| filters.duplicates.as_ref()).map_or("–".to_owned(), |pairs| pairs.len().to_string());
    let sees = layer.field.map_or("all".to_owned(), |[rows, columns]| {
        if rows == columns { rows.to_string() } else { format!("{rows}×{columns}") }
    });
    let cells = [
        (layer.channels().to_string(), palette.quiet),
        (layer.dead.len().to_string(), if layer.dead.is_empty() { palette.quiet } else { palette.error }),
        (
            layer.nearly_dead.len().to_string(),
            if layer.nearly_dead.is_empty() { palette.quiet } else { palette.warning },
        ),
        (format!("{:.0} %", layer.sparsity * 100.0), palette.quiet),
        (alike, palette.quiet),
        (sees, palette.quiet),
    ];
    for ((edge, _), (cell, colour)) in COLUMNS.into_iter().zip(cells) {
        let at = Pos2::new(right - edge, rect.center().y);
        painter.text(at, Align2::RIGHT_CENTER, cell, theme::numbers(11.0), colour);
    }
    if response.clicked() {
        scene.send(Command::GoToChannel { layer: layer.layer.as_str().into(), channel: layer.dead.first().copied() });
    }
    response.on_hover_text(format!("{} ({})\nClick to see its channels", layer.layer, layer.op));
}

fn findings(ui: &mut Ui, scene: &mut Scene<'_>, report: &Report) {
    let count = report.findings.len();
    let words = match count {
        0 => "No findings so far".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(words).strong());
        quiet(ui, "A finding is a question to the training, not a verdict on the network.");
    });
    ScrollArea::vertical().id_salt("findings").auto_shrink([false, false]).show(ui, |ui| {
        for (index, one) in report.findings.iter().enumerate() {
            finding(ui, scene, index, one);
        }
    });
}

fn finding(ui: &mut Ui, scene: &mut Scene<'_>, index: usize, finding: &Finding) {
    let palette = theme::palette(ui.ctx());
    let colour = match finding.severity {
        Severity::Notice => palette.accent,
        Severity::Attention => palette.warning,
        Severity::Serious => palette.error,
    };
    let target = finding.layer.clone();
    let frame = egui::Frame::new().fill(palette.raised).corner_radius(3.0).inner_margin(theme::SPACE);
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(finding.severity.word()).small().strong().color(colour));
            let layer = finding.layer.as_deref().unwrap_or("the whole network");
            ui.label(RichText::new(layer).small().color(palette.quiet));
        });
        ui.label(&finding.what);
        ui.label(RichText::new(&finding.advice).color(palette.text));
        quiet(ui, finding.source.as_str());
    });
    let bar = Rect::from_min_size(shown.response.rect.min, Vec2::new(3.0, shown.response.rect.height()));
    ui.painter().add(Shape::rect_filled(bar, 2.0, colour));
    let Some(layer) = target else { return };
    let response = ui.interact(shown.response.rect, ui.scope_id().with(("finding", index)), Sense::click());
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("{}: {}", finding.severity.word(), finding.what))
    });
    if response.hovered() {
        let stroke = Stroke::new(1.0, palette.accent);
        ui.painter().rect_stroke(shown.response.rect, 3.0, stroke, egui::StrokeKind::Inside);
        ui.set_cursor_icon(egui::CursorIcon::PointingHand);
    }
    if response.clicked() {
        let channel = finding.channels.first().copied();
        scene.send(Command::GoToChannel { layer: layer.as_str().into(), channel });
    }
    response.on_hover_text(format!("{}\nClick to see it in the grid", finding.rule));
}
