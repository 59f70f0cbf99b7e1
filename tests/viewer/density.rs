//! How sure the network is: the density of one image and of two, its refinement, and the maps over draws.

use std::path::PathBuf;

use glassbox::explain::Subject;
use glassbox::viewer::plotter::{Kind, Seat};
use glassbox::viewer::state::DensityView;

use super::*;

/// The demo's first stack under the stochastic skin model, with the density in view: what the picture shows does not
/// matter here.
fn sampled() -> Option<Harness<'static, App>> {
    let mut harness = open(Some(ModelPath(PathBuf::from("demo:skin-phantom"))));
    click(&mut harness, "Understood");
    if !has_model(&mut harness) {
        return None;
    }
    press(&mut harness, Key::F9);
    assert_eq!(state(&harness).layout, Layout::Uncertainty);
    wait(&mut harness, "the draws", |app| app.facts().slots[0].draws.held.is_current);
    wait(&mut harness, "the curves", |app| app.plots().shown(Seat::InView).is_some());
    Some(harness)
}

fn send(harness: &mut Harness<'static, App>, command: Command) {
    harness.state_mut().send(command);
    harness.run_steps(3);
}

/// Waits until what is drawn of a seat is as it should be.
fn wait_drawn(
    harness: &mut Harness<'static, App>,
    what: &str,
    seat: Seat,
    is_so: impl Fn(&glassbox::viewer::plotter::Drawing) -> bool,
) {
    wait(harness, what, |app| app.plots().shown(seat).is_some_and(|drawing| is_so(drawing)));
}

#[test]
fn the_two_likeliest_classes_are_drawn_and_others_on_a_click() {
    let Some(mut harness) = sampled() else { return };
    let classes = harness.state().facts().model.value.as_ref().expect("the model is here").classes.clone();
    let drawn = |app: &App| -> Vec<usize> {
        let drawing = app.plots().shown(Seat::InView).expect("it is drawn");
        drawing.classes.iter().map(|class| class.class).collect()
    };
    let mean = harness.state().facts().slots[0].draws.in_view().expect("it is sampled").summary.mean.clone();
    let likeliest = DensityView::default().shown(&mean);
    assert_eq!((drawn(harness.state()).len(), drawn(harness.state())), (2, likeliest.clone()));
    let other = (0..classes.len()).find(|class| !likeliest.contains(class)).expect("there are more than two");
    click(&mut harness, &format!("Draw {}", classes[other]));
    wait_drawn(&mut harness, "the third curve", Seat::InView, |drawing| drawing.classes.len() == 3);
    assert!(drawn(harness.state()).contains(&other));
    click(&mut harness, "Two likeliest");
    wait_drawn(&mut harness, "two curves", Seat::InView, |drawing| drawing.classes.len() == 2);
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn an_image_is_pinned_and_another_drawn_beside_it_at_the_same_passes() {
    let Some(mut harness) = sampled() else { return };
    let first = state(&harness).active().position;
    click(&mut harness, "Pin this image");
    let pinned = state(&harness).density.pinned.clone().expect("it is pinned");
    assert!(pinned.name.ends_with(&format!("slice {}", first + 1)), "{}", pinned.name);
    // Not drawn against itself.
    assert!(harness.state().plots().shown(Seat::Pinned).is_none());
    press(&mut harness, Key::Home);
    wait_drawn(&mut harness, "the other image", Seat::Pinned, |drawing| !drawing.classes.is_empty());
    assert!(harness.query_all_by_label_contains("(pinned)").next().is_some());
    // More passes are drawn of both.
    send(&mut harness, Command::SetPasses(200));
    wait(&mut harness, "both at 200", |app| {
        let facts = app.facts();
        facts.slots[0].draws.held.is_current && facts.pinned.as_ref().is_some_and(|result| result.passes == 200)
    });
    // Another series, then nothing is pinned any more.
    press(&mut harness, Key::PageDown);
    assert!(state(&harness).density.pinned.is_some());
    wait(&mut harness, "the other series", |app| app.facts().slots[0].draws.held.is_current);
    click(&mut harness, "Unpin");
    assert!(state(&harness).density.pinned.is_none() && harness.state().facts().pinned.is_none());
}

#[test]
fn a_pinned_image_outlives_its_study() {
    let Some(mut harness) = sampled() else { return };
    press(&mut harness, Key::K);
    let study = state(&harness).active().series.as_ref().expect("a series").study.uid.clone();
    send(&mut harness, Command::CloseStudy);
    wait(&mut harness, "another study", |app| {
        let series = app.state().active().series.as_ref();
        series.is_some_and(|series| series.study.uid != study)
    });
    wait_drawn(&mut harness, "the pinned one", Seat::Pinned, |drawing| drawing.result.passes == 100);
}

#[test]
fn bars_ticks_and_bandwidth_are_drawn_as_chosen() {
    let Some(mut harness) = sampled() else { return };
    let kind = |drawing: &glassbox::viewer::plotter::Drawing| drawing.classes[0].kind;
    wait_drawn(&mut harness, "a curve", Seat::InView, |drawing| matches!(kind(drawing), Kind::Kernels(_)));
    click(&mut harness, "Histogram");
    wait_drawn(&mut harness, "bars", Seat::InView, |drawing| kind(drawing) == Kind::Histogram);
    click(&mut harness, "Histogram");
    click(&mut harness, "Rug");
    wait_drawn(&mut harness, "ticks", Seat::InView, |drawing| !drawing.classes[0].rug.is_empty());
    send(&mut harness, Command::SetBandwidth(Some(0.05)));
    wait_drawn(&mut harness, "the wider curve", Seat::InView, |drawing| kind(drawing) == Kind::Kernels(0.05));
    let slider = harness.get_by_role_and_label(Role::Slider, "Bandwidth");
    slider.focus();
    harness.run_steps(2);
    press(&mut harness, Key::ArrowRight);
    assert!(state(&harness).density.bandwidth.is_some_and(|width| width > 0.05), "the slider widens it");
    click(&mut harness, "Silverman");
    assert_eq!(state(&harness).density.bandwidth, None);
    send(&mut harness, Command::SetBandwidth(Some(7.0)));
    assert_eq!(state(&harness).density.bandwidth, Some(*DensityView::BANDWIDTHS.end()), "within bounds");
}

#[test]
fn more_passes_refine_what_is_there() {
    let Some(mut harness) = sampled() else { return };
    let first = Arc::clone(harness.state().facts().slots[0].draws.in_view().expect("it is sampled"));
    send(&mut harness, Command::SetPasses(20_000));
    // Something is drawn in every frame on the way there, never less than before, of the same image.
    let mut drawn = first.passes;
    let started = Instant::now();
    while !harness.state().facts().slots[0].draws.held.is_current {
        assert!(started.elapsed() < PATIENCE, "20,000 passes did not come");
        let now = harness.state().facts().slots[0].draws.in_view().expect("what was drawn stays").passes;
        assert!(now >= drawn, "{now} after {drawn}");
        drawn = now;
        harness.run_steps(1);
        std::thread::sleep(Duration::from_millis(2));
    }
    let last = harness.state().facts().slots[0].draws.in_view().expect("it is sampled");
    assert_eq!(last.passes, 20_000);
    assert_eq!(last.probabilities[..first.probabilities.len()], first.probabilities[..], "the first passes stay");
    // Another seed is another sample, and nothing of the old one stands in for it.
    send(&mut harness, Command::SetSeed(7));
    wait(&mut harness, "the other sample", |app| app.facts().slots[0].draws.held.is_current);
    let other = harness.state().facts().slots[0].draws.in_view().expect("it is sampled");
    assert_ne!(other.probabilities[..40], first.probabilities[..40]);
}

#[test]
fn the_map_has_a_mean_a_deviation_and_a_reason_for_doubt() {
    let Some(mut harness) = sampled() else { return };
    send(&mut harness, Command::SetMapPasses(5));
    for which in [Which::Mean, Which::Deviation, Which::Unsureness] {
        wait(&mut harness, which.label(), |app| app.facts().slots[0].map(which).current().is_some());
    }
    let facts = &harness.state().facts().slots[0];
    let subject = |which| facts.map(which).key.as_ref().map(|key| key.recipe.subject);
    assert_eq!(subject(Which::Mean), Some(Subject::Mean { passes: 5 }));
    assert_eq!(subject(Which::Deviation), Some(Subject::Deviation { passes: 5 }));
    assert_eq!(subject(Which::Unsureness), Some(Subject::Unsureness { passes: 5 }));
    let deviation = facts.map(Which::Deviation).current().expect("it is here");
    assert!(deviation.attribution.values.iter().all(|value| *value >= 0.0), "a standard deviation has no sign");
    for which in [Which::Mean, Which::Deviation, Which::Unsureness] {
        assert!(Legend::of(state(&harness), facts, None, which).is_some(), "{which:?} has a legend");
    }
    // As many backward runs as draws: only the slice in view, unless more is asked for.
    let count = facts.sources.len();
    assert!(count > 1);
    assert!(harness.query_by_label("All slices").is_some());
}

#[test]
fn a_deterministic_model_says_why_there_is_nothing_to_draw() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::F9);
    harness.run_steps(3);
    assert!(harness.query_by_label(glassbox::viewer::panels::density::DETERMINISTIC).is_some());
    let facts = &harness.state().facts().slots[0];
    for which in [Which::Mean, Which::Deviation, Which::Unsureness] {
        assert!(facts.map(which).key.is_none(), "{which:?} is not asked for");
    }
    assert!(facts.draws.in_view().is_none());
    press(&mut harness, Key::K);
    assert!(state(&harness).density.pinned.is_none());
    assert!(state(&harness).message.as_ref().is_some_and(|message| message.is_error), "it says so");
}

#[test]
fn every_slice_gets_its_interval_along_the_scrubber() {
    let Some(mut harness) = sampled() else { return };
    send(&mut harness, Command::SetMapPasses(2));
    send(&mut harness, Command::SetPasses(10));
    wait(&mut harness, "every interval", |app| {
        let band = &app.facts().slots[0].draws.band;
        band.len() > 1 && band.iter().all(Option::is_some)
    });
    let facts = &harness.state().facts().slots[0];
    assert_eq!(facts.draws.band.len(), facts.sources.len());
    for [low, high] in facts.draws.band.iter().flatten() {
        assert!(0.0 <= *low && low <= high && *high <= 1.0);
    }
    // The band is that of the explained class.
    let here = state(&harness).active().position;
    let class = facts.class.expect("a class is explained");
    let result = facts.draws.in_view().expect("it is sampled");
    assert_eq!(facts.draws.band[here], Some(result.summary.interval90[class]));
}
