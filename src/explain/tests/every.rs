//! What holds for every method that does not hide parts of the picture: degenerate inputs, batches, stacks,
//! segmentations, cancellation.

use super::*;

/// The methods, each with the layer that it is asked at.
fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.iter().filter(|method| method.group() != Group::Perturbation).map(|method| method.name())
}

fn is_sound(map: &Attribution) -> bool {
    let shown = map.shown(5, 4);
    shown.len() == 20
        && map.values.len() == map.channels * map.rows * map.columns
        && map.values.iter().all(|value| value.is_finite())
        && shown.iter().all(|value| (0.0..=1.0).contains(value))
        && map.facts.iter().all(|fact| fact.value.is_finite())
}

#[test]
fn every_method_says_what_it_is() {
    for method in METHODS {
        let about = method.about();
        for sentence in [about.shows, about.cannot, about.costs] {
            assert!(sentence.ends_with('.') && sentence.len() > 12, "{}: {sentence}", method.name());
        }
        assert!(about.paper.ends_with(|c: char| c.is_ascii_digit()), "{}: {}", method.name(), about.paper);
        for preset in method.presets() {
            let settings = Settings::of(preset, method.parameters());
            assert_eq!(settings.iter().count(), preset.values.len(), "{}: {}", method.name(), preset.label);
            let same = |other: &&_| Settings::of(other, method.parameters()) == settings;
            assert_eq!(method.presets().iter().filter(same).count(), 1, "{}: {}", method.name(), preset.label);
        }
    }
}

#[test]
fn constant_pictures_and_single_places_give_sound_maps() {
    for method in methods() {
        for (value, side) in [(0.0, 3), (5.0, 3), (-2.0, 3), (2.0, 1)] {
            let input = tensor(&vec![value; side * side], &[1, 1, side, side]);
            for class in 0..3 {
                let map = explain(&network(&KERNEL, false), method, "relu", &input, (class, 0)).unwrap();
                assert!(is_sound(&map), "{method} of a constant {value}: {map:?}");
                assert_eq!([map.rows, map.columns], [side; 2]);
            }
        }
    }
}

#[test]
fn without_a_gradient_nothing_is_attributed() {
    let graph = network(&[0.0, 0.0], false);
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    for method in methods() {
        let map = explain(&graph, method, "relu", &input, (0, 0)).unwrap();
        assert!(is_sound(&map), "{method}: {map:?}");
        assert_eq!(map.values, [0.0; 4], "{method}");
    }
}

#[test]
fn weights_and_pictures_that_are_not_numbers_are_errors() {
    let input = tensor(&[1.0, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    let broken = tensor(&[f32::NAN, 2.0, 3.0, 4.0], &[1, 1, 2, 2]);
    for method in methods() {
        assert!(explain(&network(&[f32::NAN, 1.0], false), method, "relu", &input, (0, 0)).is_err(), "{method}");
        assert!(explain(&network(&KERNEL, false), method, "relu", &broken, (0, 0)).is_err(), "{method}");
    }
}

#[test]
fn each_element_of_a_batch_is_explained_as_if_alone() {
    let slices = [[1.0, -2.0, 3.0, 0.0], [0.5, 0.5, -1.0, 2.0]];
    let batch = tensor(&slices.concat(), &[2, 1, 2, 2]);
    let graph = network(&KERNEL, false);
    for method in methods() {
        for (slice, values) in slices.iter().enumerate() {
            let alone = explain(&graph, method, "relu", &tensor(values, &[1, 1, 2, 2]), (0, 0)).unwrap();
            assert_eq!(explain(&graph, method, "relu", &batch, (0, slice)).unwrap(), alone, "{method}");
        }
    }
}

#[test]
fn stacks_of_one_and_segmentations_are_explained() {
    let input = tensor(&[1.0, -2.0, 3.0, 0.5], &[1, 1, 2, 2]);
    for method in methods() {
        let alone = explain(&network(&KERNEL, false), method, "relu", &input, (0, 0)).unwrap();
        let stacked = explain(&network(&KERNEL, true), method, "relu", &input, (0, 0)).unwrap();
        assert_eq!(stacked, alone, "{method}: one slice is its own maximum");
        let graph = segmentation();
        if find(method).unwrap().suits(&graph).is_ok() {
            let map = explain(&graph, method, "conv", &input, (0, 0)).unwrap();
            assert!(is_sound(&map), "{method}: {map:?}");
        }
    }
}

#[test]
fn methods_stop_when_cancelled_and_report_progress() {
    let graph = network(&KERNEL, false);
    let input = tensor(&[1.0, -2.0, 3.0, 0.5], &[1, 1, 2, 2]);
    let relu = graph.find("relu").unwrap();
    for method in METHODS.iter().filter(|method| method.group() != Group::Perturbation && method.is_costly()) {
        let (control, target) = (Control::default(), Target::class(0));
        let keep = method.keeps(&graph, relu);
        let trace = graph.run(&[(INPUT, input.clone())], graph.output(), &keep, &control).unwrap();
        control.set_progress(0.0);
        method.compute(&Ask::new(&trace, relu, &target, &control)).unwrap();
        assert!((control.progress() - 1.0).abs() < 1e-6, "{}", method.name());
        control.cancel();
        let error = method.compute(&Ask::new(&trace, relu, &target, &control)).unwrap_err();
        assert!(matches!(error, ExplainError::Graph(GraphError::Cancelled(_))), "{}: {error}", method.name());
    }
}
