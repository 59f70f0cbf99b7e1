//! The list of mouse and keys, and the command palette.

use egui::{Align2, Grid, Key, Modal, RichText, ScrollArea, TextEdit, Ui, Window};

use crate::viewer::command::Command;
use crate::viewer::scene::Scene;
use crate::viewer::specs::{Menu, SPECS};
use crate::viewer::theme;

const MOUSE: &[(&str, &str)] = &[
    ("Wheel", "Scroll through the slices"),
    ("Left drag", "Window width (left, right) and centre (up, down), or the tool chosen"),
    ("Middle drag", "Move the picture"),
    ("Right drag, Ctrl + wheel", "Zoom"),
    ("Double-click", "One viewport full size, and back"),
    ("Click a channel or a filter", "Follow it through the slices, or let go of it"),
    ("Shift + click", "Three planes: move the other planes to this place"),
];

/// Shows the list of all commands, if it is asked for.
pub fn show(ui: &Ui, scene: &mut Scene<'_>) {
    if !scene.state.help_shown {
        return;
    }
    let mut open = true;
    let height = ui.ctx().content_rect().height() * 0.75;
    Window::new("Mouse and keys")
        .open(&mut open)
        .anchor(Align2::CENTER_CENTER, [0.0, 0.0])
        .collapsible(false)
        .resizable(false)
        .show(ui.ctx(), |ui| {
            ui.set_min_width(520.0);
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                let palette = theme::palette(ui.ctx());
                Grid::new("keys").num_columns(3).spacing([24.0, 4.0]).striped(true).show(ui, |ui| {
                    section(ui, "Mouse");
                    for (what, does) in MOUSE {
                        ui.label(*what);
                        ui.label(RichText::new(*does).color(palette.quiet));
                        ui.label("");
                        ui.end_row();
                    }
                    for menu in Menu::ALL {
                        section(ui, menu.label());
                        for spec in SPECS.iter().filter(|spec| spec.menu == menu) {
                            ui.label(spec.text);
                            ui.label(RichText::new(spec.tooltip).color(palette.quiet));
                            ui.label(RichText::new(scene.keys.text(&spec.command)).font(theme::numbers(12.0)));
                            ui.end_row();
                        }
                    }
                });
            });
        });
    if !open {
        scene.send(Command::ToggleHelp);
    }
}

fn section(ui: &mut Ui, title: &str) {
    ui.label(RichText::new(title).strong());
    ui.end_row();
}

/// Shows the command palette, if it is open.
pub fn palette(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(typed) = scene.state.palette.clone() else { return };
    let response = Modal::new(egui::Id::unique("palette")).show(ui.ctx(), |ui| {
        ui.set_width(440.0);
        let mut text = typed.clone();
        let field = ui.add(TextEdit::singleline(&mut text).hint_text("Find a command").desired_width(f32::INFINITY));
        field.request_focus();
        if text != typed {
            scene.send(Command::SetPalette(Some(text.clone())));
        }
        let words: Vec<String> = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let found: Vec<_> = SPECS
            .iter()
            .filter(|spec| {
                let name = format!("{} {}", spec.text, spec.tooltip).to_lowercase();
                words.iter().all(|word| name.contains(word))
            })
            .take(10)
            .collect();
        let entered = ui.input(|input| input.key_pressed(Key::Enter));
        for (index, spec) in found.iter().enumerate() {
            let entry = egui::Button::new(spec.text).shortcut_text(scene.keys.text(&spec.command)).selected(index == 0);
            let clicked = ui.add_sized([ui.available_width(), 26.0], entry).on_hover_text(spec.tooltip).clicked();
            if clicked || (entered && index == 0) {
                scene.send(Command::SetPalette(None));
                scene.send(spec.command.clone());
            }
        }
        if found.is_empty() {
            super::quiet(ui, "No command has these words.");
        }
    });
    if response.should_close() {
        scene.send(Command::SetPalette(None));
    }
}
