//! `glassbox bench` as its users and scripts call it: rows, on-demand runs, wrong usage.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Output, Stdio};

use common::cli;
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    cli::glassbox(&[&["bench"], arguments].concat())
}

#[test]
fn rows_say_what_was_run_how_often_and_how_long_it_took() {
    let arguments = ["--network", "squeezenet1_1", "--size", "64", "--work", "forward,smoothgrad", "--repeat", "3"];
    let more = ["--set", "smoothgrad.samples=2", "--slices", "2", "--classes", "5", "--json", "--threads", "1"];
    let output = bench(&[&arguments[..], &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["machine"]["threads"], 1);
    assert!(report["machine"]["processor"].as_str().is_some_and(|name| !name.is_empty()));
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["work"].as_str().unwrap()).collect::<Vec<_>>(), ["forward", "smoothgrad"]);
    assert_eq!(rows[1]["settings"], "samples=2");
    for row in rows {
        assert_eq!((&row["runs"], &row["outputs"], &row["input"][0]), (&3.into(), &5.into(), &2.into()));
        assert_eq!(row["input"][2], 64);
        let number = |key: &str| row[key].as_f64().unwrap();
        assert!(number("least_ms") > 0.0 && number("least_ms") <= number("median_ms"));
        let images = number("per_second") * number("median_ms") / 1e3;
        assert!((images - 2.0).abs() < 1e-6, "two images a run, not {images}");
    }
}

#[test]
fn passes_of_a_card_are_drawn_as_often_as_asked_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passes.npy");
    let path = file.to_str().expect("a temporary path is UTF-8");
    let output =
        bench(&["--model", "skin-phantom", "--work", "passes", "--passes", "7", "--repeat", "1", "--result", path]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.contains("passes 7")), "{text}");
    let bytes = std::fs::read(file).unwrap();
    let header = String::from_utf8_lossy(&bytes[..128]);
    assert!(header.contains("'shape': (7, 4)"), "{header}");
    let first = f32::from_le_bytes(bytes[128..132].try_into().unwrap());
    assert!((0.0..=1.0).contains(&first), "a probability, not {first}");
}

#[test]
fn each_line_on_stdin_is_one_run_and_one_answer() {
    let arguments = "bench --network mrnet --size 64 --slices 3 --work forward --on-demand";
    let mut child = cli::command(&arguments.split(' ').collect::<Vec<_>>())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&answers.next().expect("an answer").unwrap()).unwrap();
    let ready = next();
    assert_eq!((&ready["ready"], &ready["network"], &ready["input"][0]), (&true.into(), &"mrnet".into(), &3.into()));
    for _ in 0..2 {
        writeln!(input, "run").unwrap();
        assert!(next()["milliseconds"].as_f64().unwrap() > 0.0);
    }
    drop(input);
    assert!(child.wait().unwrap().success(), "the end of stdin ends it");
}

#[test]
fn a_stack_is_its_logits_and_a_map_of_each_slice() {
    let folder = tempfile::tempdir().unwrap();
    let result = |work: &str| {
        let file = folder.path().join(format!("{work}.npy"));
        let path = file.to_str().expect("a temporary path is UTF-8");
        let arguments = ["--network", "mrnet", "--size", "96", "--slices", "3", "--repeat", "1", "--work", work];
        let output = bench(&[&arguments[..], &["--result", path]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let bytes = std::fs::read(&file).unwrap();
        bytes[128..].chunks_exact(4).map(|value| f32::from_le_bytes(value.try_into().unwrap())).collect::<Vec<_>>()
    };
    let (forward, stack, cam) = (result("forward"), result("stack"), result("cam"));
    assert_eq!((forward.len(), stack.len()), (1, 1 + 3 * cam.len()));
    assert!((forward[0] - stack[0]).abs() <= 1e-5 * forward[0].abs(), "{} and {}", forward[0], stack[0]);
    // `cam` runs the first slice alone: other sums of the same products.
    let largest = cam.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (alone, together) in cam.iter().zip(&stack[1..]) {
        assert!((alone - together).abs() <= 1e-5 * largest, "{alone} and {together}");
    }
}

#[test]
fn one_more_class_of_a_seen_image_is_a_row_of_its_own() {
    let arguments =
        ["--network", "resnet18", "--size", "64", "--work", "forward,another-class", "--repeat", "3", "--json"];
    let output = bench(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = report["rows"].as_array().unwrap().iter().map(|row| row["work"].as_str().unwrap()).collect();
    assert_eq!(names, ["forward", "another-class"]);
}

#[test]
fn work_that_one_network_cannot_do_does_not_stop_the_others() {
    let output =
        bench(&["--network", "squeezenet1_1", "--size", "64", "--work", "passes,forward", "--repeat", "1", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["failed"][0]["work"], &report["rows"][0]["work"]), (&"passes".into(), &"forward".into()));
    assert_eq!(report["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_measured_is_a_sentence() {
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--work", "nonsense"], 2, "is no work"),
        (&["--network", "nonsense"], 2, "is no architecture"),
        (&["--network", "resnet18", "--work", "lime", "--set", "rise.masks=3"], 2, "not among the methods"),
        (&["--on-demand"], 2, "one network"),
        (&["--network", "squeezenet1_1", "--size", "64", "--work", "passes"], 1, "random"),
        (&["--network", "squeezenet1_1", "--size", "64", "--work", "gradcam", "--class", "1000"], 1, "no class 1000"),
    ];
    for (arguments, code, words) in cases {
        let output = bench(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words) && text.trim_end().lines().count() == 1, "{arguments:?}: {text}");
    }
}

#[test]
fn opening_says_when_what_was_there() {
    let output = bench(&["--open", "demo:/knee/torn", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |key: &str| report[key].as_f64().unwrap();
    // Three planes of 26, 28 and 30 slices, of 256 × 256 values of 16 bits.
    assert_eq!((&report["slices"], &report["failed"]), (&84.into(), &0.into()));
    assert_eq!(number("pixel_bytes"), (84 * 256 * 256 * 2) as f64);
    assert!(number("first_ms") > 0.0 && number("first_ms") <= number("all_ms"), "{report}");
    assert!(number("found_ms") <= number("all_ms"), "{report}");
    let words = bench(&["--open", "demo:/knee/torn/axial"]);
    assert!(String::from_utf8_lossy(&words.stdout).starts_with("30 slices (0 could not be decoded)"));
    assert_eq!(bench(&["--open", "no/such/folder"]).status.code(), Some(1));
    assert_eq!(bench(&["--open", "demo:/skin", "--work", "forward"]).status.code(), Some(2));
}
