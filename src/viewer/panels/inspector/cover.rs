//! "What if I cover this?": what lies under the cover, and what it changes.

use egui::{ComboBox, Ui};

use super::{heading, name_combo, quiet, row};
use crate::explain::Baseline;
use crate::viewer::command::{Command, Tool};
use crate::viewer::scene::Scene;

/// Shows the cover's controls while there is a cover, or its tool is in hand.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let state = scene.state;
    let slot = state.active_slot();
    let is_covered = state.covered(slot).is_some();
    if !is_covered && state.tool != Tool::Cover {
        return;
    }
    heading(ui, "COVER");
    row(ui, "Filled with", |ui| {
        let chosen = state.cover.baseline;
        let response = ComboBox::from_id_salt("cover")
            .width(ui.available_width())
            .selected_text(chosen.label())
            .truncate()
            .show_ui(ui, |ui| {
                for baseline in Baseline::offered() {
                    if ui.selectable_label(baseline == chosen, baseline.label()).clicked() {
                        scene.send(Command::SetCoverBaseline(baseline));
                    }
                }
            });
        name_combo(ui, &response.response, "Filled with", chosen.label());
    });
    let facts = &scene.facts.slots[slot];
    if !is_covered {
        quiet(ui, "Drag a box over the image to cover what lies there.");
        return;
    }
    if let Some((answer, _)) = facts.cover.answer(facts) {
        // A line of its own for the name: it may be long.
        quiet(ui, &answer.name);
        ui.label(answer.numbers());
    }
    if let Some(result) = facts.cover.held.current() {
        let noun = scene.state.active().step_noun();
        let of = if facts.sources.len() > 1 { format!("Of this {noun} by itself. ") } else { String::new() };
        let share = 100.0 * result.share;
        quiet(ui, format!("{of}Exact: {share:.0} % of the network's work was done again."));
    }
    quiet(
        ui,
        "Maps are those of the slice without the cover. A covered part is itself something the network has never seen.",
    );
    row(ui, "", |ui| {
        if ui.button("Remove the cover").on_hover_text("Show the slice as it is (Esc)").clicked() {
            scene.send(Command::ClearCover);
        }
    });
}
