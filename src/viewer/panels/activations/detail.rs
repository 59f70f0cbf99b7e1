//! The followed channel: its picture, its numbers on the slice in view, and its way through the stack.

use egui::{Align, Align2, FontId, Layout, Pos2, Rect, RichText, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo};

use super::grid;
use crate::explain::Activations;
use crate::viewer::command::Command;
use crate::viewer::inside::atlas::Pages;
use crate::viewer::inside::history::Seen;
use crate::viewer::paint::Channel;
use crate::viewer::scene::Scene;
use crate::viewer::state::{self, Content};
use crate::viewer::theme;
use crate::viewer::window::number;

/// Height of a line of numbers, in points.
const LINE: f32 = 16.0;
/// Height of the title with what lies around it, in points.
const TITLE: f32 = 36.0;
/// Width of its numbers, in points.
const NUMBERS: f32 = 216.0;

/// How many lines of numbers there is room for beside a grid that stays useful.
fn lines(available: f32) -> usize {
    if available < 300.0 { 3 } else { 5 }
}

/// Height of all this in a tile of so much room, in points.
#[must_use]
pub fn height(available: f32) -> f32 {
    TITLE + lines(available) as f32 * LINE
}

/// Shows the followed channel; `available` is what [`height`] was asked with.
pub fn show(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    activations: &Activations,
    pages: &Pages,
    channel: usize,
    available: f32,
) {
    let (lines, height) = (lines(available), height(available));
    let picture = height - TITLE + 4.0;
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ui.available_width(), height), Sense::hover());
    let palette = theme::palette(ui.ctx());
    ui.painter().hline(rect.x_range(), rect.top() + 2.0, Stroke::new(1.0, palette.border));
    let mut inner =
        ui.new_child(egui::UiBuilder::new().max_rect(rect.with_min_y(rect.top() + theme::GAP)).id_salt("followed"));
    let ui = &mut inner;
    title(ui, scene, channel);
    if channel >= activations.channels {
        super::super::quiet(ui, format!("This layer has {} channels", activations.channels));
        return;
    }
    let (page, within) = pages.place(channel);
    let texture = scene.channel_page(page);
    let mut left = ui.cursor().left();
    let top = ui.cursor().top();
    if rect.width() > picture + NUMBERS + 120.0 {
        let frame = Rect::from_min_size(Pos2::new(left, top), Vec2::splat(picture));
        if let Some((texture, _)) = &texture
            && let Some(atlas) = texture.channels.as_ref().filter(|atlas| within < atlas.channels.len())
        {
            let aspect = pages.aspect();
            let size =
                if aspect > 1.0 { Vec2::new(picture / aspect, picture) } else { Vec2::new(picture, picture * aspect) };
            let area = grid::texels(atlas, within, texture.handle.size_vec2());
            let shown = Rect::from_center_size(frame.center(), size);
            ui.painter().image(texture.handle.id(), shown, area, egui::Color32::WHITE);
        }
        left = frame.right() + theme::SPACE;
    }
    let known = texture.filter(|(_, is_current)| *is_current).and_then(|(texture, _)| {
        let atlas = texture.channels?;
        atlas.channels.get(within).copied()
    });
    numbers(ui, scene, Pos2::new(left, top), known, lines);
    left += NUMBERS;
    let graph = Rect::from_min_max(Pos2::new(left, top + 2.0), Pos2::new(rect.right() - 2.0, top + picture));
    if graph.width() > 40.0 {
        along(ui, scene, graph, channel);
    }
}

fn title(ui: &mut Ui, scene: &mut Scene<'_>, channel: usize) {
    let palette = theme::palette(ui.ctx());
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("Channel {channel}")).strong());
        if scene.facts.inside.history.is_dead(channel) {
            ui.label(RichText::new("dead so far").small().color(palette.warning));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let release = ui.small_button("Let go").on_hover_text("Follow this channel no more (Backspace)");
            if release.clicked() {
                scene.send(Command::FollowChannel(None));
            }
            if !scene.state.shows(Content::Channel) {
                let over = ui.small_button("Over the image");
                if over.on_hover_text("The channel large, over the picture (F10)").clicked() {
                    scene.send(Command::SetLayout(state::Layout::Inside));
                }
            }
        });
    });
}

/// What the channel is on the slice in view, line by line.
fn numbers(ui: &Ui, scene: &Scene<'_>, at: Pos2, known: Option<Channel>, count: usize) {
    let palette = theme::palette(ui.ctx());
    let Some(channel) = known else {
        ui.painter().text(at, Align2::LEFT_TOP, "computing …", FontId::proportional(11.5), palette.quiet);
        return;
    };
    let short = |value: f32| number(f64::from(value));
    // The most telling first: in a low tile there is room for three.
    let peak =
        channel.spread.map_or(String::new(), |spread| format!(" at row {}, col {}", spread.peak.0, spread.peak.1));
    let mut lines = vec![("Maximum", format!("{}{peak}", short(channel.max)))];
    if let Some(spread) = channel.spread {
        lines.push(("Mean, SD", format!("{}, {}", short(channel.mean), short(spread.deviation))));
    }
    lines.push(("Adds to class", contribution(scene, channel.index)));
    if let Some(spread) = channel.spread {
        lines.push(("Active", format!("{:.0} % of places", spread.active * 100.0)));
    }
    lines.push(("Minimum", short(channel.min)));
    lines.truncate(count);
    for (index, (name, value)) in lines.into_iter().enumerate() {
        let at = at + Vec2::new(0.0, index as f32 * LINE);
        ui.painter().text(at, Align2::LEFT_TOP, name, FontId::proportional(11.5), palette.quiet);
        ui.painter().text(at + Vec2::new(78.0, 0.0), Align2::LEFT_TOP, value, FontId::proportional(11.5), palette.text);
    }
}

/// What the channel adds to the logit of the explained class.
fn contribution(scene: &Scene<'_>, channel: usize) -> String {
    let held = &scene.facts.inside.contributions;
    if held.failure.is_some() {
        return "–".to_owned();
    }
    let known = held.current().and_then(|known| known.contributions.as_ref()).and_then(|all| all.get(channel));
    match known {
        Some(value) => format!("{}{}", if *value > 0.0 { "+" } else { "" }, number(f64::from(*value))),
        None => "computing …".to_owned(),
    }
}

/// The channel's maximum and mean from slice to slice; a click goes to a slice.
fn along(ui: &Ui, scene: &mut Scene<'_>, graph: Rect, channel: usize) {
    let slot = &scene.state.slots[0];
    let (count, current) = (slot.positions(), slot.position);
    let response = ui.interact(graph, ui.scope_id().with("along the slices"), Sense::click_and_drag());
    response
        .widget_info(|| WidgetInfo::slider(true, (current + 1) as f64, format!("Channel {channel} along the slices")));
    let palette = theme::palette(ui.ctx());
    let painter = ui.painter_at(graph.expand(1.0));
    painter.rect_filled(graph, 2.0, palette.background);
    let font = FontId::proportional(11.0);
    if count < 2 {
        painter.text(graph.center(), Align2::CENTER_CENTER, "one image", font, palette.quiet);
        return;
    }
    let facts = &scene.facts.slots[0];
    let history = &scene.facts.inside.history;
    let step = graph.width() / count as f32;
    let x = |position: usize| graph.left() + (position as f32 + 0.5) * step;
    let here = Rect::from_x_y_ranges(
        graph.left() + current as f32 * step..=graph.left() + (current + 1) as f32 * step.max(1.0 / count as f32),
        graph.y_range(),
    );
    painter.rect_filled(here, 0.0, palette.chosen);
    painter.vline(x(current), graph.y_range(), Stroke::new(1.0, palette.text.gamma_multiply(0.6)));
    // One point a point of the screen is as fine as it gets.
    let stride = (count as f32 / graph.width().max(1.0)).ceil().max(1.0) as usize;
    let seen: Vec<Option<Seen>> =
        (0..count).step_by(stride).map(|at| history.seen(facts.sources.get(at)?, channel)).collect();
    if let Some((low, high)) = history.range(&facts.sources, channel) {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let width = if high > low { high - low } else { 1.0 };
        let y = |value: f32| graph.bottom() - 3.0 - (graph.height() - 20.0) * ((value - low) / width).clamp(0.0, 1.0);
        for (value, colour) in [
            ((|seen: &Seen| seen.mean) as fn(&Seen) -> f32, palette.quiet),
            (|seen: &Seen| seen.maximum, palette.accent),
        ] {
            // A gap where a slice has not been seen.
            for run in runs(&seen) {
                let points: Vec<Pos2> =
                    run.iter().map(|(index, seen)| Pos2::new(x(index * stride), y(value(seen)))).collect();
                if let [alone] = points[..] {
                    painter.circle_filled(alone, 1.5, colour);
                } else {
                    painter.add(Shape::line(points, Stroke::new(1.5, colour)));
                }
            }
        }
        painter.text(
            graph.right_top() + Vec2::new(-3.0, 1.0),
            Align2::RIGHT_TOP,
            number(f64::from(high)),
            font.clone(),
            palette.quiet,
        );
    }
    let maximum =
        painter.text(graph.left_top() + Vec2::new(3.0, 1.0), Align2::LEFT_TOP, "max", font.clone(), palette.accent);
    painter.text(maximum.right_top() + Vec2::new(4.0, 0.0), Align2::LEFT_TOP, "mean", font, palette.quiet);

    let under = |at: Pos2| (((at.x - graph.left()) / step).max(0.0) as usize).min(count - 1);
    if (response.dragged() || response.clicked())
        && let Some(position) = response.interact_pointer_pos().map(under)
        && position != current
    {
        scene.send(Command::SetPosition { slot: 0, position });
    }
    if let Some(position) = response.hover_pos().map(under) {
        let seen = facts.sources.get(position).and_then(|source| history.seen(source, channel));
        let words = match seen {
            Some(seen) => {
                format!("max {}   mean {}", number(f64::from(seen.maximum)), number(f64::from(seen.mean)))
            }
            None => "not seen yet".to_owned(),
        };
        response.on_hover_text_at_pointer(format!("{} {}   {words}", slot.step_word(), position + 1));
    }
}

/// What has been seen without a gap, each with its place.
fn runs(seen: &[Option<Seen>]) -> Vec<Vec<(usize, Seen)>> {
    let mut runs: Vec<Vec<(usize, Seen)>> = Vec::new();
    let mut was_seen = false;
    for (index, seen) in seen.iter().enumerate() {
        if let Some(seen) = seen {
            match runs.last_mut().filter(|_| was_seen) {
                Some(run) => run.push((index, *seen)),
                None => runs.push(vec![(index, *seen)]),
            }
        }
        was_seen = seen.is_some();
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_gaps_where_nothing_was_seen() {
        let some = Some(Seen { minimum: 0.0, maximum: 1.0, mean: 0.5 });
        let lengths = |seen: &[Option<Seen>]| runs(seen).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[None, some, some, None, some]), [2, 1]);
        assert!(lengths(&[None, None]).is_empty());
    }
}
