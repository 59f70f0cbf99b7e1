//! What must add up, vanish or agree, whatever the network's weights.

use std::sync::Mutex;

use super::*;
use crate::{explain::space::InputSpace, graph::ops::MaxPool2d};

/// Numbers that look random, −1 ..= 1.
fn numbers(count: usize, mut seed: u32) -> Vec<f32> {
    (0..count)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

/// Two convolutions with ReLU, a max pooling between, global average, a dense layer; no biases, so that the network is
/// linear along every ray from 0. `rows` are the dense layer's rows, of six.
fn homogeneous(rows: &[f32]) -> Arc<Graph> {
    let mut graph = GraphBuilder::new();
    let conv = |shape: &[usize], seed| {
        Conv2d::new(tensor(&numbers(shape.iter().product(), seed), shape), None).unwrap().padding([1; 2])
    };
    let conv1 = graph.add("conv1", conv(&[4, 2, 3, 3], 1), &[INPUT]);
    let relu1 = graph.add("relu1", Relu, &[conv1]);
    let pool = graph.add("pool", MaxPool2d::square(2, 2, 0, false), &[relu1]);
    let conv2 = graph.add("conv2", conv(&[6, 4, 3, 3], 2), &[pool]);
    let relu2 = graph.add("relu2", Relu, &[conv2]);
    let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[relu2]);
    let flat = graph.add("flatten", Flatten, &[gap]);
    graph.add("fc", Linear::new(tensor(rows, &[rows.len() / 6, 6]), None).unwrap(), &[flat]);
    Arc::new(graph.finish().unwrap())
}

/// Three classes.
fn three_classes() -> Arc<Graph> {
    homogeneous(&numbers(18, 3))
}

fn picture() -> Tensor {
    tensor(&numbers(2 * 8 * 8, 4), &[1, 2, 8, 8])
}

fn logit(graph: &Arc<Graph>, class: usize) -> f64 {
    let run = graph.run(&[(INPUT, picture())], graph.output(), &Keep::nothing(), &Control::default()).unwrap();
    f64::from(run.target().to_vec2::<f32>().unwrap()[0][class])
}

fn total(map: &Attribution) -> f64 {
    map.values.iter().map(|&value| f64::from(value)).sum()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * (1.0 + b.abs())
}

/// A method's map with settings from text.
fn set(graph: &Arc<Graph>, method: &str, layer: &str, class: usize, set: &[(&str, &str)]) -> Attribution {
    let (method, layer, control) = (find(method).unwrap(), graph.find(layer).unwrap(), Control::default());
    let mut settings = Settings::default();
    for (name, text) in set {
        let parameter = method.parameters().iter().find(|parameter| parameter.name == *name).unwrap();
        settings.set(parameter, parameter.parse(text).unwrap());
    }
    let trace = graph.run(&[(INPUT, picture())], graph.output(), &method.keeps(graph, layer), &control).unwrap();
    let space = InputSpace { mean: [0.5; 3], ..InputSpace::PLAIN };
    let target = Target::class(class);
    method.compute(&Ask { settings: &settings, space: &space, ..Ask::new(&trace, layer, &target, &control) }).unwrap()
}

#[test]
fn hirescam_and_xgradcam_add_up_to_the_score_without_biases() {
    let graph = three_classes();
    for class in 0..3 {
        for layer in ["relu1", "pool", "relu2"] {
            for method in ["hirescam", "xgradcam"] {
                let sum = total(&set(&graph, method, layer, class, &[]));
                assert!(close(sum, logit(&graph, class)), "{method} {layer} {class}: {sum}");
            }
        }
    }
}

#[test]
fn layercam_leaves_out_what_hirescam_subtracts() {
    let graph = three_classes();
    let [all, positive] = ["hirescam", "layercam"].map(|method| set(&graph, method, "relu2", 0, &[]).values);
    assert!(all.iter().zip(&positive).all(|(all, positive)| *positive >= 0.0 && positive >= all));
    assert_ne!(all, positive);
}

#[test]
fn gradient_times_input_and_integrated_gradients_add_up() {
    let graph = three_classes();
    for class in 0..3 {
        let product = set(&graph, "gradientxinput", "fc", class, &[]);
        assert!(close(total(&product), logit(&graph, class)));
        // Along the ray from 0 the gradient is the same everywhere.
        let integrated = set(&graph, "integratedgradients", "fc", class, &[("steps", "7")]);
        for (a, b) in integrated.values.iter().zip(&product.values) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        let gap = integrated.facts.iter().find(|fact| fact.name == "completeness_gap").unwrap();
        assert!(gap.value.abs() < 1e-5, "{gap:?}");
    }
}

#[test]
fn more_steps_close_the_gap_to_another_baseline() {
    let graph = three_classes();
    let facts = |steps: &str| {
        let map = set(&graph, "integratedgradients", "fc", 0, &[("steps", steps), ("baseline", "black")]);
        let fact = |name: &str| map.facts.iter().find(|fact| fact.name == name).unwrap().value;
        (fact("score_difference"), fact("completeness_gap"), total(&map))
    };
    let (rise, coarse, _) = facts("2");
    let (same, fine, sum) = facts("400");
    assert!(close(rise, same) && close(fine, sum - rise));
    assert!(fine.abs() < 0.01 * rise.abs() && fine.abs() < coarse.abs(), "{coarse} {fine} of {rise}");
}

#[test]
fn where_the_network_is_linear_noise_changes_nothing() {
    // All places stay positive, so that no ReLU turns.
    let graph = network(&[1.0, 2.0], false);
    let input = tensor(&[10.0, 11.0, 12.0, 13.0], &[1, 1, 2, 2]);
    let gradient = explain(&graph, "gradient", "fc", &input, (2, 0)).unwrap();
    assert_eq!(gradient.values, [-1.25; 4]);
    let smooth = explain(&graph, "smoothgrad", "fc", &input, (2, 0)).unwrap();
    assert_eq!((smooth.values, smooth.reading), (gradient.values, Reading::Magnitude));
    assert_eq!(explain(&graph, "vargrad", "fc", &input, (2, 0)).unwrap().values, [0.0; 4]);
}

#[test]
fn noise_follows_the_seed() {
    let graph = three_classes();
    let method = find("smoothgrad").unwrap();
    let (control, target) = (Control::default(), Target::class(0));
    let trace = graph.run(&[(INPUT, picture())], graph.output(), &method.keeps(&graph, 0), &control).unwrap();
    let of = |seed| method.compute(&Ask { seed, ..Ask::new(&trace, 0, &target, &control) }).unwrap().values;
    assert_eq!(of(5), of(5));
    assert_ne!(of(5), of(6));
    assert!(method.draws() && !find("gradient").unwrap().draws());
}

#[test]
fn the_noise_has_the_asked_spread() {
    let graph = three_classes();
    let (control, target) = (Control::default(), Target::class(0));
    let keep = Keep::nothing().output_of(INPUT);
    let trace = graph.run(&[(INPUT, picture())], graph.output(), &keep, &control).unwrap();
    let ask = Ask::new(&trace, 0, &target, &control);
    let copies = Mutex::new(Vec::new());
    let quiet = noisy_gradients(&ask, Statistic::Variance, 3, &|copy, noise| {
        assert_eq!(noise.len(), 128);
        copies.lock().unwrap().push(copy);
        noise.fill(0.0);
    });
    let mut copies = copies.into_inner().unwrap();
    copies.sort_unstable();
    assert_eq!(copies, [0, 1, 2]);
    assert_eq!(quiet.unwrap().values, [0.0; 128], "copies without noise do not vary");
}

/// The channels that the classes are summed from.
fn last_activations(graph: &Arc<Graph>) -> Activations {
    let relu = graph.find("relu2").unwrap();
    let keep = Keep::nothing().output_of(relu);
    let trace = graph.run(&[(INPUT, picture())], graph.output(), &keep, &Control::default()).unwrap();
    activations(&trace, relu, 0).unwrap()
}

#[test]
fn an_ablated_channel_counts_by_what_it_adds() {
    let graph = three_classes();
    let activations = last_activations(&graph);
    let weights = &numbers(18, 3)[..6];
    let parts: Vec<f32> = weights.iter().zip(&activations.mean).map(|(weight, mean)| weight * mean).collect();
    let score: f32 = parts.iter().sum();
    let map = set(&graph, "ablationcam", "relu2", 0, &[]);
    for (place, value) in map.values.iter().enumerate() {
        let expected: f32 =
            (0..6).map(|channel| parts[channel] / score * activations.channel(channel).unwrap()[place]).sum();
        assert!((value - expected).abs() < 1e-4, "{value} {expected}");
    }
}

#[test]
fn scorecam_lies_between_the_channels() {
    let graph = three_classes();
    let activations = last_activations(&graph);
    let map = set(&graph, "scorecam", "relu2", 1, &[]);
    for (place, value) in map.values.iter().enumerate() {
        let channels = (0..6).map(|channel| activations.channel(channel).unwrap()[place]);
        let (low, high) = channels.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        assert!((low - 1e-5..=high + 1e-5).contains(value), "{value} in {low}..{high}");
    }
}

#[test]
fn what_only_speaks_against_a_class_is_no_part_of_its_guided_map() {
    // Class 2 has only negative weights: each rectified signal is 0 at once.
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, -2.0, 3.0, 0.0], &[1, 1, 2, 2]);
    for method in ["guidedbackprop", "deconvnet", "guidedgradcam"] {
        assert_eq!(explain(&graph, method, "relu", &input, (2, 0)).unwrap().values, [0.0; 4], "{method}");
    }
    // The rules differ where the ReLU was shut: deconvnet does not ask.
    let guided = explain(&graph, "guidedbackprop", "relu", &input, (0, 0)).unwrap();
    let deconvnet = explain(&graph, "deconvnet", "relu", &input, (0, 0)).unwrap();
    assert_eq!((guided.values, deconvnet.values), (vec![0.25, 0.0, 0.25, 0.0], vec![0.25; 4]));
}

#[test]
fn a_rectifier_that_is_a_function_keeps_the_gradient_unless_all_are_asked_for() {
    let build = |functional: bool| {
        let mut graph = GraphBuilder::new();
        let conv = Conv2d::new(tensor(&numbers(2 * 2 * 9, 5), &[2, 2, 3, 3]), None).unwrap().padding([1; 2]);
        let conv = graph.add("conv", conv, &[INPUT]);
        let relu = graph.add("relu", Relu, &[conv]);
        if functional {
            graph.mark_functional(relu);
        }
        let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[relu]);
        let flat = graph.add("flatten", Flatten, &[gap]);
        graph.add("fc", Linear::new(tensor(&[1.0, -1.0], &[1, 2]), None).unwrap(), &[flat]);
        Arc::new(graph.finish().unwrap())
    };
    let (module, function) = (build(false), build(true));
    let gradient = set(&module, "gradient", "relu", 0, &[]).values;
    for method in ["guidedbackprop", "deconvnet"] {
        let papers = set(&module, method, "relu", 0, &[]).values;
        assert_ne!(papers, gradient);
        assert_eq!(set(&function, method, "relu", 0, &[]).values, gradient, "{method}");
        assert_eq!(set(&function, method, "relu", 0, &[("rectifiers", "all")]).values, papers, "{method}");
        assert_eq!(set(&module, method, "relu", 0, &[("rectifiers", "all")]).values, papers, "{method}");
    }
}

#[test]
fn the_difference_of_two_classes_is_the_map_of_the_difference() {
    let rows = numbers(18, 3);
    let graph = homogeneous(&rows);
    let difference: Vec<f32> = rows[..6].iter().zip(&rows[6..12]).map(|(a, b)| a - b).collect();
    let alone = homogeneous(&difference);
    for method in ["gradcam", "hirescam", "gradient", "gradientxinput"] {
        let [first, second] = [0, 1].map(|class| set(&graph, method, "relu2", class, &[]));
        let contrast = first.minus(&second).unwrap();
        assert_eq!(contrast.reading, Reading::Signed);
        let expected = set(&alone, method, "relu2", 0, &[]);
        for (a, b) in contrast.values.iter().zip(&expected.values) {
            assert!((a - b).abs() < 1e-5, "{method}: {a} {b}");
        }
        assert!(contrast.shown(4, 4).iter().any(|value| *value < 0.5), "{method}: something speaks for the other");
    }
}

#[test]
fn the_negative_class_of_one_logit_has_the_negative_gradient() {
    let graph = three_classes();
    let method = find("gradient").unwrap();
    let control = Control::default();
    let trace = graph.run(&[(INPUT, picture())], graph.output(), &method.keeps(&graph, 0), &control).unwrap();
    let of = |sign| {
        let target = Target { sign, ..Target::class(0) };
        method.compute(&Ask::new(&trace, 0, &target, &control)).unwrap().values
    };
    let negated: Vec<f32> = of(-1.0).iter().map(|value| -value).collect();
    assert_eq!(of(1.0), negated);
}

#[test]
fn eigencam_finds_the_one_pattern_and_its_sign() {
    // Both channels are multiples of one pattern: the map is that pattern about its mean, bright where it is.
    let graph = network(&[3.0, 4.0], false);
    let input = tensor(&[0.0, 1.0, 2.0, 5.0], &[1, 1, 2, 2]);
    let map = explain(&graph, "eigencam", "relu", &input, (0, 0)).unwrap();
    for (value, pattern) in map.values.iter().zip([-2.0, -1.0, 0.0, 3.0]) {
        assert!((value - 5.0 * pattern).abs() < 1e-4, "{:?}", map.values);
    }
    assert_eq!(
        explain(&graph, "eigencam", "relu", &tensor(&[7.0; 4], &[1, 1, 2, 2]), (0, 0)).unwrap().values,
        [0.0; 4]
    );
}
