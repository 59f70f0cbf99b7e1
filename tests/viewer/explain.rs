//! Methods, classes, layers and colours: what is asked of the network.

use super::*;

#[test]
fn methods_stand_under_their_groups_and_say_what_they_show_and_cost() {
    let Some(mut harness) = explained() else { return };
    let chosen = state(&harness).explain.method().expect("a method of the registry");
    assert!(harness.query_by_label(chosen.about().shows).is_some());
    assert!(harness.query_by_label(&format!("Costs: {}", chosen.about().costs)).is_some());
    click(&mut harness, "Method");
    for method in glassbox::explain::METHODS {
        assert!(harness.query_all_by_label(method.group().label()).next().is_some(), "{}", method.group().label());
        assert!(harness.query_all_by_label(method.label()).next().is_some(), "{}", method.label());
    }
}

#[test]
fn parameters_are_set_kept_with_their_method_and_reset() {
    let Some(mut harness) = explained() else { return };
    let method = glassbox::explain::find("smoothgrad").expect("a method of the registry");
    let is_number = |parameter: &&Parameter| !matches!(parameter.kind, Kind::Choice { .. });
    let parameter = method.parameters().iter().find(is_number).expect("it has a number to set");
    click(&mut harness, "Method");
    click(&mut harness, method.label());
    assert_eq!(state(&harness).explain.settings().get(parameter), parameter.default());
    let slider = harness.get_by_role_and_label(Role::Slider, parameter.label);
    slider.focus();
    harness.run_steps(2);
    press(&mut harness, Key::ArrowRight);
    harness.run_steps(3);
    let changed = state(&harness).explain.settings().get(parameter);
    assert_ne!(changed, parameter.default(), "{} {}", method.name(), parameter.name);
    let recipe = &harness.state().facts().slots[0].map(Which::Class).key.as_ref().expect("a map is wanted").recipe;
    assert_eq!(recipe.settings.get(parameter), changed, "the map is asked for with the setting");

    // Another method and back: the setting is still there.
    click(&mut harness, "Method");
    click(&mut harness, "Grad-CAM");
    click(&mut harness, "Method");
    click(&mut harness, method.label());
    assert_eq!(state(&harness).explain.settings().get(parameter), changed);
    click(&mut harness, "Default");
    assert_eq!(state(&harness).explain.settings().get(parameter), parameter.default());
}

#[test]
fn a_class_is_held_against_another_and_the_difference_has_a_sign() {
    let Some(mut harness) = explained() else { return };
    let count = harness.state().facts().model.value.as_ref().expect("the model is here").classes.len();
    if count < 2 {
        return;
    }
    click(&mut harness, "Against");
    click(&mut harness, "Strongest other class");
    assert_eq!(state(&harness).layout, Layout::Contrast);
    wait(&mut harness, "the difference", |app| app.facts().slots[0].map(Which::Difference).current().is_some());
    wait(&mut harness, "the other map", |app| app.facts().slots[0].map(Which::Other).current().is_some());
    let facts = &harness.state().facts().slots[0];
    assert_ne!(facts.class, facts.other);
    let difference = facts.map(Which::Difference);
    assert_eq!(difference.reading(), Reading::Signed);
    assert_eq!(facts.map(Which::Class).range, facts.map(Which::Other).range, "one scale for both");
    let state = state(&harness);
    let legend = Legend::of(state, facts, None, Which::Difference).expect("the map is here");
    assert!(legend.is_signed && legend.colormap.diverging);
    assert_eq!(legend.ends[0], format!("-{}", legend.ends[1]), "as far below 0 as above");
}

#[test]
fn three_layers_stand_beside_each_other_and_as_one() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::F7);
    wait(&mut harness, "the fused map", |app| app.facts().slots[0].map(Which::Fused).current().is_some());
    let facts = &harness.state().facts().slots[0];
    let layer = |which| facts.map(which).key.as_ref().map(|key| key.recipe.layer.to_string());
    let layers = [Which::Early, Which::Middle, Which::Late].map(layer);
    assert!(layers[0] != layers[1] && layers[1] != layers[2] && layers[0] != layers[2], "{layers:?}");
}

#[test]
fn the_layer_is_found_in_the_tree() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::F8);
    assert!(state(&harness).layer_tree.is_some());
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    let model = Arc::clone(harness.state().facts().model.value.as_ref().expect("the model is here"));
    let default = model.layers.iter().rfind(|layer| layer.name.starts_with(&model.default_layer)).map_or(0, |l| l.node);
    let other = model.layers.iter().find(|layer| layer.spatial && layer.node < default).expect("an earlier layer");
    let flat = model.layers.iter().find(|layer| !layer.spatial).expect("the head");
    let mut tree = state(&harness).layer_tree.clone().expect("it is open");
    for name in [&other.name, &flat.name] {
        tree.open.extend(name.match_indices('.').map(|(end, _)| name[..end].to_owned()));
    }
    harness.state_mut().send(Command::SetLayerTree(Some(tree)));
    harness.run_steps(3);
    click(&mut harness, &other.name);
    assert_eq!(state(&harness).explain.layer.as_deref(), Some(other.name.as_str()));
    // A layer without rows and columns has no map, but activations.
    harness.state_mut().send(Command::SetLayerTree(Some(LayerTree {
        filter: flat.name.clone(),
        ..LayerTree::leading_to(&flat.name, Purpose::Map)
    })));
    harness.run_steps(3);
    click(&mut harness, &flat.name);
    assert_eq!(state(&harness).explain.layer.as_deref(), Some(other.name.as_str()), "it can't be chosen for a map");
    click(&mut harness, "For activations");
    click(&mut harness, &flat.name);
    assert_eq!(state(&harness).explain.activation_layer.as_deref(), Some(flat.name.as_str()));
    press(&mut harness, Key::Escape);
    assert!(state(&harness).layer_tree.is_none());
}

#[test]
fn the_grid_shows_what_channels_saw() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::F4);
    click(&mut harness, "What each saw");
    assert!(state(&harness).explain.shows_seen);
    wait(&mut harness, "the pictures", |app| app.facts().slots[0].seen.current().is_some());
    let grid = harness.state().facts().slots[0].seen.value.clone().expect("it has come");
    assert!(!grid.maps.is_empty());
    assert!(grid.maps.windows(2).all(|pair| pair[0].activation >= pair[1].activation), "the strongest first");
    click(&mut harness, "Whole map");
    assert!(state(&harness).explain.whole_channels);
    wait(&mut harness, "the whole maps", |app| app.facts().slots[0].seen.current().is_some());
    click(&mut harness, "Activations");
    assert!(!state(&harness).explain.shows_seen);
}

#[test]
fn colours_are_remembered_apart_for_maps_with_and_without_a_sign() {
    let Some(mut harness) = explained() else { return };
    let unsigned = state(&harness).explain.colormap.name;
    click(&mut harness, "Colour map");
    assert!(harness.query_by_label_contains("Red–blue").is_none(), "a diverging map is for maps with a sign");
    press(&mut harness, Key::Escape);
    harness.state_mut().send(Command::SetColormap("rdbu"));
    harness.state_mut().send(Command::SetColormap("magma"));
    harness.run_steps(2);
    let explain = &state(&harness).explain;
    assert_ne!(unsigned, "magma");
    assert_eq!((explain.colormap.name, explain.signed_colormap.name), ("magma", "rdbu"));
    assert_eq!(explain.colormap_for(Reading::Signed).name, "rdbu");
}

#[test]
fn what_is_stopped_stays_stopped_until_something_is_asked_for() {
    let Some(mut harness) = explained() else { return };
    harness.state_mut().send(Command::CancelJobs);
    harness.run_steps(3);
    wait(&mut harness, "rest", |app| app.facts().activity.text.is_empty());
    press(&mut harness, Key::Home);
    for _ in 0..20 {
        harness.run_steps(1);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(harness.state().facts().activity.text.is_empty(), "nothing runs");
    assert_eq!(harness.state().facts().activity.queued, 0);
    click(&mut harness, "Go on");
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
    // A new question is one as well.
    harness.state_mut().send(Command::CancelJobs);
    harness.run_steps(2);
    assert!(state(&harness).explain.paused);
    click(&mut harness, "Method");
    click(&mut harness, "Grad-CAM++");
    assert!(!state(&harness).explain.paused);
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
}

#[test]
fn a_region_is_for_networks_that_classify_each_pixel() {
    let Some(mut harness) = explained() else { return };
    press(&mut harness, Key::E);
    assert_eq!(state(&harness).tool, Tool::Window, "this one judges the whole picture");
    assert!(harness.query_by_label_contains("judges the whole picture").is_some());
}
