//! Everything around the viewports. Panels show what they are given and leave commands.

pub mod activations;
pub mod browser;
pub mod check;
mod classes;
pub mod density;
pub mod embedding;
mod exam;
pub mod filters;
pub mod help;
pub mod inspector;
pub mod layers;
pub mod notices;
pub mod scrubber;
mod scrubber_band;
pub mod status;
pub mod strongest;
pub mod toolbar;
pub mod verdict;

use egui::{Color32, Rect, RichText, Ui, Vec2};

use super::theme;

/// The heading of a group in a panel.
fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(theme::SPACE);
    ui.label(RichText::new(text).color(theme::palette(ui.ctx()).quiet).size(11.5).strong());
}

/// A secondary line of text.
fn quiet(ui: &mut Ui, text: impl Into<String>) -> egui::Response {
    let colour = theme::palette(ui.ctx()).quiet;
    ui.label(RichText::new(text).color(colour).small())
}

/// A quiet sentence in the middle of a tile of the panels' colour.
fn note(ui: &Ui, rect: Rect, text: &str) {
    let colour = theme::palette(ui.ctx()).quiet;
    let width = (rect.width() - 4.0 * theme::SPACE).max(40.0);
    let font = egui::FontId::proportional(theme::ANNOTATION_SIZE);
    let galley = ui.painter().layout(text.to_owned(), font, colour, width);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colour);
}

/// A bar of `part` (0 ..= 1) of a trough.
fn bar(painter: &egui::Painter, trough: Rect, part: f32, fill: Color32, behind: Color32) {
    painter.rect_filled(trough, 2.0, behind);
    let width = trough.width() * part.clamp(0.0, 1.0);
    if width >= 0.5 {
        painter.rect_filled(Rect::from_min_size(trough.min, Vec2::new(width, trough.height())), 2.0, fill);
    }
}

/// Words for a probability, as wide for 0 as for 1.
fn percent(probability: f32) -> String {
    format!("{:>5.1} %", probability * 100.0)
}
