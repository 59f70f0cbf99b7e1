//! What the network says on each plane, in the fourth cell of the three-plane layout.

use egui::{Align2, FontId, Rect, RichText, Ui, UiBuilder, Vec2};

use super::{bar, exam, percent, quiet};
use crate::viewer::annotations;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::PLANE_SLOTS;
use crate::viewer::theme;

/// Shows the cell.
pub fn show(ui: &mut Ui, rect: Rect, scene: &mut Scene<'_>) {
    if scene.state.explain.exam.is_some() {
        exam::show(ui, rect, scene);
        return;
    }
    let palette = theme::palette(ui.ctx());
    ui.painter().rect_filled(rect, 0.0, palette.panel);
    let Some(model) = scene.facts.model.value.clone() else {
        annotations::centred(ui.painter(), rect, "Choose a model to see what it says on each plane.");
        return;
    };
    let mut area = ui.new_child(UiBuilder::new().max_rect(rect.shrink(theme::MARGIN)).id_salt("verdict"));
    let ui = &mut area;
    ui.label(RichText::new("What the network says on each plane").size(14.0));
    quiet(ui, format!("{}. Each plane by itself.", model.card.name));
    ui.add_space(theme::SPACE);
    for slot in PLANE_SLOTS {
        let title = ["Axial", "Coronal", "Sagittal"][slot - 1];
        ui.label(RichText::new(title).color(theme::PLANES[slot - 1]));
        if scene.state.slots[slot].series.is_none() {
            quiet(ui, "No series of this plane in the study");
            ui.add_space(theme::SPACE);
            continue;
        }
        let facts = &scene.facts.slots[slot];
        if let Some(reason) = &facts.stack.failure {
            quiet(ui, reason.as_ref());
            ui.add_space(theme::SPACE);
            continue;
        }
        let class = facts.class.unwrap_or(0);
        let name = model.classes.get(class).cloned().unwrap_or_default();
        let (probability, what) = if model.stack {
            (facts.stack.current().and_then(|stack| stack.probabilities.get(class).copied()), "whole stack")
        } else {
            let joined = facts.gathered.joined().and_then(|joined| joined.probabilities.get(class).copied());
            (joined, "whole stack")
        };
        let deciding = facts.deciding_slice();
        let done = facts.profile.iter().flatten().count();
        let count = facts.sources.len();
        let (line, _) = ui.allocate_exact_size(Vec2::new(ui.available_width().min(420.0), 22.0), egui::Sense::hover());
        let painter = ui.painter();
        painter.text(
            line.left_center() - Vec2::new(0.0, 3.0),
            Align2::LEFT_CENTER,
            format!("{name}, {what}"),
            FontId::proportional(13.0),
            palette.text,
        );
        if let Some(probability) = probability {
            let at = line.right_center() - Vec2::new(0.0, 3.0);
            painter.text(at, Align2::RIGHT_CENTER, percent(probability), theme::numbers(13.0), palette.text);
            let trough = Rect::from_min_max(line.left_bottom() - Vec2::new(0.0, 4.0), line.right_bottom());
            bar(painter, trough, probability, theme::class_colour(class), palette.raised);
        }
        let word = scene.state.slots[slot].step_word().to_lowercase();
        ui.horizontal(|ui| {
            let Some(slice) = deciding else {
                quiet(ui, format!("Computing: {done} of {count} {word}s"));
                return;
            };
            quiet(ui, format!("Decided by {word} {}", slice + 1));
            let name = format!("Show {word} {} ({title})", slice + 1);
            if ui.small_button("Show it").on_hover_text(name).clicked() {
                scene.send(Command::SetPosition { slot, position: slice });
            }
        });
        ui.add_space(theme::SPACE);
    }
    quiet(ui, "Shift + click on an image moves the other planes there.");
}
