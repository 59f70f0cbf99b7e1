//! MRNet, which takes the slices of one stack.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glassbox::{
    demo,
    engine::compute,
    explain::{self, Ask, Target},
    graph::{Control, Graph, INPUT, ops::winning_slices},
    model::Model,
};

use super::{check::TOLERANCE, own, subject::elements};
use crate::common::{
    self, fidelity, formula,
    reference::{Reference, error},
};

#[test]
fn mrnet() {
    let Some(shared) = common::shared() else { return };
    let reference = Reference::read(&shared.join("reference/mrnet.safetensors"));
    check_stack(&reference, &reference.tensors["stack"]);
}

/// MRNet on a stack that one slice makes, rolled by 8 columns from slice to slice.
#[test]
fn compact_mrnet() {
    let slice = image::open(own().join("slice.png")).unwrap().to_luma8();
    let width = slice.width();
    let rolled = (0..6).flat_map(|index| {
        let column = move |x: u32| (x + width - 8 * index) % width;
        let slice = &slice;
        (0..slice.height()).flat_map(move |y| (0..width).map(move |x| f32::from(slice.get_pixel(column(x), y).0[0])))
    });
    let stack: Vec<f32> = rolled.collect();
    check_stack(&Reference::read(&own().join("mrnet.safetensors")), &stack);
}

/// Pooled features, winners, logits and each slice's CAM of six slices of 256×256.
fn check_stack(reference: &Reference, stack: &[f32]) {
    let seed = reference.meta["seed"].as_u64().unwrap();
    let shapes: [(&str, &[usize]); 2] = [("classifier.weight", &[2, 256]), ("classifier.bias", &[2])];
    let graph = Arc::new(formula::graph("mrnet", &shapes, seed, DType::F32));
    let slices = 6;
    let stack = Tensor::from_slice(stack, (slices, 1, 256, 256), &Device::Cpu).unwrap();
    let stack = stack.repeat((1, 3, 1, 1)).unwrap();

    let pooled = graph.find("pooled").unwrap();
    let method = explain::find("cam").unwrap();
    let keep = method.keeps(&graph, pooled).output_of(pooled);
    let control = Control::default();
    let trace = graph.run(&[(INPUT, stack)], graph.output(), &keep, &control).unwrap();
    let features = trace.output(pooled).unwrap();
    let winners: Vec<f32> = winning_slices(features).unwrap().into_iter().map(|slice| slice as f32).collect();
    check_shares(&graph, &elements(features), slices, seed, &winners);
    let mut found = vec![
        ("logits".to_owned(), elements(trace.target())),
        ("pooled".to_owned(), elements(features)),
        ("winning_slice".to_owned(), winners),
    ];
    for class in 0..2 {
        let maps = (0..slices).flat_map(|slice| {
            let target = Target::class(class);
            method.compute(&Ask { slice, ..Ask::new(&trace, pooled, &target, &control) }).unwrap().values
        });
        found.push((format!("cam.{class}"), maps.collect()));
    }
    for (key, values) in found {
        let error = error(&values, &reference.tensors[&key]);
        eprintln!("{:<14} {key:<32} {error:9.2e}", "mrnet");
        let what = if key.starts_with("cam.") { "cam" } else { &key };
        fidelity::record(what, "mrnet", &key, "PyTorch 2.15", error);
        assert!(error <= TOLERANCE, "{key}");
    }
}

/// What the slices add to each logit sums to the logit without its bias, and each feature goes to the winning slice.
fn check_shares(graph: &Arc<Graph>, features: &[f32], slices: usize, seed: u64, winners: &[f32]) {
    let embedded = demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
    let mut model = Model::from_parts(embedded.card, embedded.weights, &Device::Cpu).unwrap();
    // The same layout and as many classes, with the reference's weights.
    model.graph = Arc::clone(graph);
    let rows: Vec<Arc<Vec<f32>>> =
        features.chunks_exact(features.len() / slices).map(|row| Arc::new(row.to_vec())).collect();
    let result = compute::stack(&model, &rows, &Control::default()).unwrap();
    let winning: Vec<f32> = result.winning_slice.iter().map(|&slice| slice as f32).collect();
    assert_eq!(winning, winners);
    let bias = formula::values("classifier.bias", &[2], seed);
    for (class, bias) in bias.iter().enumerate() {
        let sum: f32 = result.shares[class].iter().sum();
        let logit = result.logits[class];
        // Of the logit's own size: these weights give logits of some hundreds, which float32 has to 3e-5.
        let tolerance = 1e-5 * logit.abs().max(1.0);
        let gap = (sum - (logit - bias)).abs();
        assert!(gap <= tolerance, "class {class}: {sum} is not {logit} - {bias}");
        for left_out in 0..slices {
            let mut others = rows.clone();
            others.remove(left_out);
            let without = compute::stack(&model, &others, &Control::default()).unwrap().logits[class];
            let gap = (result.left_out[class][left_out] - (without - logit)).abs();
            assert!(gap <= tolerance, "class {class} without slice {left_out}: {gap}");
        }
    }
}
