//! Whole networks as a GPU computes them, of the tensor library's operations, against the kernels for the CPU.

use std::sync::Arc;

use super::*;
use crate::{
    graph::{Control, Graph, INPUT, Keep, Rule, idle},
    model::formula,
};

fn network(name: &str, precision: DType) -> Arc<Graph> {
    let architecture = find(name).unwrap();
    let all = formula::shapes(architecture).unwrap();
    let tensors = formula::tensors(architecture, all, 5).into_iter().map(|(name, (shape, values))| {
        (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(precision).unwrap())
    });
    let mut weights = Weights::from_tensors(tensors.collect(), "formula");
    Arc::new((architecture.build)(&mut weights).unwrap())
}

/// The greatest difference as a part of the greatest magnitude.
fn error(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.dims(), expected.dims());
    let most = |tensor: &Tensor| {
        let values = tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        values.into_iter().fold(0.0_f64, |most, value| most.max(value.abs()))
    };
    most(&(found - expected).unwrap()) / most(expected)
}

/// What the network gives for a picture (or a stack of two), and the gradients of its first number under two rules.
fn computed(graph: &Arc<Graph>, input: &Tensor) -> [Tensor; 3] {
    let control = Control::default();
    let keep = Keep::nothing().gradients_to(INPUT);
    let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();
    let mut seed = vec![0.0; trace.target().elem_count()];
    seed[0] = 1.0;
    let seed = Tensor::from_vec(seed, trace.target().dims(), &Device::Cpu).unwrap().to_dtype(input.dtype()).unwrap();
    let back = |rule| trace.vjp(graph.output(), &seed, INPUT, rule, &control).unwrap();
    [trace.target().clone(), back(Rule::Gradient), back(Rule::Guided)]
}

fn picture(batch: usize, side: usize, precision: DType) -> Tensor {
    let hash = formula::fnv1a64("input");
    let values = (0..batch * 3 * side * side).map(|index| 4.0 * formula::uniform(hash, index, 5) - 2.0);
    Tensor::from_vec(values.collect::<Vec<_>>(), (batch, 3, side, side), &Device::Cpu)
        .unwrap()
        .to_dtype(precision)
        .unwrap()
}

#[test]
fn networks_composed_of_tensor_operations_give_what_the_kernels_give() {
    // Every operation of the zoo: groups and depthwise, poolings of all kinds, gates, concatenations, stacks. In double
    // precision no pooling switch turns by rounding, so that only rounding is left.
    for (name, side) in [
        ("alexnet", 80),
        ("resnet18", 64),
        ("resnext50_32x4d", 64),
        ("squeezenet1_1", 64),
        ("densenet121", 64),
        ("googlenet", 64),
        ("inception_v3", 80),
        ("mobilenet_v2", 64),
        ("mobilenet_v3_small", 64),
        ("efficientnet_b0", 64),
        ("mrnet", 80),
    ] {
        let graph = network(name, DType::F64);
        let input = picture(1 + usize::from(graph.is_stack()), side, DType::F64);
        let composed = idle(|| computed(&graph, &input));
        for (found, expected) in composed.iter().zip(&computed(&graph, &input)) {
            let error = error(found, expected);
            assert!(error < 1e-9, "{name}: {error:e}");
        }
    }
}

#[test]
fn packed_kernels_agree_with_tensor_operations_in_single_precision() {
    for (name, side, batch) in [("resnet18", 96, 2), ("squeezenet1_1", 96, 2), ("densenet121", 64, 1)] {
        let graph = network(name, DType::F32);
        let input = picture(batch, side, DType::F32);
        let run =
            || graph.run(&[(INPUT, input.clone())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
        let error = error(run().target(), idle(run).target());
        // Winograd's algorithm and another order of sums, through some tens of layers.
        assert!(error < 2e-5, "{name}: {error:e}");
    }
}

#[test]
fn weights_that_are_not_numbers_are_noticed_without_the_kernels_too() {
    for poisoned in ["features.0.weight", "classifier.1.bias"] {
        let architecture = find("squeezenet1_1").unwrap();
        let tensors = formula::tensors(architecture, formula::shapes(architecture).unwrap(), 5).into_iter();
        let tensors = tensors.map(|(name, (shape, mut values))| {
            if name == poisoned {
                values[0] = f32::NAN;
            }
            (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        });
        let mut weights = Weights::from_tensors(tensors.collect(), "formula");
        let graph = Arc::new((architecture.build)(&mut weights).unwrap());
        let feeds = [(INPUT, picture(1, 64, DType::F32))];
        let run = || graph.run(&feeds, graph.output(), &Keep::nothing(), &Control::default());
        assert!(idle(run).is_err() && run().is_err(), "{poisoned}");
    }
}
