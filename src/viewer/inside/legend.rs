//! What the channel over a picture is, in words and numbers, with its colours and its strongest place.

use egui::{Align2, Color32, Painter, Pos2, Rect, Stroke, Vec2};

use super::atlas::Pages;
use super::overlay::reading;
use crate::explain::{Activations, Reading};
use crate::model::Fit;
use crate::study::Slice;
use crate::viewer::annotations::{INSET, LINE, shortened, text};
use crate::viewer::legend::Legend;
use crate::viewer::scene::Scene;
use crate::viewer::state::Scale;
use crate::viewer::theme;
use crate::viewer::transform::ScreenFromSlice;
use crate::viewer::window::number;

/// Paints title, legend and strongest place of the followed channel.
pub fn paint(painter: &Painter, rect: Rect, scene: &mut Scene<'_>, slice: &Slice, map: &ScreenFromSlice) {
    let mut at = rect.right_top() + Vec2::new(-INSET, INSET);
    let mut line = |words: &str, colour| {
        text(painter, at, Align2::RIGHT_TOP, &shortened(words, rect), colour);
        at.y += LINE;
    };
    let Some(model) = scene.facts.model.value.clone() else { return };
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    let Some(channel) = scene.state.inside.channel else {
        line("No channel is followed", theme::ANNOTATION);
        line("click one in the grid", theme::ANNOTATION_QUIET);
        return;
    };
    line(&format!("Channel {channel}"), theme::ANNOTATION);
    line(&layer, theme::ANNOTATION_QUIET);
    let facts = &scene.facts.slots[0];
    if let Some(reason) = &facts.activations.failure {
        line(reason, theme::ANNOTATION_WARNING);
        return;
    }
    let Some(activations) = facts.activations.current().filter(|known| channel < known.channels).cloned() else {
        line("computing …", theme::ANNOTATION_WARNING);
        return;
    };
    let value = |values: &[f32]| number(f64::from(values[channel]));
    line(&format!("max {}   mean {}", value(&activations.maximum), value(&activations.mean)), theme::ANNOTATION_QUIET);
    if activations.rows * activations.columns <= 1 {
        line("no rows and columns to lay over the picture", theme::ANNOTATION_WARNING);
        return;
    }
    if !scene.state.explain.overlay_on {
        return;
    }
    legend(scene, &activations, channel).paint(painter, rect);
    let input = &model.card.input;
    let fit = Fit::new(input.fit, [slice.rows, slice.columns], input.size);
    if let Some(peak) = peak(scene, &activations, channel, &fit) {
        // A ring and not a cross: that is the pointer's.
        for (width, colour) in [(3.0, Color32::from_black_alpha(160)), (1.5, theme::ANNOTATION)] {
            painter.circle_stroke(map.point(peak.x, peak.y), 6.0, Stroke::new(width, colour));
        }
    }
}

fn legend(scene: &Scene<'_>, activations: &Activations, channel: usize) -> Legend {
    let explain = &scene.state.explain;
    let reading = reading(activations);
    let own = (activations.minimum[channel], activations.maximum[channel]);
    let sources = &scene.facts.slots[0].sources;
    let of_stack = scene.facts.inside.history.range(sources, channel).filter(|_| explain.scale == Scale::Stack);
    let (low, high) = of_stack.unwrap_or(own);
    let is_signed = reading == Reading::Signed;
    let most = low.abs().max(high.abs());
    let (low, high) = if is_signed { (-most, most) } else { (low.max(0.0), high) };
    let note = match sources.len() {
        0 | 1 => "activation",
        _ if of_stack.is_some() => "scale over slices seen",
        _ => "scale per slice",
    };
    Legend {
        colormap: explain.colormap_for(reading),
        threshold: explain.threshold,
        ends: [number(f64::from(low)), number(f64::from(high))],
        is_signed,
        sides: None,
        note: note.to_owned(),
    }
}

/// Where in the slice the middle of the channel's strongest place lies.
fn peak(scene: &mut Scene<'_>, activations: &Activations, channel: usize, fit: &Fit) -> Option<Pos2> {
    let (page, within) = Pages::of(activations.channels, activations.rows, activations.columns).place(channel);
    let (texture, _) = scene.channel_page(page).filter(|(_, is_current)| *is_current)?;
    let known = *texture.channels?.channels.get(within)?;
    if known.max <= known.min {
        return None;
    }
    let (row, column) = known.spread?.peak;
    let [rows, columns] = fit.input.map(|side| side as f64);
    let x = (column as f64 + 0.5) * columns / activations.columns as f64 - 0.5;
    let y = (row as f64 + 0.5) * rows / activations.rows as f64 - 0.5;
    let (x, y) = fit.slice_from_input((x, y));
    // The middle of a pixel lies half a pixel from its corner on the screen.
    Some(Pos2::new(x as f32 + 0.5, y as f32 + 0.5))
}
