//! Passes of small networks: exact moments, independence of threads and batches, and each kind of randomness.

use candle_core::{DType, Device};

use super::*;
use crate::graph::{
    GraphBuilder, Op,
    ops::{Conv2d, Dropout, Flatten, Relu},
};

fn random(shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (((i + seed) * 37 % 101) as f32 - 50.0) / 60.0).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn spread(shape: &[usize], std: f32) -> Noise {
    let std = (Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap() + f64::from(std)).unwrap();
    Noise::Weights { std, bias_std: None }
}

const INPUT_SHAPE: [usize; 4] = [1, 2, 5, 5];

fn input() -> Tensor {
    random(&INPUT_SHAPE, 3)
}

/// conv → relu → flatten → dropout → dense; `seed` chooses the weights.
fn graph(seed: usize) -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = graph.add("conv", Conv2d::new(random(&[4, 2, 3, 3], seed), None).unwrap(), &[INPUT]);
    let relu = graph.add("relu", Relu, &[conv]);
    let flat = graph.add("flat", Flatten, &[relu]);
    let dropout = graph.add("dropout", Dropout, &[flat]);
    let dense = Linear::new(random(&[3, 36], seed + 5), Some(random(&[3], seed + 7))).unwrap();
    graph.add("fc", dense, &[dropout]);
    Arc::new(graph.finish().unwrap())
}

fn sampler(noise: impl Fn(&Graph) -> Vec<(NodeId, Noise)>, members: usize) -> Sampler {
    let member = |number: usize| {
        let graph = graph(number * 13);
        Member { noise: noise(&graph), graph }
    };
    Sampler::new((0..members).map(member).collect(), None).unwrap().unwrap()
}

fn started(sampler: &Sampler) -> Start {
    let keep = sampler.cut().iter().fold(Keep::nothing(), |keep, &id| keep.output_of(id));
    let control = Control::default();
    let graph = &sampler.members()[0].graph;
    let trace = graph.run(&[(INPUT, input())], graph.output(), &keep, &control).unwrap();
    sampler.start(&trace, &input(), &control).unwrap()
}

fn drawn(sampler: &Sampler, passes: Range<usize>, seed: u64) -> Vec<f32> {
    let mut all = Vec::new();
    sampler.draw(&started(sampler), passes, seed, &Control::default(), &mut |_, logits| all.extend(logits)).unwrap();
    all
}

/// The logits of one pass by its own network from the pixels on.
fn alone(sampler: &Sampler, pass: usize, seed: u64) -> Vec<f32> {
    let graph = sampler.network(pass, seed).unwrap();
    let trace = graph.run(&[(INPUT, input())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
    noise::logits(trace.target()).unwrap()
}

fn node(graph: &Graph, name: &str) -> NodeId {
    graph.find(name).unwrap()
}

/// Every kind of randomness, and several together.
fn kinds() -> Vec<(&'static str, Sampler)> {
    vec![
        ("dense", sampler(|g| vec![(node(g, "fc"), spread(&[3, 36], 0.1))], 1)),
        ("conv", sampler(|g| vec![(node(g, "conv"), spread(&[4, 2, 3, 3], 0.2))], 1)),
        ("dropout", sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.4 })], 1)),
        ("behind a layer", sampler(|g| vec![(node(g, "relu"), Noise::Dropout { rate: 0.4 })], 1)),
        (
            "all",
            sampler(
                |g| {
                    vec![
                        (node(g, "conv"), spread(&[4, 2, 3, 3], 0.2)),
                        (node(g, "dropout"), Noise::Dropout { rate: 0.2 }),
                        (node(g, "fc"), spread(&[3, 36], 0.1)),
                    ]
                },
                1,
            ),
        ),
        ("ensemble of dropouts", sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.4 })], 3)),
    ]
}

#[test]
fn a_pass_in_a_batch_is_the_network_of_that_pass_alone() {
    for (kind, sampler) in kinds() {
        let all = drawn(&sampler, 0..70, 9);
        assert_eq!(all.len(), 70 * 3, "{kind}");
        for pass in [0, 1, 2, 33, 69] {
            for (batch, alone) in all[pass * 3..pass * 3 + 3].iter().zip(alone(&sampler, pass, 9)) {
                // Products may be added in another order.
                assert!((batch - alone).abs() < 1e-5 * alone.abs().max(1.0), "{kind}, pass {pass}: {batch} {alone}");
            }
        }
        assert_ne!(all[..3], all[9..12], "{kind}");
        assert_ne!(drawn(&sampler, 0..1, 10), all[..3], "{kind}");
    }
}

#[test]
fn more_passes_extend_fewer_whatever_the_threads() {
    for (kind, sampler) in kinds() {
        let all = drawn(&sampler, 0..70, 9);
        for from in [1, 17, 64] {
            let parts = [drawn(&sampler, 0..from, 9), drawn(&sampler, from..70, 9)].concat();
            let farthest = parts.iter().zip(&all).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // A batch of another length may add products in another order.
            assert!(farthest < 1e-5, "{kind} from {from}: {farthest}");
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| drawn(&sampler, 0..70, 9)), all, "{kind}, {threads} threads");
        }
    }
}

#[test]
fn a_dense_layer_has_its_exact_moments_and_a_convolution_too() {
    let passes = 8000;
    for (name, shape) in [("fc", &[3, 36][..]), ("conv", &[4, 2, 3, 3])] {
        // Without a rectifier between, logits are linear in the weights of one layer: exactly normal.
        let mut builder = GraphBuilder::new();
        let conv = builder.add("conv", Conv2d::new(random(&[4, 2, 3, 3], 0), None).unwrap(), &[INPUT]);
        let flat = builder.add("flat", Flatten, &[conv]);
        builder.add("fc", Linear::new(random(&[3, 36], 5), None).unwrap(), &[flat]);
        let graph = Arc::new(builder.finish().unwrap());
        let id = node(&graph, name);
        let member = Member { graph: Arc::clone(&graph), noise: vec![(id, spread(shape, 0.3))] };
        let sampler = Sampler::new(vec![member], None).unwrap().unwrap();
        let logits = drawn(&sampler, 0..passes, 4);
        let count: usize = shape.iter().product();
        let of = |weights: Vec<f32>| {
            let weight = Tensor::from_vec(weights, shape, &Device::Cpu).unwrap();
            let op: Arc<dyn Op> = match graph.nodes()[id].op_as::<Conv2d>() {
                Some(conv) => Arc::new(conv.with_weights(weight, None).unwrap()),
                None => Arc::new(Linear::new(weight, None).unwrap()),
            };
            let graph = Arc::new(graph.with_ops([(id, op)]));
            let trace = graph.run(&[(INPUT, input())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
            noise::logits(trace.target()).unwrap()
        };
        // The logit's variance is the sum over the weights of (its derivative · σ)².
        let mut variances = [0.0_f64; 3];
        for weight in 0..count {
            let mut unit = vec![0.0; count];
            unit[weight] = 1.0;
            for (variance, derivative) in variances.iter_mut().zip(of(unit)) {
                *variance += (f64::from(derivative) * 0.3).powi(2);
            }
        }
        let expected = {
            let trace = graph.run(&[(INPUT, input())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
            noise::logits(trace.target()).unwrap()
        };
        let n = passes as f64;
        for class in 0..3 {
            let values: Vec<f64> = logits.chunks_exact(3).map(|row| f64::from(row[class])).collect();
            let mean = values.iter().sum::<f64>() / n;
            let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let exact = variances[class].sqrt();
            let errors =
                [(mean - f64::from(expected[class])) / (exact / n.sqrt()), (std - exact) / (exact / (2.0 * n).sqrt())];
            assert!(errors.iter().all(|error| error.abs() < 3.5), "{name} {class}: {errors:?}");
        }
    }
}

#[test]
fn dropout_keeps_the_mean_of_a_linear_network() {
    let sampler = sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.5 })], 1);
    let passes = 8000;
    let logits = drawn(&sampler, 0..passes, 2);
    let plain = {
        let graph = &sampler.members()[0].graph;
        let trace = graph.run(&[(INPUT, input())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
        noise::logits(trace.target()).unwrap()
    };
    for class in 0..3 {
        let values: Vec<f64> = logits.chunks_exact(3).map(|row| f64::from(row[class])).collect();
        let mean = values.iter().sum::<f64>() / passes as f64;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / passes as f64).sqrt();
        assert!(std > 0.05, "{std}");
        assert!(
            (mean - f64::from(plain[class])).abs() < 3.5 * std / (passes as f64).sqrt(),
            "{class}: {mean} {plain:?}"
        );
    }
}

#[test]
fn an_ensemble_has_a_pass_a_member_and_takes_turns_where_more_is_random() {
    let plain = sampler(|_| Vec::new(), 3);
    assert_eq!((plain.passes(100), plain.passes(2)), (3, 2));
    let logits = drawn(&plain, 0..3, 1);
    for pass in 0..3 {
        assert_eq!(logits[pass * 3..pass * 3 + 3], alone(&plain, pass, 1));
    }
    assert_ne!(logits[..3], logits[3..6]);
    assert!(plain.varying().iter().skip(1).all(|varies| *varies));
    let random = sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.4 })], 3);
    assert_eq!(random.passes(100), 100);
}

#[test]
fn what_comes_before_the_first_random_layer_does_not_vary() {
    let late = sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.4 })], 1);
    let graph = &late.members()[0].graph;
    assert_eq!(late.cut(), [node(graph, "flat")]);
    assert_eq!(late.varying(), [false, false, false, false, true, true]);
    assert!(Sampler::new(vec![Member { graph: graph_of_none(), noise: Vec::new() }], None).unwrap().is_none());
}

fn graph_of_none() -> Arc<Graph> {
    graph(0)
}

#[test]
fn what_cannot_be_random_is_refused_in_a_sentence() {
    let refusal = |noise: Vec<(NodeId, Noise)>| {
        Sampler::new(vec![Member { graph: graph(0), noise }], None).unwrap_err().to_string()
    };
    let id = |name| node(&graph(0), name);
    assert!(refusal(vec![(id("relu"), spread(&[3], 1.0))]).contains("`relu` cannot be stochastic"));
    assert!(refusal(vec![(id("fc"), spread(&[3], 1.0))]).contains("[3]"));
    assert!(refusal(vec![(99, Noise::Dropout { rate: 0.5 })]).contains("no such node"));
    let members = |second: Arc<Graph>| {
        let member = |graph| Member { graph, noise: Vec::new() };
        Sampler::new(vec![member(graph(0)), member(second)], None).unwrap_err().to_string()
    };
    let mut builder = GraphBuilder::new();
    builder.add("relu", Relu, &[INPUT]);
    assert!(members(Arc::new(builder.finish().unwrap())).contains("has 1 layers, not 5"));
    let sampler = sampler(|g| vec![(node(g, "dropout"), Noise::Dropout { rate: 0.4 })], 1);
    let start = started(&sampler);
    let many = sampler.draw(&start, 0..usize::MAX, 1, &Control::default(), &mut |_, _| {}).unwrap_err().to_string();
    assert!(many.contains("ask for at most"), "{many}");
    let control = Control::default();
    control.cancel();
    let stopped = sampler.draw(&start, 0..10, 1, &control, &mut |_, _| {});
    assert!(matches!(stopped, Err(UncertaintyError::Cancelled(_))));
}

#[test]
fn weights_that_are_not_numbers_give_an_error_and_no_numbers() {
    let nan = Noise::Weights { std: (random(&[3, 36], 0) * f64::NAN).unwrap(), bias_std: None };
    let sampler = sampler(|g| vec![(node(g, "fc"), nan.clone())], 1);
    let start = started(&sampler);
    let found = sampler.draw(&start, 0..3, 1, &Control::default(), &mut |_, _| {});
    assert!(matches!(found, Err(UncertaintyError::Graph(_))), "{found:?}");
}
