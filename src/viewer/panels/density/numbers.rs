//! The plot in numbers.

use egui::{Grid, RichText, Ui};

use super::{Image, class_name, legend};
use crate::engine::ModelInfo;
use crate::viewer::plotter::{ClassDrawing, Kind};
use crate::viewer::theme;

/// Height of a row of numbers, in points.
const ROW: f32 = 20.0;

/// Title, width in characters and meaning of each column.
const COLUMNS: [(&str, usize, &str); 6] = [
    ("plain", 5, "The plain network's probability, with the weights at their mean: no chance in it"),
    ("mean", 4, "The mean probability over the passes"),
    ("median", 6, "Half of the passes gave less, half more"),
    ("50 %", 9, "Half of the passes lie in this interval: from the 25th to the 75th percentile"),
    ("90 %", 9, "Nine of ten passes lie in this interval: from the 5th to the 95th percentile"),
    ("top", 4, "Share of the passes in which this class is the likeliest of all"),
];

/// What the table takes, in points.
pub(super) fn height(images: &[Image]) -> f32 {
    let rows: usize = images.iter().map(|image| image.drawing.classes.len()).sum();
    ROW * (rows as f32 + 1.0) + theme::SPACE
}

/// Shows the table: of each class first the image in view, then the pinned one.
pub(super) fn show(ui: &mut Ui, model: &ModelInfo, images: &[Image]) {
    let palette = theme::palette(ui.ctx());
    let column = |text: &str, width: usize| RichText::new(format!("{text:>width$}")).font(theme::numbers(12.0));
    Grid::new("density numbers").num_columns(7).spacing([8.0, 0.0]).min_row_height(ROW).show(ui, |ui| {
        ui.label(RichText::new("in %").small().color(palette.quiet));
        for (title, width, meaning) in COLUMNS {
            ui.label(column(title, width).color(palette.quiet)).on_hover_text(meaning);
        }
        ui.end_row();
        for class in images.first().map_or(&[][..], |image| &image.drawing.classes) {
            for image in images {
                let Some(other) = image.drawing.classes.iter().find(|other| other.class == class.class) else {
                    continue;
                };
                let name = class_name(model, class.class);
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = theme::GAP;
                    legend::sample(ui, theme::plot_colour(ui.ctx(), class.class), image.is_pinned);
                    ui.add(egui::Label::new(name).extend());
                })
                .response
                .on_hover_text(made_of(image, other, name));
                for (text, (_, width, _)) in cells(other).iter().zip(COLUMNS) {
                    ui.label(column(text, width));
                }
                ui.end_row();
            }
        }
    });
}

/// Per cent with one decimal; 100 without, so that no column is wide for its sake.
fn percent(part: f32) -> String {
    let words = format!("{:.1}", part * 100.0);
    match words.as_str() {
        "100.0" => "100".to_owned(),
        _ if part.is_finite() => words,
        _ => "–".to_owned(),
    }
}

fn cells(class: &ClassDrawing) -> [String; 6] {
    let numbers = &class.numbers;
    let interval = |[low, high]: [f32; 2]| format!("{}–{}", percent(low), percent(high));
    [
        numbers.point.map_or("–".to_owned(), percent),
        percent(numbers.mean),
        percent(numbers.median),
        interval(numbers.interval50),
        interval(numbers.interval90),
        percent(numbers.top),
    ]
}

/// Where a row's numbers come from.
fn made_of(image: &Image, class: &ClassDrawing, name: &str) -> String {
    let passes = super::grouped(image.drawing.result.passes);
    let std = image.drawing.result.summary.std.get(class.class).copied().unwrap_or(f32::NAN) * 100.0;
    let curve = match class.kind {
        Kind::Kernels(width) => format!("Gaussian kernels, bandwidth {width:.4}, reflected at 0 and 1"),
        Kind::Histogram => "histogram".to_owned(),
        Kind::Exact => "exact: a logit-normal distribution".to_owned(),
    };
    format!("{name}, {}\n{passes} passes, standard deviation {std:.1} %\nCurve: {curve}", image.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::plotter::Numbers;

    #[test]
    fn numbers_fit_their_columns() {
        let numbers = Numbers {
            point: Some(1.0),
            mean: 1.0,
            median: 0.9999,
            interval50: [1.0, 1.0],
            interval90: [0.0, 1.0],
            top: f32::NAN,
        };
        let class =
            ClassDrawing { class: 0, outline: Vec::new(), top: 0.0, kind: Kind::Exact, rug: Vec::new(), numbers };
        let cells = cells(&class);
        assert_eq!(cells, ["100", "100", "100", "100–100", "0.0–100", "–"]);
        for (cell, (title, width, _)) in cells.iter().zip(COLUMNS) {
            assert!(cell.chars().count() <= width && title.chars().count() <= width, "{cell} in {title}");
        }
    }
}
