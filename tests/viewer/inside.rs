//! Inside the network: the activation grid, a channel that is followed, filters, what excites it, the embedding, the
//! check.

use std::collections::HashMap;
use std::path::Path;

use egui::Vec2;
use glassbox::inside::Projection;
use glassbox::viewer::state::{ChannelOrder, Scope};
use safetensors::tensor::{Dtype, TensorView};

use super::*;

/// A small network of random weights over the demo study, so that a look at every slice takes moments.
struct Small {
    harness: Harness<'static, App>,
    _folder: tempfile::TempDir,
}

/// The demo explained by a small network, in the layout of a key; the activation layer is the first rectifier.
fn small(key: Key) -> Small {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut harness = open(Some(network(folder.path(), 8)));
    click(&mut harness, "Understood");
    harness.state_mut().send(Command::SetActivationLayer(Some("features.1".into())));
    press(&mut harness, key);
    wait(&mut harness, "the scores", |app| app.facts().slots[0].scores.current().is_some());
    Small { harness, _folder: folder }
}

/// The same in the layout that looks inside, with the channels of the slice in view.
fn inside() -> Small {
    let mut small = small(Key::F10);
    assert_eq!(state(&small.harness).layout, Layout::Inside);
    wait(&mut small.harness, "the channels", |app| app.facts().inside.sorted.channels.len() == 8);
    small
}

#[test]
fn channels_are_sorted_and_found_by_number() {
    let Small { mut harness, _folder } = inside();
    let order = |harness: &Harness<'static, App>| harness.state().facts().inside.sorted.channels.to_vec();
    let all = order(&harness);
    assert_eq!(all, (0..all.len()).collect::<Vec<_>>());
    click(&mut harness, "Sort channels");
    click(&mut harness, "Contribution");
    wait(&mut harness, "the contributions", |app| app.facts().inside.contributions.current().is_some());
    let known = harness.state().facts().inside.contributions.value.clone().expect("they have come");
    let adds = known.contributions.as_ref().expect("they were asked for");
    let sorted = order(&harness);
    assert!(sorted.windows(2).all(|pair| adds[pair[0]] >= adds[pair[1]]), "{sorted:?}");
    for (kind, name) in [(ChannelOrder::Maximum, "Maximum"), (ChannelOrder::Mean, "Mean")] {
        click(&mut harness, "Sort channels");
        click(&mut harness, name);
        assert_eq!(state(&harness).inside.order, kind);
        let activations = harness.state().facts().slots[0].activations.value.clone().expect("they have come");
        let values = if kind == ChannelOrder::Mean { &activations.mean } else { &activations.maximum };
        let sorted = order(&harness);
        assert!(sorted.windows(2).all(|pair| values[pair[0]] >= values[pair[1]]), "{name}: {sorted:?}");
    }
    harness.state_mut().send(Command::SetChannelFilter("1-3".to_owned()));
    harness.run_steps(3);
    let mut found = order(&harness);
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3]);
    // With what follows: the status line may just be counting images ("3 of 26").
    assert!(harness.query_by_label_contains("3 of 8 channels").is_some());
    harness.state_mut().send(Command::SetChannelFilter("first".to_owned()));
    harness.run_steps(3);
    assert_eq!(order(&harness).len(), all.len());
    assert!(harness.query_by_label("Not a channel number; all are shown.").is_some());
}

#[test]
fn a_channel_is_followed_through_the_slices() {
    let Small { mut harness, _folder } = inside();
    click(&mut harness, "Channel 2");
    assert_eq!(state(&harness).inside.channel, Some(2));
    let count = state(&harness).active().positions();
    // Every slice of the stack is looked at, the curve is made of them.
    wait(&mut harness, "the whole curve", |app| app.facts().inside.history.slices() >= count);
    let seen = |harness: &Harness<'static, App>, position: usize| {
        let facts = harness.state().facts();
        facts.inside.history.seen(&facts.slots[0].sources[position], 2)
    };
    let here = state(&harness).active().position;
    press(&mut harness, Key::ArrowDown);
    assert_eq!((state(&harness).inside.channel, state(&harness).active().position), (Some(2), here + 1));
    wait(&mut harness, "the next slice", |app| app.facts().slots[0].activations.current().is_some());
    let activations = harness.state().facts().slots[0].activations.current().cloned().expect("it has come");
    let of_history = seen(&harness, here + 1).expect("it has been looked at");
    assert_eq!((of_history.maximum, of_history.mean), (activations.maximum[2], activations.mean[2]));
    assert!(harness.query_by_label("Channel 2 along the slices").is_some());
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    press(&mut harness, Key::CloseBracket);
    assert_eq!(state(&harness).inside.channel, Some(3));
    press(&mut harness, Key::OpenBracket);
    click(&mut harness, "Let go");
    assert_eq!(state(&harness).inside.channel, None);
    // Another layer has other channels.
    click(&mut harness, "Channel 1");
    harness.state_mut().send(Command::SetActivationLayer(Some("another".into())));
    harness.run_steps(2);
    assert_eq!(state(&harness).inside.channel, None);
}

#[test]
fn dead_channels_are_counted_over_the_slices_seen() {
    let Small { mut harness, _folder } = inside();
    click(&mut harness, "Channel 0");
    let count = state(&harness).active().positions();
    wait(&mut harness, "the whole stack", |app| app.facts().inside.history.slices() >= count);
    let facts = harness.state().facts();
    let history = &facts.inside.history;
    let channels = facts.slots[0].activations.value.as_ref().expect("they have come").channels;
    let silent = |channel: &usize| {
        let on = |source| history.seen(source, *channel).is_some_and(|seen| seen.minimum == 0.0 && seen.maximum == 0.0);
        facts.slots[0].sources.iter().all(on)
    };
    let dead = (0..channels).filter(silent).count();
    assert_eq!(history.dead(), dead);
    let words = format!("{dead} dead on the {} slices seen", history.slices());
    assert!(harness.query_by_label(&words).is_some(), "{words}");
}

/// A network whose first layer has so many channels; its weights are whatever, for nobody looks at what it says.
fn network(folder: &Path, channels: usize) -> ModelPath {
    let shapes: [(&str, &[usize]); 12] = [
        ("features.0.weight", &[channels, 3, 11, 11]),
        ("features.0.bias", &[channels]),
        ("features.3.weight", &[2, channels, 5, 5]),
        ("features.3.bias", &[2]),
        ("features.6.weight", &[2, 2, 3, 3]),
        ("features.6.bias", &[2]),
        ("features.8.weight", &[2, 2, 3, 3]),
        ("features.8.bias", &[2]),
        ("features.10.weight", &[2, 2, 3, 3]),
        ("features.10.bias", &[2]),
        ("classifier.weight", &[2, 72]),
        ("classifier.bias", &[2]),
    ];
    let bytes = shapes.map(|(_, shape)| {
        let count: usize = shape.iter().product();
        (0..count).flat_map(|at| ((at as f32 * 0.7).sin() * 0.1).to_le_bytes()).collect::<Vec<u8>>()
    });
    let views: HashMap<&str, TensorView<'_>> = shapes
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("shape and bytes agree"))
        })
        .collect();
    safetensors::serialize_to_file(&views, None, &folder.join("small.safetensors")).expect("the folder takes it");
    let card = "name = \"Small\"\nversion = \"1\"\narchitecture = \"alexnet\"\nweights = \"small.safetensors\"\n\
        classes = [\"a\", \"b\"]\n[input]\nsize = [64, 64]\nchannels = 3\nwindow = \"minmax\"\n\
        [output]\nactivation = \"softmax\"\n";
    std::fs::write(folder.join("model.toml"), card).expect("the folder takes it");
    ModelPath(folder.to_owned())
}

#[test]
fn of_two_thousand_channels_only_those_in_view_are_laid_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut harness = open(Some(network(folder.path(), 2048)));
    click(&mut harness, "Understood");
    harness.state_mut().send(Command::SetActivationLayer(Some("features.0".into())));
    press(&mut harness, Key::F10);
    wait(&mut harness, "the channels", |app| app.facts().inside.sorted.channels.len() == 2048);
    let laid_out = |harness: &Harness<'static, App>| harness.query_all_by_label_contains("Channel ").count();
    assert!((8..400).contains(&laid_out(&harness)), "{}", laid_out(&harness));
    assert!(harness.query_by_label("Channel 0").is_some() && harness.query_by_label("Channel 2047").is_none());
    // What is followed comes into view.
    harness.state_mut().send(Command::FollowChannel(Some(2047)));
    harness.run_steps(4);
    // Its number stands under the grid as well, so its cell is asked for by its role.
    assert!(harness.query_by_role_and_label(Role::Button, "Channel 2047").is_some());
    assert!(harness.query_by_label("Channel 0").is_none());
    assert!(laid_out(&harness) < 400);
    harness.state_mut().send(Command::SetChannelFilter("1000".to_owned()));
    harness.run_steps(4);
    assert!(harness.query_by_label("Channel 1000").is_some());
    // Its filters are colour images, as many of them.
    wait(&mut harness, "the filters", |app| app.facts().inside.filters.current().is_some());
    let filters = harness.state().facts().inside.filters.value.clone().expect("they have come");
    assert_eq!((filters.outputs, filters.inputs, filters.rows), (2048, 3, 11));
    let shown = harness.query_all_by_label_contains("Filter ").count();
    assert!((4..400).contains(&shown), "{shown}");
}

#[test]
fn a_filter_is_chosen_as_its_channel_is() {
    let Small { mut harness, _folder } = inside();
    wait(&mut harness, "the filters", |app| app.facts().inside.filters.current().is_some());
    harness.run_steps(3);
    click(&mut harness, "Filter 1");
    assert_eq!(state(&harness).inside.channel, Some(1));
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn a_click_on_a_strongest_image_goes_to_its_slice() {
    let Small { mut harness, _folder } = inside();
    assert_eq!(state(&harness).scope(), Scope::Series);
    wait(&mut harness, "the survey", |app| app.facts().inside.strongest.is_current);
    let facts = harness.state().facts();
    let found = facts.inside.strongest.strongest().expect("it is one of strongest images").clone();
    let excited = |images: &Vec<glassbox::inside::Excited>| images.len() >= 2;
    let channel = found.channels.iter().position(excited).expect("some channel is excited");
    harness.state_mut().send(Command::FollowChannel(Some(channel)));
    harness.run_steps(4);
    let images = &found.channels[channel];
    assert!(images.windows(2).all(|pair| pair[0].value >= pair[1].value));
    let here = state(&harness).active().position;
    let other = images.iter().take(2).position(|image| image.input != here).expect("two images are two slices");
    let name = format!("Image {} for channel {channel}", other + 1);
    harness.get_by_label_contains(&name).click();
    harness.run_steps(3);
    assert_eq!(state(&harness).active().position, images[other].input);
    let patch = state(&harness).inside.patch.clone().map(|(_, patch)| patch);
    assert_eq!(patch, images[other].patch);
    // The value is that of the channel on that slice.
    wait(&mut harness, "that slice", |app| app.facts().slots[0].activations.current().is_some());
    let activations = harness.state().facts().slots[0].activations.current().cloned().expect("it has come");
    let (shown, told) = (activations.maximum[channel], images[other].value);
    assert!((shown - told).abs() <= 1e-4 * told.abs(), "{shown} {told}");
}

#[test]
fn a_click_on_a_point_opens_its_image() {
    let Small { mut harness, _folder } = small(Key::F11);
    assert_eq!(state(&harness).layout, Layout::Embedding);
    click(&mut harness, "PCA");
    assert_eq!(state(&harness).inside.projection, Projection::Pca);
    wait(&mut harness, "the embedding", |app| app.facts().inside.embedding.is_current);
    let count = state(&harness).active().positions();
    let embedding = harness.state().facts().inside.embedding.embedding().expect("it is one").clone();
    assert_eq!((embedding.points.len(), embedding.inputs.len()), (count, count));
    harness.run_steps(3);
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    let plot = harness.get_by_label_contains("Embedding of ").rect();
    let here = state(&harness).active().position;
    let mut gone_to = None;
    // Where the points are on the screen is the plot's business; the pointer finds them.
    'search: for row in 0..30_u8 {
        for column in 0..30_u8 {
            let part = Vec2::new(f32::from(column) + 0.5, f32::from(row) + 0.5) / 30.0;
            let at = plot.min + plot.size() * part;
            harness.hover_at(at);
            harness.run_steps(1);
            harness.drag_at(at);
            harness.drop_at(at);
            harness.run_steps(2);
            if state(&harness).active().position != here {
                gone_to = Some(state(&harness).active().position);
                break 'search;
            }
        }
    }
    assert!(gone_to.is_some(), "no point was found");
    click(&mut harness, "t-SNE");
    wait(&mut harness, "the other embedding", |app| app.facts().inside.embedding.is_current);
    assert!(harness.state().facts().inside.embedding.embedding().is_some_and(|found| found.explained.is_none()));
}

#[test]
fn a_line_of_the_check_and_a_finding_lead_to_their_layer() {
    let Small { mut harness, _folder } = small(Key::F12);
    assert_eq!(state(&harness).layout, Layout::Check);
    wait(&mut harness, "the check", |app| app.facts().inside.check.is_current);
    harness.run_steps(3);
    let report = harness.state().facts().inside.check.report().expect("it is one").clone();
    let first = report.layers.first().expect("it has activation layers").layer.clone();
    click(&mut harness, &format!("Layer {first}"));
    assert_eq!(state(&harness).explain.activation_layer.as_deref(), Some(first.as_str()));
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    for finding in report.findings.iter().take(1) {
        let Some(layer) = &finding.layer else { continue };
        let name = format!("{}: {}", finding.severity.word(), finding.what);
        harness.get_by_role_and_label(Role::Button, &name).click();
        harness.run_steps(3);
        assert_eq!(state(&harness).explain.activation_layer.as_deref(), Some(layer.as_str()));
        assert_eq!(state(&harness).inside.channel, finding.channels.first().copied());
    }
}
