//! What the channels of the chosen layer look for: its learned weights as pictures.

use std::sync::Arc;

use egui::{
    Align, Align2, Color32, FontId, Layout, Pos2, Rect, Role, ScrollArea, Sense, Stroke, Ui, UiBuilder, Vec2,
    WidgetInfo,
};

use super::activations::grid::{self, Cell, Grid};
use super::{note, quiet};
use crate::inside::{FilterKind, Filters};
use crate::viewer::command::Command;
use crate::viewer::inside::atlas::Pages;
use crate::viewer::inside::kernels::{Form, Sheets, extremes, form};
use crate::viewer::layer_tree::Purpose;
use crate::viewer::legend::colour_strip;
use crate::viewer::scene::Scene;
use crate::viewer::theme;
use crate::viewer::window::number;

/// Smallest side of a filter that is one image, in points.
const CELL: f32 = 44.0;
/// Width of the channel numbers in front of the matrix, in points.
const NUMBERS: f32 = 40.0;
/// Height of a channel number, in points.
const NUMBER: f32 = 13.0;
/// Height of the line under the filters, in points.
const FOOTER: f32 = 20.0;

/// Shows the filters in their tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("filters"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if scene.facts.model.value.is_none() {
        note(ui, rect, "Choose a model to see what its layers look for.");
        return;
    }
    let held = &scene.facts.inside.filters;
    if let Some(reason) = held.failure.clone() {
        ui.horizontal(|ui| {
            ui.label("Filters of");
            layer_button(ui, scene);
        });
        note(ui, rect, &reason);
        return;
    }
    let Some(filters) = held.current().cloned() else {
        ui.label("Filters");
        note(ui, rect, "Reading the weights …");
        return;
    };
    header(ui, scene, &filters);
    let under = match form(&filters) {
        Form::Matrix => matrix(ui, scene, &filters),
        Form::Colour | Form::Single => images(ui, scene, &filters),
    };
    footer(ui, rect, scene, &filters, under);
}

fn header(ui: &mut Ui, scene: &mut Scene<'_>, filters: &Filters) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut shared = scene.state.explain.channels_share_scale;
            let response = ui.checkbox(&mut shared, "One scale");
            if response.on_hover_text("One scale for all filters, or each filter by itself").changed() {
                scene.send(Command::SetChannelsShareScale(shared));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label("Filters of");
                layer_button(ui, scene);
            });
        });
    });
    let whose = scene.facts.activation_layer.as_deref().filter(|layer| *layer != filters.layer);
    let made_by = whose.map(|_| format!("made by {}: ", filters.layer)).unwrap_or_default();
    quiet(ui, format!("{made_by}{}", words(filters)));
}

/// The layer, and the way to another one.
fn layer_button(ui: &mut Ui, scene: &mut Scene<'_>) {
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    let button = ui.add(egui::Button::new(&*layer).truncate());
    if button.on_hover_text("Choose the layer whose filters and channels are shown").clicked() {
        scene.send(Command::ChooseLayer(Purpose::Activations));
    }
}

/// "64 filters of 7 × 7 on 3 colours".
fn words(filters: &Filters) -> String {
    let count = if filters.all_outputs > filters.outputs {
        format!("the first {} of {} filters", filters.outputs, filters.all_outputs)
    } else {
        format!("{} filters", filters.outputs)
    };
    let (rows, columns) = (filters.rows, filters.columns);
    let inputs = match (filters.kind, filters.inputs) {
        (FilterKind::Dense, inputs) => return format!("{count}, a weight for each of {inputs} features"),
        (FilterKind::DenseImage, inputs) => {
            return format!("{count}, an image of {rows} × {columns} weights for each of {inputs} channels");
        }
        (_, 3) if filters.first => "3 colours".to_owned(),
        (_, 1) => "1 channel".to_owned(),
        (_, inputs) => format!("{inputs} channels"),
    };
    match filters.groups() {
        1 => format!("{count} of {rows} × {columns} on {inputs}"),
        groups => format!("{count} of {rows} × {columns} on {inputs} each, in {groups} groups"),
    }
}

/// One image a filter. Says which filter is under the pointer.
fn images(ui: &mut Ui, scene: &mut Scene<'_>, filters: &Arc<Filters>) -> Option<(usize, Option<usize>)> {
    let pages = Pages::of(filters.outputs, filters.rows, filters.columns);
    let shown: Vec<usize> = (0..filters.outputs).collect();
    let chosen = scene.state.inside.channel;
    let name = format!("Filters, layer {}", filters.layer);
    let height = (ui.available_height() - FOOTER).max(CELL);
    let grid = Grid {
        name: &name,
        what: "Filter",
        count: shown.len(),
        least: CELL,
        aspect: pages.aspect(),
        height,
        chosen,
        places: &shown,
    };
    let mut textures = vec![None; pages.count()];
    let pointed = grid.show(ui, |output| {
        let (page, within) = pages.place(output);
        let texture = textures[page].get_or_insert_with(|| scene.filter_page(filters, page));
        let picture = texture.as_ref().and_then(|texture| {
            let atlas = texture.channels.as_ref().filter(|atlas| within < atlas.channels.len())?;
            Some((texture.handle.id(), grid::texels(atlas, within, texture.handle.size_vec2()), true))
        });
        Cell { channel: output, picture, is_dead: false }
    });
    if let Some(channel) = pointed.clicked {
        scene.send(Command::FollowChannel(Some(channel).filter(|channel| Some(*channel) != chosen)));
    }
    pointed.under.map(|output| (output, None))
}

/// A row of kernels a filter. Says which kernel is under the pointer.
fn matrix(ui: &mut Ui, scene: &mut Scene<'_>, filters: &Arc<Filters>) -> Option<(usize, Option<usize>)> {
    let sheets = Sheets::of(filters);
    // A weight is at least 4 points wide, a kernel at least 12.
    let weight = (12.0 / filters.columns.max(filters.rows) as f32).ceil().clamp(4.0, 8.0);
    let kernel = Vec2::new(sheets.pitch[0] as f32, sheets.pitch[1] as f32) * weight;
    let palette = theme::palette(ui.ctx());
    let chosen = scene.state.inside.channel;
    let size = Vec2::new(NUMBERS + kernel.x * filters.inputs as f32, kernel.y * filters.outputs as f32);
    let height = (ui.available_height() - FOOTER).max(CELL);
    let mut scroll = ScrollArea::both().id_salt(&filters.layer).max_height(height).auto_shrink([false, false]);
    if let Some(row) = newly_chosen(ui, chosen).filter(|row| *row < filters.outputs) {
        scroll = scroll.vertical_scroll_offset((row as f32 * kernel.y - (height - kernel.y) / 2.0).max(0.0));
    }
    let mut under = None;
    let mut clicked = None;
    scroll.show_viewport(ui, |ui, view| {
        let (area, response) = ui.allocate_exact_size(size, Sense::click());
        let name = format!("Filters, layer {}", filters.layer);
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &name));
        let range = |low: f32, high: f32, step: f32, count: usize| {
            ((low / step).max(0.0) as usize).min(count)..((high / step).ceil().max(0.0) as usize).min(count)
        };
        let rows = range(view.top(), view.bottom(), kernel.y, filters.outputs);
        let columns = range(view.left(), view.right() - NUMBERS, kernel.x, filters.inputs);
        let corner = area.min + Vec2::new(NUMBERS, 0.0);
        let clip = ui.clip_rect();
        let seen = Rect::from_min_max(Pos2::new(clip.left() + NUMBERS, clip.top()), clip.max);
        let painter = ui.painter().with_clip_rect(seen);
        for page in sheets.pages(rows.clone(), columns.clone()) {
            let (outputs, inputs) = sheets.on(page);
            let place = Rect::from_min_size(
                corner + Vec2::new(inputs.start as f32 * kernel.x, outputs.start as f32 * kernel.y),
                Vec2::new(inputs.len() as f32 * kernel.x, outputs.len() as f32 * kernel.y),
            );
            match scene.filter_page(filters, page) {
                Some(texture) => {
                    let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
                    painter.image(texture.handle.id(), place, whole, Color32::WHITE);
                }
                None => {
                    painter.rect_filled(place, 0.0, palette.raised);
                }
            }
        }
        let at = response.hover_pos().filter(|at| seen.contains(*at));
        under = at.and_then(|at| {
            let place = at - corner;
            let (row, column) = ((place.y / kernel.y) as usize, (place.x / kernel.x) as usize);
            (row < filters.outputs && column < filters.inputs).then_some((row, Some(column)))
        });
        if response.clicked() {
            clicked = under.map(|(row, _)| row);
        }
        // The numbers stay in view however far the matrix is moved sideways.
        let numbers = Rect::from_x_y_ranges(clip.left()..=clip.left() + NUMBERS - 2.0, clip.y_range());
        ui.painter().rect_filled(numbers, 0.0, palette.panel);
        for row in rows {
            let top = corner.y + row as f32 * kernel.y;
            let label = Rect::from_min_size(Pos2::new(clip.left(), top), Vec2::new(NUMBERS - 4.0, kernel.y));
            let response = ui.interact(label.intersect(clip), ui.scope_id().with(("filter", row)), Sense::click());
            let is_chosen = chosen == Some(row);
            response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_chosen, format!("Filter {row}")));
            if response.clicked() {
                clicked = Some(row);
            }
            if is_chosen {
                let line = Rect::from_x_y_ranges(seen.left()..=clip.right() - 1.0, top - 2.0..=top + kernel.y + 1.0);
                let stroke = Stroke::new(2.0, palette.accent);
                ui.painter().rect_stroke(line, 0.0, stroke, egui::StrokeKind::Inside);
            }
            // Where rows are narrow only some are numbered, and none that would run into the chosen one's number.
            let every = (NUMBER / kernel.y).ceil().max(1.0) as usize;
            let is_near = chosen.is_some_and(|chosen| chosen.abs_diff(row) < every);
            if is_chosen || (row % every == 0 && !is_near) {
                let colour = if is_chosen { palette.accent } else { palette.quiet };
                let font = FontId::proportional(11.0);
                ui.painter().text(label.right_center(), Align2::RIGHT_CENTER, row.to_string(), font, colour);
            }
        }
    });
    if let Some(row) = clicked {
        ui.data_mut(|data| data.insert_temp(ui.scope_id().with("followed"), Some(row)));
        scene.send(Command::FollowChannel(Some(row).filter(|row| Some(*row) != chosen)));
    }
    under
}

/// The followed channel, if it was chosen elsewhere since the last frame.
fn newly_chosen(ui: &Ui, chosen: Option<usize>) -> Option<usize> {
    let id = ui.scope_id().with("followed");
    let known: Option<Option<usize>> = ui.data(|data| data.get_temp(id));
    ui.data_mut(|data| data.insert_temp(id, chosen));
    chosen.filter(|_| known != Some(chosen))
}

/// The numbers of the kernel under the pointer, and what the colours stand for.
fn footer(ui: &Ui, rect: Rect, scene: &Scene<'_>, filters: &Filters, under: Option<(usize, Option<usize>)>) {
    let palette = theme::palette(ui.ctx());
    let font = FontId::proportional(11.5);
    let words = match under {
        Some((output, Some(input))) => {
            let (low, high) = filters.kernel(output, input).map_or((0.0, 0.0), extremes);
            // With groups a filter has the input channels of its own group.
            let per_group = (filters.all_outputs / filters.groups().max(1)).max(1);
            let from = output / per_group * filters.inputs + input;
            let [low, high] = [low, high].map(|weight| number(f64::from(weight)));
            if low == high {
                format!("Channel {output} from {from}   weight {low}")
            } else {
                format!("Channel {output} from {from}   {low} … {high}")
            }
        }
        Some((output, None)) => {
            let (low, high) = filters.filter(output).map_or((0.0, 0.0), extremes);
            format!("Channel {output}   weights {} … {}", number(f64::from(low)), number(f64::from(high)))
        }
        None => "Click a filter to follow its channel".to_owned(),
    };
    let at = Pos2::new(rect.left() + theme::SPACE, rect.bottom() - theme::GAP);
    ui.painter().text(at, Align2::LEFT_BOTTOM, words, font, palette.quiet);
    if rect.width() < 400.0 {
        return;
    }
    let (painter, font) = (ui.painter(), FontId::proportional(11.0));
    let mut at = Pos2::new(rect.right() - theme::SPACE, at.y);
    if form(filters) == Form::Colour {
        painter.text(at, Align2::RIGHT_BOTTOM, "grey is 0", font, palette.quiet);
        return;
    }
    let whose = if scene.state.explain.channels_share_scale { "+max" } else { "+max of each" };
    at.x = painter.text(at, Align2::RIGHT_BOTTOM, whose, font.clone(), palette.quiet).left() - theme::GAP;
    let strip = Rect::from_min_max(at - Vec2::new(56.0, 11.0), at - Vec2::new(0.0, 4.0));
    colour_strip(painter, strip, scene.state.explain.signed_colormap, 0.0);
    painter.text(Pos2::new(strip.left() - theme::GAP, at.y), Align2::RIGHT_BOTTOM, "-max", font, palette.quiet);
}
