//! The program as its users call it: exit codes, sentences, files.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod common;

use std::path::Path;
use std::process::Output;

use common::cli::{glassbox, text};

/// A grey picture with a bright square.
fn picture(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("square.png");
    image::GrayImage::from_fn(96, 80, |x, y| {
        image::Luma([if (30..60).contains(&x) && (20..50).contains(&y) { 220 } else { 40 }])
    })
    .save(&file)
    .unwrap();
    file
}

fn single_sentence(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "one line on stderr, not: {text}");
    text
}

#[test]
fn explain_writes_every_file_that_its_json_names() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = glassbox(&[
        "explain",
        text(&picture(folder.path())),
        "--model",
        "skin-phantom",
        "--out",
        text(&out),
        "--method",
        "gradcam,gradcamplusplus",
        "--passes",
        "20",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("explanation.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    let result = &written["results"][0];
    assert_eq!((result["source"].as_str(), result["slice"].as_u64()), (Some("square.png"), Some(0)));
    assert_eq!(result["sha256"].as_str().unwrap().len(), 64);
    let probabilities: Vec<f64> =
        result["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{probabilities:?}");
    assert_eq!(result["uncertainty"]["passes"], 20);
    let maps = result["maps"].as_array().unwrap();
    assert_eq!(maps.len(), 2);
    for map in maps {
        for key in ["raw", "shown", "overlay"] {
            let file = out.join(map[key].as_str().unwrap());
            assert!(file.metadata().unwrap().len() > 100, "{}", file.display());
        }
    }
    let overlay = image::open(out.join(maps[0]["overlay"].as_str().unwrap())).unwrap();
    assert_eq!((overlay.width(), overlay.height()), (96, 80), "the overlay has the picture's own size");
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture(folder.path());
    let run = |seed: &str, threads: &str| {
        let out = folder.path().join(format!("out{seed}-{threads}"));
        let output = glassbox(&[
            "explain",
            text(&file),
            "--model",
            "skin-phantom",
            "--out",
            text(&out),
            "--seed",
            seed,
            "--threads",
            threads,
            "--json",
        ]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json["results"][0]["uncertainty"].clone()
    };
    assert_eq!(run("7", "1"), run("7", "2"));
    assert_ne!(run("7", "1")["std"], run("8", "1")["std"]);
}

#[test]
fn a_stack_model_says_which_slice_decided() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = glassbox(&[
        "explain",
        "demo:/knee/torn/sagittal",
        "--model",
        "knee-phantom",
        "--out",
        text(&out),
        "--slice",
        "3",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
    let shares = json["stack"]["shares"].as_array().unwrap();
    let slices = shares[0].as_array().unwrap().len();
    assert!((24..=32).contains(&slices), "{slices}");
    assert_eq!(shares.len(), json["stack"]["logits"].as_array().unwrap().len());
}

#[test]
fn slices_judged_alone_are_joined_over_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let series = "demo:/knee/torn/coronal";
    let output =
        glassbox(&["explain", series, "--model", "skin-phantom", "--out", text(&out), "--passes", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["stack"]["aggregate"], "mean over the slices");
    let results = json["results"].as_array().unwrap();
    for (class, joined) in json["stack"]["probabilities"].as_array().unwrap().iter().enumerate() {
        let sum: f64 = results.iter().map(|result| result["probabilities"][class].as_f64().unwrap()).sum();
        assert!((joined.as_f64().unwrap() - sum / results.len() as f64).abs() < 1e-6, "class {class}");
    }
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_others_explained() {
    let folder = tempfile::tempdir().unwrap();
    picture(folder.path());
    std::fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nand then nothing").unwrap();
    let out = folder.path().join("out");
    let output = glassbox(&["explain", text(folder.path()), "--model", "skin-phantom", "--out", text(&out), "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["results"].as_array().unwrap().len(), 1);
    assert_eq!(json["failed"][0]["source"], "broken.png");
}

#[test]
fn faults_of_input_or_model_are_one_sentence_and_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = picture(folder.path());
    let cases: [(&[&str], &str); 3] = [
        (&["explain", "/no/such.png", "--model", "skin-phantom", "--out", text(&out)], "such.png"),
        (&["explain", text(&file), "--model", "no-such-model", "--out", text(&out)], "no-such-model"),
        (&["explain", text(&file), "--model", "skin-phantom", "--out", text(&out), "--class", "unicorn"], "unicorn"),
    ];
    for (arguments, named) in cases {
        let output = glassbox(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let sentence = single_sentence(&output);
        assert!(sentence.contains(named), "{sentence}");
    }
}

#[test]
fn wrong_usage_is_code_2() {
    assert_eq!(glassbox(&["explain"]).status.code(), Some(2));
    assert_eq!(glassbox(&["--device", "abacus"]).status.code(), Some(2));
}

#[test]
fn a_wrong_method_or_setting_is_code_2_and_says_what_is_possible() {
    let cases: [(&[&str], &[&str]); 5] = [
        (&["--method", "magic"], &["magic", "gradcam", "cam"]),
        (&["--set", "gradcam.depth=3"], &["gradcam.depth=3", "no parameter"]),
        (&["--set", "lime.samples=3"], &["lime", "--method", "gradcam"]),
        (&["--set", "samples"], &["METHOD.PARAMETER=VALUE"]),
        (&["--slice", "first"], &["first", "all"]),
    ];
    for (arguments, named) in cases {
        let call = [&["explain", "any.png", "--model", "skin-phantom", "--out", "/no/such/folder"], arguments].concat();
        let output = glassbox(&call);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let sentence = single_sentence(&output);
        for word in named {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}

#[test]
fn methods_lists_every_method_with_what_can_be_set() {
    let list = glassbox(&["methods"]);
    assert_eq!(list.status.code(), Some(0));
    let text = String::from_utf8(list.stdout).unwrap();
    let printed = glassbox(&["methods", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    let entries = json["methods"].as_array().unwrap();
    assert_eq!(entries.len(), glassbox::explain::METHODS.len());
    for method in glassbox::explain::METHODS {
        assert!(text.contains(method.about().costs), "{}", method.name());
        let entry = entries.iter().find(|entry| entry["name"] == method.name()).unwrap();
        assert_eq!(entry["about"]["shows"], method.about().shows);
        assert_eq!(entry["parameters"].as_array().unwrap().len(), method.parameters().len());
        for parameter in method.parameters() {
            assert!(text.contains(&format!("{}.{}={}", method.name(), parameter.name, parameter.default())), "{text}");
        }
    }
}

#[test]
fn two_classes_are_held_against_each_other_and_layers_side_by_side_or_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = picture(folder.path());
    let explain = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let call =
            [&["explain", text(&file), "--model", "skin-phantom", "--out", text(&out), "--class", "0", "--json"], more];
        let output = glassbox(&call.concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        json["results"][0]["maps"].as_array().unwrap().clone()
    };
    let maps = explain("against", &["--against", "1"]);
    assert_eq!(maps.len(), 3);
    let [own, other, difference] = [&maps[0], &maps[1], &maps[2]];
    assert_eq!((own["class"].as_u64(), other["class"].as_u64()), (Some(0), Some(1)));
    assert_eq!((difference["against"].as_u64(), difference["reading"].as_str()), (Some(1), Some("signed")));
    assert_eq!((&own["against"], own["reading"].as_str()), (&serde_json::Value::Null, Some("positive")));

    let shown = glassbox(&["models", "show", "skin-phantom"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let convolutions: Vec<&str> =
        shown.lines().filter(|line| line.contains("Conv2d")).filter_map(|line| line.split(' ').next()).collect();
    let layers = convolutions[..2].join(",");
    let apart = explain("apart", &["--layer", &layers]);
    let names: Vec<&str> = apart.iter().map(|map| map["layer"].as_str().unwrap()).collect();
    assert_eq!(names, convolutions[..2]);
    let fused = explain("fused", &["--layer", &layers, "--fuse"]);
    assert_eq!(fused.len(), 1);
    assert_eq!(fused[0]["layer"].as_str().unwrap(), convolutions[..2].join(" + "));
}

#[test]
fn info_leaves_the_patient_out_unless_asked() {
    let plain = glassbox(&["info", "demo:/knee/torn/axial"]);
    assert_eq!(plain.status.code(), Some(0));
    assert!(!String::from_utf8(plain.stdout).unwrap().contains("Phantom^Knee"));
    let named = glassbox(&["info", "demo:/knee/torn/axial", "--identity"]);
    assert!(String::from_utf8(named.stdout).unwrap().contains("Phantom"));
}

#[test]
fn models_lists_and_shows() {
    let list = glassbox(&["models"]);
    assert_eq!(list.status.code(), Some(0));
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(text.to_lowercase().contains("synthetic"), "{text}");
    let shown = glassbox(&["models", "show", "knee-phantom"]);
    assert_eq!(shown.status.code(), Some(0));
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("pretrained_model.0") && text.contains("MACs"), "{text}");

    for arguments in [&["models", "--json"][..], &["models", "show", "knee-phantom", "--json"]] {
        let output = glassbox(arguments);
        assert_eq!(output.status.code(), Some(0));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        if arguments.contains(&"show") {
            let sum = |key: &str| -> u64 {
                json["layers"].as_array().unwrap().iter().map(|layer| layer[key].as_u64().unwrap()).sum()
            };
            assert_eq!(
                (sum("macs"), sum("parameters")),
                (json["macs"].as_u64().unwrap(), json["parameters"].as_u64().unwrap())
            );
            assert!(sum("macs") > sum("parameters"));
        } else {
            assert!(json["models"].as_array().unwrap().iter().any(|model| model["name"].is_string()));
        }
    }
}

#[test]
fn without_a_display_one_sentence_names_the_headless_command() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let output = glassbox(&[]);
    assert_eq!(output.status.code(), Some(1));
    let sentence = single_sentence(&output);
    assert!(sentence.contains("glassbox explain"), "{sentence}");
}
