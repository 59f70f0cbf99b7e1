//! The images that excite the followed channel most, each with the patch that its strongest unit sees.

use egui::{
    Align, Align2, Color32, ComboBox, FontId, Layout, Pos2, ProgressBar, Rect, RichText, Role, ScrollArea, Sense,
    Stroke, Ui, UiBuilder, Vec2, WidgetInfo,
};

use super::inspector::name_combo;
use super::{note, quiet};
use crate::inside::Excited;
use crate::study::Source;
use crate::viewer::command::Command;
use crate::viewer::inside::patch::from_corner;
use crate::viewer::inside::surveyed::Surveyed;
use crate::viewer::scene::Scene;
use crate::viewer::state::Scope;
use crate::viewer::theme;
use crate::viewer::window::number;

/// Side of the picture and of the patch beside it, in points.
const SIDE: f32 = 92.0;
/// Height of the two lines under them, in points.
const WORDS: f32 = 34.0;
/// Numbers of images to choose from.
const COUNTS: [usize; 4] = [4, 9, 16, 25];

/// Shows the images in their tile.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::SPACE)).id_salt("strongest"));
    let ui = &mut area;
    ui.set_clip_rect(rect.intersect(ui.clip_rect()));
    if scene.facts.model.value.is_none() {
        note(ui, rect, "Choose a model to see which images excite its channels.");
        return;
    }
    header(ui, scene);
    let held = scene.facts.inside.strongest.clone();
    progress(ui, scene, &held, "images");
    if let Some(reason) = &held.failure {
        note(ui, rect, reason);
        return;
    }
    let Some(channel) = scene.state.inside.channel else {
        note(ui, rect, "Click a channel to see the images that excite it most.");
        return;
    };
    let Some(images) = held.strongest().and_then(|found| found.channels.get(channel)) else { return };
    if images.is_empty() {
        let words = if held.is_current {
            format!("No image excites channel {channel}: it is never above 0.")
        } else {
            format!("No image has excited channel {channel} yet.")
        };
        note(ui, rect, &words);
        return;
    }
    cards(ui, scene, &held, channel, images);
}

fn header(ui: &mut Ui, scene: &mut Scene<'_>) {
    let chosen = scene.state.inside.channel;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let count = scene.state.inside.strongest;
            let response =
                ComboBox::from_id_salt("how many").width(44.0).selected_text(count.to_string()).show_ui(ui, |ui| {
                    for offered in COUNTS {
                        if ui.selectable_label(offered == count, offered.to_string()).clicked() {
                            scene.send(Command::SetStrongest(offered));
                        }
                    }
                });
            name_combo(ui, &response.response, "Number of images", &count.to_string());
            scope(ui, scene);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let words = chosen.map_or("Strongest images".to_owned(), |channel| format!("Excite channel {channel}"));
                ui.add(egui::Label::new(words).truncate());
            });
        });
    });
}

/// Which images are looked at.
pub(super) fn scope(ui: &mut Ui, scene: &mut Scene<'_>) {
    let scope = scene.state.scope();
    let response = ComboBox::from_id_salt("scope").width(116.0).selected_text(scope.label()).show_ui(ui, |ui| {
        for offered in Scope::ALL {
            if ui.selectable_label(offered == scope, offered.label()).on_hover_text(offered.about()).clicked() {
                scene.send(Command::SetScope(offered));
            }
        }
    });
    name_combo(ui, &response.response, "Images", scope.label());
}

/// How far the survey has come, with the way to stop it.
pub(super) fn progress(ui: &mut Ui, scene: &mut Scene<'_>, held: &Surveyed, what: &str) {
    let palette = theme::palette(ui.ctx());
    let (all, done) = (scene.facts.inside.images.sources.len(), held.inputs());
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        if held.failure.is_some() {
            return;
        }
        if held.is_current {
            quiet(ui, format!("{done} {what}"));
        } else if scene.state.explain.paused {
            ui.label(RichText::new(format!("Stopped after {done} of {all} {what}")).small().color(palette.warning));
            if ui.small_button("Go on").on_hover_text("Go on with what was stopped").clicked() {
                scene.send(Command::Resume);
            }
        } else {
            ui.add(ProgressBar::new(held.progress).desired_width(72.0).desired_height(8.0));
            // What comes only at the end, as points in the plane do, is told by its share.
            let words = match done {
                0 => format!("{:.0} % of {all} {what}", held.progress * 100.0),
                done => format!("{done} of {all} {what}"),
            };
            quiet(ui, words);
            if ui.small_button("Stop").on_hover_text("Stop what the networks are computing").clicked() {
                scene.send(Command::CancelJobs);
            }
        }
        if let Some(first) = held.skipped().first() {
            let words = format!("{} left out", held.skipped().len());
            ui.label(RichText::new(words).small().color(palette.warning)).on_hover_text(first.reason.as_str());
        }
    });
}

fn cards(ui: &mut Ui, scene: &mut Scene<'_>, held: &Surveyed, channel: usize, images: &[Excited]) {
    let card = Vec2::new(2.0 * SIDE + theme::GAP, SIDE + WORDS);
    let between = theme::SPACE;
    let columns = ((ui.available_width() - 8.0 + between) / (card.x + between)).floor().max(1.0) as usize;
    let row = card.y + between;
    ui.spacing_mut().item_spacing = Vec2::ZERO;
    ScrollArea::vertical().auto_shrink([false, false]).show_rows(
        ui,
        row,
        images.len().div_ceil(columns),
        |ui, shown| {
            let size = Vec2::new(ui.available_width(), shown.len() as f32 * row);
            let (area, _) = ui.allocate_exact_size(size, Sense::hover());
            let first = shown.start * columns;
            let last = (shown.end * columns).min(images.len());
            for (place, image) in images[first.min(last)..last].iter().enumerate() {
                let at =
                    area.min + Vec2::new((place % columns) as f32 * (card.x + between), (place / columns) as f32 * row);
                let Some(source) = held.sources.get(image.input) else { continue };
                show_card(ui, scene, Rect::from_min_size(at, card), channel, first + place, source, image);
            }
        },
    );
}

fn show_card(
    ui: &Ui,
    scene: &mut Scene<'_>,
    area: Rect,
    channel: usize,
    rank: usize,
    source: &Source,
    image: &Excited,
) {
    let palette = theme::palette(ui.ctx());
    let name = scene.facts.inside.images.name(source);
    let response = ui.interact(area, ui.scope_id().with(("excited", channel, rank)), Sense::click());
    let value = number(f64::from(image.value));
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Button, true, format!("Image {} for channel {channel}: {name}, {value}", rank + 1))
    });
    let is_here = scene.state.slots[0].slice().is_some_and(|slice| slice.source == *source);
    if response.hovered() || is_here {
        let colour = if is_here { palette.chosen } else { palette.raised };
        ui.painter().rect_filled(area.expand(2.0), 2.0, colour);
    }
    let whole = Rect::from_min_size(area.min, Vec2::splat(SIDE));
    picture(ui, scene, whole, source, image.patch);
    let crop = whole.translate(Vec2::new(SIDE + theme::GAP, 0.0));
    ui.painter().rect_filled(crop, 0.0, theme::IMAGE_BACKGROUND);
    if let Some(patch) = image.patch {
        if let Some(texture) = scene.patch_texture(source, patch) {
            fitted(ui, texture.handle.id(), texture.handle.size_vec2(), crop);
        }
    } else {
        let (font, words) = (FontId::proportional(11.0), "sees the whole image");
        ui.painter().text(crop.center(), Align2::CENTER_CENTER, words, font, theme::ANNOTATION_QUIET);
    }
    let at = Pos2::new(area.left(), whole.bottom() + 2.0);
    let painter = ui.painter_at(area);
    painter.text(at, Align2::LEFT_TOP, value, FontId::proportional(12.0), palette.text);
    painter.text(at + Vec2::new(0.0, 15.0), Align2::LEFT_TOP, name, FontId::proportional(11.0), palette.quiet);
    if response.clicked() {
        scene.send(Command::ShowImage { source: source.clone(), patch: image.patch });
    }
    response.on_hover_text(format!("{name}\nClick to see it with the patch"));
}

/// A small picture with what the unit sees of it.
fn picture(ui: &Ui, scene: &mut Scene<'_>, frame: Rect, source: &Source, patch: Option<[f32; 4]>) {
    ui.painter().rect_filled(frame, 0.0, theme::IMAGE_BACKGROUND);
    let Some(texture) = scene.thumbnail(source) else { return };
    let shown = fitted(ui, texture.handle.id(), texture.handle.size_vec2(), frame);
    let (Some(patch), Some([rows, columns])) = (patch, scene.facts.inside.images.size(source)) else { return };
    let scale = shown.size() / Vec2::new(columns as f32, rows as f32);
    let patch = from_corner(patch);
    let seen = Rect::from_min_max(shown.min + patch.min.to_vec2() * scale, shown.min + patch.max.to_vec2() * scale);
    let seen = seen.intersect(shown);
    for (width, colour) in [(3.0, Color32::from_black_alpha(160)), (1.5, theme::REGION)] {
        ui.painter().rect_stroke(seen, 0.0, Stroke::new(width, colour), egui::StrokeKind::Inside);
    }
}

/// Paints a texture as large as fits, and says where.
pub(super) fn fitted(ui: &Ui, texture: egui::TextureId, size: Vec2, frame: Rect) -> Rect {
    let scale = (frame.width() / size.x.max(1.0)).min(frame.height() / size.y.max(1.0));
    let shown = Rect::from_center_size(frame.center(), size * scale);
    let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
    ui.painter().image(texture, shown, whole, Color32::WHITE);
    shown
}
