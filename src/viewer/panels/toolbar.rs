//! Menus, layouts, tools.

use egui::{Button, Ui};

use crate::viewer::command::{Command, Tool};
use crate::viewer::scene::Scene;
use crate::viewer::specs::{Menu, SPECS};
use crate::viewer::state::{Layout, State};
use crate::viewer::{icons, theme, window};

/// Shows the row on top of the window.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = theme::GAP;
        let visuals = &mut ui.visuals_mut().widgets.inactive;
        visuals.weak_bg_fill = egui::Color32::TRANSPARENT;
        visuals.bg_stroke = egui::Stroke::NONE;
        for menu in Menu::ALL {
            ui.menu_button(menu.label(), |ui| menu_entries(ui, scene, menu));
        }
        separator(ui);
        for layout in Layout::ALL {
            tool_button(ui, scene, Command::SetLayout(layout), scene.state.layout == layout);
        }
        separator(ui);
        for tool in [Tool::Window, Tool::Pan, Tool::Zoom, Tool::Scroll, Tool::Cover] {
            tool_button(ui, scene, Command::SetTool(tool), scene.state.tool == tool);
        }
        if scene.facts.model.value.as_ref().is_some_and(|model| model.segmentation) {
            tool_button(ui, scene, Command::SetTool(Tool::Region), scene.state.tool == Tool::Region);
        }
        separator(ui);
        presets(ui, scene);
        let slot = scene.state.active();
        let (inverted, view) = (slot.inverted, slot.view);
        tool_button(ui, scene, Command::Invert, inverted);
        tool_button(ui, scene, Command::FlipHorizontally, view.mirrored_horizontally);
        tool_button(ui, scene, Command::FlipVertically, view.mirrored_vertically);
        tool_button(ui, scene, Command::TurnLeft, false);
        tool_button(ui, scene, Command::TurnRight, false);
        tool_button(ui, scene, Command::Reset, false);
        separator(ui);
        tool_button(ui, scene, Command::ToggleOverlay, scene.state.explain.overlay_on);
        tool_button(ui, scene, Command::SaveLayout, false);
    });
}

fn separator(ui: &mut Ui) {
    ui.add_space(theme::GAP);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(1.0, 20.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 0.0, theme::palette(ui.ctx()).border);
    ui.add_space(theme::GAP);
}

fn tool_button(ui: &mut Ui, scene: &mut Scene<'_>, command: Command, chosen: bool) {
    let Some(spec) = command.spec() else { return };
    let keys = scene.keys.text(&command);
    let tooltip = if keys.is_empty() {
        format!("{}\n{}", spec.text, spec.tooltip)
    } else {
        format!("{}  ({keys})\n{}", spec.text, spec.tooltip)
    };
    if icons::button(ui, &command, spec.text, &tooltip, chosen).clicked() {
        scene.send(command);
    }
}

fn presets(ui: &mut Ui, scene: &mut Scene<'_>) {
    let slot = scene.state.active();
    let choices =
        slot.series().zip(slot.slice()).map(|(series, slice)| window::choices(series, slice)).unwrap_or_default();
    ui.menu_button("Window", |ui| {
        ui.set_min_width(240.0);
        if choices.is_empty() {
            ui.label("Open a study first.");
        }
        for (index, choice) in choices.iter().enumerate() {
            let key = if index < 9 { format!("{}", index + 1) } else { String::new() };
            let name = [choice.name.as_str(), &choice.words()].join("   ");
            if ui.add(Button::new(name.trim_end()).shortcut_text(key)).clicked() {
                scene.send(Command::Preset(index as u8 + 1));
                ui.close();
            }
        }
    })
    .response
    .on_hover_text("Window presets (1–9)");
}

fn menu_entries(ui: &mut Ui, scene: &mut Scene<'_>, menu: Menu) {
    ui.set_min_width(240.0);
    for spec in SPECS.iter().filter(|spec| spec.menu == menu) {
        // The presets have a menu of their own that names them.
        if matches!(spec.command, Command::Preset(_)) {
            continue;
        }
        let mut entry = Button::new(spec.text).shortcut_text(scene.keys.text(&spec.command));
        if is_on(scene.state, &spec.command) {
            entry = entry.selected(true);
        }
        if ui.add(entry).on_hover_text(spec.tooltip).clicked() {
            scene.send(spec.command.clone());
            ui.close();
        }
    }
}

/// Whether a command that switches something stands at "on".
fn is_on(state: &State, command: &Command) -> bool {
    match command {
        Command::SetLayout(layout) => state.layout == *layout,
        Command::SetTool(tool) => state.tool == *tool,
        Command::SetScope(scope) => state.scope() == *scope,
        Command::SetChannelOrder(order) => state.inside.order == *order,
        Command::ToggleFull => state.full_tile.is_some(),
        Command::ToggleOverlay => state.explain.overlay_on,
        Command::ToggleLayers => state.layer_tree.is_some(),
        Command::ExplainAll => state.explain.all_slices,
        Command::ToggleAnnotations => state.annotations_shown,
        Command::ToggleBrowser => state.browser_shown,
        Command::ToggleInspector => state.inspector_shown,
        Command::ToggleHistogram => state.density.histogram,
        Command::ToggleRug => state.density.rug,
        Command::PinDensity => state.density.pinned.is_some(),
        Command::ToggleTheme => state.light,
        Command::Invert => state.active().inverted,
        Command::ToggleCine => state.cine.playing,
        _ => false,
    }
}
