//! Each kind of finding at its thresholds, on reports made by hand.

use std::collections::HashSet;

use super::*;
use crate::inside::{ChannelActivity, LayerActivity};

/// A rectified layer with two hundred channels, 8 × 8, on thirty images, of which nothing is to be said.
fn layer() -> LayerReport {
    let channel = ChannelActivity { mean: 0.2, min: 0.0, max: 3.0, active: 0.3, saturated: 0.0 };
    LayerReport {
        layer: "relu1".to_owned(),
        op: "ReLU".to_owned(),
        filters: Some("conv1".to_owned()),
        shape: vec![200, 8, 8],
        positions: 64 * 30,
        dead: Vec::new(),
        nearly_dead: Vec::new(),
        sparsity: 0.7,
        rectifies: true,
        saturation: None,
        field: Some([40, 40]),
        stride: Some([8.0; 2]),
        activity: LayerActivity {
            layer: "relu1".to_owned(),
            inputs: 30,
            channels: vec![channel; 200],
            skipped: Vec::new(),
        },
    }
}

fn filters() -> FilterReport {
    FilterReport {
        layer: "conv1".to_owned(),
        shape: [200, 3, 7, 7],
        first: true,
        zero: Vec::new(),
        duplicates: Some(Vec::new()),
        why_not: None,
        flatness: vec![0.1; 200],
    }
}

fn report(change: impl FnOnce(&mut LayerReport, &mut FilterReport, &mut Report)) -> Report {
    let (mut layer, mut filters) = (layer(), filters());
    let outputs = Outputs { inputs: 30, certain: 10, mean_confidence: 0.8, predicted: vec![20, 10] };
    let mut report = Report { inputs: 30, input: [64, 64], outputs, ..Report::default() };
    change(&mut layer, &mut filters, &mut report);
    (report.layers, report.filters) = (vec![layer], vec![filters]);
    report.judged()
}

fn kinds(report: &Report) -> Vec<(&'static str, Severity)> {
    report.findings.iter().map(|finding| (finding.kind, finding.severity)).collect()
}

#[test]
fn of_a_sound_network_nothing_is_said() {
    assert_eq!(kinds(&report(|_, _, _| {})), []);
    assert_eq!(Report::default().judged().findings, []);
}

#[test]
fn every_kind_has_a_name_of_its_own_and_says_what_it_measures() {
    let names: HashSet<&str> = CHECKS.iter().map(|check| check.name()).collect();
    assert_eq!(names.len(), CHECKS.len());
    for check in CHECKS {
        assert!(check.definition().ends_with('.') && !check.title().is_empty(), "{}", check.name());
    }
}

#[test]
fn dead_channels_matter_by_their_share() {
    for (count, severity) in [(1, Severity::Notice), (20, Severity::Attention), (80, Severity::Serious)] {
        let found = report(|layer, _, _| layer.dead = (0..count).collect());
        assert_eq!(kinds(&found), [("dead", severity)]);
        let finding = &found.findings[0];
        assert_eq!(finding.channels.len(), count);
        assert!(
            finding.what.starts_with(&format!("{count} of 200 channels ("))
                && finding.what.contains(" %) of relu1 (filters of conv1) w"),
            "{}",
            finding.what
        );
        assert!(finding.rule.contains("10 %") && finding.rule.contains("40 %"), "{}", finding.rule);
    }
    let found = report(|layer, _, _| layer.nearly_dead = vec![3, 9]);
    assert_eq!(kinds(&found), [("nearly_dead", Severity::Notice)]);
    let found = report(|layer, _, _| layer.nearly_dead = (0..40).collect());
    assert_eq!(kinds(&found), [("nearly_dead", Severity::Attention)]);
}

#[test]
fn duplicates_count_each_copy_once() {
    let pair = |first, second| Pair { first, second, cosine: 0.995 };
    let found = report(|_, filters, _| filters.duplicates = Some(vec![pair(1, 2), pair(1, 5), pair(2, 5)]));
    assert_eq!(kinds(&found), [("duplicates", Severity::Notice)]);
    assert_eq!(found.findings[0].channels, [2, 5]);
    assert!(found.findings[0].what.contains("1 and 2 (cosine 0.995)"), "{}", found.findings[0].what);
    let found = report(|_, filters, _| filters.duplicates = Some((1..=60).map(|k| pair(0, k)).collect()));
    assert_eq!(kinds(&found), [("duplicates", Severity::Serious)]);
    assert!(found.findings[0].what.contains("54 more pairs"), "{}", found.findings[0].what);
}

#[test]
fn noise_sparsity_saturation_and_certainty_have_their_thresholds() {
    for (noisy, severity) in [(20, Severity::Notice), (50, Severity::Attention), (100, Severity::Serious)] {
        let found = report(|_, filters, _| filters.flatness[..noisy].fill(0.5));
        assert_eq!(kinds(&found), [("noise", severity)]);
    }
    assert_eq!(kinds(&report(|_, filters, _| filters.flatness[..19].fill(0.5))), []);
    for (share, severity) in [(0.96, Severity::Attention), (0.995, Severity::Serious), (0.01, Severity::Notice)] {
        assert_eq!(kinds(&report(|layer, _, _| layer.sparsity = share)), [("sparsity", severity)]);
    }
    assert_eq!(kinds(&report(|layer, _, _| (layer.sparsity, layer.rectifies) = (0.0, false))), []);
    assert_eq!(kinds(&report(|layer, _, _| (layer.sparsity, layer.positions) = (1.0, 30))), []);
    for (share, severity) in [(0.6, Severity::Attention), (0.95, Severity::Serious)] {
        assert_eq!(kinds(&report(|layer, _, _| layer.saturation = Some(share))), [("saturation", severity)]);
    }
    let certain = |inputs: usize, certain: usize| {
        report(|_, _, report| (report.outputs.inputs, report.outputs.certain) = (inputs, certain))
    };
    assert_eq!(kinds(&certain(30, 27)), [("confidence", Severity::Notice)]);
    assert_eq!((kinds(&certain(30, 26)), kinds(&certain(19, 19))), (vec![], vec![]));
}

#[test]
fn the_field_is_held_against_the_lesion_or_else_against_the_input() {
    let of = |field: usize, lesion: Option<f64>| {
        report(|layer, _, report| {
            layer.field = Some([field, field + 4]);
            report.lesion = lesion.map(|input_px| Lesion { input_px, mm: None });
        })
    };
    assert_eq!(kinds(&of(31, None)), [("field", Severity::Notice)]);
    assert_eq!(kinds(&of(32, None)), []);
    assert_eq!(kinds(&of(40, Some(41.0))), [("field", Severity::Attention)]);
    assert_eq!((kinds(&of(40, Some(40.0))), kinds(&of(31, Some(20.0)))), (vec![], vec![]));
    // Smaller than the distance of neighbouring units.
    let small = of(40, Some(6.0));
    assert_eq!(kinds(&small), [("field", Severity::Attention)]);
    assert!(small.findings[0].what.contains("8 pixels apart"), "{}", small.findings[0].what);
    let measured = report(|_, _, report| report.lesion = Some(Lesion { input_px: 50.0, mm: Some(12.5) }));
    assert!(measured.findings[0].what.contains("12.5 mm, which is 50 pixels"), "{}", measured.findings[0].what);
    // Another size judges anew.
    assert_eq!(measured.for_lesion(None).findings, []);
}

#[test]
fn the_most_serious_comes_first_and_layers_can_be_left_out() {
    let mixed = report(|layer, filters, _| {
        layer.dead = vec![1];
        layer.sparsity = 0.995;
        filters.flatness[..60].fill(0.5);
    });
    assert_eq!(
        kinds(&mixed),
        [("sparsity", Severity::Serious), ("noise", Severity::Attention), ("dead", Severity::Notice)]
    );
    assert_eq!(kinds(&mixed.clone().only(&["conv1".to_owned()])), [("noise", Severity::Attention)]);
    assert_eq!(mixed.clone().only(&["relu1".to_owned()]).layers.len(), 1);
    assert_eq!(kinds(&mixed.only(&["relu".to_owned()])), [], "a part of a name is no module");
}
