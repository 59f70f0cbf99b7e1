//! Methods that hide parts of the picture, on small networks whose answers are known.

use std::cell::Cell;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::*;
use crate::explain::{
    Ask, Attribution, ExplainError, Group, InputSpace, METHODS, Method, Reading, Settings, Squash, Target, find,
    parameters::Value, score::Unit,
};
use crate::graph::{
    Control, Graph, GraphBuilder, GraphError, INPUT, Trace,
    ops::{AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Relu, SliceMax},
};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()
}

/// What stands behind the rectifier of the test networks.
#[derive(Clone, Copy, PartialEq)]
enum Head {
    Classes,
    Stack,
    Segmentation,
}

/// Two channels `max(a x, 0)` and `max(b x, 0)` of the first input channel; as a classifier, class 0 is the mean of
/// the first, class 1 that of the second, class 2 minus their sum.
fn network(channels: usize, [a, b]: [f32; 2], head: Head) -> Arc<Graph> {
    let mut kernel = vec![0.0; 2 * channels];
    (kernel[0], kernel[channels]) = (a, b);
    let mut graph = GraphBuilder::new();
    let conv = graph.add("conv", Conv2d::new(tensor(&kernel, &[2, channels, 1, 1]), None).unwrap(), &[INPUT]);
    let relu = graph.add("relu", Relu, &[conv]);
    if head != Head::Segmentation {
        let gap = graph.add("gap", AdaptiveAvgPool2d::GLOBAL, &[relu]);
        let mut features = graph.add("flatten", Flatten, &[gap]);
        if head == Head::Stack {
            features = graph.add("max", SliceMax, &[features]);
        }
        let weight = tensor(&[1.0, 0.0, 0.0, 1.0, -1.0, -1.0], &[3, 2]);
        graph.add("fc", Linear::new(weight, None).unwrap(), &[features]);
    }
    Arc::new(graph.finish().unwrap())
}

/// A network with sums of products that no superpixel has for itself: a dense layer, a rectifier, a dense layer.
fn entangled(places: usize) -> Arc<Graph> {
    let weights = |count: usize, seed: usize| -> Vec<f32> {
        (0..count).map(|index| ((index * 37 + index / 96 * 5 + seed * 11) % 23) as f32 / 10.6 - 1.0).collect()
    };
    let mut graph = GraphBuilder::new();
    let flat = graph.add("flatten", Flatten, &[INPUT]);
    let first = Linear::new(tensor(&weights(6 * places, 1), &[6, places]), None).unwrap();
    let first = graph.add("fc1", first, &[flat]);
    let relu = graph.add("relu", Relu, &[first]);
    graph.add("fc2", Linear::new(tensor(&weights(12, 2), &[2, 6]), None).unwrap(), &[relu]);
    Arc::new(graph.finish().unwrap())
}

/// `8 × 12` pixels in 28..235: hills that superpixels can follow, with some texture.
fn picture(channels: usize) -> Tensor {
    let value = |index: usize| {
        let (channel, row, column) = (index / 96, index / 12 % 8, index % 12);
        let hills = (0.45 * column as f32 + 0.3 + 0.4 * channel as f32).sin() * (0.5 * row as f32).cos();
        (128.0 + 100.0 * hills + ((column * 7 + row * 3) % 5) as f32).round()
    };
    let values: Vec<f32> = (0..channels * 96).map(value).collect();
    tensor(&values, &[1, channels, 8, 12])
}

/// The logits are the probabilities.
const LINEAR: InputSpace = InputSpace { squash: Squash::None, ..InputSpace::PLAIN };

fn run(graph: &Arc<Graph>, input: &Tensor, method: &dyn Method) -> Result<Trace, GraphError> {
    graph.run(&[(INPUT, input.clone())], graph.output(), &method.keeps(graph, INPUT), &Control::default())
}

fn settings(method: &dyn Method, values: &[(&str, Value)]) -> Settings {
    let mut settings = Settings::default();
    for &(name, value) in values {
        let parameter = method.parameters().iter().find(|parameter| parameter.name == name);
        if let Some(parameter) = parameter {
            settings.set(parameter, value);
        }
    }
    settings
}

fn explain(
    graph: &Arc<Graph>,
    method: &str,
    input: &Tensor,
    class: usize,
    values: &[(&str, Value)],
) -> Result<Attribution, ExplainError> {
    let (method, control) = (find(method).unwrap(), Control::default());
    let trace = run(graph, input, method)?;
    let (target, settings) = (Target::class(class), settings(method, values));
    let map =
        method.compute(&Ask { space: &LINEAR, settings: &settings, ..Ask::new(&trace, INPUT, &target, &control) })?;
    assert!((control.progress() - 1.0).abs() < 1e-6, "the progress of {} ends at the end", method.name());
    Ok(map)
}

/// The methods of this room, with settings that make them quick.
const QUICK: [(&str, &[(&str, Value)]); 4] = [
    ("occlusion", &[("window", Value::Integer(3)), ("stride", Value::Integer(2))]),
    ("rise", &[("masks", Value::Integer(40)), ("cells", Value::Integer(3))]),
    ("lime", SLIC),
    ("kernelshap", SLIC),
];

const SLIC: &[(&str, Value)] =
    &[("samples", Value::Integer(60)), ("superpixels", Value::Choice("slic")), ("segments", Value::Integer(8))];

fn fact(map: &Attribution, name: &str) -> f64 {
    map.facts.iter().find(|fact| fact.name == name).unwrap().value
}

#[test]
fn occlusion_gives_each_place_the_mean_fall_of_its_windows() {
    let graph = network(1, [1.0, -1.0], Head::Classes);
    let input = picture(1);
    let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let zero = [("window", Value::Integer(3)), ("stride", Value::Integer(2)), ("baseline", Value::Choice("zero"))];
    let map = explain(&graph, "occlusion", &input, 0, &zero).unwrap();
    assert_eq!((map.reading, map.layer.as_deref(), map.rows, map.columns), (Reading::Signed, None, 8, 12));
    // Class 0 is the mean, so that hiding takes away what was there; windows start at 0, 2, 4 … and the last is cut.
    for (place, &found) in map.values.iter().enumerate() {
        let covers = |start: usize, at: usize| start <= at && at < start + 3;
        let (mut sum, mut count) = (0.0, 0.0);
        for top in (0..=6).step_by(2).filter(|&top| covers(top, place / 12)) {
            for left in (0..=10).step_by(2).filter(|&left| covers(left, place % 12)) {
                let rows = top..(top + 3).min(8);
                let hidden: f32 =
                    rows.map(|row| values[row * 12 + left..row * 12 + (left + 3).min(12)].iter().sum::<f32>()).sum();
                (sum, count) = (sum + hidden / 96.0, count + 1.0);
            }
        }
        assert!((found - sum / count).abs() < 1e-3, "{place}: {found} is not {}", sum / count);
    }
    let mean: f32 = values.iter().sum::<f32>() / 96.0;
    assert!((fact(&map, "score") - f64::from(mean)).abs() < 1e-3);
    assert!(fact(&map, "greatest_drop") > 0.0);
    let against = explain(&graph, "occlusion", &input, 2, &zero).unwrap();
    assert!(against.values.iter().all(|&value| value < 0.0), "hiding helps class 2");
}

#[test]
fn baselines_are_what_they_are_called() {
    let graph = network(1, [1.0, -1.0], Head::Classes);
    let input = picture(1);
    let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let mean = values.iter().sum::<f32>() / 96.0;
    // One window over everything: the fall is the mean minus the baseline's.
    let fall = |baseline| {
        let all = [("window", Value::Integer(64)), ("baseline", Value::Choice(baseline))];
        explain(&graph, "occlusion", &input, 0, &all).unwrap().values[0]
    };
    for (baseline, expected) in [("zero", 0.0), ("black", 0.0), ("grey", 127.5), ("mean", mean)] {
        assert!((fall(baseline) - (mean - expected)).abs() < 1e-3, "{baseline}");
    }
    assert!(fall("blur").abs() < 10.0 && fall("blur") != 0.0);
}

#[test]
fn occlusion_of_a_segmentation_counts_inside_its_region() {
    let graph = network(1, [1.0, -1.0], Head::Segmentation);
    let values: Vec<f32> = (0..16).map(|place| if place < 8 { 4.0 } else { -4.0 }).collect();
    let input = tensor(&values, &[1, 1, 4, 4]);
    let quarters = [("window", Value::Integer(2)), ("stride", Value::Integer(2)), ("baseline", Value::Choice("zero"))];
    let map = explain(&graph, "occlusion", &input, 0, &quarters).unwrap();
    // Class 0 is predicted in the upper half, where each place gives 4.
    assert_eq!(map.values, [[16.0; 8], [0.0; 8]].concat());
    let lime = explain(&graph, "lime", &input, 0, SLIC).unwrap();
    assert!((fact(&lime, "probability") - 4.0).abs() < 1e-6, "the mean over the region");
}

#[test]
fn rise_finds_the_place_and_keeps_the_scale() {
    let graph = network(1, [1.0, -1.0], Head::Classes);
    let mut values = vec![0.0; 144];
    values[2 * 12 + 8] = 144.0;
    let input = tensor(&values, &[1, 1, 12, 12]);
    let many = [("masks", Value::Integer(600)), ("cells", Value::Integer(4)), ("visible", Value::Real(0.4))];
    let map = explain(&graph, "rise", &input, 0, &many).unwrap();
    let (row, column) = map.peak();
    assert!(row.abs_diff(2) <= 2 && column.abs_diff(8) <= 2, "{row}, {column}");
    assert_eq!(map.reading, Reading::Positive);
    // The score is the mask's value m there, so that the map is E[m²] / p, between p and 1.
    let peak = map.values[2 * 12 + 8];
    assert!((0.4..1.0).contains(&peak), "{peak}");
    // A network that says the same to everything: every place is worth that, whichever masks there are.
    let constant = explain(&network(1, [0.0, 0.0], Head::Classes), "rise", &input, 0, &many).unwrap();
    assert!(constant.values.iter().all(|&value| value == 0.0));
}

#[test]
fn lime_recovers_a_linear_network() {
    let graph = network(1, [1.0, -1.0], Head::Classes);
    let input = picture(1);
    let black = [SLIC, &[("samples", Value::Integer(400)), ("baseline", Value::Choice("black"))]].concat();
    let map = explain(&graph, "lime", &input, 0, &black).unwrap();
    let segments = map.segments.clone().unwrap();
    assert!((4..=15).contains(&segments.weights.len()), "{}", segments.weights.len());
    let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let mut expected = vec![0.0; segments.weights.len()];
    for (&label, &value) in segments.labels.iter().zip(&values) {
        expected[label as usize] += f64::from(value) / 96.0;
    }
    for (found, expected) in segments.weights.iter().zip(&expected) {
        // The ridge pulls a little towards 0.
        assert!((found - expected).abs() < 0.1 * expected, "{found} is not {expected}");
    }
    for (&label, &value) in segments.labels.iter().zip(&map.values) {
        assert_eq!(value, segments.weights[label as usize] as f32);
    }
    assert!(fact(&map, "r_squared") > 0.98, "{}", fact(&map, "r_squared"));
    assert!((fact(&map, "local_prediction") - fact(&map, "probability")).abs() < 2.0);
    let against = explain(&graph, "lime", &input, 2, &black).unwrap();
    assert!(against.segments.unwrap().weights.iter().all(|&weight| weight < 0.0));
}

#[test]
fn kernelshap_is_shapleys_value_where_all_coalitions_are_asked() {
    let (graph, input) = (entangled(96), picture(1));
    let ask = [SLIC, &[("segments", Value::Integer(6)), ("baseline", Value::Choice("black"))]].concat();
    let map = explain(&graph, "kernelshap", &input, 1, &ask).unwrap();
    let segments = map.segments.clone().unwrap();
    let players = segments.weights.len();
    assert!((3..=10).contains(&players), "{players}");
    assert_eq!(fact(&map, "coalitions") as usize, (1 << players) - 2);
    // Every coalition's score, by the network itself.
    let values = input.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let score = |set: usize| {
        let visible = |label: u32| set >> label & 1 == 1;
        let shown: Vec<f32> = segments
            .labels
            .iter()
            .zip(&values)
            .map(|(&label, &value)| if visible(label) { value } else { 0.0 })
            .collect();
        let trace = run(&graph, &tensor(&shown, &[1, 1, 8, 12]), find("kernelshap").unwrap()).unwrap();
        f64::from(trace.target().to_vec2::<f32>().unwrap()[0][1])
    };
    let scores: Vec<f64> = (0..1 << players).map(score).collect();
    let greatest = scores.iter().fold(0.0_f64, |most, score| most.max(score.abs()));
    for (player, &found) in segments.weights.iter().enumerate() {
        let mut expected = 0.0;
        for set in (0..1_usize << players).filter(|set| set >> player & 1 == 0) {
            let size = set.count_ones() as usize;
            let chosen = (0..size).fold(1.0, |ways, index| ways * (players - 1 - index) as f64 / (index + 1) as f64);
            expected += (scores[set | 1 << player] - scores[set]) / (chosen * players as f64);
        }
        assert!((found - expected).abs() < 1e-6 * greatest, "{player}: {found} is not {expected}");
    }
    let sum: f64 = segments.weights.iter().sum();
    assert!((sum - (scores[(1 << players) - 1] - scores[0])).abs() < 1e-6 * greatest);
    assert!(fact(&map, "efficiency_gap").abs() < 1e-9 * greatest);
}

#[test]
fn kernelshap_of_samples_still_sums_to_the_whole() {
    let (graph, input) = (entangled(96), picture(1));
    let ask = [SLIC, &[("segments", Value::Integer(40))]].concat();
    let map = explain(&graph, "kernelshap", &input, 0, &ask).unwrap();
    let segments = map.segments.clone().unwrap();
    assert!(segments.weights.len() > 10 && fact(&map, "coalitions") as usize >= 2 * segments.weights.len());
    let gain = fact(&map, "everything_visible") - fact(&map, "everything_hidden");
    assert!((segments.weights.iter().sum::<f64>() - gain).abs() < 1e-9 * gain.abs().max(1.0));
}

#[test]
fn one_pixel_one_colour_grey_and_colour_give_finite_maps() {
    let colour = picture(3);
    for (method, values) in QUICK {
        for quickshift in [false, true] {
            let mut values = values.to_vec();
            if quickshift {
                values.push(("superpixels", Value::Choice("quickshift")));
            }
            for input in [tensor(&[9.0], &[1, 1, 1, 1]), tensor(&[5.0; 12], &[1, 1, 3, 4]), picture(1), colour.clone()]
            {
                let graph = network(input.dim(1).unwrap(), [1.0, -1.0], Head::Classes);
                let map = explain(&graph, method, &input, 0, &values).unwrap();
                assert_eq!((map.channels, map.values.len()), (1, input.dim(2).unwrap() * input.dim(3).unwrap()));
                assert!(map.values.iter().all(|value| value.is_finite()), "{method}");
                assert!(map.shown(5, 5).iter().all(|value| (0.0..=1.0).contains(value)), "{method}");
            }
            let constant = tensor(&[5.0; 12], &[1, 1, 3, 4]);
            let map = explain(&network(1, [1.0, -1.0], Head::Classes), method, &constant, 0, &values).unwrap();
            if let Some(segments) = &map.segments {
                assert_eq!((segments.weights.len(), segments.labels.clone()), (1, vec![0; 12]));
                assert!(segments.weights[0].abs() < 1e-6, "its mean in its place changes nothing");
            }
        }
    }
}

#[test]
fn broken_weights_and_inputs_are_errors() {
    for (method, values) in QUICK {
        let broken = explain(&network(1, [f32::NAN, 1.0], Head::Classes), method, &picture(1), 0, values).unwrap_err();
        assert!(matches!(broken, ExplainError::Graph(GraphError::NotFinite { .. })), "{method}: {broken}");
        let class = explain(&network(1, [1.0, 1.0], Head::Classes), method, &picture(1), 3, values).unwrap_err();
        assert!(matches!(class, ExplainError::NoClass { class: 3, classes: 3 }), "{method}: {class}");
    }
    // Sound for the picture itself, but not where something is hidden: the weights overflow there.
    let graph = network(1, [f32::MAX, -1.0], Head::Classes);
    let zero = tensor(&[0.0; 12], &[1, 1, 3, 4]);
    let error = explain(&graph, "occlusion", &zero, 0, &[]).unwrap_err();
    assert!(matches!(error, ExplainError::Graph(GraphError::NotFinite { .. })), "{error}");
}

#[test]
fn an_element_of_a_batch_is_explained_as_if_alone() {
    let one = picture(1);
    let other = (&one * 0.5).unwrap();
    let both = Tensor::cat(&[&one, &other], 0).unwrap();
    for (name, values) in QUICK {
        let (method, control, target) = (find(name).unwrap(), Control::default(), Target::class(0));
        let settings = settings(method, values);
        let at = |input: &Tensor, slice: usize, head: Head| {
            let trace = run(&network(1, [1.0, -1.0], head), input, method).unwrap();
            let ask = Ask { slice, settings: &settings, ..Ask::new(&trace, INPUT, &target, &control) };
            method.compute(&ask)
        };
        let alone = at(&other, 0, Head::Classes).unwrap();
        assert_eq!(at(&both, 1, Head::Classes).unwrap(), alone, "{name}");
        // A slice of a stack is judged as a stack of one.
        assert_eq!(at(&both, 1, Head::Stack).unwrap(), alone, "{name}");
        assert!(matches!(at(&both, 2, Head::Classes), Err(ExplainError::NoSlice { slice: 2, slices: 2 })));
    }
}

#[test]
fn batches_and_threads_do_not_change_a_bit() {
    let (graph, input) = (entangled(96), picture(1));
    let (target, control) = (Target::class(0), Control::default());
    let trace = run(&graph, &input, find("occlusion").unwrap()).unwrap();
    let ask = Ask::new(&trace, INPUT, &target, &control);
    let scores = |batch: usize| {
        let mut runs = Runs::new(&ask).unwrap();
        runs.batch = batch;
        let mut found = Vec::new();
        let change = |index: usize, values: &mut [f32]| values[index] = 0.0;
        runs.each(11, Unit::Logit, change, |index, score| {
            found.push((index, score));
            Ok(())
        })
        .unwrap();
        found
    };
    let expected = scores(4);
    assert_eq!(expected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), (0..11).collect::<Vec<_>>());
    for batch in [1, 3, 32] {
        for ((_, found), (_, expected)) in scores(batch).iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs(),
                "{found} is not {expected} in batches of {batch}"
            );
        }
    }
    for (method, values) in QUICK {
        let expected = explain(&graph, method, &input, 1, values).unwrap();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| explain(&graph, method, &input, 1, values).unwrap()), expected, "{method}");
        }
    }
}

#[test]
fn the_seed_decides_what_is_drawn() {
    let (graph, input) = (entangled(96), picture(1));
    for (name, values) in QUICK {
        let (method, control, target) = (find(name).unwrap(), Control::default(), Target::class(0));
        let many = [values, &[("segments", Value::Integer(40))]].concat();
        let settings = settings(method, &many);
        let trace = run(&graph, &input, method).unwrap();
        let of = |seed| {
            let ask = Ask { seed, settings: &settings, space: &LINEAR, ..Ask::new(&trace, INPUT, &target, &control) };
            method.compute(&ask).unwrap().values
        };
        assert_eq!(of(1), of(1), "{name}");
        assert_eq!(of(1) != of(2), method.draws(), "{name}");
    }
}

#[test]
fn maps_are_shown_as_they_form_and_cancelling_ends_them() {
    let (graph, input) = (network(1, [1.0, -1.0], Head::Classes), picture(1));
    // Kernel SHAP is done too soon with the few superpixels that a small picture has.
    let endless: [(&str, &[(&str, Value)]); 3] = [
        ("occlusion", &[("window", Value::Integer(1)), ("stride", Value::Integer(1))]),
        ("rise", &[("masks", Value::Integer(20_000))]),
        ("lime", &[("samples", Value::Integer(5000))]),
    ];
    for (name, values) in endless {
        let (method, control, target) = (find(name).unwrap(), Control::default(), Target::class(0));
        // Small pictures are done before a map would be shown; rise takes as many masks as it is told.
        let input = if name == "rise" { input.clone() } else { input.repeat((1, 1, 16, 16)).unwrap() };
        let settings = settings(method, values);
        let trace = run(&graph, &input, method).unwrap();
        let shown = Cell::new(0);
        let interim = |map: Attribution| {
            assert_eq!((map.method, map.values.len()), (name, input.elem_count()));
            assert!(control.progress() < 1.0);
            shown.set(shown.get() + 1);
            control.cancel();
        };
        let ask = Ask { settings: &settings, interim: &interim, ..Ask::new(&trace, INPUT, &target, &control) };
        let cancelled = method.compute(&ask).unwrap_err();
        assert!(matches!(cancelled, ExplainError::Graph(GraphError::Cancelled(_))), "{name}: {cancelled}");
        assert_eq!(shown.get(), 1, "{name}");
    }
}

#[test]
fn strides_that_leave_places_out_are_refused() {
    let gaps = [("window", Value::Integer(2)), ("stride", Value::Integer(3))];
    let error = explain(&network(1, [1.0, 1.0], Head::Classes), "occlusion", &picture(1), 0, &gaps).unwrap_err();
    assert!(error.to_string().starts_with("Occlusion cannot be computed so: a stride of 3"), "{error}");
}

#[test]
fn presets_set_what_there_is_to_set() {
    for method in METHODS.iter().filter(|method| method.group() == Group::Perturbation) {
        for preset in method.presets() {
            for (name, value) in preset.values {
                let parameter = method.parameters().iter().find(|parameter| parameter.name == *name);
                assert!(parameter.unwrap().allows(*value), "{} {} {name}", method.name(), preset.label);
            }
        }
        let names: Vec<&str> = method.presets().iter().map(|preset| preset.label).collect();
        assert_eq!(names, ["Quick", "Paper"], "{}", method.name());
    }
}
