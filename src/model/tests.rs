//! Loading whole models: tiny networks of the zoo with made weights.

use std::{collections::HashMap, fs};

use candle_core::{Device, Tensor};
use safetensors::{Dtype, tensor::TensorView};

use super::*;

/// The tensors of a narrow AlexNet with this many classes.
pub(super) fn alexnet(classes: usize) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let mut tensors = HashMap::new();
    let mut add = |name: &str, shape: &[usize]| {
        for (suffix, shape) in [("weight", shape), ("bias", &shape[..1])] {
            let count: usize = shape.iter().product();
            let values = (0..count).map(|i| ((i * 7919 % 103) as f32 - 51.0) / 500.0).collect();
            tensors.insert(format!("{name}.{suffix}"), (shape.to_vec(), values));
        }
    };
    add("features.0", &[4, 3, 11, 11]);
    add("features.3", &[4, 4, 5, 5]);
    add("features.6", &[4, 4, 3, 3]);
    add("features.8", &[4, 4, 3, 3]);
    add("features.10", &[4, 4, 3, 3]);
    add("classifier.1", &[8, 4 * 36]);
    add("classifier.4", &[8, 8]);
    add("classifier.6", &[classes, 8]);
    tensors
}

pub(super) fn flipout(classes: usize) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let mut tensors = alexnet(classes);
    tensors.insert("classifier.6.weight_rho".to_owned(), (vec![classes, 8], vec![-3.0; classes * 8]));
    tensors
}

pub(super) fn bytes(tensors: &HashMap<String, (Vec<usize>, Vec<f32>)>) -> Vec<u8> {
    let raw: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        .collect();
    let views = raw
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, (*shape).clone(), bytes).unwrap()));
    safetensors::serialize(views, None).unwrap()
}

pub(super) fn card(top: &str, tables: &str) -> String {
    format!(
        "name = \"n\"\nversion = \"1\"\narchitecture = \"alexnet\"\nweights = \"w.safetensors\"\n{top}\n[input]\n\
         size = [64, 64]\n{tables}\n"
    )
}

pub(super) fn load(card: &str, tensors: &HashMap<String, (Vec<usize>, Vec<f32>)>) -> Result<Model, ModelError> {
    Model::from_parts(card, &bytes(tensors), &Device::Cpu)
}

pub(super) fn refusal(card: &str, tensors: &HashMap<String, (Vec<usize>, Vec<f32>)>) -> String {
    load(card, tensors).unwrap_err().to_string()
}

#[test]
fn a_model_tells_its_layers_and_classes() {
    let model = load(&card("classes = [\"a\", \"b\", \"c\"]", ""), &alexnet(3)).unwrap();
    assert_eq!(model.classes, ["a", "b", "c"]);
    assert_eq!((model.outputs(), model.stack, model.stochastic.is_none()), (3, false, true));
    assert_eq!(model.default_layer(), "features.11");
    let last = model.layers().last().unwrap();
    assert_eq!(
        (last.name.as_str(), last.op, last.shape.as_slice(), last.parameters),
        ("classifier.6", "Linear", &[3][..], 27)
    );
    let sum: f32 = model.probabilities(&[1.0, 2.0, 3.0]).iter().sum();
    assert!((sum - 1.0).abs() < 1e-6);
    assert_eq!((model.logit_of_class(2), model.logit_of_class(3)), (Some((2, 1.0)), None));
    assert_eq!(load(&card("", ""), &alexnet(2)).unwrap().classes, ["class 0", "class 1"]);
}

#[test]
fn one_sigmoid_output_has_two_classes_with_opposite_targets() {
    let output = "[output]\nactivation = \"sigmoid\"";
    let model = load(&card("classes = [\"healthy\", \"tear\"]", output), &alexnet(1)).unwrap();
    assert_eq!((model.logit_of_class(0), model.logit_of_class(1)), (Some((0, -1.0)), Some((0, 1.0))));
    let probabilities = model.probabilities(&[2.0]);
    assert!((probabilities[1] - 0.880_797).abs() < 1e-5 && (probabilities[0] - 0.119_203).abs() < 1e-5);
    assert!(model.is_exclusive());
    let one = load(&card("classes = [\"tear\"]", output), &alexnet(1)).unwrap();
    assert_eq!((one.probabilities(&[0.0]), one.logit_of_class(0)), (vec![0.5], Some((0, 1.0))));
    assert_eq!(load(&card("", output), &alexnet(1)).unwrap().classes, ["class 0", "class 1"]);
}

#[test]
fn a_flipout_head_is_the_last_layer_with_its_posterior() {
    let output = "[output]\nhead = \"flipout\"";
    let model = load(&card("", output), &flipout(3)).unwrap();
    let head = model.stochastic.unwrap();
    assert_eq!((head.layer.as_str(), head.dense.inputs(), head.dense.outputs()), ("classifier.6", 8, 3));
    assert_eq!(model.graph.nodes()[model.graph.output()].inputs, [head.input]);

    // The deterministic graph computes the mean of the posterior.
    let input = Tensor::ones((1, 3, 64, 64), candle_core::DType::F32, &Device::Cpu).unwrap();
    let keep = crate::graph::Keep::nothing().output_of(head.input);
    let control = crate::graph::Control::default();
    let trace = model.graph.run(&[(0, input)], model.graph.output(), &keep, &control).unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (mean, std) = head.dense.exact_moments(&flat(trace.output(head.input).unwrap())).unwrap();
    for (mean, logit) in mean.iter().zip(flat(trace.target())) {
        assert!((mean - logit).abs() < 1e-5, "{mean} {logit}");
    }
    assert!(std.iter().all(|&std| std > 0.0));
}

#[test]
fn any_dense_layer_or_convolution_may_have_a_posterior() {
    let mut tensors = flipout(3);
    tensors.insert("features.3.weight_rho".to_owned(), (vec![4, 4, 5, 5], vec![-4.0; 400]));
    tensors.insert("features.3.bias_rho".to_owned(), (vec![4], vec![-4.0; 4]));
    let model = load(&card("", "[output]\nhead = \"flipout\""), &tensors).unwrap();
    let sampler = model.sampler.unwrap();
    let nodes: Vec<&str> =
        sampler.members()[0].noise.iter().map(|(node, _)| model.graph.nodes()[*node].name.as_str()).collect();
    assert_eq!(nodes, ["classifier.6", "features.3"]);
    assert!(sampler.head().is_none(), "more than the head is random");
    assert_eq!(model.graph.nodes()[sampler.cut()[0]].name, "features.2");
    assert_eq!(model.randomness.as_deref(), Some("Flipout in classifier.6, features.3"));
    let head = load(&card("", "[output]\nhead = \"flipout\""), &flipout(3)).unwrap().sampler.unwrap();
    assert!(head.head().is_some());
}

#[test]
fn an_ensemble_is_several_files_of_one_network() {
    let folder = tempfile::tempdir().unwrap();
    let of = |files: &str| card("", &format!("[uncertainty]\nensemble = [{files}]"));
    let write = |name: &str, classes| fs::write(folder.path().join(name), bytes(&alexnet(classes))).unwrap();
    write("w.safetensors", 3);
    write("same.safetensors", 3);
    write("wide.safetensors", 4);
    let load = |files: &str| {
        fs::write(folder.path().join(Card::FILE_NAME), of(files)).unwrap();
        Model::load(folder.path(), &Device::Cpu)
    };
    let model = load("\"same.safetensors\"").unwrap();
    let sampler = model.sampler.unwrap();
    assert_eq!((sampler.members().len(), sampler.passes(100)), (2, 2));
    assert_eq!(model.ensemble_sha256, [model.weights_sha256]);
    assert_eq!(model.randomness.as_deref(), Some("an ensemble of 2 networks"));
    let refusal = load("\"wide.safetensors\"").unwrap_err().to_string();
    assert!(refusal.contains("uncertainty.ensemble") && refusal.contains("wide.safetensors"), "{refusal}");
    assert!(refusal.contains("classifier.6") && refusal.contains("shape"), "{refusal}");
    let wrong = format!("{{ weights = \"same.safetensors\", sha256 = \"{}\" }}", "0".repeat(64));
    assert!(load(&wrong).unwrap_err().to_string().contains("SHA-256"));
    let built_in = Model::from_parts(&of("\"same.safetensors\""), &bytes(&alexnet(3)), &Device::Cpu).unwrap_err();
    assert!(built_in.to_string().contains("no folder"));
}

#[test]
fn what_does_not_fit_is_said_in_one_sentence() {
    let plain = card("", "");
    let with_head = card("", "[output]\nhead = \"flipout\"");
    let mut missing = alexnet(3);
    missing.remove("features.8.bias");
    let mut nowhere = alexnet(3);
    nowhere.insert("classifier.9.weight_rho".to_owned(), (vec![8, 8], vec![-3.0; 64]));
    for (card, tensors, words) in [
        (plain.clone(), missing, &["features.8.bias", "w.safetensors"][..]),
        (plain.clone(), flipout(3), &["not part of the architecture", "weight_rho"]),
        (with_head.clone(), alexnet(3), &["weight_rho", "no layer has one"]),
        (with_head, nowhere, &["classifier.9.weight_rho", "without classifier.9.weight"]),
        (card("classes = [\"a\"]", ""), alexnet(3), &["`classes`", "a list of 1", "expected 3"]),
        (plain.replace("alexnet", "alexnot"), alexnet(3), &["`architecture`", "alexnot", "resnet18"]),
        (plain.replace("[64, 64]", "[8, 8]"), alexnet(3), &["`input`", "3 × 8 × 8"]),
        (card("", "[output]\nslices = \"max\""), alexnet(3), &["output.slices", "mrnet"]),
        (card("", "[explain]\nlayer = \"features.99\""), alexnet(3), &["explain.layer", "features.99", "features.11"]),
        (card("", "[explain]\nlayers = [\"classifier.6\"]"), alexnet(3), &["explain.layers", "spatial"]),
        (card(&format!("sha256 = \"{}\"", "0".repeat(64)), ""), alexnet(3), &["SHA-256", "0000"]),
        (card("classes_file = \"names.txt\"", ""), alexnet(3), &["classes_file"]),
    ] {
        let message = refusal(&card, &tensors);
        for word in words {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn folders_of_models_are_listed_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a_good", card("classes_file = \"names.txt\"", "")),
        ("b_bad", "name = 3".to_owned()),
        ("c_without_weights", card("", "").replace("w.safetensors", "absent.pth")),
    ] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(Card::FILE_NAME), text).unwrap();
    }
    let good = folder.path().join("a_good");
    fs::write(good.join("w.safetensors"), bytes(&alexnet(3))).unwrap();
    fs::write(good.join("names.txt"), "one\ntwo\nthree\n").unwrap();

    let folders = [folder.path().to_owned(), folder.path().join("absent"), good.clone()];
    let catalogue = Catalogue::scan(&folders);
    let problems: Vec<Option<&str>> = catalogue.entries.iter().map(|entry| entry.problem.as_deref()).collect();
    assert_eq!(catalogue.entries.len(), 3, "{problems:?}");
    assert!(
        problems[0].is_none() && problems[1].unwrap().contains("expected a string (line 1, `name`)"),
        "{problems:?}"
    );
    assert!(problems[2].unwrap().contains("absent.pth"), "{problems:?}");
    assert_eq!(catalogue.entries[1].name, "b_bad");
    let text = listing::catalogue_text(&catalogue);
    assert!(text.contains("Cannot be used.") && text.contains("a_good"), "{text}");
    assert_eq!(listing::catalogue_json(&catalogue)["models"].as_array().unwrap().len(), 3);

    let model = Model::load(&good, &Device::Cpu).unwrap();
    assert_eq!(model.classes, ["one", "two", "three"]);
    let text = listing::model_text(&model);
    assert!(
        text.contains("features.11") && text.contains("explained by default") && text.contains("3 classes: one"),
        "{text}"
    );
    let json = listing::model_json(&model);
    assert_eq!(json["layers"].as_array().unwrap().len(), model.layers().len());
    assert_eq!(json["parameters"].as_u64().unwrap() as usize, model.graph.parameters());
    // 11×11×3 weights at each of 4×15×15 places.
    assert_eq!(json["layers"][0]["macs"], 11 * 11 * 3 * 4 * 15 * 15);
    let macs: u64 = model.layers().iter().map(|layer| layer.macs).sum();
    assert_eq!(json["macs"], macs);

    // The columns are aligned: numbers end under the end of their heading.
    let table: Vec<Vec<char>> =
        text.lines().skip_while(|line| !line.starts_with("layer ")).map(|line| line.chars().collect()).collect();
    let head: String = table[0].iter().collect();
    let ends = ["parameters", "MACs"].map(|heading| head.find(heading).unwrap() + heading.len());
    assert_eq!(table.len(), model.layers().len() + 2);
    for line in &table[1..] {
        for end in ends {
            assert!(line[end - 1].is_ascii_digit() && line.get(end).is_none_or(|next| *next == ' '), "{text}");
        }
    }
    assert!(text.trim_end().ends_with("for one picture"), "{text}");
}

/// The tensors of a ResNet-18 that is as narrow as can be.
fn resnet18() -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let mut tensors = HashMap::new();
    let mut add = |name: String, shape: Vec<usize>| {
        let count = shape.iter().product();
        tensors.insert(name, (shape, vec![0.5; count]));
    };
    let mut conv = |conv: String, norm: String, [out, input, size]: [usize; 3]| {
        add(format!("{conv}.weight"), vec![out, input, size, size]);
        for part in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{part}"), vec![out]);
        }
    };
    conv("conv1".to_owned(), "bn1".to_owned(), [2, 3, 7]);
    for stage in 1..=4 {
        for block in 0..2 {
            let module = format!("layer{stage}.{block}");
            for number in 1..=2 {
                conv(format!("{module}.conv{number}"), format!("{module}.bn{number}"), [2, 2, 3]);
            }
            if stage > 1 && block == 0 {
                conv(format!("{module}.downsample.0"), format!("{module}.downsample.1"), [2, 2, 1]);
            }
        }
    }
    add("fc.weight".to_owned(), vec![3, 2]);
    add("fc.bias".to_owned(), vec![3]);
    tensors
}

#[test]
fn a_file_of_another_network_is_refused_in_one_sentence_that_names_the_right_one() {
    let on = |architecture: &str| card("", "").replace("alexnet", architecture);
    let mut odd = resnet18();
    odd.insert("layer1.0.conv2.weight".to_owned(), (vec![2, 2, 5, 5], vec![0.5; 100]));
    for (card, tensors, words, fits) in [
        (on("resnet34"), resnet18(), &["missing layer1.2.conv1.weight", "layer1.2.bn1.running_mean", "more"][..], true),
        (
            on("densenet121"),
            resnet18(),
            &[
                "missing features.conv0.weight",
                "more",
                "not part of the architecture: bn1.bias, bn1.running_mean",
                "fc.bias",
            ],
            true,
        ),
        (on("resnet18"), odd, &["layer1.0.conv2.weight with shape [2, 2, 5, 5] where [2, 2, 3, 3] is expected"], false),
    ] {
        let message = refusal(&card, &tensors);
        for word in words {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert_eq!(message.contains("the file fits the architecture resnet18"), fits, "{message}");
        assert!(message.ends_with("w.safetensors") && !message.contains('\n'), "{message}");
    }
    assert_eq!(load(&on("resnet18"), &resnet18()).unwrap().outputs(), 3);
}

#[test]
fn prefixes_that_wrappers_put_before_all_names_are_removed_and_noted() {
    let wrapped = alexnet(3).into_iter().map(|(name, tensor)| (format!("module.model.{name}"), tensor)).collect();
    let model = load(&card("", ""), &wrapped).unwrap();
    assert_eq!(model.notes.len(), 2, "{:?}", model.notes);
    assert!(model.notes[0].contains("`module.`") && model.notes[1].contains("`model.`"), "{:?}", model.notes);
}
