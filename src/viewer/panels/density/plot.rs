//! The curves, and beneath them where each distribution lies: 50 and 90 % interval, median, mean, plain network.

use std::fmt::Write;
use std::ops::RangeInclusive;

use egui::{Align2, Color32, Painter, Pos2, Rect, RichText, Shape, Stroke, Ui, Vec2};
use egui_plot::{
    AxisHints, FilledArea, GridMark, Line, LineStyle, Plot, PlotPoint, PlotPoints, PlotTransform, PlotUi, Text, VLine,
};

use super::{Image, class_name};
use crate::engine::ModelInfo;
use crate::viewer::plotter::{ClassDrawing, Drawing, Kind};
use crate::viewer::theme;

/// Height of a distribution's lane beneath the curves, in points.
const LANE: f32 = 11.0;
/// Height of the rug's ticks, in points.
const TICK: f32 = 5.0;

/// Height of a line of words in the plot, in points.
const WORDS: f32 = 13.0;

/// One distribution of the plot.
struct Row<'a> {
    class: &'a ClassDrawing,
    colour: Color32,
    is_pinned: bool,
}

/// Shows the plot.
pub(super) fn show(ui: &mut Ui, height: f32, model: &ModelInfo, images: &[Image]) {
    let palette = theme::palette(ui.ctx());
    // Of each class first the image in view, then the pinned one.
    let mut rows: Vec<Row<'_>> = Vec::new();
    for class in images.first().map_or(&[][..], |image| &image.drawing.classes) {
        for image in images {
            if let Some(other) = image.drawing.classes.iter().find(|other| other.class == class.class) {
                let colour = theme::plot_colour(ui.ctx(), class.class);
                rows.push(Row { class: other, colour, is_pinned: image.is_pinned });
            }
        }
    }
    let top = Drawing::height(images.iter().map(|image| &*image.drawing)) * 1.1;
    // Room for the lanes beneath 0, in units of the density.
    let lane = LANE.min(height * 0.4 / rows.len().max(1) as f32);
    let below = f64::from(lane) * rows.len() as f64 + 4.0;
    let inner = f64::from(height - 22.0).max(below + 20.0);
    let bottom = -top * below / (inner - below);

    let response = Plot::new("density")
        .height(height)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_x(false)
        .show_y(false)
        .set_margin_fraction(Vec2::ZERO)
        .show_axes([true, true])
        .show_grid([true, true])
        .grid_color(palette.border)
        .grid_fade(0.0)
        .x_grid_spacer(|_| (0..=5).map(|fifth| GridMark { value: f64::from(fifth) / 5.0, step_size: 0.2 }).collect())
        .y_grid_spacer(move |_| marks(top))
        .custom_x_axes(vec![
            AxisHints::new_x()
                .formatter(|mark, _| format!("{:.0} %", mark.value * 100.0))
                .label_spacing(egui::Rangef::new(8.0, 16.0)),
        ])
        .custom_y_axes(vec![
            AxisHints::new_y()
                .formatter(|mark: GridMark, _: &RangeInclusive<f64>| format!("{}", mark.value))
                .label_spacing(egui::Rangef::new(6.0, 10.0))
                .label(RichText::new("density").size(11.0).color(palette.quiet))
                .min_thickness(24.0),
        ])
        .label_formatter(|_| None)
        .show(ui, |plot| {
            plot.set_plot_bounds_x(-0.02..=1.03);
            plot.set_plot_bounds_y(bottom..=top);
            for row in rows.iter().rev() {
                curve(plot, row, class_name(model, row.class.class));
            }
            // One below the other: needles often stand close together.
            let step = (top - bottom) * f64::from(WORDS / height.max(WORDS));
            for (index, row) in rows.iter().filter(|row| row.class.top > top).enumerate() {
                cut(plot, row, top * 0.985 - step * index as f64);
            }
        });
    let painter = ui.painter_at(*response.transform.frame());
    let scale = Scale { transform: response.transform, lane };
    for row in rows.iter().rev().filter(|row| row.class.kind == Kind::Histogram) {
        scale.bars(&painter, row);
    }
    for (index, row) in rows.iter().enumerate() {
        scale.lane(&painter, row, index, palette.text);
        if !row.class.rug.is_empty() {
            scale.rug(&painter, row);
        }
    }
    let described = described(model, images);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, described.clone()));
    response.response.on_hover_ui(|ui| key(ui, images.len() > 1));
}

fn curve(plot: &mut PlotUi<'_>, row: &Row<'_>, name: &str) {
    if row.class.kind != Kind::Histogram {
        outline(plot, row, name);
    }
    if let Some(point) = row.class.numbers.point.filter(|_| !row.is_pinned) {
        let style = LineStyle::dashed_dense();
        plot.vline(VLine::new(name, f64::from(point)).color(row.colour.gamma_multiply(0.8)).width(1.0).style(style));
    }
}

fn outline(plot: &mut PlotUi<'_>, row: &Row<'_>, name: &str) {
    let (xs, ys): (Vec<f64>, Vec<f64>) = row.class.outline.iter().map(|[x, y]| (*x, *y)).unzip();
    let points: PlotPoints<'_> = row.class.outline.clone().into();
    let line = Line::new(name, points).color(row.colour).width(1.5);
    if row.is_pinned {
        plot.line(line.style(LineStyle::Dashed { length: 5.0 }));
        return;
    }
    plot.add(FilledArea::new(name, &xs, &vec![0.0; xs.len()], &ys).fill_color(row.colour.gamma_multiply(0.22)));
    plot.line(line);
}

/// Says how high a curve goes that goes on above the plot.
fn cut(plot: &mut PlotUi<'_>, row: &Row<'_>, at: f64) {
    let peak = row.class.outline.iter().max_by(|a, b| a[1].total_cmp(&b[1])).map_or(0.5, |point| point[0]);
    // The words lie on the side that has room.
    let (words, align) = if peak > 0.5 {
        (format!("up to {:.0}  ", row.class.top), Align2::RIGHT_TOP)
    } else {
        (format!("  up to {:.0}", row.class.top), Align2::LEFT_TOP)
    };
    let words = RichText::new(words).color(row.colour).size(11.0);
    plot.text(Text::new("", PlotPoint::new(peak, at), words).anchor(align));
}

/// Where things lie on the screen.
struct Scale {
    transform: PlotTransform,
    lane: f32,
}

impl Scale {
    fn x(&self, probability: f32) -> f32 {
        self.transform.position_from_point_x(f64::from(probability))
    }

    /// A distribution in its lane: 90 % interval thin, 50 % thick, the median a tick, the mean a dot, the plain
    /// network's answer a diamond.
    fn lane(&self, painter: &Painter, row: &Row<'_>, index: usize, text: Color32) {
        let base = self.transform.position_from_point_y(0.0);
        let y = base + 3.0 + self.lane * (index as f32 + 0.5);
        let numbers = row.class.numbers;
        let span = |interval: [f32; 2]| [Pos2::new(self.x(interval[0]), y), Pos2::new(self.x(interval[1]), y)];
        if numbers.interval90.iter().all(|end| end.is_finite()) {
            let thin = Stroke::new(1.5, row.colour);
            if row.is_pinned {
                painter.extend(Shape::dashed_line(&span(numbers.interval90), thin, 4.0, 3.0));
            } else {
                painter.line_segment(span(numbers.interval90), thin);
            }
            let [left, right] = span(numbers.interval50);
            let body = Rect::from_two_pos(left - Vec2::new(0.5, 2.5), right + Vec2::new(0.5, 2.5));
            if row.is_pinned {
                painter.rect_stroke(body, 0.0, Stroke::new(1.0, row.colour), egui::StrokeKind::Inside);
            } else {
                painter.rect_filled(body, 0.0, row.colour);
            }
        }
        let half = (self.lane * 0.5 - 0.5).max(2.0);
        painter.vline(self.x(numbers.median), y - half..=y + half, Stroke::new(1.5, text));
        painter.circle(Pos2::new(self.x(numbers.mean), y), 2.5, text, Stroke::new(1.0, row.colour));
        if let Some(point) = numbers.point {
            let (centre, half) = (Pos2::new(self.x(point), y), 4.0);
            let corners = [
                centre - Vec2::new(0.0, half),
                centre + Vec2::new(half, 0.0),
                centre + Vec2::new(0.0, half),
                centre - Vec2::new(half, 0.0),
            ];
            painter.add(Shape::closed_line(corners.to_vec(), Stroke::new(1.2, text)));
        }
    }

    /// Bars; of the pinned image dashed and open.
    fn bars(&self, painter: &Painter, row: &Row<'_>) {
        let at = |[x, y]: [f64; 2]| self.transform.position_from_point(&PlotPoint::new(x, y));
        let points: Vec<Pos2> = row.class.outline.iter().map(|point| at(*point)).collect();
        let stroke = Stroke::new(1.5, row.colour);
        if row.is_pinned {
            painter.extend(Shape::dashed_line(&points, stroke, 4.0, 3.0));
            return;
        }
        let base = self.transform.position_from_point_y(0.0);
        // The outline is a start on the base line, the two upper corners of each bar, and an end.
        let corners = points.get(1..points.len().saturating_sub(1)).unwrap_or_default();
        for bar in corners.chunks_exact(2).filter(|bar| bar[0].y < base) {
            let area = Rect::from_min_max(bar[0], Pos2::new(bar[1].x, base));
            painter.rect_filled(area, 0.0, row.colour.gamma_multiply(0.3));
        }
        for pair in points.windows(2) {
            painter.line_segment([pair[0], pair[1]], stroke);
        }
    }

    /// A tick for each pass, standing on the base line; of the pinned image shorter.
    fn rug(&self, painter: &Painter, row: &Row<'_>) {
        let base = self.transform.position_from_point_y(0.0);
        let height = if row.is_pinned { TICK * 0.6 } else { TICK };
        let stroke = Stroke::new(1.0, row.colour.gamma_multiply(0.8));
        for tick in &row.class.rug {
            painter.vline(self.x(*tick), base - height..=base, stroke);
        }
    }
}

/// Three or four round numbers up the axis of the density.
fn marks(top: f64) -> Vec<GridMark> {
    let step = round_step(top / 3.0);
    (0..=4)
        .map(|index| f64::from(index) * step)
        .filter(|value| *value < top * 0.97)
        .map(|value| GridMark { value, step_size: step })
        .collect()
}

/// 1, 2 or 5 times a power of ten, at least as large.
fn round_step(least: f64) -> f64 {
    let power = 10.0_f64.powf(least.max(1e-9).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least * 0.999);
    step.unwrap_or(10.0 * power)
}

/// What the lines mean.
fn key(ui: &mut Ui, has_pinned: bool) {
    ui.set_max_width(340.0);
    ui.label(
        "The higher a curve, the more passes gave this probability; each has an area of 1. Narrow: the passes agree. \
         Wide: the network is unsure.",
    );
    for line in [
        "Thick bar: 50 % of the passes. Thin bar: 90 %.",
        "Upright tick: median. Dot: mean.",
        "Diamond and dashed line: the plain network, without chance.",
    ] {
        ui.label(line);
    }
    if has_pinned {
        ui.label("Dashed curves and open bars: the pinned image.");
    }
}

/// The plot in words, for those who don't see it.
fn described(model: &ModelInfo, images: &[Image]) -> String {
    let mut words = String::from("Density of the class probabilities");
    for image in images {
        for class in &image.drawing.classes {
            let kind = match class.kind {
                Kind::Exact => "exact, ",
                Kind::Histogram => "histogram, ",
                Kind::Kernels(_) => "",
            };
            let [low, high] = class.numbers.interval90.map(|end| end * 100.0);
            let name = class_name(model, class.class);
            let _ = write!(words, "; {}, {name}: {kind}90 % between {low:.1} and {high:.1} %", image.name);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_has_a_few_round_numbers() {
        assert_eq!([0.34, 1.0, 1.2, 4.0, 57.0].map(round_step), [0.5, 1.0, 2.0, 5.0, 100.0]);
        for top in [0.7, 1.1, 3.0, 24.0, 180.0] {
            let marks = marks(top);
            assert!((2..=4).contains(&marks.len()) && marks.iter().all(|mark| mark.value < top), "{top}");
        }
    }
}
