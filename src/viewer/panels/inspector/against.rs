//! The class that the explained one is held against.

use egui::{ComboBox, TextEdit, Ui};

use super::{name_combo, quiet, row};
use crate::engine::ModelInfo;
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::state::Layout;
use crate::viewer::theme;

/// Classes offered at once; further ones are found by name.
const OFFERED: usize = 24;

/// Shows the choice. Choosing a class shows both maps and their difference.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, model: &ModelInfo) {
    if model.classes.len() < 2 {
        return;
    }
    ui.add_space(theme::GAP);
    let facts = &scene.facts.slots[scene.state.active_slot()];
    let (explained, other) = (facts.class, facts.other);
    let probabilities = facts.scores.value.as_ref().map_or(&[][..], |scores| &scores.probabilities[..]).to_vec();
    let chosen = scene.state.explain.against;
    let name = |class: Option<usize>| class.and_then(|class| model.classes.get(class)).map_or("", String::as_str);
    let text = if scene.state.layout == Layout::Contrast { name(other) } else { "Choose a class" };
    row(ui, "Against", |ui| {
        let width = ui.available_width();
        let response =
            ComboBox::from_id_salt("against").width(width).selected_text(text).truncate().show_ui(ui, |ui| {
                ui.set_min_width(220.0);
                let filter =
                    if model.classes.len() > OFFERED { filter_field(ui).to_lowercase() } else { String::new() };
                if ui.selectable_label(chosen.is_none(), "Strongest other class").clicked() {
                    scene.send(Command::SetAgainst(None));
                }
                let strength = |class: usize| probabilities.get(class).copied().unwrap_or(0.0);
                let mut order: Vec<usize> = (0..model.classes.len())
                    .filter(|class| Some(*class) != explained)
                    .filter(|class| filter.is_empty() || model.classes[*class].to_lowercase().contains(&filter))
                    .collect();
                if model.classes.len() > OFFERED {
                    order.sort_by(|a, b| strength(*b).total_cmp(&strength(*a)));
                }
                for class in order.iter().take(OFFERED) {
                    if ui.selectable_label(chosen == Some(*class), &model.classes[*class]).clicked() {
                        scene.send(Command::SetAgainst(Some(*class)));
                    }
                }
                if order.len() > OFFERED {
                    quiet(ui, format!("and {} more: find them by name", order.len() - OFFERED));
                }
            });
        name_combo(ui, &response.response, "Against", text);
        response.response.on_hover_text("Show the map of another class beside it, and where the two differ (F6)");
    });
}

fn filter_field(ui: &mut Ui) -> String {
    let id = ui.scope_id().with("against filter");
    let mut filter: String = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let field = TextEdit::singleline(&mut filter).hint_text("Find a class").desired_width(f32::INFINITY);
    if ui.add(field).changed() {
        ui.data_mut(|data| data.insert_temp(id, filter.clone()));
    }
    filter
}
