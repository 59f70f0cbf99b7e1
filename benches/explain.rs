//! What a reader waits for: one slice through a demo network, and a convolution beside the tensor library's own.
//!
//! `cargo bench` prints medians; compare rows of one run, not runs with each other.

#![expect(clippy::expect_used, reason = "a benchmark of something broken has nothing to measure")]

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use divan::Bencher;
use glassbox::demo;
use glassbox::display::Picture;
use glassbox::engine::Recipe;
use glassbox::engine::compute::{self, Question};
use glassbox::engine::load;
use glassbox::graph::ops::Conv2d;
use glassbox::graph::{Control, GraphBuilder, INPUT, Keep};
use glassbox::model::Model;
use glassbox::study::{self, Reader};

#[global_allocator]
static MEMORY: glassbox::allocator::Aligned = glassbox::allocator::Aligned;

fn main() {
    divan::main();
}

/// The first slice of an embedded folder and the embedded model for it.
fn demo_case(folder: &str, model: &str) -> (Picture, Model) {
    let storage = demo::storage();
    let opened = study::open(&[folder.into()], &storage, &|_| std::ops::ControlFlow::Continue(()));
    let slice = &opened.studies[0].series[0].slices[0];
    let picture = Reader::new(storage).picture(slice).expect("the demo study is readable");
    let model = load(Path::new(&format!("demo:{model}")), &Device::Cpu).expect("the demo models load");
    (picture, model)
}

fn ask(bencher: Bencher, folder: &str, model: &str, questions: impl Fn(&Model) -> Vec<Question>) {
    let (picture, model) = demo_case(folder, model);
    let questions = questions(&model);
    bencher.bench_local(|| {
        compute::slice(&model, &picture, &questions, &Control::default(), &mut |_, answer| {
            divan::black_box(answer);
        })
        .is_ok()
    });
}

fn gradcam(model: &Model) -> Vec<Question> {
    let layer = Arc::from(model.default_layer());
    vec![Question::Scores, Question::Map(Recipe::new("gradcam", layer, 0))]
}

#[divan::bench]
fn knee_slice_scores(bencher: Bencher) {
    ask(bencher, "demo:/knee/torn/sagittal", "knee-phantom", |_| vec![Question::Scores]);
}

#[divan::bench]
fn knee_slice_scores_and_gradcam(bencher: Bencher) {
    ask(bencher, "demo:/knee/torn/sagittal", "knee-phantom", gradcam);
}

#[divan::bench]
fn skin_scores_and_gradcam(bencher: Bencher) {
    ask(bencher, "demo:/skin", "skin-phantom", gradcam);
}

/// One more class of a slice that has been run: from the layers kept of it.
fn another_class(bencher: Bencher, folder: &str, model: &str, method: &'static str) {
    let (picture, model) = demo_case(folder, model);
    let left = compute::slice(&model, &picture, &[], &Control::default(), &mut |_, _| {});
    let kept = left.ok().and_then(|left| left.kept).expect("a run keeps layers");
    let question = [Question::Map(Recipe::new(method, Arc::from(model.default_layer()), 1))];
    bencher.bench_local(|| {
        kept.answer(&model, &question, &Control::default(), &mut |_, answer| {
            divan::black_box(answer);
        })
        .is_ok()
    });
}

#[divan::bench]
fn knee_cam_of_another_class(bencher: Bencher) {
    another_class(bencher, "demo:/knee/torn/sagittal", "knee-phantom", "cam");
}

#[divan::bench]
fn skin_gradcam_of_another_class(bencher: Bencher) {
    another_class(bencher, "demo:/skin", "skin-phantom", "gradcam");
}

#[divan::bench]
fn skin_flipout_100_passes(bencher: Bencher) {
    ask(bencher, "demo:/skin", "skin-phantom", |_| vec![Question::Uncertainty { passes: 100, seed: 1 }]);
}

/// VGG's second convolution at 112 × 112.
fn convolution() -> (Tensor, Tensor) {
    let weight = Tensor::randn(0.0_f32, 0.05, (64, 64, 3, 3), &Device::Cpu).expect("small tensors fit");
    let input = Tensor::randn(0.0_f32, 1.0, (1, 64, 112, 112), &Device::Cpu).expect("small tensors fit");
    (weight, input)
}

#[divan::bench]
fn convolution_3x3_in_the_graph(bencher: Bencher) {
    let (weight, input) = convolution();
    let mut builder = GraphBuilder::new();
    let node = builder.add("conv", Conv2d::new(weight, None).expect("the shapes fit").padding([1, 1]), &[INPUT]);
    let graph = Arc::new(builder.finish().expect("one layer is a graph"));
    bencher.bench_local(|| {
        graph.run(&[(INPUT, input.clone())], node, &Keep::nothing(), &Control::default()).expect("the shapes fit")
    });
}

#[divan::bench]
fn convolution_3x3_by_the_tensor_library(bencher: Bencher) {
    let (weight, input) = convolution();
    bencher.bench_local(|| input.conv2d(&weight, 1, 1, 1, 1).expect("the shapes fit"));
}
