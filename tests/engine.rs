//! The engine as the viewer uses it: state wants, look results up, nothing blocks.

#![expect(clippy::expect_used, reason = "what fails in a helper fails the test")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;

use common::engine::{engine, settled, wait};
use glassbox::engine::{CoverKey, Engine, Key, MapKey, ModelInfo, ModelPath, Recipe, SourceList, StackKey, Status};
use glassbox::explain::Baseline;
use glassbox::study::Source;

fn knee_model(engine: &Engine) -> Arc<ModelInfo> {
    let path = ModelPath(PathBuf::from("demo:knee-phantom"));
    engine.want(vec![Key::Model(path.clone())]);
    wait("the model", || settled(engine.model(&path))).expect("the embedded model loads")
}

/// The slices of the torn knee's sagittal series.
fn sagittal(engine: &Engine) -> Vec<Source> {
    engine.open(vec![PathBuf::from("demo:/knee/torn/sagittal")]);
    wait("the study", || {
        let library = engine.library();
        let is_open = library.opening.is_none() && !library.studies.is_empty();
        is_open.then(|| library.studies[0].series[0].slices.iter().map(|slice| slice.source.clone()).collect())
    })
}

fn map_key(model: &ModelInfo, source: &Source) -> MapKey {
    MapKey {
        model: model.id.clone(),
        source: source.clone(),
        recipe: Recipe::new("gradcam", Arc::from(model.default_layer.as_str()), 0),
    }
}

#[test]
fn the_rest_of_the_series_in_view_is_fetched_in_advance() {
    let engine = engine();
    let slices: SourceList = sagittal(&engine).into();
    engine.look_ahead(&[(slices.clone(), 9)]);
    for source in slices.iter() {
        wait("a picture that nobody has asked for", || engine.picture(source).ready());
    }
    // Nothing of a series that has been closed is fetched, and what was fetched goes with it.
    let uid = engine.library().studies[0].uid.clone();
    engine.close_study(&uid);
    assert!(slices.iter().all(|source| engine.picture(source) == Status::NotRequested));
    engine.look_ahead(&[(slices.clone(), 3)]);
    engine.want_pictures(vec![slices[3].clone()]);
    wait("the answer to what was closed", || {
        matches!(engine.picture(&slices[3]), Status::Pending { .. } | Status::Failed(_)).then_some(())
    });
    assert_eq!(engine.picture(&slices[4]), Status::NotRequested);
}

#[test]
fn pictures_scores_maps_and_activations_come_when_they_are_wanted() {
    let engine = engine();
    let slices = sagittal(&engine);
    assert_eq!(engine.picture(&slices[0]), Status::NotRequested);
    engine.want_pictures(vec![slices[0].clone()]);
    let picture = wait("the picture", || settled(engine.picture(&slices[0]))).unwrap();
    assert!(picture.rows > 0 && picture.columns > 0);

    let model = knee_model(&engine);
    let layer: Arc<str> = Arc::from(model.default_layer.as_str());
    let map = map_key(&model, &slices[3]);
    engine.want(vec![
        Key::Scores { model: model.id.clone(), source: slices[3].clone() },
        Key::Map(map.clone()),
        Key::Activations { model: model.id.clone(), source: slices[3].clone(), layer: Arc::clone(&layer), class: None },
    ]);
    let scores = wait("scores", || settled(engine.scores(&model.id, &slices[3]))).unwrap();
    assert!(scores.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    let result = wait("the map", || settled(engine.map(&map))).unwrap();
    assert_eq!(result.attribution.values.len(), result.attribution.rows * result.attribution.columns);
    let activations = wait("activations", || settled(engine.activations(&model.id, &slices[3], &layer, None))).unwrap();
    assert!(activations.channels > 1);
    let mut ranges = vec![None; slices.len()];
    assert_eq!(engine.map_ranges(&slices, &map, &mut ranges), 1);
    assert_eq!(ranges.iter().flatten().collect::<Vec<_>>(), [&result.attribution.min_max()]);
    assert_eq!(engine.map_ranges(&slices, &map, &mut ranges), 0, "what is known is not asked again");
    wait("idleness", || engine.activity().text.is_empty().then_some(()));
    assert_eq!(engine.activity().queued, 0);
}

#[test]
fn the_strongest_channels_are_sent_back_to_the_pixels() {
    let engine = engine();
    let slices = sagittal(&engine);
    let model = knee_model(&engine);
    let key = Key::FeatureMaps {
        model: model.id.clone(),
        source: slices[3].clone(),
        layer: Arc::from(model.default_layer.as_str()),
        count: 4,
        whole: false,
    };
    engine.want(vec![key.clone()]);
    let grid = wait("the feature maps", || settled(engine.feature_maps(&key))).unwrap();
    assert!((1..=4).contains(&grid.maps.len()), "{} channels", grid.maps.len());
    assert!(grid.maps.iter().all(|map| map.activation > 0.0 && map.picture.rows > 1));
    assert!(grid.maps.windows(2).all(|pair| pair[0].activation >= pair[1].activation), "the strongest first");
    assert!(grid.maps[0].picture.values.iter().any(|&value| value != 0.0));
}

#[test]
fn a_stack_is_judged_as_a_whole_and_its_shares_sum_to_the_logit() {
    let engine = engine();
    let slices = sagittal(&engine);
    let model = knee_model(&engine);
    let key = StackKey { model: model.id.clone(), sources: slices.as_slice().into() };
    engine.want(vec![Key::Stack(key.clone())]);
    let stack = wait("the stack", || settled(engine.stack(&key))).unwrap();
    assert_eq!(stack.per_slice.len(), slices.len());
    assert!(stack.winning_slice.iter().all(|&slice| slice < slices.len()));
    // One slice alone has all features to itself, so its one share is its logit minus the same bias.
    let single = StackKey { model: model.id.clone(), sources: slices[..1].into() };
    engine.want(vec![Key::Stack(single.clone()), Key::Scores { model: model.id.clone(), source: slices[0].clone() }]);
    let alone = wait("one slice", || settled(engine.stack(&single))).unwrap();
    let scores = wait("its scores", || settled(engine.scores(&model.id, &slices[0]))).unwrap();
    for class in 0..stack.logits.len() {
        let bias = alone.logits[class] - alone.shares[class][0];
        let sum: f32 = stack.shares[class].iter().sum();
        let gap = (sum + bias - stack.logits[class]).abs();
        // Sums of a few hundred products in float32.
        assert!(gap <= 1e-5 * stack.logits[class].abs().max(1.0), "class {class}: {gap}");
        assert!((scores.logits[class] - alone.logits[class]).abs() <= 1e-5 * alone.logits[class].abs().max(1.0));
    }
}

#[test]
fn what_is_in_view_comes_before_the_rest_and_the_rest_can_be_dropped() {
    let engine = engine();
    let slices = sagittal(&engine);
    let model = knee_model(&engine);
    let scores = |source: &Source| Key::Scores { model: model.id.clone(), source: source.clone() };
    engine.want(slices.iter().map(scores).collect());
    // The reader jumps to the last slice: it is answered although others were asked for earlier.
    let last = slices.last().unwrap();
    engine.want(vec![scores(last)]);
    wait("the last slice", || settled(engine.scores(&model.id, last))).unwrap();
    wait("idleness", || engine.activity().text.is_empty().then_some(()));
    let answered = slices.iter().filter(|s| matches!(engine.scores(&model.id, s), Status::Ready(_))).count();
    assert!(answered < slices.len(), "dropped wants are not worked off");
}

#[test]
fn failures_are_sentences_and_leave_the_rest_alone() {
    let engine = engine();
    let slices = sagittal(&engine);
    let path = ModelPath(PathBuf::from("/no/such/model.toml"));
    engine.want(vec![Key::Model(path.clone())]);
    let reason = wait("the failure", || settled(engine.model(&path))).unwrap_err();
    assert!(reason.contains("model.toml"), "{reason}");
    let model = knee_model(&engine);
    let good = map_key(&model, &slices[0]);
    let bad = MapKey { recipe: Recipe { layer: Arc::from("no.such.layer"), ..good.recipe.clone() }, ..good };
    let good = map_key(&model, &slices[0]);
    engine.want(vec![Key::Map(bad.clone()), Key::Map(good.clone())]);
    let reason = wait("the failure", || settled(engine.map(&bad))).unwrap_err();
    assert!(reason.contains("no.such.layer"), "{reason}");
    wait("the good map", || settled(engine.map(&good))).unwrap();
}

#[test]
fn closing_a_study_forgets_it() {
    let engine = engine();
    let slices = sagittal(&engine);
    engine.want_pictures(slices[..1].to_vec());
    wait("the picture", || settled(engine.picture(&slices[0]))).unwrap();
    let uid = engine.library().studies[0].uid.clone();
    engine.close_study(&uid);
    assert!(engine.library().studies.is_empty());
    assert_eq!(engine.picture(&slices[0]), Status::NotRequested);
}

#[test]
fn opening_what_is_not_there_is_listed() {
    let engine = engine();
    engine.open(vec![PathBuf::from("/no/such/folder")]);
    let failed = wait("the failure", || {
        let library = engine.library();
        library.failed.first().map(|failure| failure.reason.clone())
    });
    assert!(failed.contains("folder"), "{failed}");
}

#[test]
fn the_newest_box_is_covered_and_what_was_said_last_bridges_the_wait() {
    let engine = engine();
    let slices = sagittal(&engine);
    let model = knee_model(&engine);
    let [rows, columns] = model.card.input.size;
    let key = |area| CoverKey { model: model.id.clone(), source: slices[3].clone(), area, baseline: Baseline::Mean };
    // As a box is dragged: each position replaces the one before, whether or not that has been answered.
    for step in 0..40 {
        engine.want(vec![Key::Cover(key([step..step + 20, 4..30]))]);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let last = key([39..59, 4..30]);
    let result = wait("the last box", || settled(engine.cover(&last))).unwrap();
    assert_eq!((&result.area, result.baseline), (&last.area, last.baseline));
    assert_eq!(engine.covered_last(&key([0..1, 0..1])), Some(Arc::clone(&result)));
    assert_eq!(engine.covered_last(&CoverKey { source: slices[4].clone(), ..last }), None);
    assert!(result.share > 0.0 && result.share < 1.0);

    // The answer before is the slice's own, and a box over everything leaves nothing of it.
    let scores = Key::Scores { model: model.id.clone(), source: slices[3].clone() };
    let everything = key([0..rows, 0..columns]);
    engine.want(vec![Key::Cover(everything.clone()), scores]);
    let covered = wait("the whole slice", || settled(engine.cover(&everything))).unwrap();
    let scores = wait("the scores", || settled(engine.scores(&model.id, &slices[3]))).unwrap();
    let differ = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(differ(&covered.before.logits, &scores.logits) < 1e-4);
    assert!(differ(&covered.after.logits, &covered.before.logits) > 1e-3);
    assert_eq!(covered.share, 1.0);

    let outside = key([0..rows + 1, 0..4]);
    engine.want(vec![Key::Cover(outside.clone())]);
    let reason = wait("the refusal", || settled(engine.cover(&outside))).unwrap_err();
    assert!(reason.contains("does not fit the picture"), "{reason}");
}
