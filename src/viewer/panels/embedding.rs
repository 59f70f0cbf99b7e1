//! Where the images lie in a layer's space: each a point, near to those that the layer takes for alike.

use egui::{
    Align, Align2, Color32, ComboBox, DragValue, FontId, Layout, Pos2, Rect, RichText, ScrollArea, Ui, UiBuilder, Vec2,
};
use egui_plot::{Plot, PlotPoints, Points};

use super::inspector::name_combo;
use super::note;
use super::strongest::{fitted, progress, scope};
use crate::inside::{Embedding, Projection, greatest_perplexity};
use crate::study::Source;
use crate::viewer::command::Command;
use crate::viewer::inside::scatter::{self, Group};
use crate::viewer::layer_tree::Purpose;
use crate::viewer::legend::colour_strip;
use crate::viewer::scene::Scene;
use crate::viewer::state::ColourBy;
use crate::viewer::theme;

/// Points from a point within which the pointer means it.
const REACH: f32 = 12.0;
/// Side of the picture beside the pointer, in points.
const PICTURE: f32 = 128.0;

/// Shows the plot in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("embedding"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if scene.facts.model.value.is_none() {
        note(ui, rect, "Choose a model to see which images it takes for alike.");
        return;
    }
    header(ui, scene);
    let held = scene.facts.inside.embedding.clone();
    progress(ui, scene, &held, "images");
    if let Some(reason) = &held.failure {
        note(ui, rect, reason);
        return;
    }
    let Some(embedding) = held.embedding().filter(|embedding| !embedding.points.is_empty()) else {
        note(ui, rect, waiting(scene));
        return;
    };
    let groups = scatter::groups(scene, &held, embedding);
    legend(ui, scene, &groups);
    plot(ui, scene, &held.sources, embedding, &groups);
}

/// Why there is no point yet.
fn waiting(scene: &Scene<'_>) -> &'static str {
    let count = scene.facts.inside.images.sources.len();
    if matches!(scene.state.inside.projection, Projection::Tsne { .. }) && greatest_perplexity(count) == 0 {
        "t-SNE needs at least four images. Choose everything open, or PCA."
    } else {
        ""
    }
}

fn header(ui: &mut Ui, scene: &mut Scene<'_>) {
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    let inside = &scene.state.inside;
    let (projection, perplexity, colour_by) = (inside.projection, inside.perplexity, inside.colour_by);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            scope(ui, scene);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let button = ui.add(egui::Button::new(&*layer).truncate());
                if button.on_hover_text("Choose the layer whose codes are laid out").clicked() {
                    scene.send(Command::ChooseLayer(Purpose::Activations));
                }
            });
        });
    });
    ui.horizontal(|ui| {
        let is_tsne = matches!(projection, Projection::Tsne { .. });
        for (chosen, name, tooltip, by) in [
            (
                is_tsne,
                "t-SNE",
                "Keeps neighbours together; distances between groups and their sizes mean nothing",
                Projection::Tsne { perplexity },
            ),
            (
                !is_tsne,
                "PCA",
                "The two directions in which the codes differ most; distances keep their meaning",
                Projection::Pca,
            ),
        ] {
            if ui.selectable_label(chosen, name).on_hover_text(tooltip).clicked() {
                scene.send(Command::SetProjection(by));
            }
        }
        if is_tsne {
            let most = greatest_perplexity(scene.facts.inside.images.sources.len()).max(1);
            let mut wanted = perplexity.min(most);
            let drag = DragValue::new(&mut wanted).range(1..=most.min(200)).speed(0.2).prefix("perplexity ");
            let response = ui.add(drag);
            let enabled = ui.is_enabled();
            response.widget_info(|| egui::WidgetInfo {
                label: Some("Perplexity".to_owned()),
                ..egui::WidgetInfo::drag_value(enabled, f64::from(wanted))
            });
            if response.on_hover_text("Roughly how many neighbours each image has").changed() {
                scene.send(Command::SetProjection(Projection::Tsne { perplexity: wanted }));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let response = ComboBox::from_id_salt("coloured by")
                .width(108.0)
                .selected_text(format!("By {}", colour_by.label().to_lowercase()))
                .show_ui(ui, |ui| {
                    for offered in ColourBy::ALL {
                        if ui.selectable_label(offered == colour_by, offered.label()).clicked() {
                            scene.send(Command::SetColourBy(offered));
                        }
                    }
                });
            name_combo(ui, &response.response, "Coloured by", colour_by.label());
        });
    });
}

/// What the colours stand for.
fn legend(ui: &mut Ui, scene: &Scene<'_>, groups: &[Group]) {
    let palette = theme::palette(ui.ctx());
    if scene.state.inside.colour_by == ColourBy::Confidence {
        ui.horizontal(|ui| {
            let small = |words: &str| RichText::new(words).small().color(palette.quiet);
            ui.label(small("Probability of the strongest class  0 %"));
            let (strip, _) = ui.allocate_exact_size(Vec2::new(96.0, 8.0), egui::Sense::hover());
            colour_strip(ui.painter(), strip, scatter::confidence_colours(), 0.0);
            ui.label(small("100 %"));
        });
        return;
    }
    // As many lines as there is room for; the plot is what counts.
    ScrollArea::vertical().id_salt("legend").max_height(52.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for group in groups {
                let count = group.places.len();
                let (dot, _) = ui.allocate_exact_size(Vec2::new(8.0, 14.0), egui::Sense::hover());
                ui.painter().circle_filled(dot.center(), 3.5, group.colour);
                let words = RichText::new(format!("{}  {count}", group.name)).small().color(palette.quiet);
                ui.label(words);
            }
        });
    });
}

fn plot(ui: &mut Ui, scene: &mut Scene<'_>, sources: &[Source], embedding: &Embedding, groups: &[Group]) {
    let palette = theme::palette(ui.ctx());
    let words = match embedding.explained {
        Some([first, second]) => format!(
            "PCA: {:.0} % of the variance across, {:.0} % up. Wheel zooms, drag moves, double-click fits.",
            first * 100.0,
            second * 100.0
        ),
        None => "t-SNE: neighbours are alike; distances between groups mean nothing. Wheel zooms, drag moves, double-click fits.".to_owned(),
    };
    let count = embedding.points.len();
    let drawn: usize = groups.iter().map(|group| group.places.len()).sum();
    let words = if drawn < count { format!("{drawn} of {count} images are drawn. {words}") } else { words };
    let height = (ui.available_height() - 18.0).max(80.0);
    let point = |place: usize| embedding.points[place].map(f64::from);
    let here = scene.state.slots[0].slice().map(|slice| slice.source.clone());
    let is_here = |place: usize| here.is_some() && sources.get(embedding.inputs[place]) == here.as_ref();
    let shown = Plot::new("embedding")
        .height(height)
        .data_aspect(1.0)
        .show_axes([false, false])
        .show_grid([false, false])
        .set_margin_fraction(Vec2::splat(0.06))
        .label_formatter(|_| None)
        .show_x(false)
        .show_y(false)
        .show(ui, |plot| {
            for group in groups {
                let points: PlotPoints<'_> = group.places.iter().map(|place| point(*place)).collect();
                plot.points(Points::new(&group.name, points).color(group.colour).radius(3.5));
            }
            if let Some(place) = (0..count).find(|place| is_here(*place)) {
                let ring = vec![point(place)];
                plot.points(Points::new("in view", ring).color(palette.text).radius(7.0).filled(false));
            }
        });
    let (response, transform) = (shown.response, shown.transform);
    let name = format!("Embedding of {count} images, layer {}", embedding.layer);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &name));
    let at = Pos2::new(ui.min_rect().left(), response.rect.bottom() + 2.0);
    ui.painter().text(at, Align2::LEFT_TOP, words, FontId::proportional(11.0), palette.quiet);
    let places = groups.iter().flat_map(|group| group.places.iter().copied());
    let on_screen = places.map(|place| {
        let [x, y] = point(place);
        (place, transform.position_from_point(&egui_plot::PlotPoint::new(x, y)))
    });
    let Some(pointer) = response.hover_pos() else { return };
    let Some((place, at)) = scatter::nearest(on_screen, pointer, REACH) else { return };
    let Some(source) = sources.get(embedding.inputs[place]).cloned() else { return };
    ui.painter().circle_stroke(at, 6.0, egui::Stroke::new(1.5, palette.accent));
    if response.clicked() {
        scene.send(Command::ShowImage { source: source.clone(), patch: None });
    }
    let name = scene.facts.inside.images.name(&source);
    let model = scene.facts.model.value.clone();
    let predicted = model.and_then(|model| model.classes.get(embedding.predicted[place]).cloned()).unwrap_or_default();
    let words = format!("{predicted}  {:.1} %", embedding.confidence[place] * 100.0);
    let texture = scene.thumbnail(&source);
    response.on_hover_ui_at_pointer(|ui| {
        let (frame, _) = ui.allocate_exact_size(Vec2::splat(PICTURE), egui::Sense::hover());
        ui.painter().rect_filled(frame, 0.0, Color32::BLACK);
        if let Some(texture) = texture {
            fitted(ui, texture.handle.id(), texture.handle.size_vec2(), frame);
        }
        ui.label(name);
        ui.label(RichText::new(words).small().color(palette.quiet));
    });
}
