//! What is asked of the network: model, class, method, layer, colours.

mod against;
mod colours;
mod cover;
mod layer;
mod method;
mod model;
mod parameters;
mod region;
mod superpixels;
mod uncertainty;

use egui::{FontId, ScrollArea, Sense, Ui, Vec2, WidgetInfo};

use super::{classes, heading, quiet};
use crate::viewer::scene::Scene;
use crate::viewer::theme;

/// Shows the panel.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>) {
    // The bar gets room of its own: it must not lie over the numbers at the right.
    ui.spacing_mut().scroll.floating_allocated_width = theme::GAP;
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        model::choice(ui, scene);
        let Some(model) = scene.facts.model.value.clone() else { return };
        model::stack_result(ui, scene, &model);
        classes::show(ui, scene, &model);
        against::show(ui, scene, &model);
        cover::show(ui, scene);
        if model.segmentation {
            region::show(ui, scene);
        }
        heading(ui, "EXPLANATION");
        method::show(ui, scene, &model);
        layer::show(ui, scene, &model);
        superpixels::show(ui, scene);
        heading(ui, "COLOURS");
        colours::show(ui, scene, &model);
        if model.stochastic {
            heading(ui, "UNCERTAINTY");
            uncertainty::show(ui, scene);
        }
        heading(ui, "ABOUT THE MODEL");
        model::about(ui, &model);
        ui.add_space(theme::MARGIN);
    });
}

/// A control with its name: to its left where that fits, all such controls of a panel beginning at the same place, else
/// above it.
fn row<R>(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    row_of(ui, name, 0.0, add)
}

/// The same for a control that takes some width at least: where it has less beside its name, it stands below.
fn row_of<R>(ui: &mut Ui, name: &str, width: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let colour = theme::palette(ui.ctx()).quiet;
    let galley = ui.painter().layout(name.to_owned(), FontId::proportional(13.0), colour, ui.available_width());
    let beside = ui.available_width() - theme::NAME_WIDTH - ui.spacing().item_spacing.x;
    if galley.size().x <= theme::NAME_WIDTH && width <= beside {
        return ui
            .horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::new(theme::NAME_WIDTH, 24.0), Sense::hover());
                ui.painter().galley(rect.left_center() - Vec2::new(0.0, galley.size().y / 2.0), galley, colour);
                add(ui)
            })
            .inner;
    }
    ui.add_space(theme::GAP);
    let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
    ui.painter().galley(rect.min, galley, colour);
    ui.horizontal(add).inner
}

/// Names a combo box for those who don't see what stands beside it.
pub(in crate::viewer::panels) fn name_combo(ui: &Ui, response: &egui::Response, name: &str, value: &str) {
    let (enabled, label, value) = (ui.is_enabled(), name.to_owned(), value.to_owned());
    response.widget_info(|| WidgetInfo {
        label: Some(label.clone()),
        enabled,
        current_text_value: Some(value.clone()),
        ..WidgetInfo::new(egui::Role::ComboBox)
    });
}
