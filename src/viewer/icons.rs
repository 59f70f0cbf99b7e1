//! Small line drawings for the toolbar, painted so that they are sharp at every scale.

use egui::{Color32, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo};

use super::command::{Command, Tool};
use super::state::Layout;
use super::theme;

/// Side of a toolbar button, in points.
const SIDE: f32 = 28.0;

/// A square button with the icon of a command.
pub fn button(ui: &mut Ui, command: &Command, name: &str, tooltip: &str, chosen: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), chosen, name));
    let palette = theme::palette(ui.ctx());
    if chosen {
        ui.painter().rect_filled(rect, 3.0, palette.chosen);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 3.0, palette.raised);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 3.0, Stroke::new(1.0, palette.accent), egui::StrokeKind::Inside);
    }
    let colour = if chosen || response.hovered() { palette.text } else { palette.quiet };
    draw(ui.painter(), rect.shrink(7.0), command, colour, palette.panel);
    response.on_hover_text(tooltip)
}

fn draw(painter: &Painter, rect: Rect, command: &Command, colour: Color32, behind: Color32) {
    let stroke = Stroke::new(1.4, colour);
    // Positions in the unit square of the icon.
    let at = |x: f32, y: f32| Pos2::new(rect.left() + x * rect.width(), rect.top() + y * rect.height());
    let line = |points: &[(f32, f32)]| {
        let points: Vec<Pos2> = points.iter().map(|&(x, y)| at(x, y)).collect();
        painter.add(Shape::line(points, stroke));
    };
    let frame = |left: f32, top: f32, right: f32, bottom: f32, filled: bool| {
        let area = Rect::from_min_max(at(left, top), at(right, bottom));
        if filled {
            painter.rect_filled(area, 1.0, colour.gamma_multiply(0.55));
        }
        painter.rect_stroke(area, 1.0, stroke, egui::StrokeKind::Inside);
    };
    let radius = rect.width() / 2.0;
    match command {
        Command::SetLayout(Layout::One) => frame(0.0, 0.05, 1.0, 0.95, false),
        Command::SetLayout(Layout::SideBySide) => {
            frame(0.0, 0.05, 0.46, 0.95, false);
            frame(0.54, 0.05, 1.0, 0.95, true);
        }
        Command::SetLayout(Layout::Four) => {
            frame(0.0, 0.0, 0.46, 0.46, false);
            frame(0.54, 0.0, 1.0, 0.46, true);
            frame(0.0, 0.54, 0.46, 1.0, false);
            frame(0.54, 0.54, 1.0, 1.0, false);
        }
        Command::SetLayout(Layout::Planes) => {
            frame(0.0, 0.0, 0.46, 0.46, false);
            frame(0.54, 0.0, 1.0, 0.46, false);
            frame(0.0, 0.54, 0.46, 1.0, false);
            line(&[(0.0, 0.23), (0.46, 0.23)]);
            line(&[(0.77, 0.0), (0.77, 0.46)]);
            line(&[(0.23, 0.54), (0.23, 1.0)]);
        }
        Command::SetLayout(Layout::Contrast) => {
            frame(0.0, 0.05, 0.3, 0.95, true);
            frame(0.35, 0.05, 0.65, 0.95, false);
            line(&[(0.74, 0.5), (1.0, 0.5)]);
            line(&[(0.74, 0.26), (1.0, 0.26)]);
            line(&[(0.87, 0.13), (0.87, 0.39)]);
        }
        Command::SetLayout(Layout::Layers) => {
            frame(0.0, 0.0, 1.0, 0.24, false);
            frame(0.12, 0.38, 0.88, 0.62, true);
            frame(0.26, 0.76, 0.74, 1.0, true);
        }
        Command::SetLayout(Layout::Uncertainty) => {
            line(&[(0.0, 0.95), (1.0, 0.95)]);
            let bell = |x: f32| (x, 0.92 - 0.86 * (-((x - 0.5) / 0.2).powi(2) / 2.0).exp());
            let curve: Vec<(f32, f32)> = (0..=20).map(|step| bell(step as f32 / 20.0)).collect();
            line(&curve);
            line(&[(0.5, 0.3), (0.5, 0.95)]);
        }
        Command::SetLayout(Layout::Inside) => {
            frame(0.0, 0.05, 0.46, 0.95, true);
            for (x, y) in [(0.56, 0.05), (0.8, 0.05), (0.56, 0.38), (0.8, 0.38), (0.56, 0.71), (0.8, 0.71)] {
                frame(x, y, x + 0.2, y + 0.24, false);
            }
        }
        Command::SetLayout(Layout::Embedding) => {
            frame(0.0, 0.05, 0.36, 0.95, true);
            for (x, y) in [
                (0.52, 0.2),
                (0.62, 0.36),
                (0.5, 0.44),
                (0.86, 0.3),
                (0.94, 0.18),
                (0.7, 0.8),
                (0.84, 0.74),
                (0.78, 0.92),
            ] {
                painter.circle_filled(at(x, y), 1.3, colour);
            }
        }
        Command::SetLayout(Layout::Check) => {
            for (y, end) in [(0.12, 0.62), (0.38, 0.44), (0.64, 0.74), (0.9, 0.5)] {
                line(&[(0.0, y), (end, y)]);
            }
            line(&[(0.66, 0.3), (0.78, 0.46), (1.0, 0.08)]);
        }
        Command::SetTool(Tool::Region) => {
            line(&[(0.12, 0.62), (0.0, 0.3), (0.3, 0.04), (0.78, 0.08), (1.0, 0.44), (0.72, 0.86), (0.36, 0.96)]);
            painter.circle_filled(at(0.14, 0.8), 1.8, colour);
        }
        Command::SetTool(Tool::Cover) => {
            frame(0.0, 0.05, 1.0, 0.95, false);
            frame(0.3, 0.36, 0.78, 0.78, true);
        }
        Command::SetTool(Tool::Window) => {
            painter.circle_filled(rect.center(), radius, colour);
            let half = Rect::from_min_max(rect.left_top() - Vec2::splat(1.0), at(0.5, 1.0) + Vec2::new(0.0, 1.0));
            painter.with_clip_rect(half.intersect(painter.clip_rect())).circle_filled(
                rect.center(),
                radius - 1.4,
                behind,
            );
        }
        Command::SetTool(Tool::Pan) => {
            line(&[(0.5, 0.0), (0.5, 1.0)]);
            line(&[(0.0, 0.5), (1.0, 0.5)]);
            for tip in [
                [(0.34, 0.16), (0.5, 0.0), (0.66, 0.16)],
                [(0.34, 0.84), (0.5, 1.0), (0.66, 0.84)],
                [(0.16, 0.34), (0.0, 0.5), (0.16, 0.66)],
                [(0.84, 0.34), (1.0, 0.5), (0.84, 0.66)],
            ] {
                line(&tip);
            }
        }
        Command::SetTool(Tool::Zoom) => {
            painter.circle_stroke(at(0.42, 0.42), radius * 0.78, stroke);
            line(&[(0.7, 0.7), (1.0, 1.0)]);
            line(&[(0.22, 0.42), (0.62, 0.42)]);
            line(&[(0.42, 0.22), (0.42, 0.62)]);
        }
        Command::SetTool(Tool::Scroll) => {
            line(&[(0.0, 0.34), (0.5, 0.06), (1.0, 0.34), (0.5, 0.62), (0.0, 0.34)]);
            line(&[(0.0, 0.52), (0.5, 0.8), (1.0, 0.52)]);
            line(&[(0.0, 0.7), (0.5, 0.98), (1.0, 0.7)]);
        }
        Command::Invert => {
            frame(0.0, 0.05, 1.0, 0.95, false);
            painter.rect_filled(Rect::from_min_max(at(0.5, 0.05), at(1.0, 0.95)), 1.0, colour);
        }
        Command::FlipHorizontally => {
            line(&[(0.5, 0.0), (0.5, 1.0)]);
            line(&[(0.36, 0.15), (0.36, 0.85), (0.0, 0.85), (0.36, 0.15)]);
            line(&[(0.64, 0.15), (0.64, 0.85), (1.0, 0.85), (0.64, 0.15)]);
        }
        Command::FlipVertically => {
            line(&[(0.0, 0.5), (1.0, 0.5)]);
            line(&[(0.15, 0.36), (0.85, 0.36), (0.85, 0.0), (0.15, 0.36)]);
            line(&[(0.15, 0.64), (0.85, 0.64), (0.85, 1.0), (0.15, 0.64)]);
        }
        Command::TurnRight | Command::TurnLeft => {
            let sign = if *command == Command::TurnRight { 1.0 } else { -1.0 };
            let arc: Vec<Pos2> = (0..=14)
                .map(|step| {
                    let angle = (-200.0 + step as f32 * 16.0_f32).to_radians();
                    rect.center() + Vec2::new(sign * angle.cos(), angle.sin()) * radius * 0.9
                })
                .collect();
            let end = arc[arc.len() - 1];
            painter.add(Shape::line(arc, stroke));
            painter.add(Shape::line(
                vec![end + Vec2::new(-sign * 4.5, -1.5), end, end + Vec2::new(sign * 1.5, -4.5)],
                stroke,
            ));
        }
        Command::Reset => {
            for corner in [
                [(0.0, 0.3), (0.0, 0.0), (0.3, 0.0)],
                [(0.7, 0.0), (1.0, 0.0), (1.0, 0.3)],
                [(1.0, 0.7), (1.0, 1.0), (0.7, 1.0)],
                [(0.3, 1.0), (0.0, 1.0), (0.0, 0.7)],
            ] {
                line(&corner);
            }
            painter.circle_filled(rect.center(), 1.8, colour);
        }
        Command::ToggleOverlay => {
            frame(0.0, 0.05, 1.0, 0.95, false);
            painter.circle_filled(at(0.58, 0.44), radius * 0.5, colour.gamma_multiply(0.45));
            painter.circle_filled(at(0.58, 0.44), radius * 0.26, colour);
        }
        Command::SaveLayout => {
            line(&[
                (0.0, 0.28),
                (0.28, 0.28),
                (0.36, 0.1),
                (0.64, 0.1),
                (0.72, 0.28),
                (1.0, 0.28),
                (1.0, 0.92),
                (0.0, 0.92),
                (0.0, 0.28),
            ]);
            painter.circle_stroke(at(0.5, 0.58), radius * 0.4, stroke);
        }
        _ => {}
    }
}

/// A play or pause sign.
pub fn play(ui: &mut Ui, playing: bool, name: &str, tooltip: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(24.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), playing, name));
    let palette = theme::palette(ui.ctx());
    let fill = if playing {
        palette.chosen
    } else if response.hovered() {
        palette.border
    } else {
        palette.raised
    };
    ui.painter().rect_filled(rect, 3.0, fill);
    let inner = rect.shrink(7.0);
    if playing {
        let width = inner.width() * 0.34;
        for left in [inner.left(), inner.right() - width] {
            let bar = Rect::from_min_size(Pos2::new(left, inner.top()), Vec2::new(width, inner.height()));
            ui.painter().rect_filled(bar, 0.0, palette.text);
        }
    } else {
        let points = vec![inner.left_top(), inner.right_center(), inner.left_bottom()];
        ui.painter().add(Shape::convex_polygon(points, palette.text, Stroke::NONE));
    }
    response.on_hover_text(tooltip)
}
