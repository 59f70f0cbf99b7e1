//! The channels of the chosen layer, side by side.

use egui::{
    Align2, Color32, FontId, Mesh, Pos2, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, UiBuilder, Vec2, WidgetInfo,
};

use crate::viewer::annotations;
use crate::viewer::command::Command;
use crate::viewer::layer_tree::Purpose;
use crate::viewer::paint::Channel;
use crate::viewer::scene::Scene;
use crate::viewer::textures::Atlas;
use crate::viewer::theme;
use crate::viewer::window::number;

/// Smallest side of a channel on the screen, in points.
const CELL: f32 = 56.0;

/// Shows the grid in its tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("activations"));
    let ui = &mut area;
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    if scene.facts.model.value.is_none() {
        annotations::centred(ui.painter(), rect, "Choose a model to see what its layers respond to.");
        return;
    }
    let facts = &scene.facts.slots[0];
    let shows_seen = scene.state.explain.shows_seen;
    let failure = if shows_seen { &facts.seen.failure } else { &facts.activations.failure };
    if let Some(reason) = failure.clone() {
        header(ui, scene, &layer, None, true);
        annotations::centred(ui.painter(), rect, &reason);
        return;
    }
    let Some((texture, is_current)) = scene.atlas_texture() else {
        header(ui, scene, &layer, None, false);
        let done = scene.facts.slots[0].seen.progress.filter(|done| shows_seen && *done > 0.0);
        let words = done.map_or("Computing …".to_owned(), |done| format!("Computing … {:.0} %", done * 100.0));
        annotations::centred(ui.painter(), rect, &words);
        return;
    };
    let Some(atlas) = texture.channels.clone() else { return };
    header(ui, scene, &layer, Some(&atlas), is_current);

    let least = if shows_seen { 2.0 * CELL } else { CELL };
    let columns = ((ui.available_width() + 2.0) / (least + 2.0)).floor().max(1.0) as usize;
    let side = Vec2::new((ui.available_width() - 8.0) / columns as f32, 0.0).x.floor() - 2.0;
    let aspect = atlas.cell_texels[1] as f32 / atlas.cell_texels[0].max(1) as f32;
    let cell = Vec2::new(side, (side * aspect).max(4.0));
    let rows = atlas.channels.len().div_ceil(columns);
    ui.spacing_mut().item_spacing = Vec2::splat(0.0);
    let footer = 20.0;
    let mut under: Option<usize> = None;
    let height = ui.available_height() - footer;
    ScrollArea::vertical().max_height(height).auto_shrink([false, false]).show_rows(
        ui,
        cell.y + 2.0,
        rows,
        |ui, shown| {
            let size = Vec2::new(ui.available_width(), shown.len() as f32 * (cell.y + 2.0));
            let (area, response) = ui.allocate_exact_size(size, Sense::hover());
            let what = if shows_seen { "What each channel saw" } else { "Activations" };
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("{what}, layer {layer}")));
            let first = shown.start * columns;
            let last = (shown.end * columns).min(atlas.channels.len());
            let place = |channel: usize| {
                let index = channel - first;
                let corner = area.min
                    + Vec2::new((index % columns) as f32 * (cell.x + 2.0), (index / columns) as f32 * (cell.y + 2.0));
                Rect::from_min_size(corner, cell)
            };
            let mut mesh = Mesh::with_texture(texture.handle.id());
            let tint = if is_current { Color32::WHITE } else { Color32::from_gray(150) };
            for channel in first..last {
                mesh.add_rect_with_uv(place(channel), texels(&atlas, channel, texture.handle.size_vec2()), tint);
            }
            ui.painter().add(Shape::mesh(mesh));
            under = response
                .hover_pos()
                .and_then(|pointer| (first..last).find(|channel| place(*channel).contains(pointer)));
            if let Some(channel) = under {
                ui.painter().rect_stroke(
                    place(channel),
                    0.0,
                    Stroke::new(1.0, palette.accent),
                    egui::StrokeKind::Outside,
                );
            }
        },
    );
    let words = match under.and_then(|place| atlas.channels.get(place)) {
        Some(Channel { index, unit: Some(((row, column), activation)), .. }) => format!(
            "Channel {index}   strongest in row {row}, column {column} of the layer: {}",
            number(f64::from(*activation))
        ),
        Some(channel) => format!(
            "Channel {}   min {}   max {}   mean {}",
            channel.index,
            number(f64::from(channel.min)),
            number(f64::from(channel.max)),
            number(f64::from(channel.mean))
        ),
        None if shows_seen => {
            "Deconvnet (Zeiler and Fergus 2014): grey is nothing, each picture on its own scale".to_owned()
        }
        None => "Point at a channel to see its numbers".to_owned(),
    };
    let at = Pos2::new(rect.left() + theme::SPACE, rect.bottom() - theme::GAP);
    ui.painter().text(at, Align2::LEFT_BOTTOM, words, FontId::proportional(11.5), palette.quiet);
}

/// The layer, what is shown of its channels, and how.
fn header(ui: &mut Ui, scene: &mut Scene<'_>, layer: &str, atlas: Option<&Atlas>, is_current: bool) {
    let palette = theme::palette(ui.ctx());
    let explain = &scene.state.explain;
    let (seen, whole, mut shared) = (explain.shows_seen, explain.whole_channels, explain.channels_share_scale);
    ui.horizontal(|ui| {
        if ui.button(layer).on_hover_text("Choose the layer whose channels are shown").clicked() {
            scene.send(Command::ChooseLayer(Purpose::Activations));
        }
        for (shows, name, tooltip) in [
            (false, "Activations", "Where each channel of the layer is active"),
            (true, "What each saw", "What the strongest channels responded to, sent back to the pixels"),
        ] {
            if ui.selectable_label(seen == shows, name).on_hover_text(tooltip).clicked() {
                scene.send(Command::SetShowsSeen(shows));
            }
        }
    });
    ui.horizontal(|ui| {
        let count = atlas.map_or(0, |atlas| atlas.channels.len());
        let words = match (is_current, seen) {
            (false, _) => "computing …".to_owned(),
            (true, true) => format!("the {count} strongest channels"),
            (true, false) => format!("{count} channels"),
        };
        ui.label(egui::RichText::new(words).small().color(palette.quiet));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if seen {
                let mut all = whole;
                let response = ui.checkbox(&mut all, "Whole map");
                if response.on_hover_text("All that the channel saw, or its strongest unit alone").changed() {
                    scene.send(Command::SetWholeChannels(all));
                }
            } else {
                let response = ui.checkbox(&mut shared, "Common scale");
                if response.on_hover_text("One scale for all channels, or each channel by itself").changed() {
                    scene.send(Command::SetChannelsShareScale(shared));
                }
            }
        });
    });
}

/// Where a channel lies in the texture, in texture coordinates.
fn texels(atlas: &Atlas, channel: usize, texture: Vec2) -> Rect {
    let corner = Pos2::new(
        (channel % atlas.cells_across * atlas.pitch_texels[0]) as f32,
        (channel / atlas.cells_across * atlas.pitch_texels[1]) as f32,
    );
    let size = Vec2::new(atlas.cell_texels[0] as f32, atlas.cell_texels[1] as f32);
    Rect::from_min_max((corner.to_vec2() / texture).to_pos2(), ((corner + size).to_vec2() / texture).to_pos2())
}
