//! The slices of the stack as a strip: the score of each, which are explained, which decides; cine.

mod shares;

use std::fmt::Write;
use std::ops::Range;

use egui::{Align2, Color32, FontId, Pos2, Rect, Role, Sense, Slider, Stroke, Ui, Vec2, WidgetInfo};

use self::shares::Shares;
use super::scrubber_band;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::{icons, theme};

/// Shows the panel.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let slot_index = scene.state.active_slot();
    let slot = &scene.state.slots[slot_index];
    let (positions, position, time) = (slot.positions(), slot.position, slot.time);
    let (times, word) = (slot.times(), slot.step_word());
    ui.horizontal(|ui| {
        let cine = scene.state.cine;
        ui.vertical(|ui| {
            ui.set_width(116.0);
            ui.horizontal(|ui| {
                ui.add_enabled_ui(positions > 1, |ui| {
                    if icons::play(ui, cine.playing, "Cine", "Play through the slices, or stop (C)").clicked() {
                        scene.send(Command::ToggleCine);
                    }
                    let mut speed = cine.frames_per_second;
                    let drag =
                        egui::DragValue::new(&mut speed).range(1.0..=60.0).speed(0.2).max_decimals(0).suffix(" /s");
                    let response = ui.add(drag).on_hover_text("Slices a second");
                    let enabled = ui.is_enabled();
                    response.widget_info(|| WidgetInfo {
                        label: Some("Slices a second".to_owned()),
                        ..WidgetInfo::drag_value(enabled, f64::from(speed))
                    });
                    if response.changed() {
                        scene.send(Command::SetCineSpeed(speed));
                    }
                });
            });
            let text = if positions == 0 { String::new() } else { format!("{word} {} of {positions}", position + 1) };
            ui.label(text);
            deciding_button(ui, scene, slot_index);
        });
        ui.vertical(|ui| {
            strip(ui, scene, slot_index);
            if times > 1 {
                ui.horizontal(|ui| {
                    ui.spacing_mut().slider_width = (ui.available_width() - 120.0).max(80.0);
                    let mut shown = time + 1;
                    let slider = Slider::new(&mut shown, 1..=times).text(format!("of {times} times"));
                    if ui.add(slider).changed() {
                        scene.send(Command::SetTime { slot: slot_index, time: shown - 1 });
                    }
                });
            }
        });
    });
}

/// Leads to the slice that decides, where there is one.
fn deciding_button(ui: &mut Ui, scene: &mut Scene<'_>, slot_index: usize) {
    let facts = &scene.facts.slots[slot_index];
    let is_stack = facts.network.as_ref().is_some_and(|network| network.model.stack);
    let deciding = facts.deciding_slice();
    if !is_stack && deciding.is_none() {
        return;
    }
    let word = scene.state.slots[slot_index].step_word().to_lowercase();
    let why = if is_stack { "largest share of the logit" } else { "highest probability" };
    let is_elsewhere = deciding.is_some_and(|slice| slice != scene.state.slots[slot_index].position);
    ui.add_enabled_ui(is_elsewhere, |ui| {
        let button =
            ui.small_button(format!("Deciding {word}")).on_hover_text(format!("Go to the {word} with the {why} (D)"));
        let idle = format!("The deciding {word} is in view, or not known yet");
        if button.on_disabled_hover_text(idle).clicked() {
            scene.send(Command::DecidingSlice);
        }
    });
}

fn strip(ui: &mut Ui, scene: &mut Scene<'_>, slot_index: usize) {
    let slot = &scene.state.slots[slot_index];
    let positions = slot.positions();
    // Kept free while the shares are computed, so that nothing jumps when they come.
    let takes_stack = scene.facts.slots[slot_index].network.as_ref().is_some_and(|network| network.model.stack);
    let below = if takes_stack { shares::HEIGHT + theme::GAP } else { 0.0 };
    let size = Vec2::new(ui.available_width(), theme::SCORE_HEIGHT + 10.0 + below);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(rect);
    let graph = Rect::from_min_size(rect.min, Vec2::new(rect.width(), theme::SCORE_HEIGHT));
    painter.rect_filled(graph, 3.0, palette.background);
    if positions == 0 {
        response.widget_info(|| WidgetInfo::labeled(Role::Slider, false, "Slices"));
        return;
    }
    let facts = &scene.facts.slots[slot_index];
    let current = slot.position;
    response.widget_info(|| WidgetInfo::slider(true, (current + 1) as f64, "Slices"));
    let step = graph.width() / positions as f32;
    let left = |position: usize| graph.left() + position as f32 * step;
    let class_colour = facts.class.map_or(palette.accent, theme::class_colour);

    // The slice in view, behind everything.
    let here = Rect::from_x_y_ranges(left(current)..=left(current) + step.max(2.0), graph.y_range());
    painter.rect_filled(here, 0.0, palette.chosen);
    painter.hline(graph.x_range(), graph.center().y, Stroke::new(1.0, palette.border.gamma_multiply(0.6)));

    let gap = if step > 5.0 { 1.0 } else { 0.0 };
    for (position, probability) in facts.profile.iter().enumerate().take(positions) {
        let Some(probability) = probability else { continue };
        let height = (graph.height() - 2.0) * probability.clamp(0.0, 1.0);
        let bar = Rect::from_min_max(
            Pos2::new(left(position) + gap, graph.bottom() - height.max(1.0)),
            Pos2::new(left(position) + step - gap, graph.bottom()),
        );
        let colour = if position == current { class_colour } else { class_colour.gamma_multiply(0.6) };
        painter.rect_filled(bar, 0.0, colour);
    }
    scrubber_band::paint(
        &painter,
        graph,
        step,
        &facts.draws.band[..facts.draws.band.len().min(positions)],
        palette.text,
    );
    // Beneath: a tick for each slice, bright where its map is there.
    for (explained, run) in ticks(&facts.is_explained, positions, gap > 0.0) {
        let colour = if explained { palette.accent } else { palette.raised };
        let tick = Rect::from_min_max(
            Pos2::new(left(run.start) + gap, graph.bottom() + 3.0),
            Pos2::new(left(run.end) - gap, graph.bottom() + 6.0),
        );
        painter.rect_filled(tick, 0.0, colour);
    }
    captions(&painter, graph, scene, facts, palette);
    if let Some(deciding) = facts.deciding_slice() {
        marker(&painter, left(deciding) + step / 2.0, graph, palette.warning);
    }
    painter.rect_stroke(here, 0.0, Stroke::new(1.0, palette.text), egui::StrokeKind::Inside);

    let top = graph.bottom() + 10.0;
    let strip = Rect::from_min_size(Pos2::new(graph.left(), top), Vec2::new(graph.width(), shares::HEIGHT));
    if let Some(shares) = Shares::of(facts) {
        let network = facts.network.as_ref();
        let class = facts.class.and_then(|class| network?.model.classes.get(class)).map_or("the class", String::as_str);
        shares.paint(&painter, strip, palette, class, current, &left, step);
    } else if takes_stack {
        painter.rect_filled(strip, 3.0, palette.background);
        let (done, noun) = (facts.profile.iter().flatten().count(), scene.state.active().step_noun());
        let words = format!("Share of the stack's logit: {done} of {positions} {noun}s are there");
        caption(&painter, strip, Align2::LEFT_TOP, words, palette);
    }

    let under = response.hover_pos().map(|pointer| (((pointer.x - graph.left()) / step) as usize).min(positions - 1));
    if (response.dragged() || response.clicked())
        && let Some(pointer) = response.interact_pointer_pos()
    {
        let position = (((pointer.x - graph.left()) / step).max(0.0) as usize).min(positions - 1);
        if position != current {
            scene.send(Command::SetPosition { slot: slot_index, position });
        }
    }
    if let Some(position) = under {
        let mut words = format!("{} {}", slot.step_word(), position + 1);
        if let Some(Some(probability)) = facts.profile.get(position) {
            words = format!("{words}   {:.1} %", probability * 100.0);
        }
        if let Some(interval) = facts.draws.band.get(position).copied().flatten() {
            words.push_str(&scrubber_band::words(interval, scene.state.explain.passes));
        }
        let noun = scene.state.active().step_noun();
        if let Some(shares) = Shares::of(facts).and_then(|shares| shares.words(position, noun)) {
            words = format!("{words}\n{shares}");
        }
        if facts.deciding_slice() == Some(position) {
            let _ = write!(words, "\nThis {noun} decides the stack");
        }
        response.on_hover_text_at_pointer(words);
    }
}

/// The ticks under the graph, from left to right: each slice's own, or where there is no gap between them one for all
/// neighbours that are alike.
fn ticks(is_explained: &[bool], positions: usize, apart: bool) -> Vec<(bool, Range<usize>)> {
    let mut ticks: Vec<(bool, Range<usize>)> = Vec::new();
    for position in 0..positions {
        let explained = is_explained.get(position).copied().unwrap_or(false);
        match ticks.last_mut().filter(|(last, _)| !apart && *last == explained) {
            Some((_, run)) => run.end = position + 1,
            None => ticks.push((explained, position..position + 1)),
        }
    }
    ticks
}

fn marker(painter: &egui::Painter, x: f32, graph: Rect, colour: Color32) {
    let tip = Pos2::new(x, graph.top() + 8.0);
    let points = vec![Pos2::new(x - 5.0, graph.top()), Pos2::new(x + 5.0, graph.top()), tip];
    painter.add(egui::Shape::convex_polygon(points, colour, Stroke::NONE));
    painter.vline(x, tip.y..=graph.bottom(), Stroke::new(1.0, colour.gamma_multiply(0.7)));
}

fn captions(
    painter: &egui::Painter,
    graph: Rect,
    scene: &Scene<'_>,
    facts: &crate::viewer::facts::SlotFacts,
    palette: &theme::Palette,
) {
    let Some((model, class)) = scene.facts.model.value.as_ref().zip(facts.class) else { return };
    let name = model.classes.get(class).map_or("", String::as_str);
    let words = if model.stack {
        format!("Probability of {name}, each {} by itself", scene.state.active().step_noun())
    } else {
        format!("Probability of {name}")
    };
    caption(painter, graph, Align2::LEFT_TOP, words, palette);
    caption(painter, graph, Align2::RIGHT_TOP, "100 %".to_owned(), palette);
}

/// Words in a corner of a strip, on a veil of its colour: bars may be behind them.
fn caption(painter: &egui::Painter, strip: Rect, corner: Align2, words: String, palette: &theme::Palette) {
    let galley = painter.layout_no_wrap(words, FontId::proportional(11.0), palette.quiet);
    let place = corner.align_size_within_rect(galley.size(), strip.shrink2(Vec2::new(4.0, 2.0)));
    painter.rect_filled(place.expand2(Vec2::new(3.0, 1.0)), 3.0, palette.background.gamma_multiply(0.75));
    painter.galley(place.min, galley, palette.quiet);
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn ticks_that_touch_are_one_where_they_are_alike() {
        let is_explained = [true, true, false];
        assert_eq!(ticks(&is_explained, 4, false), [(true, 0..2), (false, 2..4)]);
        assert_eq!(ticks(&is_explained, 4, true).len(), 4);
        assert!(ticks(&[], 0, false).is_empty());
    }
}
