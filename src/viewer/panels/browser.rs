//! Patient ▸ study ▸ series, with a picture of each series.

use std::sync::Arc;

use egui::{
    Align2, Button, CollapsingHeader, FontId, Pos2, Rect, RichText, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo,
};

use super::quiet;
use crate::study::{Series, Study};
use crate::viewer::command::Command;
use crate::viewer::paint::{Job, Seat};
use crate::viewer::scene::{Scene, THUMBNAIL_PIXELS};
use crate::viewer::textures::{Texture, TextureKey};
use crate::viewer::{anatomy, theme};

/// Shows the panel.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let library = scene.library;
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        if library.studies.is_empty() && library.opening.is_none() {
            nothing_open(ui, scene);
        }
        let mut patient = String::new();
        for study in &library.studies {
            let name = patient_name(study);
            if patient != name {
                ui.add_space(theme::SPACE);
                ui.add(egui::Label::new(RichText::new(&name).strong()).truncate());
            }
            patient = name;
            show_study(ui, scene, study);
        }
        if let Some(opening) = &library.opening {
            ui.add_space(theme::SPACE);
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label(opening);
            });
        }
        failures(ui, scene);
        ui.add_space(theme::MARGIN);
    });
}

fn nothing_open(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.add_space(theme::MARGIN);
    ui.label("Nothing is open.");
    quiet(ui, "Drop files or a folder on the window, or:");
    ui.add_space(theme::GAP);
    for command in [Command::OpenFiles, Command::OpenFolder, Command::OpenDemo] {
        let Some(spec) = command.spec() else { continue };
        let width = ui.available_width();
        if ui.add_sized([width, 28.0], Button::new(spec.text)).on_hover_text(spec.tooltip).clicked() {
            scene.send(command);
        }
    }
}

fn patient_name(study: &Study) -> String {
    let patient = &study.patient;
    // DICOM writes family^given^middle^prefix^suffix.
    let name =
        patient.name.split('^').filter(|part| !part.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(", ");
    match (name.is_empty(), patient.id.is_empty()) {
        (false, _) => name,
        (true, false) => format!("Patient {}", patient.id),
        (true, true) => "No patient name".to_owned(),
    }
}

/// A DICOM date (YYYYMMDD) with dashes.
fn date(text: &str) -> String {
    if text.len() == 8 && text.is_ascii() {
        format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])
    } else {
        text.to_owned()
    }
}

fn show_study(ui: &mut Ui, scene: &mut Scene<'_>, study: &Arc<Study>) {
    let title = if study.description.is_empty() { "Study" } else { study.description.as_str() };
    let when = if study.date.is_empty() { String::new() } else { date(&study.date) };
    let colour = theme::palette(ui.ctx()).quiet;
    ui.push_id(&study.uid, |ui| {
        let id = ui.make_persistent_id("study");
        egui::collapsing_header::CollapsingState::load_with_default_open(ui.ctx(), id, true)
            .show_header(ui, |ui| {
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.add(egui::Label::new(RichText::new(title).color(colour)).truncate()).on_hover_text(title);
                    if !when.is_empty() {
                        quiet(ui, when);
                    }
                });
            })
            .body_unindented(|ui| {
                for series in &study.series {
                    ui.push_id(&series.uid, |ui| series_row(ui, scene, study, series));
                }
            });
    });
}

fn series_row(ui: &mut Ui, scene: &mut Scene<'_>, study: &Study, series: &Series) {
    let height = theme::THUMBNAIL + theme::SPACE;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::click());
    let visible = scene.state.visible_slots();
    let shown = visible.iter().any(|slot| {
        scene.state.slots[*slot].series.as_ref().is_some_and(|handle| {
            handle.study.uid == study.uid && handle.series().is_some_and(|other| other.uid == series.uid)
        })
    });
    let name = if series.description.is_empty() { "Series" } else { series.description.as_str() };
    let label = format!("{name}, {}", details(series));
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, shown, &label));
    if response.clicked() {
        scene.send(Command::ShowSeries { study_uid: study.uid.clone(), series_uid: series.uid.clone() });
    }
    if !ui.is_rect_visible(rect) {
        return;
    }
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(rect);
    if shown {
        painter.rect_filled(rect, 3.0, palette.chosen);
    } else if response.hovered() {
        painter.rect_filled(rect, 3.0, palette.raised);
    }
    let frame = Rect::from_min_size(rect.min + Vec2::splat(theme::GAP), Vec2::splat(theme::THUMBNAIL));
    painter.rect_filled(frame, 2.0, theme::IMAGE_BACKGROUND);
    if let Some(texture) = thumbnail(scene, series) {
        let size = texture.handle.size_vec2();
        let fitted = size * (frame.width() / size.max_elem());
        let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
        painter.image(texture.handle.id(), Rect::from_center_size(frame.center(), fitted), whole, egui::Color32::WHITE);
    }
    let left = frame.right() + theme::SPACE;
    let width = rect.right() - left - theme::GAP;
    let title = match series.number {
        Some(number) => format!("{number}  {name}"),
        None => name.to_owned(),
    };
    let mut job = egui::text::LayoutJob::simple(title.clone(), FontId::proportional(13.0), palette.text, width);
    job.wrap.max_rows = 2;
    job.wrap.break_anywhere = false;
    let galley = painter.layout_job(job);
    let title_height = galley.size().y;
    let is_cut = galley.elided;
    let top = frame.center().y - title_height / 2.0 - 9.0;
    painter.galley(Pos2::new(left, top), galley, palette.text);
    painter.text(
        Pos2::new(left, top + title_height + 2.0),
        Align2::LEFT_TOP,
        details(series),
        FontId::proportional(11.5),
        palette.quiet,
    );
    if is_cut {
        response.on_hover_text(title);
    }
}

/// "MR  sagittal  24 slices".
fn details(series: &Series) -> String {
    let count = series.positions();
    let (slices, times) = match (count, series.times) {
        (1, 0 | 1) => ("1 image".to_owned(), String::new()),
        (1, times) => (format!("{times} times"), String::new()),
        (count, 0 | 1) => (format!("{count} slices"), String::new()),
        (count, times) => (format!("{count} slices"), format!("× {times} times")),
    };
    let parts = [series.modality.clone(), anatomy::plane_word(series.likely_plane()).to_owned(), slices, times];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

fn thumbnail(scene: &mut Scene<'_>, series: &Series) -> Option<Texture> {
    let source = thumbnail_source(series)?;
    let key = TextureKey::Thumbnail(source.clone());
    if let Some(texture) = scene.textures.get(&key) {
        return Some(texture);
    }
    if !scene.textures.contains(&key)
        && let Some(picture) = scene.engine.picture(source).ready()
    {
        scene
            .painter
            .order(Seat::Thumbnail(series.uid.clone()), key, || Job::Thumbnail { picture, side: THUMBNAIL_PIXELS });
    }
    None
}

/// The slice that stands for a series: the middle one.
#[must_use]
pub fn thumbnail_source(series: &Series) -> Option<&crate::study::Source> {
    series.slices.get(series.positions() / 2).map(|slice| &slice.source)
}

fn failures(ui: &mut Ui, scene: &Scene<'_>) {
    let failed = &scene.library.failed;
    if failed.is_empty() {
        return;
    }
    ui.add_space(theme::MARGIN);
    let palette = theme::palette(ui.ctx());
    let title = match failed.len() {
        1 => "1 file could not be read".to_owned(),
        count => format!("{count} files could not be read"),
    };
    CollapsingHeader::new(RichText::new(title).color(palette.warning)).id_salt("failures").show_unindented(ui, |ui| {
        const SHOWN: usize = 200;
        for failure in failed.iter().take(SHOWN) {
            let name = failure
                .path
                .file_name()
                .map_or_else(|| failure.path.display().to_string(), |name| name.to_string_lossy().into_owned());
            ui.add_space(theme::GAP);
            ui.add(egui::Label::new(RichText::new(name).small()).truncate())
                .on_hover_text(failure.path.display().to_string());
            quiet(ui, failure.reason.as_str());
        }
        if failed.len() > SHOWN {
            quiet(ui, format!("and {} more", failed.len() - SHOWN));
        }
    });
}
