//! The viewer without a screen: the demo opens, controls are found by their names, and do what they say.

#![expect(clippy::expect_used, reason = "a test that can't go on fails")]

mod costly;
mod cover;
mod density;
mod exam;
mod explain;
mod inside;
mod region;

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Key, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use glassbox::demo::knee::render::View;
use glassbox::engine::{Config, ModelPath};
use glassbox::explain::parameters::{Kind, Parameter, Value};
use glassbox::explain::{Evidence, Reading};
use glassbox::study::Plane;
use glassbox::viewer::ViewerOptions;
use glassbox::viewer::app::App;
use glassbox::viewer::command::{Command, Tool};
use glassbox::viewer::layer_tree::{LayerTree, Purpose};
use glassbox::viewer::legend::Legend;
use glassbox::viewer::state::{Layout, State, Which};

/// Longest wait for the engine, generous for debug builds on busy machines.
const PATIENCE: Duration = Duration::from_mins(2);

fn open_demo() -> Harness<'static, App> {
    open(None)
}

/// The demo with a model of choice; the usual one unless given.
fn open(model: Option<ModelPath>) -> Harness<'static, App> {
    let options = ViewerOptions {
        paths: Vec::new(),
        model,
        engine: Config { threads: Some(1), ..Config::default() },
        texture_bytes: 64 << 20,
        trace: false,
        started: Instant::now(),
    };
    let mut harness = Harness::builder()
        .with_size([1440.0, 900.0])
        .build_eframe(|creation| App::new(&creation.egui_ctx, options).expect("the viewer starts"));
    wait(&mut harness, "the demo", |app| app.state().active().series.is_some() && app.library().opening.is_none());
    harness
}

/// Runs frames until something has come true.
fn wait(harness: &mut Harness<'static, App>, what: &str, is_true: impl Fn(&App) -> bool) {
    let started = Instant::now();
    while !is_true(harness.state()) {
        assert!(started.elapsed() < PATIENCE, "{what} did not come");
        harness.run_steps(1);
        std::thread::sleep(Duration::from_millis(5));
    }
    harness.run_steps(2);
}

/// Waits for the model that suits the demo; `false` where the demo comes without models.
fn has_model(harness: &mut Harness<'static, App>) -> bool {
    if harness.state().facts().catalogue.entries.is_empty() {
        return false;
    }
    wait(harness, "the model", |app| app.facts().model.current().is_some());
    true
}

fn click(harness: &mut Harness<'static, App>, name: &str) {
    let button = harness.query_by_role_and_label(Role::Button, name);
    button.unwrap_or_else(|| harness.get_by_label(name)).click();
    harness.run_steps(3);
}

fn press(harness: &mut Harness<'static, App>, key: Key) {
    harness.key_press(key);
    harness.run_steps(2);
}

fn state<'a>(harness: &'a Harness<'static, App>) -> &'a State {
    harness.state().state()
}

/// The demo with its model and the first map, the card about it dismissed.
fn explained() -> Option<Harness<'static, App>> {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    if !has_model(&mut harness) {
        return None;
    }
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
    Some(harness)
}

#[test]
fn the_demo_opens_on_a_sagittal_slice_that_shows_a_tear() {
    let harness = open_demo();
    let slot = state(&harness).active();
    assert_eq!(slot.series().map(|series| series.plane), Some(Plane::Sagittal));
    let path = &slot.slice().expect("a slice is in view").source.path;
    let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<usize>().ok());
    let slice = number.expect("the demo's files are numbered") - 1;
    let knee = glassbox::demo::knee_case(true);
    assert!(path.starts_with("demo:/knee/torn/sagittal") && knee.mask(View::Sagittal, slice, |_| true).contains(&true));
}

#[test]
fn the_demo_opens_and_says_that_it_is_synthetic() {
    let mut harness = open_demo();
    assert!(harness.query_by_label("The demo study is synthetic").is_some());
    assert!(harness.query_by_label("Research use. Not for diagnosis.").is_some());
    click(&mut harness, "Understood");
    assert!(harness.query_by_label("The demo study is synthetic").is_none());
}

#[test]
fn layouts_are_found_by_name_and_by_key() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    for layout in Layout::ALL {
        click(&mut harness, layout.label());
        assert_eq!(state(&harness).layout, layout);
    }
    for (key, layout) in [
        (Key::F2, Layout::One),
        (Key::F3, Layout::SideBySide),
        (Key::F4, Layout::Four),
        (Key::F5, Layout::Planes),
        (Key::F6, Layout::Contrast),
        (Key::F7, Layout::Layers),
        (Key::F9, Layout::Uncertainty),
        (Key::F10, Layout::Inside),
        (Key::F11, Layout::Embedding),
        (Key::F12, Layout::Check),
    ] {
        press(&mut harness, key);
        assert_eq!(state(&harness).layout, layout);
    }
}

#[test]
fn keys_scroll_through_the_slices_and_stop_at_the_ends() {
    let mut harness = open_demo();
    let count = state(&harness).active().positions();
    assert!(count > 1, "the first series of the demo is a stack");
    press(&mut harness, Key::Home);
    assert_eq!(state(&harness).active().position, 0);
    press(&mut harness, Key::ArrowUp);
    assert_eq!(state(&harness).active().position, 0);
    for expected in 1..4 {
        press(&mut harness, Key::ArrowDown);
        assert_eq!(state(&harness).active().position, expected);
    }
    press(&mut harness, Key::End);
    assert_eq!(state(&harness).active().position, count - 1);
    press(&mut harness, Key::ArrowDown);
    assert_eq!(state(&harness).active().position, count - 1);
}

#[test]
fn turning_flipping_and_inverting_end_with_escape() {
    let mut harness = open_demo();
    for key in [Key::R, Key::H, Key::I, Key::V] {
        press(&mut harness, key);
    }
    let slot = state(&harness).active();
    assert_eq!(slot.view.turns, 1);
    assert!(slot.inverted && slot.view.mirrored_horizontally && slot.view.mirrored_vertically);
    press(&mut harness, Key::Escape);
    let slot = state(&harness).active();
    assert_eq!((slot.view, slot.inverted), (glassbox::viewer::transform::View::default(), false));
}

#[test]
fn a_class_is_chosen_by_its_name_and_its_map_arrives() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    if !has_model(&mut harness) {
        return;
    }
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
    let classes = harness.state().facts().model.value.as_ref().expect("the model is here").classes.clone();
    let other = classes.len() - 1;
    click(&mut harness, &classes[other]);
    assert_eq!(state(&harness).explain.class, Some(other));
    wait(&mut harness, "the other map", |app| {
        let facts = &app.facts().slots[0];
        facts.map(Which::Class).current().is_some_and(|map| map.attribution.class == other)
    });
    if classes.len() > 1 {
        click(&mut harness, "Strongest class");
        assert_eq!(state(&harness).explain.class, None);
    }
}

#[test]
fn a_method_is_chosen_in_its_list() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    if !has_model(&mut harness) {
        return;
    }
    click(&mut harness, "Method");
    let method = glassbox::explain::find("gradcamplusplus").expect("a method of the registry");
    click(&mut harness, method.label());
    assert_eq!(state(&harness).explain.method, "gradcamplusplus");
}

#[test]
fn the_list_of_keys_opens_and_closes() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    press(&mut harness, Key::F1);
    harness.run_steps(3);
    assert!(harness.query_by_label("Double-click").is_some());
    press(&mut harness, Key::Escape);
    assert!(!state(&harness).help_shown);
}

#[test]
fn every_control_has_a_name_in_every_layout() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    if !has_model(&mut harness) {
        return;
    }
    for key in [Key::F2, Key::F3, Key::F4, Key::F5, Key::F6, Key::F7, Key::F9, Key::F10, Key::F11, Key::F12] {
        press(&mut harness, key);
        harness.run_steps(3);
        let unnamed = harness.unnamed_widgets();
        assert!(unnamed.is_empty(), "{unnamed:?}");
    }
}

#[test]
fn the_palette_finds_and_runs_a_command() {
    let mut harness = open_demo();
    click(&mut harness, "Understood");
    harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::K);
    harness.run_steps(3);
    assert!(state(&harness).palette.is_some());
    harness.event(egui::Event::Text("invert".to_owned()));
    harness.run_steps(3);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(state(&harness).active().inverted, "the command ran");
    assert!(state(&harness).palette.is_none(), "the palette closed");
}
