//! What lies over the viewports for a while: the card about the demo, messages, the sign that files may be dropped.

use egui::{Align2, Area, Color32, FontId, Frame, Id, Margin, Order, RichText, Stroke, Ui, Vec2};

use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Shows what there is to tell.
pub fn show(ui: &Ui, scene: &mut Scene<'_>) {
    explanation(ui, scene);
    message(ui, scene);
    dropping(ui);
}

fn explanation(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(text) = scene.library.explanation.clone() else { return };
    if scene.state.explanation_dismissed {
        return;
    }
    let palette = theme::palette(ui.ctx());
    Area::new(Id::unique("explanation")).order(Order::Foreground).anchor(Align2::CENTER_CENTER, [-20.0, -20.0]).show(
        ui.ctx(),
        |ui| {
            Frame::new()
                .fill(palette.panel)
                .stroke(Stroke::new(1.0, palette.accent))
                .corner_radius(6.0)
                .inner_margin(Margin::same(16))
                .show(ui, |ui| {
                    ui.set_max_width(440.0);
                    ui.label(RichText::new("The demo study is synthetic").heading());
                    ui.add_space(theme::GAP);
                    ui.label(text);
                    ui.add_space(theme::SPACE);
                    ui.horizontal(|ui| {
                        if ui.button("Understood").clicked() {
                            scene.send(Command::DismissExplanation);
                        }
                        if ui.button("Mouse and keys").clicked() {
                            scene.send(Command::DismissExplanation);
                            scene.send(Command::ToggleHelp);
                        }
                    });
                });
        },
    );
}

fn message(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(message) = scene.state.message.clone() else { return };
    let palette = theme::palette(ui.ctx());
    let colour = if message.is_error { palette.error } else { palette.accent };
    Area::new(Id::unique("message")).order(Order::Foreground).anchor(Align2::CENTER_BOTTOM, [0.0, -132.0]).show(
        ui.ctx(),
        |ui| {
            Frame::new()
                .fill(palette.panel)
                .stroke(Stroke::new(1.0, colour))
                .corner_radius(4.0)
                .inner_margin(Margin::symmetric(12, 8))
                .show(ui, |ui| {
                    ui.set_max_width(560.0);
                    ui.horizontal(|ui| {
                        ui.label(&message.text);
                        if ui.small_button("Close").clicked() {
                            scene.send(Command::DismissMessage);
                        }
                    });
                });
        },
    );
}

fn dropping(ui: &Ui) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let rect = ui.ctx().content_rect();
    let painter = ui.ctx().layer_painter(egui::LayerId::new(Order::Foreground, Id::unique("dropping")));
    painter.rect_filled(rect, 0.0, Color32::from_black_alpha(190));
    painter.rect_stroke(rect.shrink(24.0), 8.0, Stroke::new(2.0, palette.accent), egui::StrokeKind::Inside);
    painter.text(
        rect.center() - Vec2::new(0.0, 8.0),
        Align2::CENTER_CENTER,
        "Drop files or folders to open them",
        FontId::proportional(20.0),
        Color32::WHITE,
    );
}
