//! "What if I cover this?": a box dragged over the picture, moved, filled otherwise, taken off.

use egui::{Modifiers, Pos2, Vec2};
use glassbox::engine::CoverResult;
use glassbox::explain::Baseline;

use super::region::drag;
use super::*;

fn rectangle(harness: &Harness<'static, App>) -> Option<[f32; 4]> {
    state(harness).covered(0)
}

/// The answer for the box as it lies now.
fn answer(harness: &mut Harness<'static, App>) -> Arc<CoverResult> {
    wait(harness, "the answer", |app| app.facts().slots[0].cover.held.current().is_some());
    let facts = &harness.state().facts().slots[0];
    Arc::clone(facts.cover.held.current().expect("it has come"))
}

fn size([left, top, right, bottom]: [f32; 4]) -> Vec2 {
    Vec2::new(right - left, bottom - top)
}

#[test]
fn a_part_of_the_picture_is_covered_and_the_answer_follows() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::B);
    assert_eq!(state(&harness).tool, Tool::Cover);
    assert!(harness.query_by_label("Drag a box over the image to cover what lies there.").is_some());
    let centre = harness.get_by_label_contains("Viewport 1").rect().center();
    let at = |x: f32, y: f32| centre + Vec2::new(x, y);
    drag(&mut harness, &[at(-60.0, -60.0), at(0.0, 0.0), at(60.0, 70.0)]);
    let first = rectangle(&harness).expect("there is a box");
    assert!(size(first).x > 4.0 && size(first).y > size(first).x, "{first:?}");

    let covered = answer(&mut harness);
    let facts = &harness.state().facts().slots[0];
    let (class, scores) = (facts.class.expect("a class is explained"), facts.scores.current().expect("they are there"));
    assert!((covered.before.probabilities[class] - scores.probabilities[class]).abs() < 1e-5);
    assert!(covered.after.logits != covered.before.logits, "the box hides something");
    assert!(covered.share < 1.0 && covered.baseline == Baseline::Grey);
    let (words, is_current) = facts.cover.answer(facts).expect("there is an answer");
    assert!(is_current && words.words().contains(", covered "), "{words:?}");
    assert!(harness.query_by_label(&words.numbers()).is_some(), "the inspector says so, too");

    // The keyboard moves the box, and so does a drag that begins in it.
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowRight);
    harness.run_steps(2);
    let moved = rectangle(&harness).expect("it is still there");
    assert!(moved[0] > first[0] && moved[1] == first[1] && size(moved) == size(first), "{moved:?}");
    assert_ne!(answer(&mut harness).area, covered.area);
    drag(&mut harness, &[at(0.0, 0.0), at(-20.0, 10.0), at(-40.0, 20.0)]);
    let dragged = rectangle(&harness).expect("it is still there");
    assert!(dragged[0] < moved[0] && dragged[1] > moved[1] && (size(dragged) - size(first)).length() < 1e-3);

    harness.get_by_role_and_label(Role::ComboBox, "Filled with").click();
    harness.run_steps(3);
    click(&mut harness, "Black");
    let black = answer(&mut harness);
    assert_eq!((black.baseline, state(&harness).cover.baseline), (Baseline::Black, Baseline::Black));
    assert!(black.fill.rgb.iter().all(|colour| *colour == [0; 3]));

    // The box stays where it is on the next slice, which gives an answer of its own.
    let source = facts_source(&harness);
    press(&mut harness, Key::ArrowDown);
    assert_eq!(rectangle(&harness), Some(dragged));
    answer(&mut harness);
    assert_ne!(facts_source(&harness), source);

    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    press(&mut harness, Key::Escape);
    assert_eq!(rectangle(&harness), None);
    assert!(harness.state().facts().slots[0].cover.held.value.is_none());
}

fn facts_source(harness: &Harness<'static, App>) -> Option<glassbox::study::Source> {
    harness.state().facts().slots[0].cover.key.as_ref().map(|key| key.source.clone())
}

#[test]
fn what_is_no_box_covers_nothing() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::B);
    let viewport = harness.get_by_label_contains("Viewport 1").rect();
    // Along one line: no rows.
    let start = viewport.center();
    drag(&mut harness, &[start, start + Vec2::new(30.0, 0.0), start + Vec2::new(60.0, 0.0)]);
    assert_eq!(rectangle(&harness), None);
    // From far outside to far outside: the whole slice.
    let corner = |x: f32, y: f32| Pos2::new(viewport.left() + x, viewport.top() + y);
    drag(&mut harness, &[corner(2.0, 2.0), start, corner(viewport.width() - 2.0, viewport.height() - 2.0)]);
    let slice = state(&harness).active().slice().map(|slice| [slice.columns as f32, slice.rows as f32]);
    let [width, height] = slice.expect("a slice is in view");
    let [left, top, right, bottom] = rectangle(&harness).expect("there is a box");
    assert!(left >= 0.0 && top >= 0.0 && right <= width && bottom <= height, "never beyond the slice");
    answer(&mut harness);
    click(&mut harness, "Remove the cover");
    assert_eq!(rectangle(&harness), None);
}
