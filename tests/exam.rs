//! Exams end to end: the program on the demo study and on real MR series, and the engine as the viewer asks it.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod common;

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Instant;

use common::cli::{glassbox, text};
use common::engine::{PATIENCE, engine, wait};
use glassbox::engine::exam::{matches, wants};
use glassbox::engine::{DemoAndDisk, Key, ModelInfo, ModelPath, SourceList, StackKey, Status};
use glassbox::model::exam::Exam;
use glassbox::study::{self, Plane, Source, Storage, Study};
use serde_json::Value;

fn exam(arguments: &[&str]) -> Output {
    glassbox(&[&["exam"], arguments].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A card of the knee model on planes with descriptions, its tasks as given.
fn card(folder: &Path, tasks: &str, planes: &[(&str, &str)]) -> PathBuf {
    let mut text = format!("name = \"Test exam\"\nversion = \"1\"\n{tasks}\n");
    for (plane, description) in planes {
        let description =
            if description.is_empty() { String::new() } else { format!("description = \"{description}\"\n") };
        let _ = write!(
            text,
            "[[model]]\ncard = \"knee-phantom\"\nplane = \"{plane}\"\n{description}\
             tasks = {{ \"meniscal tear\" = \"meniscal tear\", \"ACL tear\" = \"ACL tear\" }}\n"
        );
    }
    let path = folder.join("exam.toml");
    std::fs::write(&path, text).unwrap();
    path
}

const MEANS: &str = "[[task]]\nname = \"meniscal tear\"\n[[task]]\nname = \"ACL tear\"\n";

#[test]
fn the_demo_knees_are_told_apart_and_the_planes_combined() {
    for (case, is_torn) in [("torn", true), ("intact", false)] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let output = exam(&[&format!("demo:/knee/{case}"), "--card", "demo:knee-exam", "--json", "--out", text(&out)]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let report = json(&output);
        let written: Value = serde_json::from_slice(&std::fs::read(out.join("exam.json")).unwrap()).unwrap();
        assert_eq!(report, written);
        assert_eq!(report["models"].as_array().unwrap().len(), 1, "three planes share a model");
        let study = &report["studies"][0];
        let names: Vec<&str> =
            study["planes"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["axial", "coronal", "sagittal"]);
        assert_eq!((study["missing"].as_array().unwrap().len(), study["tasks"].as_array().unwrap().len()), (0, 2));
        for task in study["tasks"].as_array().unwrap() {
            let cells = task["planes"].as_array().unwrap();
            let mean = cells.iter().map(|cell| number(&cell["probability"])).sum::<f64>() / 3.0;
            let combined = number(&task["combined"]["probability"]);
            // The JSON has the float32 probabilities to the last digit.
            assert!((combined - mean).abs() < 1e-6, "{combined} {mean}");
            assert_eq!(combined > 0.5, is_torn, "{task}");
            for (cell, plane) in cells.iter().zip(study["planes"].as_array().unwrap()) {
                assert!(cell["deciding_slice"].as_u64().unwrap() < plane["slices"].as_u64().unwrap());
            }
        }
        for answer in study["answers"].as_array().unwrap() {
            for (class, logit) in answer["logits"].as_array().unwrap().iter().enumerate() {
                let shares: f64 = answer["shares"][class].as_array().unwrap().iter().map(number).sum();
                let bias = number(logit) - shares;
                let first = &study["answers"][0];
                let of_first: f64 = first["shares"][class].as_array().unwrap().iter().map(number).sum();
                let same = number(&first["logits"][class]) - of_first;
                // One network, so one bias: what is left of each plane's logit when its shares are taken away.
                assert!((bias - same).abs() <= 1e-5 * number(logit).abs().max(1.0), "{bias} {same}");
            }
        }
    }
}

#[test]
fn a_missing_plane_is_said_and_the_rest_combined() {
    let output = exam(&["demo:/knee/torn/sagittal", "demo:/knee/torn/coronal", "--card", "knee-exam", "--json"]);
    assert_eq!(output.status.code(), Some(3), "partly done");
    let report = json(&output);
    let study = &report["studies"][0];
    assert_eq!(study["missing"], serde_json::json!(["axial"]));
    for task in study["tasks"].as_array().unwrap() {
        let cells = task["planes"].as_array().unwrap();
        assert!(cells[0]["probability"].is_null() && cells[0]["reason"].as_str().unwrap().contains("No axial series"));
        let mean = f64::midpoint(number(&cells[1]["probability"]), number(&cells[2]["probability"]));
        assert!((number(&task["combined"]["probability"]) - mean).abs() < 1e-6);
        assert_eq!(task["combined"]["missing"], serde_json::json!(["axial"]));
        assert!(task["combined"]["words"].as_str().unwrap().contains("axial is missing"));
    }
    let printed = exam(&["demo:/knee/torn/sagittal", "demo:/knee/torn/coronal", "--card", "knee-exam"]);
    let table = String::from_utf8(printed.stdout).unwrap();
    for words in ["meniscal tear", "combined", "axial: missing", "Not for diagnosis"] {
        assert!(table.contains(words), "{words} is not in: {table}");
    }
}

#[test]
fn a_regression_weighs_the_planes_and_refuses_when_one_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let weights = "weights = { coronal = -0.5, sagittal = 3.0 }\nintercept = -1.0\n";
    let tasks = format!(
        "[[task]]\nname = \"meniscal tear\"\ncombine = \"logistic\"\n{weights}[[task]]\nname = \"ACL tear\"\n\
         combine = \"logistic\"\n{weights}missing = \"mean\"\n"
    );
    let card = card(folder.path(), &tasks, &[("coronal", ""), ("sagittal", "")]);
    let whole = exam(&["demo:/knee/torn", "--card", text(&card), "--json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", String::from_utf8_lossy(&whole.stderr));
    for task in json(&whole)["studies"][0]["tasks"].as_array().unwrap() {
        let p = |plane: usize| number(&task["planes"][plane]["probability"]);
        let expected = 1.0 / (1.0 + (1.0 + 0.5 * p(0) - 3.0 * p(1)).exp());
        assert!((number(&task["combined"]["probability"]) - expected).abs() < 1e-6);
    }
    let partly = exam(&["demo:/knee/torn/sagittal", "--card", text(&card), "--json"]);
    assert_eq!(partly.status.code(), Some(3));
    let tasks = json(&partly)["studies"][0]["tasks"].clone();
    assert!(tasks[0]["combined"]["probability"].is_null());
    assert!(tasks[0]["combined"]["words"].as_str().unwrap().contains("needs every plane"));
    let sagittal = number(&tasks[1]["planes"][1]["probability"]);
    assert!((number(&tasks[1]["combined"]["probability"]) - sagittal).abs() < 1e-6);
    assert!(tasks[1]["combined"]["words"].as_str().unwrap().contains("stands in for the regression"));
}

#[test]
fn a_card_that_cannot_be_used_is_one_sentence_and_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read_to_string(card(folder.path(), MEANS, &[("axial", "")])).unwrap();
    for (from, to, words) in [
        ("knee-phantom", "hip-phantom", &["`card` of model 1", "hip-phantom"][..]),
        ("plane", "plain", &["plain", "unknown field"]),
        ("= \"ACL tear\" }", "= \"PCL tear\" }", &["`tasks` of model 1", "PCL tear", "\"ACL tear\""]),
    ] {
        let path = folder.path().join("wrong.toml");
        std::fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let output = exam(&["demo:/knee/torn", "--card", text(&path)]);
        assert_eq!(output.status.code(), Some(1));
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
        for word in words.iter().chain(&["wrong.toml"]) {
            assert!(sentence.contains(word), "{word} is not in: {sentence}");
        }
    }
    for arguments in [&["demo:/knee/torn", "--card", "no-such-exam"][..], &["demo:/skin", "--card", "knee-exam"]] {
        assert_eq!(exam(arguments).status.code(), Some(1), "{arguments:?}");
    }
    assert_eq!(exam(&["demo:/knee/torn"]).status.code(), Some(2), "without a card");
}

fn open(path: &Path) -> Vec<Study> {
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    study::open(&[path.to_owned()], &storage, &|_| ControlFlow::Continue(())).studies
}

/// Real MR studies of small images: pilots in three planes, localizers, an angiography.
#[test]
fn real_series_are_matched_by_plane_slices_and_description() {
    let Some(shared) = common::shared() else { return };
    let real = shared.join("data/series/dicomdir/98892003");
    let folder = tempfile::tempdir().unwrap();
    let catalogue = glassbox::engine::catalogue(&[]);
    let planes = [("axial", ""), ("coronal", ""), ("sagittal", "*PILOT")];
    let path = card(folder.path(), MEANS, &planes);
    let card = Exam::load(&path, &catalogue).unwrap();
    let mut complete = 0;
    for study in open(&real) {
        let found = matches(&card, &study);
        for ((found, plane), wanted) in found.iter().zip(planes).zip([Plane::Axial, Plane::Coronal, Plane::Sagittal]) {
            let fits = |at: &usize| {
                let series = &study.series[*at];
                series.plane == wanted && (plane.1.is_empty() || series.description.ends_with("PILOT"))
            };
            let fitting: Vec<usize> = (0..study.series.len()).filter(fits).collect();
            let most = fitting.iter().map(|&at| study.series[at].positions()).max();
            assert_eq!(found.series.map(|at| study.series[at].positions()), most);
            assert_eq!(found.others.len() + usize::from(found.series.is_some()), fitting.len());
            assert!(found.series.is_none_or(|at| fitting.contains(&at)));
        }
        complete += usize::from(found.iter().all(|found| found.series.is_some()));
    }
    assert!(complete >= 2, "two of the studies have pilots in all planes");

    let output = exam(&[text(&real), "--card", text(&path), "--json"]);
    assert_eq!(output.status.code(), Some(3), "one study has a sagittal localizer only");
    let report = json(&output);
    let studies = report["studies"].as_array().unwrap();
    assert_eq!(studies.len(), complete);
    let coronal = |study: &Value| study["planes"][1].clone();
    let angiography = studies.iter().map(coronal).find(|plane| plane["slices"] == 7).expect("the one with more slices");
    assert!(angiography["description"].as_str().unwrap().starts_with("ANGIO"));
    assert_eq!(angiography["others"].as_array().unwrap().len(), 1);
    for cell in studies
        .iter()
        .flat_map(|study| study["tasks"].as_array().unwrap())
        .flat_map(|task| task["planes"].as_array().unwrap().clone())
    {
        assert!((0.0..=1.0).contains(&number(&cell["probability"])), "{cell}");
    }
}

/// Row `[slice][class]` and the probabilities of the stack.
fn rows(answer: &Value) -> (Vec<Vec<f64>>, Vec<f64>) {
    let list = |value: &Value| value.as_array().unwrap().iter().map(number).collect::<Vec<f64>>();
    (answer["per_slice"].as_array().unwrap().iter().map(list).collect(), list(&answer["probabilities"]))
}

#[test]
fn slices_that_are_judged_alone_are_joined_as_the_card_says() {
    let folder = tempfile::tempdir().unwrap();
    let skin = glassbox::demo::models().iter().find(|model| model.name == "skin-phantom").unwrap();
    for (rule, name) in [("", "mean"), ("aggregate = \"max\"", "max"), ("aggregate = { top = 3 }", "top")] {
        let of_model = folder.path().join(name);
        std::fs::create_dir_all(&of_model).unwrap();
        let model = skin.card.replace("[output]\n", &format!("[output]\n{rule}\n"));
        std::fs::write(of_model.join("model.toml"), &model).unwrap();
        std::fs::write(of_model.join("weights.safetensors"), skin.weights).unwrap();
        let card = folder.path().join(format!("{name}.toml"));
        let class = &glassbox::model::Card::parse(&model, "card").unwrap().classes[1];
        let text_of_card = format!(
            "name = \"n\"\nversion = \"1\"\n[[task]]\nname = \"t\"\n\
             [[model]]\ncard = \"{name}\"\nplane = \"sagittal\"\ntask = \"t\"\nclass = \"{class}\"\n"
        );
        std::fs::write(&card, text_of_card).unwrap();
        let output = exam(&["demo:/knee/torn/sagittal", "--card", text(&card), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let study = json(&output)["studies"][0].clone();
        let (slices, joined) = rows(&study["answers"][0]);
        for (class, found) in joined.iter().enumerate() {
            let mut values: Vec<f64> = slices.iter().map(|slice| slice[class]).collect();
            values.sort_by(|a, b| b.total_cmp(a));
            values.truncate(match name {
                "max" => 1,
                "top" => 3,
                _ => values.len(),
            });
            let expected = values.iter().sum::<f64>() / values.len() as f64;
            // Float32 probabilities, summed in float64.
            assert!((found - expected).abs() < 1e-6, "{name}, class {class}: {found} {expected}");
        }
        let cell = &study["tasks"][0]["planes"][0];
        let deciding = cell["deciding_slice"].as_u64().unwrap() as usize;
        assert!(slices.iter().all(|slice| slice[1] <= slices[deciding][1]));
        let interval: Vec<f64> = cell["interval90"].as_array().expect("it is stochastic").iter().map(number).collect();
        assert!(0.0 <= interval[0] && interval[0] <= interval[1] && interval[1] <= 1.0, "{interval:?}");
    }
}

/// Nine models on three planes, as MRNet has them: nine copies of the small knee model, each a model of its own.
fn nine_models(folder: &Path) -> Exam {
    let knee = glassbox::demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
    let mut text = "name = \"Nine\"\nversion = \"1\"\n".to_owned();
    for task in ["abnormal", "ACL tear", "meniscal tear"] {
        let _ = write!(text, "[[task]]\nname = \"{task}\"\n");
    }
    for plane in ["axial", "coronal", "sagittal"] {
        for (index, task) in ["abnormal", "ACL tear", "meniscal tear"].into_iter().enumerate() {
            let name = format!("{plane}-{index}");
            let of_model = folder.join(&name);
            std::fs::create_dir_all(&of_model).unwrap();
            let card = knee.card.replace("version = \"1.0.0\"", &format!("version = \"1.0.0-{name}\""));
            // What the tasks' networks see differs a little, or they would share their features of the slices.
            let card = card.replace("scale = 1.0", &format!("scale = 1.00{index}"));
            assert!(card.contains(&format!("scale = 1.00{index}")));
            std::fs::write(of_model.join("model.toml"), card).unwrap();
            std::fs::write(of_model.join("weights.safetensors"), knee.weights).unwrap();
            let class = if index == 1 { "ACL tear" } else { "meniscal tear" };
            let _ = write!(
                text,
                "[[model]]\ncard = \"{name}\"\nplane = \"{plane}\"\ntask = \"{task}\"\nclass = \"{class}\"\n"
            );
        }
    }
    let path = folder.join("exam.toml");
    std::fs::write(&path, text).unwrap();
    Exam::load(&path, &glassbox::engine::catalogue(&[])).unwrap()
}

#[test]
fn nine_models_on_three_planes_answer_one_after_the_other_what_is_in_view_first() {
    let folder = tempfile::tempdir().unwrap();
    let exam = nine_models(folder.path());
    assert_eq!((exam.members.len(), exam.cards().len(), exam.columns.len()), (9, 9, 3));
    let engine = engine();
    engine.open(vec![PathBuf::from("demo:/knee/torn")]);
    let study = wait("the study", || {
        let library = engine.library();
        (library.opening.is_none() && !library.studies.is_empty()).then(|| Arc::clone(&library.studies[0]))
    });
    // As many slices as show the order; all of them would tell nothing more.
    let of_series = |at: usize| study.series[at].slices.iter().take(8).map(|slice| slice.source.clone()).collect();
    let sources: Vec<Option<SourceList>> =
        matches(&exam, &study).iter().map(|found| found.series.map(of_series)).collect();
    let slices: usize = sources.iter().flatten().map(|sources| sources.len()).sum();

    // The ACL on the sagittal plane is what is in view.
    let first = (1, 2);
    let (start, mut first_at, mut order) = (Instant::now(), None, Vec::new());
    let mut answered: HashSet<(usize, usize)> = HashSet::new();
    while answered.len() < 9 {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {} cells", 9 - answered.len());
        let infos: Vec<(PathBuf, Arc<ModelInfo>)> = exam
            .cards()
            .into_iter()
            .filter_map(|card| Some((card.to_owned(), engine.model(&ModelPath(card.to_owned())).ready()?)))
            .collect();
        let loaded = |card: &Path| infos.iter().find(|(path, _)| path == card).map(|(_, info)| info.as_ref());
        engine.want(wants(&exam, first, &loaded, &sources));
        for task in 0..3 {
            for column in 0..3 {
                let (member, _) = exam.member(task, column).unwrap();
                let Some(info) = loaded(&member.card) else { continue };
                let sources = sources[column].clone().unwrap();
                let key = StackKey { model: info.id.clone(), sources };
                if matches!(engine.stack(&key), Status::Ready(_)) && answered.insert((task, column)) {
                    order.push((task, column));
                    first_at.get_or_insert_with(|| start.elapsed());
                }
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (first_after, whole) = (first_at.unwrap(), start.elapsed());
    eprintln!("nine models, {slices} slices: first answer after {first_after:.2?}, all after {whole:.2?}");
    assert_eq!(order[..3].iter().map(|(task, _)| *task).collect::<HashSet<_>>(), HashSet::from([1]), "{order:?}");
    assert_eq!(order[0], first);
}

#[test]
fn tasks_of_one_model_share_its_run() {
    let catalogue = glassbox::engine::catalogue(&[]);
    let exam = catalogue.exam_called("knee-exam").unwrap().exam.clone().unwrap();
    let source = |name: &str| Source { path: PathBuf::from(name), frame: 0 };
    let sources: Vec<Option<SourceList>> =
        vec![Some(vec![source("a")].into()), None, Some(vec![source("b"), source("c")].into())];
    let unloaded = wants(&exam, (1, 2), &|_| None, &sources);
    assert_eq!(unloaded, [Key::Model(ModelPath(PathBuf::from("demo:knee-phantom")))]);
}
