//! The line at the bottom: device, job, pixel under the pointer, and what the program is not.

use egui::{Align, Layout, ProgressBar, RichText, Ui};

use crate::display::{ModalityLut, PixelValue};
use crate::model::Fit;
use crate::study::Slice;
use crate::viewer::command::Command;
use crate::viewer::inside::overlay;
use crate::viewer::legend::duration;
use crate::viewer::scene::Scene;
use crate::viewer::state::Content;
use crate::viewer::window::number;
use crate::viewer::{anatomy, lay, theme};

/// Words that stand under everything.
pub const RESEARCH_USE: &str = "Research use. Not for diagnosis.";

/// Shows the line.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        let activity = &scene.facts.activity;
        ui.label(RichText::new(&activity.device).small().color(palette.quiet));
        if scene.state.explain.paused {
            ui.label(RichText::new("Stopped").small().color(palette.warning));
            if ui.small_button("Go on").on_hover_text("Go on with what was stopped").clicked() {
                scene.send(Command::Resume);
            }
        } else if activity.text.is_empty() {
            ui.label(RichText::new("Ready").small().color(palette.quiet));
        } else {
            ui.add(ProgressBar::new(activity.progress.unwrap_or(0.0)).desired_width(96.0).desired_height(8.0));
            let queued = if activity.queued > 1 { format!("  ({} to go)", activity.queued) } else { String::new() };
            // What is over in a moment needs no announcement.
            let left = activity.seconds_left.filter(|seconds| *seconds > 1.5);
            let left = left.map(|seconds| format!("  {} left", duration(seconds))).unwrap_or_default();
            ui.label(RichText::new(format!("{}{left}{queued}", activity.text)).small());
            if ui.small_button("Stop").on_hover_text("Stop what the networks are computing").clicked() {
                scene.send(Command::CancelJobs);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(RichText::new(RESEARCH_USE).small().color(palette.warning));
            ui.add_space(theme::SPACE);
            let words = pixel_words(scene);
            ui.label(RichText::new(words).font(theme::numbers(11.5)));
        });
    });
}

/// "col 120 row 88   12.4, −3.1, 40.0 mm   value 312   map 0.42".
fn pixel_words(scene: &Scene<'_>) -> String {
    let Some(hovered) = scene.state.hovered else { return String::new() };
    let Some(slice) = scene.state.slots[hovered.slot].slice() else { return String::new() };
    let (row, column) = hovered.pixel;
    let mut parts = vec![format!("col {column:>4}  row {row:>4}")];
    if let Some(geometry) = &slice.geometry {
        let [x, y, z] = anatomy::mm_from_slice(geometry, column as f64 + 0.5, row as f64 + 0.5);
        parts.push(format!("{x:.1}, {y:.1}, {z:.1} mm"));
    } else if let Some(spacing) = slice.spacing_mm {
        parts.push(format!("{:.1}, {:.1} mm", column as f64 * spacing[1], row as f64 * spacing[0]));
    }
    let picture = &scene.facts.slots[hovered.slot].picture;
    match picture.current().and_then(|picture| picture.value_at(row, column)) {
        Some(PixelValue::Grey(value)) => parts.push(value_words(f64::from(value), &slice.modality_lut, &slice.unit)),
        Some(PixelValue::Rgb([red, green, blue])) => parts.push(format!("R {red:>3}  G {green:>3}  B {blue:>3}")),
        None => {}
    }
    let map = scene.facts.slots[hovered.slot].map(hovered.map).current();
    if scene.state.shows(Content::Channel) {
        parts.extend(channel_words(scene, slice, row, column));
    } else if let Some(value) = map.and_then(|map| lay::value_at(map, row, column)) {
        parts.push(format!("map {}", number(f64::from(value))));
    }
    parts.join("   ")
}

/// "channel 17 0.42": the followed channel over a pixel.
fn channel_words(scene: &Scene<'_>, slice: &Slice, row: usize, column: usize) -> Option<String> {
    let channel = scene.state.inside.channel?;
    let activations = scene.facts.slots[0].activations.current()?;
    let input = &scene.facts.model.current()?.card.input;
    let fit = Fit::new(input.fit, [slice.rows, slice.columns], input.size);
    let value = overlay::value_at(activations, channel, &fit, row, column)?;
    Some(format!("channel {channel} {}", number(f64::from(value))))
}

/// A value with its unit, and the stored value where it is another number.
fn value_words(value: f64, lut: &ModalityLut, unit: &str) -> String {
    let with_unit =
        if unit.is_empty() { format!("value {}", number(value)) } else { format!("{} {unit}", number(value)) };
    match lut {
        ModalityLut::Linear { slope, intercept } if *lut != ModalityLut::IDENTITY && *slope != 0.0 => {
            format!("stored {:.0}  {with_unit}", (value - intercept) / slope)
        }
        _ => with_unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_values_are_told_where_they_differ() {
        assert_eq!(
            value_words(-24.0, &ModalityLut::Linear { slope: 1.0, intercept: -1024.0 }, "HU"),
            "stored 1000  -24 HU"
        );
        assert_eq!(value_words(312.0, &ModalityLut::IDENTITY, ""), "value 312");
    }
}
