//! Methods that take long: their maps form before the eyes, stop at once, and explain what is asked for.

use glassbox::explain::{self, Method};

use super::*;

fn choose(harness: &mut Harness<'static, App>, name: &str) -> &'static dyn Method {
    let method = explain::find(name).expect("a method of the registry");
    // The list is longer than the window is high, so that a click would need scrolling first.
    harness.state_mut().send(Command::SetMethod(method.name()));
    harness.run_steps(3);
    assert_eq!(state(harness).explain.method, name);
    method
}

#[test]
fn only_the_slice_in_view_is_explained_unless_all_are_asked_for() {
    let Some(mut harness) = explained() else { return };
    let method = choose(&mut harness, "occlusion");
    assert!(method.is_costly());
    // Of the class that the whole stack has most of: once the stack has answered, it may be another than the slice's.
    wait(&mut harness, "the stack", |app| app.facts().slots[0].stack.current().is_some());
    wait(&mut harness, "the map and rest", |app| {
        let activity = &app.facts().activity;
        let is_there = app.facts().slots[0].map(Which::Class).current().is_some();
        is_there && activity.text.is_empty() && activity.queued == 0
    });
    let explained = |app: &App| app.facts().slots[0].is_explained.iter().filter(|is| **is).count();
    assert_eq!(explained(harness.state()), 1, "nobody asked for the others");
    click(&mut harness, "All slices");
    assert!(state(&harness).explain.all_slices);
    wait(&mut harness, "another slice", |app| explained(app) > 1);
    // Another question is about the slice in view again.
    let parameter = &method.parameters()[0];
    let value = match parameter.kind {
        Kind::Integer { max, .. } => Value::Integer(max),
        Kind::Real { max, .. } => Value::Real(max),
        Kind::Choice { options, .. } => Value::Choice(options[options.len() - 1].0),
    };
    let (method, parameter) = (method.name(), parameter.name);
    harness.state_mut().send(Command::SetParameter { method, parameter, value });
    harness.run_steps(2);
    assert!(!state(&harness).explain.all_slices);
}

#[test]
fn a_map_is_seen_as_it_forms_and_stops_when_it_is_told_to() {
    let Some(mut harness) = explained() else { return };
    choose(&mut harness, "rise");
    wait(&mut harness, "the forming map", |app| app.facts().slots[0].map(Which::Class).interim.is_some());
    let known = harness.state().facts().slots[0].map(Which::Class);
    assert!(known.current().is_none() && known.visible().is_some_and(|(number, _)| number > 0));
    harness.state_mut().send(Command::CancelJobs);
    harness.run_steps(1);
    wait(&mut harness, "rest", |app| app.facts().activity.text.is_empty());
    let known = harness.state().facts().slots[0].map(Which::Class);
    assert!(known.current().is_none(), "it was stopped before it was done");
    assert!(harness.query_by_label("Stopped").is_some());
}

#[test]
fn superpixels_are_shown_from_the_most_decisive_one_on() {
    let Some(mut harness) = explained() else { return };
    choose(&mut harness, "lime");
    // The paper's settings are the defaults: one button, not two that are both pressed.
    assert!(harness.query_by_label("Default (paper)").is_some() && harness.query_by_label("Paper").is_none());
    click(&mut harness, "Quick");
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
    harness.run_steps(3);
    assert_eq!(harness.state().facts().slots[0].map(Which::Class).reading(), Reading::Signed);
    let slider = harness.get_by_role_and_label(Role::Slider, "Superpixels");
    slider.focus();
    harness.run_steps(2);
    press(&mut harness, Key::ArrowRight);
    assert_eq!(state(&harness).explain.superpixels.count, 11);
    // Below the method's many parameters it may lie out of sight.
    harness.get_by_role_and_label(Role::Button, "For").scroll_to_me();
    harness.run_steps(4);
    click(&mut harness, "For");
    assert_eq!(state(&harness).explain.superpixels.evidence, Evidence::For);
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
