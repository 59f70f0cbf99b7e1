//! Channels joined in place against runs in `f64`, where every concatenation copies.

use std::sync::Arc;

use candle_core::DType;

use super::{Joints, Wanted};
use crate::graph::{
    Control, Graph, GraphBuilder, GraphError, INPUT, Keep, NodeId,
    fuse::tests::{Build, ROUNDING, off},
    ops::{AvgPool2d, Concat, Conv2d, MaxPool2d, Relu, tests::noise},
};

impl Build {
    fn named(&mut self, name: &str, from: NodeId, [inputs, outputs, kernel]: [usize; 3]) -> NodeId {
        let scale = (4.0 / (inputs * kernel * kernel) as f64).sqrt();
        let weight = self.noise(&[outputs, inputs, kernel, kernel], scale);
        let bias = self.noise(&[outputs], 0.2);
        let conv = Conv2d::new(weight, Some(bias)).unwrap().padding([kernel / 2; 2]);
        self.graph.add(name, conv, &[from])
    }

    fn rectified(&mut self, name: &str, from: NodeId, sizes: [usize; 3]) -> NodeId {
        let conv = self.named(&format!("{name}.conv"), from, sizes);
        self.graph.add(name, Relu, &[conv])
    }
}

/// Concatenations of each kind: of two kernels' outputs, of odd numbers of channels, with an input that is no convolution's or
/// that something else takes as well, with a normalisation behind, and one within another.
fn network(dtype: DType) -> Graph {
    let mut b = Build { graph: GraphBuilder::new(), dtype, count: 0 };
    let squeeze = b.rectified("squeeze", INPUT, [3, 16, 1]);
    let small = b.rectified("expand1", squeeze, [16, 64, 1]);
    let large = b.rectified("expand3", squeeze, [16, 64, 3]);
    let fire = b.graph.add("fire", Concat::CHANNELS, &[small, large]);
    let odd = b.rectified("odd", fire, [128, 5, 1]);
    let normal = b.named("normal.conv", fire, [128, 33, 3]);
    let normal = b.norm(normal, 33);
    let normal = b.graph.add("normal", Relu, &[normal]);
    let pooled = b.graph.add("pooled", MaxPool2d::square(3, 1, 1, false), &[fire]);
    let mixed = b.graph.add("mixed", Concat::CHANNELS, &[odd, pooled, normal]);
    let bare = b.named("bare", mixed, [166, 40, 3]);
    let again = b.rectified("again", mixed, [166, 24, 1]);
    let uneven = b.graph.add("uneven", Concat::CHANNELS, &[bare, again]);
    let twice = b.rectified("twice", uneven, [64, 32, 1]);
    let other = b.rectified("other", uneven, [64, 32, 3]);
    let shared = b.graph.add("shared", Concat::CHANNELS, &[twice, other]);
    let x = b.rectified("x", twice, [32, 32, 1]);
    let y = b.rectified("y", shared, [64, 32, 1]);
    let joined = b.graph.add("joined", Concat::CHANNELS, &[x, y]);
    let norm = b.norm(joined, 64);
    let norm = b.graph.add("rectified", Relu, &[norm]);
    let last = b.named("last", norm, [64, 10, 1]);
    b.graph.add("mean", AvgPool2d::new([4, 4], [4, 4]), &[last]);
    b.graph.finish().unwrap()
}

#[test]
fn joined_channels_are_those_that_a_copy_has() {
    let exact = Arc::new(network(DType::F64));
    let graph = Arc::new(network(DType::F32));
    let input = noise(&[2, 3, 20, 24], 77).to_dtype(DType::F32).unwrap();
    let (control, out) = (Control::default(), exact.output());
    let everything = (1..=out).fold(Keep::nothing(), Keep::output_of);
    let double = input.to_dtype(DType::F64).unwrap();
    let expected = exact.run(&[(INPUT, double)], out, &everything, &control).unwrap();
    // Twice, so that the second run takes the memory that the first one has left.
    for _ in 0..2 {
        let found = graph.run(&[(INPUT, input.clone())], out, &Keep::nothing(), &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING);
    }
    for node in 1..=out {
        let name = &graph.nodes()[node].name;
        let keep = Keep::nothing().output_of(node);
        let found = graph.run(&[(INPUT, input.clone())], out, &keep, &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING, "{name}");
        assert!(off(found.output(node).unwrap(), expected.output(node).unwrap()) < ROUNDING, "{name}");
        let found = graph.run(&[(INPUT, input.clone())], node, &Keep::nothing(), &control).unwrap();
        assert!(off(found.target(), expected.output(node).unwrap()) < ROUNDING, "{name}");
        let feeds = [(INPUT, input.clone()), (node, found.target().clone())];
        let found = graph.run(&feeds, out, &Keep::nothing(), &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING, "{name} is fed");
        let recorded = Keep::nothing().gradients_to(node);
        let found = graph.run(&[(INPUT, input.clone())], out, &recorded, &control).unwrap();
        assert!(off(found.target(), expected.target()) < ROUNDING, "{name} is recorded");
    }
}

/// The places that are found where nothing is kept but what `keep` says.
fn places(graph: &Graph, keep: &Keep) -> Vec<(String, usize, usize)> {
    let out = graph.output();
    let needed = graph.ancestors(out, &[INPUT]);
    let recorded = graph.recorded(out, keep);
    let only = graph.only_consumers(&graph.consumers(&needed, &[INPUT]), &needed, &[INPUT]);
    let wanted = Wanted { target: out, keep, recorded: &recorded, only: &only };
    let joints = Joints::find(graph, &needed, &[INPUT], &wanted);
    let mut found: Vec<_> = (joints.places.into_iter())
        .map(|(node, place)| (graph.nodes()[node].name.clone(), place.first, place.whole))
        .collect();
    found.sort();
    found
}

#[test]
fn places_are_found_where_nobody_else_looks() {
    let graph = network(DType::F32);
    let place = |name: &str, first, whole| (name.to_owned(), first, whole);
    // `mixed` takes a pooled picture, `shared` one that something else takes as well, and `joined` is normalised.
    let expected = [place("again", 40, 64), place("bare", 0, 64), place("expand1", 0, 128), place("expand3", 64, 128)];
    assert_eq!(places(&graph, &Keep::nothing()), expected);
    let kept = Keep::nothing().output_of(graph.find("expand3").unwrap());
    assert_eq!(places(&graph, &kept), expected[..2]);
    assert_eq!(places(&graph, &Keep::nothing().gradients_to(INPUT)), []);
}

#[test]
fn pictures_of_other_sizes_are_refused_as_before() {
    let mut b = Build { graph: GraphBuilder::new(), dtype: DType::F32, count: 0 };
    let small = b.rectified("small", INPUT, [3, 32, 1]);
    let weight = b.noise(&[32, 3, 3, 3], 0.3);
    let conv = b.graph.add("conv", Conv2d::new(weight, None).unwrap(), &[INPUT]);
    let other = b.graph.add("other", Relu, &[conv]);
    b.graph.add("joined", Concat::CHANNELS, &[small, other]);
    let graph = Arc::new(b.graph.finish().unwrap());
    let input = noise(&[1, 3, 20, 20], 1).to_dtype(DType::F32).unwrap();
    let run = graph.run(&[(INPUT, input)], graph.output(), &Keep::nothing(), &Control::default());
    assert!(matches!(run, Err(GraphError::Shape { node, .. }) if node == "joined"));
}
