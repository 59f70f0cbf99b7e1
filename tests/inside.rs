//! Looking inside networks end to end: surveys in the engine, the network check on the command line, and channel
//! statistics of trained weights against PyTorch's.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, IndexOp, Tensor};
use common::cli::{glassbox, text};
use common::engine::{engine, settled, wait};
use glassbox::engine::compute::survey;
use glassbox::engine::{Engine, Key, ModelInfo, ModelPath, SourceList, Status, SurveyKey, SurveyKind, SurveyResult};
use glassbox::graph::{Control, ops::Linear};
use glassbox::inside::{FilterKind, Projection};
use glassbox::model::Model;
use glassbox::study::{self, Reader, Storage};
use serde_json::Value;

fn model(engine: &Engine, name: &str) -> Arc<ModelInfo> {
    let path = ModelPath(PathBuf::from(name));
    engine.want(vec![Key::Model(path.clone())]);
    wait("the model", || settled(engine.model(&path))).expect("the embedded model loads")
}

fn sources(engine: &Engine, path: &str) -> SourceList {
    engine.open(vec![PathBuf::from(path)]);
    wait("the study", || {
        let library = engine.library();
        let is_open = library.opening.is_none() && !library.studies.is_empty();
        is_open.then(|| library.sources().cloned().collect())
    })
}

fn surveyed(engine: &Engine, key: &SurveyKey) -> Result<Arc<SurveyResult>, Arc<str>> {
    engine.want(vec![Key::Survey(key.clone())]);
    wait("the survey", || settled(engine.survey(key)))
}

#[test]
fn a_survey_forms_image_by_image_and_other_questions_of_the_layer_run_nothing_again() {
    let engine = engine();
    let all = sources(&engine, "demo:/knee/torn/sagittal");
    let model = model(&engine, "demo:knee-phantom");
    let layer: Arc<str> = Arc::from(model.default_layer.as_str());
    let key = |kind| SurveyKey { model: model.id.clone(), sources: all.clone(), layer: Arc::clone(&layer), kind };
    let activity = key(SurveyKind::Activity);
    assert_eq!(engine.survey(&activity), Status::NotRequested);

    engine.want(vec![Key::Survey(activity.clone())]);
    let mut seen_forming = 0;
    let result = wait("the activity", || {
        if let Some(so_far) = engine.survey_so_far(&activity) {
            let SurveyResult::Activity(so_far) = &*so_far else { panic!("another kind") };
            assert!(so_far.inputs >= seen_forming && so_far.inputs <= all.len());
            seen_forming = so_far.inputs;
        }
        settled(engine.survey(&activity))
    })
    .unwrap();
    assert!(seen_forming > 0, "nothing was shown while the survey ran");
    let SurveyResult::Activity(activity) = &*result else { panic!("another kind") };
    assert_eq!((activity.inputs, activity.skipped.len()), (all.len(), 0));
    assert!(activity.channels.iter().all(|channel| channel.max >= channel.mean && channel.min >= 0.0));

    let SurveyResult::Strongest(strongest) = &*surveyed(&engine, &key(SurveyKind::Strongest { count: 3 })).unwrap()
    else {
        panic!("another kind")
    };
    let field = strongest.field.as_ref().expect("a convolutional layer has a field");
    for (channel, excited) in activity.channels.iter().zip(&strongest.channels) {
        // Both come from the same summaries.
        assert_eq!(excited.first().map_or(0.0, |first| first.value), channel.max);
        assert!(excited.windows(2).all(|pair| pair[0].value >= pair[1].value));
        for one in excited {
            let [x0, y0, x1, y1] = one.patch.expect("a unit of this layer sees a part of the slice");
            assert!(x1 > x0 && y1 > y0 && field.pixels(one.unit.unwrap()).is_some());
        }
    }

    let SurveyResult::Embedding(plane) =
        &*surveyed(&engine, &key(SurveyKind::Embedding { by: Projection::Pca, seed: 1 })).unwrap()
    else {
        panic!("another kind")
    };
    assert_eq!((plane.points.len(), plane.predicted.len(), plane.inputs.len()), (all.len(), all.len(), all.len()));
    let explained = plane.explained.unwrap();
    assert!(explained[0] >= explained[1] && explained[0] + explained[1] <= 1.0 + 1e-6);
    let tsne = key(SurveyKind::Embedding { by: Projection::Tsne { perplexity: 3 }, seed: 1 });
    let SurveyResult::Embedding(plane) = &*surveyed(&engine, &tsne).unwrap() else { panic!("another kind") };
    assert!(plane.points.len() == all.len() && plane.points.iter().flatten().all(|at| at.is_finite()));
    let too_many = key(SurveyKind::Embedding { by: Projection::Tsne { perplexity: 500 }, seed: 1 });
    let reason = surveyed(&engine, &too_many).unwrap_err();
    assert!(reason.contains("choose at most"), "{reason}");
}

#[test]
fn a_check_in_the_engine_goes_on_when_images_are_added_and_the_slice_in_view_goes_first() {
    let engine = engine();
    let all = sources(&engine, "demo:/skin");
    let model = model(&engine, "demo:skin-phantom");
    let key = |count: usize| SurveyKey {
        model: model.id.clone(),
        sources: all[..count].into(),
        layer: Arc::from(""),
        kind: SurveyKind::Check,
    };
    let scores = Key::Scores { model: model.id.clone(), source: all[3].clone() };
    engine.want(vec![scores, Key::Survey(key(4))]);
    wait("the scores", || settled(engine.scores(&model.id, &all[3]))).unwrap();
    assert!(settled(engine.survey(&key(4))).is_none(), "the survey must not have gone before the scores");
    let of = |count: usize| {
        let SurveyResult::Check(report) = &*surveyed(&engine, &key(count)).unwrap() else { panic!("another kind") };
        report.clone()
    };
    let (four, six) = (of(4), of(6));
    assert_eq!((four.inputs, six.inputs, six.outputs.inputs), (4, 6, 6));
    assert_eq!(six.outputs.predicted.iter().sum::<usize>(), 6);
    // What has been seen can only wake channels.
    for (before, after) in four.layers.iter().zip(&six.layers) {
        assert!(after.dead.iter().all(|channel| before.dead.contains(channel)), "{}", after.layer);
    }
    // Fewer images are another check, from the start, whose sums are those of its own images alone.
    assert_eq!(of(3).inputs, 3);

    let nothing = SurveyKey { layer: Arc::from("no.such"), kind: SurveyKind::Activity, ..key(2) };
    assert!(surveyed(&engine, &nothing).unwrap_err().contains("no layer `no.such`"));
}

#[test]
fn filters_and_contributions_come_from_the_engine() {
    let engine = engine();
    let all = sources(&engine, "demo:/knee/torn/sagittal");
    let info = model(&engine, "demo:knee-phantom");
    let key = Key::Filters { model: info.id.clone(), layer: Arc::from("pretrained_model.0") };
    engine.want(vec![key.clone()]);
    let filters = wait("the filters", || settled(engine.filters(&key))).unwrap();
    assert!(filters.first && filters.inputs == 3 && filters.kind == FilterKind::Convolution { groups: 1 });
    assert_eq!(filters.values.len(), filters.outputs * 3 * filters.rows * filters.columns);

    // MRNet's layout: global average, (maximum over one slice), linear; so contributions sum to logit less bias.
    let layer: Arc<str> = Arc::from(info.default_layer.as_str());
    let model = glassbox::engine::load(Path::new("demo:knee-phantom"), &Device::Cpu).unwrap();
    let head = model.graph.nodes().iter().rev().find_map(|node| node.op_as::<Linear>()).unwrap();
    let bias: Vec<f32> = head.bias().unwrap().to_vec1().unwrap();
    for (class, bias) in bias.into_iter().enumerate() {
        let wanted = Key::Activations {
            model: info.id.clone(),
            source: all[5].clone(),
            layer: Arc::clone(&layer),
            class: Some(class),
        };
        let scores = Key::Scores { model: info.id.clone(), source: all[5].clone() };
        engine.want(vec![wanted, scores]);
        let status = || settled(engine.activations(&info.id, &all[5], &layer, Some(class)));
        let activations = wait("the activations", status).unwrap();
        let logits = wait("the scores", || settled(engine.scores(&info.id, &all[5]))).unwrap().logits.clone();
        let sum: f32 = activations.contributions.as_ref().unwrap().iter().sum();
        // The pooling's and the product's sums are in single precision.
        assert!((sum - (logits[class] - bias)).abs() < 1e-4 * logits[class].abs().max(1.0), "{sum} {logits:?} {bias}");
    }
}

fn squeezenet(shared: &Path, folder: &Path) -> PathBuf {
    let card = format!(
        "name = \"SqueezeNet 1.0\"\nversion = \"1.0\"\nsummary = \"The thousand classes of ImageNet\"\n\
         architecture = \"squeezenet1_0\"\nweights = '{}'\nclasses_file = '{}'\n[input]\nsize = [224, 224]\n\
         mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n",
        shared.join("data/weights/squeezenet1_0_imagenet.safetensors").display(),
        shared.join("data/natural/imagenet_class_index.json").display()
    );
    let path = folder.join("model.toml");
    fs::write(&path, card).unwrap();
    path
}

#[test]
fn channels_of_trained_weights_do_what_they_do_in_pytorch() {
    let Some(shared) = common::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = Model::load(&squeezenet(&shared, folder.path()), &Device::Cpu).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(study::Disk);
    let reader = Reader::new(Arc::clone(&storage));
    let mut seen: HashMap<&str, Vec<(usize, survey::Seen)>> = HashMap::new();
    for (input, name) in ["cat_dog.png", "dogs.png"].into_iter().enumerate() {
        let path = shared.join("data/natural").join(name);
        let opened = study::open(&[path], &storage, &|_| std::ops::ControlFlow::Continue(()));
        let picture = reader.picture(&opened.studies[0].series[0].slices[0]).unwrap();
        for layer in ["features.1", "features.12"] {
            let summary = survey::image(&model, &picture, layer, &Control::default()).unwrap();
            assert!(name != "cat_dog.png" || summary.predicted == 243);
            seen.entry(layer).or_default().push((input, Ok(Arc::new(summary))));
        }
    }
    let together = |layer: &str, kind| {
        survey::together(&model, layer, kind, &seen[layer], &Control::default(), &mut |_| {}).unwrap()
    };
    // torchvision 0.2x, both images: mean, maximum and share above 0 of channels of `features[:n + 1]`.
    let expected: [(&str, usize, f32, f32, f32); 5] = [
        ("features.1", 0, 38.693_75, 740.012, 0.529_627),
        ("features.1", 17, 7.081_007, 368.837_65, 0.421_471),
        ("features.12", 0, 4.631_956, 233.087_69, 0.088_757),
        ("features.12", 5, 30.520_624, 400.626_83, 0.328_402),
        ("features.12", 63, 5.076_484, 245.517_07, 0.103_55),
    ];
    for (layer, channel, mean, max, active) in expected {
        let SurveyResult::Activity(found) = together(layer, SurveyKind::Activity) else { panic!("another kind") };
        let found = found.channels[channel];
        // Pillow's bilinear is met to the last bit; what is left is the order of sums in the convolutions.
        assert!((found.mean - mean).abs() < 1e-4 * mean && (found.max - max).abs() < 1e-4 * max, "{layer} {found:?}");
        assert!((found.active - active).abs() < 2e-3, "{layer} {channel}: {found:?}");
    }
    let SurveyResult::Activity(last) = together("features.12", SurveyKind::Activity) else { panic!("another kind") };
    assert_eq!(last.dead(), [397]);
    let SurveyResult::Strongest(strongest) = together("features.12", SurveyKind::Strongest { count: 2 }) else {
        panic!("another kind")
    };
    let places: Vec<_> = strongest.channels[5].iter().map(|one| (one.input, one.unit.unwrap())).collect();
    assert_eq!(places, [(1, (9, 1)), (0, (7, 9))]);
    assert!(strongest.channels[397].is_empty());
}

/// The skin model with a channel that can never fire and a filter that is another's copy, twice as strong.
fn broken_skin(folder: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/skin-phantom");
    let mut tensors = candle_core::safetensors::load(from.join("weights.safetensors"), &Device::Cpu).unwrap();
    let mut change = |name: &str, edit: &dyn Fn(&mut Vec<f32>, usize)| {
        let tensor = tensors[name].clone();
        let (shape, outputs) = (tensor.shape().clone(), tensor.dim(0).unwrap());
        let mut values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        let length = values.len() / outputs;
        edit(&mut values, length);
        tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
    };
    change("features.0.bias", &|values, _| values[7] = -1e6);
    change("features.3.weight", &|values, length| {
        let copy: Vec<f32> = values[2 * length..3 * length].iter().map(|value| 2.0 * value).collect();
        values[5 * length..6 * length].copy_from_slice(&copy);
    });
    assert!(tensors["features.3.weight"].i(5).is_ok());
    candle_core::safetensors::save(&tensors, folder.join("weights.safetensors")).unwrap();
    let card = folder.join("model.toml");
    let name = fs::read_to_string(from.join("model.toml")).unwrap().replace("Skin phantom", "Skin <b>&");
    fs::write(&card, name).unwrap();
    card
}

fn findings<'a>(check: &'a Value, kind: &str, layer: &str) -> Vec<&'a Value> {
    let all = check["report"]["findings"].as_array().unwrap();
    all.iter().filter(|finding| finding["kind"] == kind && finding["layer"] == layer).collect()
}

#[test]
fn a_dead_channel_and_a_copied_filter_are_found_by_name_and_the_page_holds_all() {
    let folder = tempfile::tempdir().unwrap();
    let (card, out) = (broken_skin(folder.path()), folder.path().join("out"));
    let arguments = ["check-model", "--model", text(&card), "demo:/skin", "--out", text(&out)];
    let output = glassbox(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("Duplicate filters.") && printed.contains("2 and 5 (cosine 1.000)"), "{printed}");

    let check: Value = serde_json::from_slice(&fs::read(out.join("check.json")).unwrap()).unwrap();
    let dead = findings(&check, "dead", "features.1");
    assert!(dead.len() == 1 && dead[0]["channels"].as_array().unwrap().contains(&Value::from(7)), "{dead:?}");
    let copied = findings(&check, "duplicates", "features.3");
    assert!(copied.len() == 1 && copied[0]["channels"].as_array().unwrap().contains(&Value::from(5)), "{copied:?}");
    assert_eq!(check["model"]["sha256"].as_str().unwrap().len(), 64);
    let images = check["report"]["inputs"].as_u64().unwrap();
    assert!(images >= 4 && check["failed"].as_array().unwrap().is_empty());

    let page = fs::read_to_string(out.join("check.html")).unwrap();
    assert!(page.contains("Skin &lt;b&gt;&amp;") && !page.contains("<b>&"), "the name is escaped");
    for needed in [
        check["model"]["sha256"].as_str().unwrap(),
        check["inputs_sha256"].as_str().unwrap(),
        "data:image/png;base64,",
        "<svg ",
        "Research use, not for diagnosis",
        "Advice",
        "features.3",
    ] {
        assert!(page.contains(needed), "{needed}");
    }
    assert!(!page.contains("<script") && !page.contains("http"), "the page loads nothing");
    assert_eq!(page.matches("<article").count(), page.matches("</article>").count());

    // The sound model has neither of the two.
    let output = glassbox(&["check-model", "--model", "skin-phantom", "demo:/skin", "--json"]);
    let sound: Value = serde_json::from_slice(&output.stdout).unwrap();
    let has = |kind: &str, layer: &str, channel: u64| {
        findings(&sound, kind, layer)
            .iter()
            .any(|one| one["channels"].as_array().unwrap().contains(&Value::from(channel)))
    };
    assert!(!has("dead", "features.1", 7) && !has("duplicates", "features.3", 5));
    assert_eq!(sound["inputs_sha256"], check["inputs_sha256"], "the same images");
}

#[test]
fn layers_lesions_and_unreadable_images() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\nnothing").unwrap();
    image::RgbImage::from_fn(90, 70, |x, y| image::Rgb([x as u8, y as u8, 100]))
        .save(folder.path().join("a.png"))
        .unwrap();
    let images = text(folder.path());
    let run = |more: &[&str]| {
        let output = glassbox(&[&["check-model", images, "--model", "skin-phantom", "--json"], more].concat());
        let check: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), check)
    };
    let (code, check) = run(&["--layer", "features.0,features.1", "--lesion-px", "45"]);
    assert_eq!(code, Some(3), "one image could not be read");
    assert_eq!(check["failed"][0]["source"], "broken.png");
    assert_eq!(check["report"]["layers"].as_array().unwrap().len(), 1);
    // 224 pixels of the input are 90 columns and 70 rows.
    let expected = 45.0 * (224.0_f64 / 90.0 * 224.0 / 70.0).sqrt();
    assert!((check["report"]["lesion"]["input_px"].as_f64().unwrap() - expected).abs() < 1e-9);
    let field = &findings(&check, "field", "features.1")[0]["what"];
    assert!(field.as_str().unwrap().contains("sees 3 × 3 pixels"), "{field}");
}

#[test]
fn what_cannot_be_checked_is_one_sentence_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("a.png");
    image::GrayImage::new(20, 20).save(&picture).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no folder").unwrap();
    let under_file = file.join("out");
    let picture = text(&picture);
    for (arguments, code, says) in [
        (vec![picture, "--model", "no-such-model"], 1, "No model card"),
        (vec!["/no/such/place", "--model", "skin-phantom"], 1, "Nothing could be checked"),
        (vec![picture, "--model", "skin-phantom", "--layer", "nope"], 1, "no layer `nope`"),
        (vec![picture, "--model", "skin-phantom", "--lesion-mm", "5"], 1, "--lesion-px"),
        (vec![picture, "--model", "skin-phantom", "--out", text(&under_file)], 1, "Could not make the folder"),
        (vec![picture, "--model", "skin-phantom", "--lesion-mm", "5", "--lesion-px", "9"], 2, "--lesion-px"),
        (vec![picture, "--model", "skin-phantom", "--lesion-px=-1"], 2, "--lesion-px"),
        (vec![picture], 2, "--model"),
        (vec!["--model", "skin-phantom"], 2, "PATHS"),
    ] {
        let output = glassbox(&[&["check-model"], arguments.as_slice()].concat());
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(says), "{arguments:?}: {sentence}");
        assert!(code == 2 || sentence.trim_end().lines().count() == 1, "{sentence}");
    }
    assert!(!under_file.exists());
}

#[test]
fn a_size_in_millimetres_needs_a_spacing_and_then_counts() {
    let output =
        glassbox(&["check-model", "demo:/knee/torn/axial", "--model", "knee-phantom", "--lesion-mm", "8", "--json"]);
    let check: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lesion = &check["report"]["lesion"];
    assert!(lesion["mm"] == 8.0 && lesion["input_px"].as_f64().unwrap() > 1.0, "{lesion}");
}

/// A narrow AlexNet with a large dense layer that its card keeps in `f16`. Without biases but the last, so that the logits
/// are 1 and a multiple of the input: convolutions are means, and `weight` is that of all connections of the large layer.
fn large(folder: &Path, weight: f32, input: &str) -> PathBuf {
    const WIDE: usize = 7300;
    let mut tensors = HashMap::new();
    let mut add = |name: &str, shape: &[usize], value: f32, bias: f32| {
        let all = |shape: &[usize], value: f32| Tensor::full(value, shape, &Device::Cpu).unwrap().contiguous().unwrap();
        tensors.insert(format!("{name}.weight"), all(shape, value));
        tensors.insert(format!("{name}.bias"), all(&shape[..1], bias));
    };
    for (name, inputs, side) in
        [("features.0", 3, 11), ("features.3", 4, 5), ("features.6", 4, 3), ("features.8", 4, 3), ("features.10", 4, 3)]
    {
        add(name, &[4, inputs, side, side], 1.0 / (inputs * side * side) as f32, 0.0);
    }
    add("classifier.1", &[WIDE, 144], weight, 0.0);
    add("classifier.4", &[8, WIDE], 0.01, 0.0);
    add("classifier.6", &[3, 8], 0.125, 1.0);
    candle_core::safetensors::save(&tensors, folder.join("weights.safetensors")).unwrap();
    let card = folder.join("model.toml");
    let text = "name = \"Large\"\nversion = \"1\"\narchitecture = \"alexnet\"\nweights = \"weights.safetensors\"\n\
                dense_weights = \"f16\"\n[input]\nsize = [64, 64]\n";
    fs::write(&card, format!("{text}{input}")).unwrap();
    card
}

#[test]
fn weights_of_16_bits_are_compared_with_those_of_32_on_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let card = large(folder.path(), 0.01, "");
    let run = |more: &[&str]| glassbox(&[&["check-model", "--model", text(&card), "demo:/skin"], more].concat());
    let out = folder.path().join("out");
    let output = run(&["--out", text(&out)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("The weights of classifier.1 are kept in f16, which saves 2 MB"), "{printed}");
    let check: Value = serde_json::from_slice(&fs::read(out.join("check.json")).unwrap()).unwrap();
    let narrow = &check["narrow"];
    assert_eq!((narrow["kept_in"].as_str(), narrow["bytes"].as_u64()), (Some("f16"), Some(7300 * 144 * 2)));
    assert_eq!(check["model"]["dense_weights"], "f16");
    // All weights are 0.01, which f16 has as 0.010002.
    let rounded = (f64::from(half::f16::from_f32(0.01).to_f32()) / 0.01 - 1.0).abs();
    for deviation in [&narrow["deviation"], &narrow["deviation_here"]] {
        let deviation = deviation.as_f64().unwrap();
        assert!(deviation > rounded / 100.0 && deviation < rounded * 1.01, "{deviation} of {rounded}");
    }
    // Nothing here lies next to 0, so that maps change by a factor near 1 alone.
    assert_eq!(narrow["map_layer"], "features.11");
    let map = narrow["map_deviation_here"].as_f64().unwrap();
    assert!(map > rounded / 2.0 && map < rounded * 2.0, "{map} of {rounded}");
    assert!(fs::read_to_string(out.join("check.html")).unwrap().contains("kept in f16"));

    // Exact sums take the weights as they are.
    let output = run(&["--exact", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("exact sums take them as they are in the file"), "{said}");
    let check: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(check["narrow"].is_null() && check["model"]["dense_weights"].is_null());
}

#[test]
fn weights_of_16_bits_that_move_the_logits_of_the_images_fail_the_check() {
    let folder = tempfile::tempdir().unwrap();
    // What 10⁻⁹ times the input adds to the logits is lost in f16. Inputs in 0..1, as the card's scale lets expect, make
    // too little of it to see; these images have pixels far beyond.
    let input = "scale = 0.001\nmean = [0.0]\nstd = [1.0]\nwindow = \"raw\"\n";
    let card = large(folder.path(), 1e-9, input);
    let output = glassbox(&["check-model", "--model", text(&card), "demo:/skin"]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(printed.contains("which is too much") && printed.contains("features.0"), "{printed}");
    assert!(said.contains("With weights in f16 the logits of these images deviate by"), "{said}");
    assert!(said.contains("take dense_weights out of the model card"), "{said}");
}
