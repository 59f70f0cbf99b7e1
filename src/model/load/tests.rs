//! A network that classifies each pixel, from its graph to scores and maps.

use candle_core::Tensor;

use super::*;
use crate::{
    display::{Picture, PictureKind},
    engine::{
        MapResult, Outcome, Recipe,
        compute::{self, Answer, Question},
    },
    explain::{Mask, Region},
    graph::{
        Control, GraphBuilder, INPUT,
        ops::{Conv2d, MaxPool2d, Relu},
    },
};

const CARD: &str = "name = \"s\"\nversion = \"1\"\narchitecture = \"alexnet\"\nweights = \"w.safetensors\"\n\
    classes = [\"dark\", \"bright\"]\n[input]\nsize = [8, 8]\nchannels = 1\nscale = 1.0\nmean = [0.0]\nstd = [1.0]\n\
    window = \"raw\"\n";

/// Brightness of each place of a halved picture against a threshold of 0.5: `[1, 2, 4, 4]`.
fn model() -> Model {
    let tensor = |values: &[f32], shape: &[usize]| Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
    let point = |weight: &[f32], bias: &[f32], inputs: usize| {
        let weight = tensor(weight, &[bias.len(), inputs, 1, 1]);
        Conv2d::new(weight, Some(tensor(bias, &[bias.len()]))).unwrap()
    };
    let mut graph = GraphBuilder::new();
    let lifted = graph.add("encoder.conv", point(&[1.0], &[0.0], 1), &[INPUT]);
    let lifted = graph.add("encoder.relu", Relu, &[lifted]);
    let pooled = graph.add("encoder.pool", MaxPool2d::square(2, 2, 0, false), &[lifted]);
    graph.add("head", point(&[-1.0, 1.0], &[0.5, -0.5], 1), &[pooled]);
    let built = Built {
        graph: graph.finish().unwrap(),
        stack: false,
        stochastic: None,
        posteriors: Vec::new(),
        notes: Vec::new(),
        sha256: String::new(),
    };
    let card = Card::parse(CARD, "test").unwrap();
    let parts = Parts { card, card_text: CARD, card_label: "test", bytes: &[], folder: None, of_card: None };
    parts.complete(built, Vec::new(), "test", &Device::Cpu).unwrap()
}

/// Bright in the upper left quarter.
fn picture() -> Picture {
    let values: Vec<f32> = (0..64).map(|pixel| if pixel / 8 < 4 && pixel % 8 < 4 { 1.0 } else { 0.0 }).collect();
    Picture::new(8, 8, PictureKind::Grey { values: values.into(), voi: Vec::new(), inverted: false })
}

fn ask(questions: &[Question]) -> Vec<Result<Outcome, Arc<str>>> {
    let mut answers = Vec::new();
    compute::slice(&model(), &picture(), questions, &Control::default(), &mut |_, answer| match answer {
        Answer::Done(outcome) => answers.push(Ok(outcome)),
        Answer::Failed(reason) => answers.push(Err(reason)),
        Answer::Interim(_) | Answer::Beside(..) => {}
    })
    .unwrap();
    answers
}

fn map(recipe: Recipe) -> Result<Arc<MapResult>, Arc<str>> {
    match ask(&[Question::Map(recipe)]).remove(0) {
        Ok(Outcome::Map(map)) => Ok(map),
        Ok(other) => panic!("{other:?}"),
        Err(reason) => Err(reason),
    }
}

#[test]
fn the_shares_of_pixels_are_its_probabilities() {
    let model = model();
    assert!(model.segmentation);
    assert_eq!((model.outputs(), model.default_layer()), (2, "encoder.pool"));
    let Ok(Outcome::Scores(scores)) = ask(&[Question::Scores]).remove(0) else { panic!("no scores") };
    assert_eq!(scores.probabilities, [0.75, 0.25]);
    assert_eq!(scores.logits, [0.5, 0.5]);
}

#[test]
fn a_map_explains_the_predicted_pixels_or_a_drawn_region() {
    let recipe = Recipe::new("gradcam", Arc::from("encoder.relu"), 1);
    let predicted = map(recipe.clone()).unwrap();
    assert_eq!((predicted.attribution.rows, predicted.attribution.columns), (8, 8));
    // The gradient comes from the four predicted places alone, each from one pixel of its window: 4 of 64.
    let most = predicted.attribution.values.iter().copied().fold(0.0, f32::max);
    assert!((most - 4.0 / 64.0).abs() < 1e-6, "{most}");

    // A region of one place of the output gives a quarter of it.
    let inside = (0..16).map(|place| place == 0).collect();
    let drawn = Region::Drawn(Arc::new(Mask { rows: 4, columns: 4, inside }));
    let drawn = map(Recipe { region: drawn, ..recipe.clone() }).unwrap();
    let most = drawn.attribution.values.iter().copied().fold(0.0, f32::max);
    assert!((most - 1.0 / 64.0).abs() < 1e-6, "{most}");

    let empty = Region::Drawn(Arc::new(Mask { rows: 4, columns: 4, inside: vec![false; 16] }));
    let reason = map(Recipe { region: empty, ..recipe }).unwrap_err();
    assert!(reason.contains("draw"), "{reason}");
}
