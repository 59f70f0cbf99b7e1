//! Inside the network: the activation grid, and a channel that is followed.

use glassbox::viewer::state::ChannelOrder;

use super::*;

/// The demo in the layout that looks inside, with the channels of the slice in view.
fn inside() -> Option<Harness<'static, App>> {
    let mut harness = explained()?;
    press(&mut harness, Key::F10);
    assert_eq!(state(&harness).layout, Layout::Inside);
    wait(&mut harness, "the channels", |app| !app.facts().inside.sorted.channels.is_empty());
    Some(harness)
}

#[test]
fn channels_are_sorted_and_found_by_number() {
    let Some(mut harness) = inside() else { return };
    let order = |harness: &Harness<'static, App>| harness.state().facts().inside.sorted.channels.to_vec();
    let all = order(&harness);
    assert_eq!(all, (0..all.len()).collect::<Vec<_>>());
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
    assert!(harness.query_by_label_contains("3 of ").is_some());
    harness.state_mut().send(Command::SetChannelFilter("first".to_owned()));
    harness.run_steps(3);
    assert_eq!(order(&harness).len(), all.len());
    assert!(harness.query_by_label("Not a channel number; all are shown.").is_some());
}

#[test]
fn a_channel_is_followed_through_the_slices() {
    let Some(mut harness) = inside() else { return };
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
    let Some(mut harness) = inside() else { return };
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
