//! The parameters of a method, each with a control that its kind asks for.

use egui::{Button, Color32, ComboBox, DragValue, Response, Slider, TextStyle, Ui, WidgetInfo};

use super::{name_combo, row, row_of};
use crate::explain::parameters::{Kind, Parameter, Preset, Value};
use crate::explain::{Method, Settings};
use crate::viewer::command::Command;
use crate::viewer::scene::Scene;

/// Shows presets and parameters; the seed where the method draws.
pub fn show(ui: &mut Ui, scene: &mut Scene<'_>, method: &'static dyn Method) {
    let settings = scene.state.explain.settings();
    presets(ui, scene, method, &settings);
    for parameter in method.parameters() {
        let width = width(ui, parameter);
        if let Some(value) = row_of(ui, parameter.label, width, |ui| control(ui, method.name(), parameter, &settings)) {
            scene.send(Command::SetParameter { method: method.name(), parameter: parameter.name, value });
        }
    }
    if method.draws() && !scene.facts.model.value.as_ref().is_some_and(|model| model.stochastic) {
        seed(ui, scene);
    }
}

/// The seed of everything random.
pub fn seed(ui: &mut Ui, scene: &mut Scene<'_>) {
    row(ui, "Seed", |ui| {
        let mut value = scene.state.explain.seed;
        let response = ui.add(DragValue::new(&mut value).speed(0.1));
        name_number(ui, &response, "Seed", value as f64);
        if response.on_hover_text("The same seed gives the same draws").changed() {
            scene.send(Command::SetSeed(value));
        }
    });
}

/// What a control needs so that each of its values can be read.
fn width(ui: &Ui, parameter: &Parameter) -> f32 {
    let Kind::Choice { options, .. } = parameter.kind else { return 0.0 };
    let font = TextStyle::Button.resolve(ui.style());
    let text = |label: &str| ui.painter().layout_no_wrap(label.to_owned(), font.clone(), Color32::WHITE).size().x;
    let widest = options.iter().map(|(_, label)| text(label)).fold(0.0, f32::max);
    let spacing = ui.spacing();
    widest + 2.0 * spacing.button_padding.x + spacing.icon_spacing + spacing.icon_width
}

/// A row of good settings under a name each, the defaults first; where a preset is the defaults, they have its name too.
fn presets(ui: &mut Ui, scene: &mut Scene<'_>, method: &'static dyn Method, settings: &Settings) {
    if method.parameters().is_empty() {
        return;
    }
    let parameters = method.parameters();
    let (defaults, others): (Vec<&Preset>, Vec<&Preset>) =
        method.presets().iter().partition(|preset| Settings::of(preset, parameters) == Settings::DEFAULT);
    row(ui, "Settings", |ui| {
        let is_default = *settings == Settings::DEFAULT;
        let (label, tooltip) = match defaults.first() {
            Some(preset) => (format!("Default ({})", preset.label.to_lowercase()), preset.sentence),
            None => ("Default".to_owned(), "Every parameter as in the literature, or as the libraries have it"),
        };
        if ui.add(Button::selectable(is_default, label)).on_hover_text(tooltip).clicked() && !is_default {
            scene.send(Command::ResetParameters(method.name()));
        }
        for preset in others {
            let Preset { label, sentence, .. } = *preset;
            let is_used = *settings == Settings::of(preset, parameters);
            if ui.add(Button::selectable(is_used, label)).on_hover_text(sentence).clicked() {
                scene.send(Command::UsePreset { method: method.name(), label });
            }
        }
    });
}

/// The control of one parameter; its new value once the user has decided.
fn control(ui: &mut Ui, method: &'static str, parameter: &Parameter, settings: &Settings) -> Option<Value> {
    let salt = (method, parameter.name);
    match parameter.kind {
        Kind::Integer { min, max, .. } => {
            let current = settings.integer(parameter) as f64;
            let decided = settled(ui, salt, current, parameter, |ui, value| {
                if is_number_of_one(min, max) {
                    let field = DragValue::new(value).range(min..=max).speed(0.1).max_decimals(0);
                    ui.add(field.update_while_editing(false))
                } else {
                    ui.add(slider(value, min as f64..=max as f64).integer())
                }
            });
            decided.map(|value| Value::Integer(value.round() as i64))
        }
        Kind::Real { min, max, .. } => {
            let current = settings.real(parameter);
            let decided =
                settled(ui, salt, current, parameter, |ui, value| ui.add(slider(value, min..=max).max_decimals(4)));
            decided.map(Value::Real)
        }
        Kind::Choice { options, .. } => choice(ui, method, parameter, options, settings.choice(parameter)),
    }
}

/// Whether the number names one of many, as a channel, so that a slider's place says nothing.
fn is_number_of_one(min: i64, max: i64) -> bool {
    min < 0 && max > 1000
}

/// A slider over a range; in powers where it spans more than two orders of magnitude.
fn slider(value: &mut f64, range: std::ops::RangeInclusive<f64>) -> Slider<'_> {
    let is_wide = *range.start() >= 0.0 && *range.end() > 100.0 * range.start().max(1.0);
    Slider::new(value, range).logarithmic(is_wide).update_while_editing(false)
}

/// A slider that changes nothing before it is let go: what a parameter changes may take minutes to compute.
fn settled(
    ui: &mut Ui,
    salt: (&str, &str),
    current: f64,
    parameter: &Parameter,
    add: impl FnOnce(&mut Ui, &mut f64) -> Response,
) -> Option<f64> {
    let id = ui.scope_id().with(salt);
    let mut value = ui.data(|data| data.get_temp(id)).unwrap_or(current);
    ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(60.0);
    let response = add(ui, &mut value);
    name_slider(ui, &response, parameter.label, value);
    let response = response.on_hover_text(parameter.sentence);
    if response.dragged() {
        ui.data_mut(|data| data.insert_temp(id, value));
        return None;
    }
    ui.data_mut(|data| data.remove_temp::<f64>(id));
    (value != current).then_some(value)
}

fn choice(
    ui: &mut Ui,
    method: &str,
    parameter: &Parameter,
    options: &'static [(&'static str, &'static str)],
    current: &'static str,
) -> Option<Value> {
    let mut chosen = None;
    let text = options.iter().find(|(name, _)| *name == current).map_or(current, |(_, label)| *label);
    let salt = (method.to_owned(), parameter.name);
    let response =
        ComboBox::from_id_salt(salt).width(ui.available_width()).selected_text(text).truncate().show_ui(ui, |ui| {
            for (name, label) in options {
                if ui.selectable_label(*name == current, *label).clicked() {
                    chosen = Some(Value::Choice(name));
                }
            }
        });
    name_combo(ui, &response.response, parameter.label, text);
    response.response.on_hover_text(parameter.sentence);
    chosen
}

fn name_slider(ui: &Ui, response: &Response, name: &str, value: f64) {
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::slider(enabled, value, name));
}

/// Names a number field for those who don't see what stands beside it.
fn name_number(ui: &Ui, response: &Response, name: &str, value: f64) {
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo { label: Some(name.to_owned()), ..WidgetInfo::drag_value(enabled, value) });
}
