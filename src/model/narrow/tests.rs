//! Models whose cards ask for 16 bits: what they become, and what is refused.

use std::{collections::HashMap, fs};

use half::bf16;

use super::super::{
    Model, listing,
    tests::{alexnet, bytes, card, flipout, load, refusal},
};
use super::*;
use crate::graph::{Rule, ops::Relu};

type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Outputs of the large layer: with 144 inputs just enough weights.
const WIDE: usize = 7300;

/// Numbers in −scale..scale.
fn noise(name: &str, count: usize, scale: f32) -> Vec<f32> {
    let hash = formula::fnv1a64(name);
    (0..count).map(|at| (formula::uniform(hash, at, 0) as f32 * 2.0 - 1.0) * scale).collect()
}

/// The narrow AlexNet with three classes and a first dense layer that is large.
fn large(tensors: Tensors) -> Tensors {
    let mut tensors = tensors;
    for (name, shape) in [
        ("classifier.1.weight", vec![WIDE, 144]),
        ("classifier.1.bias", vec![WIDE]),
        ("classifier.4.weight", vec![8, WIDE]),
    ] {
        let values = noise(name, shape.iter().product(), 0.1);
        tensors.insert(name.to_owned(), (shape, values));
    }
    tensors
}

fn asking(kind: &str) -> String {
    card(&format!("dense_weights = \"{kind}\""), "")
}

/// The logits of a picture that no deviation was measured with, and their gradient at the input.
fn run(model: &Model) -> (Vec<f32>, Vec<f32>) {
    let picture = Tensor::from_vec(noise("another picture", 3 * 64 * 64, 1.0), (1, 3, 64, 64), &Device::Cpu).unwrap();
    let (output, control) = (model.graph.output(), Control::default());
    let trace = model.graph.run(&[(INPUT, picture)], output, &Keep::nothing().gradients_to(INPUT), &control).unwrap();
    let seed = trace.target().ones_like().unwrap();
    let gradient = trace.vjp(output, &seed, INPUT, Rule::Gradient, &control).unwrap();
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    (flat(trace.target()), flat(&gradient))
}

/// The types of all weights by node.
fn types(model: &Model) -> Vec<(String, DType)> {
    let weights = |node: &crate::graph::Node| {
        node.op.weights().into_iter().map(|(part, tensor)| (format!("{}.{part}", node.name), tensor.dtype())).collect()
    };
    model.graph.nodes().iter().flat_map(|node| -> Vec<_> { weights(node) }).collect()
}

fn request(card: &Card) -> Request<'_> {
    Request { card, card_label: "card", bytes: &[], label: "weights", folder: None, device: &Device::Cpu }
}

#[test]
fn a_card_that_asks_for_f16_gets_half_of_the_memory_and_the_same_logits() {
    let tensors = large(alexnet(3));
    let [wide, narrow] = ["f32", "f16"].map(|kind| load(&asking(kind), &tensors).unwrap());
    assert_eq!((&wide.narrow, wide.notes.len(), narrow.notes.len()), (&None, 0, 0));
    let found = narrow.narrow.clone().unwrap();
    assert_eq!((found.kept_in, found.bytes), (DenseWeights::F16, WIDE * 144 * 2));
    assert_eq!(found.layers, ["classifier.1"]);
    assert!(found.deviation > 0.0 && found.deviation <= MOST_DEVIATION, "{found:?}");
    for (name, kind) in types(&narrow) {
        assert_eq!(kind, if name == "classifier.1.weight" { DType::F16 } else { DType::F32 }, "{name}");
    }
    assert!(types(&wide).iter().all(|(_, kind)| *kind == DType::F32));
    assert_eq!(narrow.graph.parameters(), wide.graph.parameters());

    let ((expected, slope), (logits, gradient)) = (run(&wide), run(&narrow));
    for (expected, found) in [(expected, logits), (slope, gradient)] {
        let mut deviation = Deviation::default();
        deviation.add(&expected, &found);
        assert!(deviation.is_small() && deviation.relative() > 0.0, "{deviation:?}");
    }
    assert_ne!(narrow.card_sha256, wide.card_sha256, "results are kept by the card");

    let text = listing::model_text(&narrow);
    assert!(text.contains("The weights of classifier.1 are kept in f16, which saves 2 MB"), "{text}");
    let json = listing::model_json(&narrow);
    assert_eq!((&json["narrow"]["kept_in"], &json["narrow"]["layers"][0]), (&"f16".into(), &"classifier.1".into()));
    assert!(listing::model_json(&wide)["narrow"].is_null());
}

#[test]
fn weights_that_16_bits_hold_deviate_by_nothing() {
    let mut tensors = large(alexnet(3));
    let (_, values) = tensors.get_mut("classifier.1.weight").unwrap();
    for value in values {
        *value = bf16::from_f32(*value).to_f32();
    }
    let model = load(&asking("bf16"), &tensors).unwrap();
    assert_eq!(model.narrow.as_ref().unwrap().deviation.to_bits(), 0.0_f64.to_bits());
    assert_eq!(run(&model), run(&load(&asking("f32"), &tensors).unwrap()));
}

#[test]
fn what_16_bits_cannot_hold_is_refused_in_one_sentence() {
    let with = |place: usize, value: f32| {
        let mut tensors = large(alexnet(3));
        tensors.get_mut("classifier.1.weight").unwrap().1[place] = value;
        tensors
    };
    // What is much smaller than the numbers of f16 becomes 0, and with it all that the logits are made of.
    let mut tiny = large(alexnet(3));
    tiny.get_mut("classifier.1.weight").unwrap().1.iter_mut().for_each(|value| *value *= 1e-8);
    for bias in ["classifier.1.bias", "classifier.4.bias", "classifier.6.bias"] {
        tiny.get_mut(bias).unwrap().1.fill(0.0);
    }
    for (kind, tensors, words) in [
        (
            "f16",
            with(150, 70000.0),
            &["\"bf16\" or \"f32\"", "`classifier.1`", "output 1 for input 6 is 70000", "65504"][..],
        ),
        ("f16", tiny, &["expected \"f32\"", "the logits deviate by", "more than 1e-3"]),
    ] {
        let message = refusal(&asking(kind), &tensors);
        for word in words.iter().chain(&["`dense_weights` is", "w.safetensors"]) {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
        assert!(!message.contains('\n') && message.contains(&format!("\"{kind}\"")), "{message}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_when_they_are_read_and_when_they_are_narrowed() {
    let mut tensors = large(alexnet(3));
    tensors.get_mut("classifier.1.weight").unwrap().1[1] = f32::NAN;
    for kind in ["f32", "f16", "bf16"] {
        let message = refusal(&asking(kind), &tensors);
        assert!(message.contains("classifier.1.weight has values that are not finite"), "{message}");
    }
    // Whatever way a weight comes in.
    let weight = Tensor::from_vec(tensors["classifier.1.weight"].1.clone(), (WIDE, 144), &Device::Cpu).unwrap();
    let mut graph = crate::graph::GraphBuilder::new();
    graph.add("fc", Linear::new(weight, None).unwrap(), &[INPUT]);
    let (card, graph) = (Card::parse(&asking("bf16"), "card").unwrap(), graph.finish().unwrap());
    let request = request(&card);
    let mut narrowing = Narrowing::begin(&request, &graph, &mut Vec::new()).unwrap();
    let message = narrowing.narrow(Arc::new(graph), &[], "w.onnx").unwrap_err().to_string();
    assert!(
        message.contains("expected \"f32\", as in `fc` of w.onnx the weight of output 0 for input 1 is NaN"),
        "{message}"
    );
}

#[test]
fn logits_that_are_no_numbers_are_no_measure() {
    let mut tensors = large(alexnet(3));
    tensors.get_mut("classifier.4.bias").unwrap().1.fill(3e38);
    tensors.get_mut("classifier.6.weight").unwrap().1.fill(1.0);
    let message = refusal(&asking("f16"), &tensors);
    assert!(message.contains("cannot be measured") && message.contains("expected \"f32\""), "{message}");
    // Without the key it is as before: the model opens, and says so when it is run.
    load(&asking("f32"), &tensors).unwrap();
}

#[test]
fn a_card_that_asks_in_vain_says_why() {
    let note = |model: &Model| {
        assert!(model.narrow.is_none() && types(model).iter().all(|(_, kind)| *kind == DType::F32));
        model.notes.last().unwrap().clone()
    };
    let small = load(&asking("f16"), &alexnet(3)).unwrap();
    assert!(note(&small).contains("dense_weights = \"f16\": no dense layer is so large"), "{}", note(&small));
    assert!(listing::model_text(&small).contains(&note(&small)));

    // Each pass draws such weights anew, in f32.
    let mut tensors = large(flipout(3));
    let (shape, values) = tensors.remove("classifier.6.weight_rho").unwrap();
    assert_eq!(shape, [3, 8]);
    tensors.insert("classifier.1.weight_rho".to_owned(), (vec![WIDE, 144], vec![values[0]; WIDE * 144]));
    let text = card("dense_weights = \"bf16\"", "[output]\nhead = \"flipout\"");
    let drawn = load(&text, &tensors).unwrap();
    assert!(note(&drawn).contains("have a distribution") && drawn.sampler.is_some(), "{}", note(&drawn));

    // Exact sums: weights as they are in the file.
    let card = Card::parse(&asking("f16"), "card").unwrap();
    let request = request(&card);
    let mut graph = crate::graph::GraphBuilder::new();
    graph.add("relu", Relu, &[INPUT]);
    let graph = graph.finish().unwrap().at(Precision::Exact);
    let mut notes = Vec::new();
    assert!(Narrowing::begin(&request, &graph, &mut notes).is_none());
    assert!(notes[0].contains("exact sums take them as they are in the file"), "{notes:?}");
}

#[test]
fn all_networks_of_an_ensemble_are_narrowed_and_all_can_be_had_in_f32() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = large(alexnet(3));
    other.get_mut("classifier.6.bias").unwrap().1[0] += 0.5;
    fs::write(folder.path().join("w.safetensors"), bytes(&large(alexnet(3)))).unwrap();
    fs::write(folder.path().join("other.safetensors"), bytes(&other)).unwrap();
    let text = card("dense_weights = \"f16\"", "[uncertainty]\nensemble = [\"other.safetensors\"]");
    fs::write(folder.path().join(Card::FILE_NAME), &text).unwrap();
    let model = Model::load(folder.path(), &Device::Cpu).unwrap();
    let found = model.narrow.clone().unwrap();
    assert_eq!((found.layers.len(), found.bytes), (1, 2 * WIDE * 144 * 2));
    for member in model.sampler.as_ref().unwrap().members() {
        let node = member.graph.find("classifier.1").unwrap();
        let linear = member.graph.nodes()[node].op_as::<Linear>().unwrap();
        assert_eq!(linear.weight().dtype(), DType::F16);
    }
    let wide = Model::load_wide(folder.path(), &Device::Cpu).unwrap();
    assert!(wide.narrow.is_none() && wide.notes.is_empty());
    assert!(types(&wide).iter().all(|(_, kind)| *kind == DType::F32));

    // A member that cannot be narrowed is named by its file.
    other.get_mut("classifier.1.weight").unwrap().1[0] = 1e6;
    fs::write(folder.path().join("other.safetensors"), bytes(&other)).unwrap();
    let message = Model::load(folder.path(), &Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("of other.safetensors the weight of output 0"), "{message}");
}

#[test]
fn deviations_are_parts_of_the_largest_over_all_pictures() {
    let mut deviation = Deviation::default();
    deviation.add(&[0.0, 0.001], &[0.0, 0.001]);
    assert_eq!(deviation.relative().to_bits(), 0.0_f64.to_bits());
    deviation.add(&[0.5, -4.0], &[0.5, -4.002]);
    assert!((deviation.relative() - 5e-4).abs() < 1e-6 && deviation.is_small());
    deviation.add(&[0.25], &[0.3]);
    assert!((deviation.relative() - 0.0125).abs() < 1e-6 && !deviation.is_small());
    let mut from_zero = Deviation::default();
    from_zero.add(&[0.0], &[1e-9]);
    assert!(!from_zero.is_small());
    let mut lost = Deviation::default();
    lost.add(&[1.0, f32::NAN], &[1.0, 1.0]);
    assert!(!lost.is_small());
}
