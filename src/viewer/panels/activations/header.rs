//! The layer, what is shown of its channels, how they are sorted and found.

use egui::{Align, ComboBox, Layout, RichText, TextEdit, Ui};

use super::super::inspector::name_combo;
use super::super::quiet;
use crate::viewer::command::Command;
use crate::viewer::layer_tree::Purpose;
use crate::viewer::scene::Scene;
use crate::viewer::state::ChannelOrder;
use crate::viewer::theme;

/// Shows what stands over the grid.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    let layer = scene.facts.activation_layer.clone().unwrap_or_else(|| "".into());
    let seen = scene.state.explain.shows_seen;
    ui.horizontal(|ui| {
        // The choice at the right keeps its place however long the layer's name is.
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            for (shows, name, tooltip) in [
                (true, "What each saw", "What the strongest channels responded to, sent back to the pixels"),
                (false, "Activations", "Where each channel of the layer is active"),
            ] {
                if ui.selectable_label(seen == shows, name).on_hover_text(tooltip).clicked() {
                    scene.send(Command::SetShowsSeen(shows));
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let button = ui.add(egui::Button::new(&*layer).truncate());
                if button.on_hover_text("Choose the layer whose channels are shown").clicked() {
                    scene.send(Command::ChooseLayer(Purpose::Activations));
                }
            });
        });
    });
    if seen {
        what_each_saw(ui, scene);
    } else {
        ui.horizontal(|ui| arrangement(ui, scene));
        count(ui, scene);
    }
}

fn what_each_saw(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.horizontal(|ui| {
        let words = match scene.facts.slots[0].seen.current() {
            Some(grid) => format!("the {} strongest channels", grid.maps.len()),
            None => "computing …".to_owned(),
        };
        quiet(ui, words);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let mut all = scene.state.explain.whole_channels;
            let response = ui.checkbox(&mut all, "Whole map");
            if response.on_hover_text("All that the channel saw, or its strongest unit alone").changed() {
                scene.send(Command::SetWholeChannels(all));
            }
        });
    });
}

fn arrangement(ui: &mut Ui, scene: &mut Scene<'_>) {
    let order = scene.state.inside.order;
    let response = ComboBox::from_id_salt("channel order")
        .width(112.0)
        .selected_text(format!("By {}", order.label().to_lowercase()))
        .show_ui(ui, |ui| {
            for offered in ChannelOrder::ALL {
                if ui.selectable_label(offered == order, offered.label()).clicked() {
                    scene.send(Command::SetChannelOrder(offered));
                }
            }
        });
    name_combo(ui, &response.response, "Sort channels", order.label());
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let mut shared = scene.state.explain.channels_share_scale;
        let response = ui.checkbox(&mut shared, "Common scale");
        if response.on_hover_text("One scale for all channels, or each channel by itself").changed() {
            scene.send(Command::SetChannelsShareScale(shared));
        }
        let mut text = scene.state.inside.filter.clone();
        let field = TextEdit::singleline(&mut text).hint_text("Channel, 7, 20-40").desired_width(ui.available_width());
        let response = ui.add(field).on_hover_text("Channel numbers and ranges (7, 20-40), or the word dead");
        if response.changed() {
            scene.send(Command::SetChannelFilter(text));
        }
    });
}

/// "512 channels, 17 of them dead on the 12 slices seen".
fn count(ui: &mut Ui, scene: &Scene<'_>) {
    let palette = theme::palette(ui.ctx());
    let (facts, inside) = (&scene.facts.slots[0].activations, &scene.facts.inside);
    let Some(activations) = &facts.value else {
        quiet(ui, "computing …");
        return;
    };
    ui.horizontal(|ui| {
        if !inside.sorted.filter_is_read {
            let words = "Not a channel number; all are shown.";
            ui.label(RichText::new(words).small().color(palette.warning));
            return;
        }
        let all = activations.channels;
        let shown = inside.sorted.channels.len();
        let channels = if shown == all { format!("{all} channels") } else { format!("{shown} of {all} channels") };
        let size = match (activations.rows, activations.columns) {
            (1, 1) => String::new(),
            (rows, columns) => format!(" of {rows} × {columns}"),
        };
        let waiting = if facts.is_current { "" } else { ", computing …" };
        quiet(ui, format!("{channels}{size}{waiting}"));
        let (dead, slices) = (inside.history.dead(), inside.history.slices());
        if slices > 0 {
            let seen = if slices == 1 { "the slice seen".to_owned() } else { format!("the {slices} slices seen") };
            let words = format!("{dead} dead on {seen}");
            let colour = if dead > 0 { palette.warning } else { palette.quiet };
            let label = ui.label(RichText::new(words).small().color(colour));
            label.on_hover_text("A channel is dead that was 0 everywhere on every slice looked at so far");
        }
    });
}
