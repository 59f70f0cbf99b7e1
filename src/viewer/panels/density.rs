//! How sure the network is: the density of each class's probability, with its numbers.

use egui::{Grid, Rect, RichText, ScrollArea, Ui, UiBuilder};
use egui_plot::{AxisHints, FilledArea, GridMark, Line, Plot, PlotPoints, VLine};

use super::quiet;
use crate::engine::{ModelInfo, Scores, UncertaintyResult};
use crate::viewer::annotations;
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Classes drawn at most; the likeliest ones.
const SHOWN: usize = 8;
/// Height of a row of numbers, in points.
const ROW: f32 = 22.0;

/// Shows the plot in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("density"));
    let ui = &mut area;
    let Some(model) = scene.facts.model.value.clone() else {
        annotations::centred(ui.painter(), rect, "Choose a model to see how sure it is.");
        return;
    };
    if !model.stochastic {
        annotations::centred(
            ui.painter(),
            rect,
            "This model has no stochastic layer: each run gives the same number, so there is no density to draw. \
             The probability alone does not say how sure the network is. Choose a model with a Flipout head.",
        );
        return;
    }
    let facts = &scene.facts.slots[0];
    if let Some(reason) = &facts.uncertainty.failure {
        annotations::centred(ui.painter(), rect, reason);
        return;
    }
    let Some(result) = facts.uncertainty.value.clone() else {
        annotations::centred(ui.painter(), rect, "Sampling …");
        return;
    };
    let waiting = if facts.uncertainty.is_current { "" } else { "   sampling …" };
    ui.horizontal(|ui| {
        ui.label("How sure the network is");
        quiet(ui, format!("{} passes through the Flipout layer{waiting}", result.passes));
    });
    let mut order: Vec<usize> = (0..model.classes.len().min(result.densities.len())).collect();
    let mean = |class: usize| result.summary.mean.get(class).copied().unwrap_or(0.0);
    order.sort_by(|a, b| mean(*b).total_cmp(&mean(*a)));
    order.truncate(SHOWN);

    let table = ROW * (order.len() as f32 + 1.0) + 44.0;
    let height = (ui.available_height() - table.min(ui.available_height() * 0.55)).max(80.0);
    plot(ui, height, &model, &result, facts.scores.current().map(|scores| &**scores), &order);
    ScrollArea::vertical()
        .id_salt("numbers")
        .auto_shrink([false, false])
        .show(ui, |ui| numbers(ui, &model, &result, &order));
}

fn plot(
    ui: &mut Ui,
    height: f32,
    model: &ModelInfo,
    result: &UncertaintyResult,
    scores: Option<&Scores>,
    order: &[usize],
) {
    let palette = theme::palette(ui.ctx());
    let top = order.iter().flat_map(|class| &result.densities[*class].y).fold(0.0_f32, |top, y| top.max(*y));
    let response = Plot::new("density")
        .height(height)
        .show_y(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .default_x_bounds(-0.02, 1.03)
        .default_y_bounds(0.0, f64::from(top.max(1e-6)) * 1.08)
        .set_margin_fraction(egui::Vec2::ZERO)
        .show_axes([true, false])
        .show_grid([true, false])
        .grid_color(palette.border)
        .grid_fade(0.0)
        .x_grid_spacer(|_| (0..=5).map(|fifth| GridMark { value: f64::from(fifth) / 5.0, step_size: 0.2 }).collect())
        .custom_x_axes(vec![
            AxisHints::new_x()
                .formatter(|mark, _| format!("{:.0} %", mark.value * 100.0))
                .label_spacing(egui::Rangef::new(8.0, 16.0)),
        ])
        .label_formatter(|_| None)
        .show(ui, |plot| {
            // The likeliest on top.
            for &class in order.iter().rev() {
                let name = model.classes.get(class).map_or("", String::as_str);
                let colour = theme::class_colour(class);
                let density = &result.densities[class];
                let xs: Vec<f64> = density.x.iter().map(|x| f64::from(*x)).collect();
                let ys: Vec<f64> = density.y.iter().map(|y| f64::from(*y)).collect();
                plot.add(FilledArea::new(name, &xs, &vec![0.0; xs.len()], &ys).fill_color(colour.gamma_multiply(0.22)));
                let points: PlotPoints<'_> = xs.iter().zip(&ys).map(|(x, y)| [*x, *y]).collect();
                plot.line(Line::new(name, points).color(colour).width(1.5));
                if let Some([low, high]) = result.summary.interval90.get(class) {
                    let ends: PlotPoints<'_> = vec![[f64::from(*low), 0.0], [f64::from(*high), 0.0]].into();
                    plot.line(Line::new(name, ends).color(colour).width(5.0));
                }
                if let Some(median) = result.summary.median.get(class) {
                    let height = height_at(density, *median);
                    let stem: PlotPoints<'_> = vec![[f64::from(*median), 0.0], [f64::from(*median), height]].into();
                    plot.line(Line::new(name, stem).color(colour).width(1.0));
                }
            }
            let point = order.first().and_then(|class| scores?.probabilities.get(*class));
            if let Some(point) = point {
                let style = egui_plot::LineStyle::dashed_dense();
                plot.vline(VLine::new("point estimate", f64::from(*point)).color(palette.text).width(1.0).style(style));
            }
        });
    response
        .response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, "Density of the class probabilities"));
}

/// The density at `x`, for a line that ends at the curve.
fn height_at(density: &crate::uncertainty::Density, x: f32) -> f64 {
    let next = density.x.partition_point(|at| *at < x).min(density.y.len().saturating_sub(1));
    density.y.get(next).map_or(0.0, |y| f64::from(*y))
}

fn numbers(ui: &mut Ui, model: &ModelInfo, result: &UncertaintyResult, order: &[usize]) {
    let palette = theme::palette(ui.ctx());
    let summary = &result.summary;
    // Numbers are padded to the width of their column and set in a font of equal widths.
    let column = |text: String, colour| RichText::new(text).font(theme::numbers(12.0)).color(colour);
    Grid::new("density numbers").num_columns(5).spacing([8.0, 0.0]).min_row_height(ROW).show(ui, |ui| {
        ui.label(RichText::new("Class").small().color(palette.quiet));
        for title in [
            format!("{:>7}", "mean"),
            format!("{:>5}", "SD"),
            format!("{:>8}", "median"),
            format!("{:>17}", "90 % interval"),
        ] {
            ui.label(column(title, palette.quiet));
        }
        ui.end_row();
        for &class in order {
            let value = |values: &[f32]| values.get(class).copied().unwrap_or(f32::NAN) * 100.0;
            let [low, high] = summary.interval90.get(class).copied().unwrap_or([f32::NAN; 2]);
            ui.horizontal(|ui| {
                let (dot, _) = ui.allocate_exact_size(egui::vec2(8.0, 8.0), egui::Sense::hover());
                ui.painter().circle_filled(dot.center(), 3.5, theme::class_colour(class));
                ui.label(model.classes.get(class).map_or("", String::as_str));
            });
            ui.label(column(format!("{:>5.1} %", value(&summary.mean)), palette.text));
            ui.label(column(format!("{:>5.1}", value(&summary.std)), palette.text));
            ui.label(column(format!("{:>6.1} %", value(&summary.median)), palette.text));
            ui.label(column(format!("{:>6.1} … {:>5.1} %", low * 100.0, high * 100.0), palette.text));
            ui.end_row();
        }
    });
    let words = format!(
        "Entropy {:.3} nats = {:.3} from the image (aleatoric) + {:.3} from the network (epistemic)",
        summary.entropy, summary.aleatoric, summary.epistemic
    );
    quiet(ui, words);
}
