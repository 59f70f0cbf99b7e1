//! Passes of stochastic networks through the engine and the command line: refined and not drawn anew, cancelled at once,
//! and explained.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::cli::glassbox;
use common::engine::{engine, settled, wait};
use glassbox::engine::{Engine, Key, MapKey, ModelInfo, ModelPath, Recipe, UncertaintyKey};
use glassbox::explain::Subject;
use glassbox::study::Source;

fn model(engine: &Engine, path: &Path) -> Arc<ModelInfo> {
    let path = ModelPath(path.to_owned());
    engine.want(vec![Key::Model(path.clone())]);
    wait("the model", || settled(engine.model(&path))).expect("the model loads")
}

/// A picture of skin with a dark spot.
fn picture(folder: &Path) -> PathBuf {
    let file = folder.join("spot.png");
    image::RgbImage::from_fn(224, 224, |x, y| {
        let (dx, dy) = (f64::from(x) - 105.0, f64::from(y) - 120.0);
        let dark = (-(dx * dx + dy * dy) / 1800.0).exp();
        let value = |base: f64, drop: f64| (base - drop * dark) as u8;
        image::Rgb([value(215.0, 120.0), value(175.0, 120.0), value(155.0, 110.0)])
    })
    .save(&file)
    .unwrap();
    file
}

fn open(engine: &Engine, path: &Path) -> Source {
    engine.open(vec![path.to_owned()]);
    wait("the picture", || {
        let library = engine.library();
        let is_open = library.opening.is_none() && !library.studies.is_empty();
        is_open.then(|| library.studies[0].series[0].slices[0].source.clone())
    })
}

fn key(model: &ModelInfo, source: &Source, passes: usize) -> UncertaintyKey {
    UncertaintyKey { model: model.id.clone(), source: source.clone(), passes, seed: 5 }
}

#[test]
fn more_passes_go_on_from_fewer_and_are_shown_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let source = open(&engine, &picture(folder.path()));
    let skin = model(&engine, Path::new("demo:skin-phantom"));
    assert!(skin.stochastic && skin.randomness.as_deref() == Some("Flipout in classifier.6"));

    let few = key(&skin, &source, 100);
    assert!(engine.uncertainty_so_far(&few).is_none());
    engine.want(vec![Key::Uncertainty(few.clone())]);
    let first = wait("100 passes", || settled(engine.uncertainty(&few))).unwrap();
    assert_eq!((first.passes, first.summary.passes, first.densities.len()), (100, 100, 4));
    assert!((first.point.iter().sum::<f32>() - 1.0).abs() < 1e-5 && first.exact.is_none());
    assert_eq!(first.verdict.rule, "overlap90");

    // The same draw, gone on from; what was drawn is there until then.
    let many = key(&skin, &source, 60_000);
    assert_eq!(engine.uncertainty_so_far(&many).unwrap().passes, 100);
    engine.want(vec![Key::Uncertainty(many.clone())]);
    let mut seen = Vec::new();
    let result = wait("60,000 passes", || {
        if let Some(so_far) = engine.uncertainty_so_far(&many)
            && seen.last() != Some(&so_far.passes)
        {
            seen.push(so_far.passes);
        }
        settled(engine.uncertainty(&many))
    })
    .unwrap();
    assert_eq!(result.passes, 60_000);
    assert_eq!(result.probabilities[..400], first.probabilities[..]);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    assert!((result.summary.mean[0] - first.summary.mean[0]).abs() < 5.0 * first.summary.std[0].max(1e-4));

    // Fewer again are the first of them.
    let some = key(&skin, &source, 250);
    engine.want(vec![Key::Uncertainty(some.clone())]);
    let some = wait("250 passes", || settled(engine.uncertainty(&some))).unwrap();
    assert_eq!(some.probabilities[..], result.probabilities[..1000]);
}

#[test]
fn a_sampling_that_nobody_wants_stops_and_what_was_drawn_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let source = open(&engine, &picture(folder.path()));
    let skin = model(&engine, Path::new("demo:skin-phantom"));
    let endless = key(&skin, &source, 100_000);
    // 100,000 passes through dropout of a whole network would take minutes; of this head, a second or so.
    engine.want(vec![Key::Uncertainty(endless.clone())]);
    wait("the first interim result", || {
        (engine.uncertainty_so_far(&endless).is_some() || settled(engine.uncertainty(&endless)).is_some()).then_some(())
    });
    let asked = Instant::now();
    engine.cancel();
    wait("idleness", || engine.activity().text.is_empty().then_some(()));
    // The bound is 100 ms; tests share the machine with others.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert!(engine.uncertainty_so_far(&endless).unwrap().passes >= 1);
}

#[test]
fn maps_over_draws_come_in_pairs_and_unsureness_is_another_map() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let source = open(&engine, &picture(folder.path()));
    let skin = model(&engine, Path::new("demo:skin-phantom"));
    let of = |method, subject| MapKey {
        model: skin.id.clone(),
        source: source.clone(),
        recipe: Recipe { subject, ..Recipe::new(method, Arc::from(skin.default_layer.as_str()), 1) },
    };
    let passes = 12;
    let mean = of("gradcam", Subject::Mean { passes });
    engine.want(vec![Key::Map(mean.clone())]);
    let mean = wait("the mean", || settled(engine.map(&mean))).unwrap();
    // Nobody asked for the deviation, but it came with it.
    let deviation = of("gradcam", Subject::Deviation { passes });
    let deviation = wait("the deviation", || settled(engine.map(&deviation))).unwrap();
    assert_eq!(mean.attribution.values.len(), deviation.attribution.values.len());
    assert!(deviation.attribution.values.iter().all(|value| *value >= 0.0));
    assert!(deviation.attribution.values.iter().any(|value| *value > 0.0));
    let plain = of("gradcam", Subject::Class);
    engine.want(vec![Key::Map(plain.clone())]);
    let plain = wait("the plain map", || settled(engine.map(&plain))).unwrap();
    assert_ne!(plain.attribution.values, mean.attribution.values);

    let unsure = of("gradcam", Subject::Unsureness { passes });
    engine.want(vec![Key::Map(unsure.clone())]);
    let unsure = wait("the unsureness", || settled(engine.map(&unsure))).unwrap();
    assert_eq!(unsure.attribution.class, 1);
    assert_eq!(unsure.attribution.layer.as_deref(), Some(skin.default_layer.as_str()));
    assert!(unsure.attribution.values.iter().any(|value| *value != 0.0));

    let refused = |key: MapKey| {
        engine.want(vec![Key::Map(key.clone())]);
        wait("a refusal", || settled(engine.map(&key))).unwrap_err()
    };
    assert!(refused(of("eigencam", Subject::Unsureness { passes })).contains("whatever is asked"));
    assert!(refused(of("cam", Subject::Unsureness { passes })).contains("Grad-CAM"));
    assert!(refused(of("gradcam", Subject::Unsureness { passes: 1 })).contains("at least 2"));
    assert!(refused(of("gradcam", Subject::Mean { passes: 0 })).contains("1 to"));
}

#[test]
fn a_network_without_anything_random_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let source = open(&engine, &picture(folder.path()));
    let knee = model(&engine, Path::new("demo:knee-phantom"));
    assert!(!knee.stochastic && knee.randomness.is_none() && knee.most_passes.is_none());
    let draws = key(&knee, &source, 100);
    let recipe = Recipe {
        subject: Subject::Mean { passes: 5 },
        ..Recipe::new("gradcam", Arc::from(knee.default_layer.as_str()), 0)
    };
    let map = MapKey { model: knee.id.clone(), source: source.clone(), recipe };
    engine.want(vec![Key::Uncertainty(draws.clone()), Key::Map(map.clone())]);
    let reason = wait("the failure", || settled(engine.uncertainty(&draws))).unwrap_err();
    assert!(reason.contains("one answer, not a spread"), "{reason}");
    let reason = wait("the failure", || settled(engine.map(&map))).unwrap_err();
    assert!(reason.contains("one answer, not a spread"), "{reason}");
}

/// A folder with a card of the skin networks, changed.
fn changed(folder: &Path, name: &str, change: (&str, &str)) -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let own = folder.join(name);
    std::fs::create_dir(&own).unwrap();
    for (from, to) in [("skin-phantom", "weights.safetensors"), ("skin-marker", "other.safetensors")] {
        std::fs::copy(models.join(from).join("weights.safetensors"), own.join(to)).unwrap();
    }
    let card = std::fs::read_to_string(models.join("skin-phantom/model.toml")).unwrap();
    assert!(card.contains(change.0));
    std::fs::write(own.join("model.toml"), card.replace(change.0, change.1)).unwrap();
    own
}

#[test]
fn explain_writes_passes_of_dropout_and_ensembles_and_maps_over_draws() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path());
    let dropout = "[uncertainty]\nindeterminate = \"top < 0.99 or epistemic > 0.01\"\n\
                   dropout = [{ layer = \"classifier.2\", rate = 0.5 }, { layer = \"features.20\", rate = 0.1 }]\n";
    let ensemble = "[uncertainty]\nensemble = [\"other.safetensors\"]\n";
    for (name, table, random) in [
        ("dropout", dropout, "Flipout in classifier.6; dropout in classifier.2, features.20"),
        ("ensemble", ensemble, "Flipout in classifier.6; an ensemble of 2 networks"),
    ] {
        let card = changed(folder.path(), name, ("[explain]", &format!("{table}[explain]")));
        let out = folder.path().join(format!("out-{name}"));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let output = glassbox(&[
            "explain",
            &text(&picture),
            "--model",
            &text(&card),
            "--out",
            &text(&out),
            "--subject",
            "mean,deviation,unsureness",
            "--passes",
            "40",
            "--map-passes",
            "6",
            "--draws",
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let written: serde_json::Value =
            serde_json::from_slice(&std::fs::read(out.join("explanation.json")).unwrap()).unwrap();
        let result = &written["results"][0];
        let found = &result["uncertainty"];
        assert_eq!((found["passes"].as_u64(), found["random"].as_str()), (Some(40), Some(random)));
        for list in ["mean", "std", "median", "interval50", "interval90", "top_probability", "point"] {
            assert_eq!(found[list].as_array().unwrap().len(), 4, "{list}");
        }
        assert_eq!(found["point"], result["probabilities"]);
        assert!(found["verdict"]["words"].as_str().unwrap().contains("determinate"), "{found}");
        assert!(found["std"].as_array().unwrap().iter().any(|std| std.as_f64().unwrap() > 0.0), "{found}");
        assert!(out.join(found["draws"].as_str().unwrap()).metadata().unwrap().len() >= 4 * 4 * 40);
        let maps = result["maps"].as_array().unwrap();
        let subjects: Vec<&str> = maps.iter().map(|map| map["subject"].as_str().unwrap()).collect();
        assert_eq!(subjects, ["mean", "deviation", "unsureness"], "{name}");
        for map in maps {
            assert_eq!(map["passes"], 6);
            assert!(out.join(map["raw"].as_str().unwrap()).exists());
            assert!(map["max"].as_f64().unwrap() > map["min"].as_f64().unwrap(), "{map}");
        }
        assert!(maps[1]["min"].as_f64().unwrap() >= 0.0);
    }
}

#[test]
fn cards_that_name_what_is_not_there_are_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path());
    for (number, (change, words)) in [
        (
            ("[explain]", "[uncertainty]\ndropout = [{ layer = \"classifier.99\", rate = 0.5 }]\n[explain]"),
            "classifier.99",
        ),
        (
            ("[explain]", "[uncertainty]\ndropout = [{ layer = \"classifier.6\", rate = 0.5 }]\n[explain]"),
            "the last layer",
        ),
        (
            ("[explain]", "[uncertainty]\ndropout = [{ layer = \"classifier.2\", rate = 1 }]\n[explain]"),
            "above 0 and below 1",
        ),
        (("head = \"flipout\"", "head = \"dropout\""), "says where"),
        (("[explain]", "[uncertainty]\nindeterminate = \"doubt\"\n[explain]"), "overlap90"),
        (("[explain]", "[uncertainty]\nensemble = [\"missing.safetensors\"]\n[explain]"), "missing.safetensors"),
        (
            (
                "[explain]",
                "[uncertainty]\nensemble = [{ weights = \"other.safetensors\", sha256 = \"00\" }]\n[explain]",
            ),
            "64 hexadecimal digits",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let card = changed(folder.path(), &format!("model{number}"), change);
        let output = glassbox(&[
            "explain",
            picture.to_str().unwrap(),
            "--model",
            card.to_str().unwrap(),
            "--out",
            folder.path().join("out").to_str().unwrap(),
        ]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.trim_end().lines().count()), (Some(1), 1), "{text}");
        assert!(text.contains(words), "{words} is not in: {text}");
    }
}
