//! A network that classifies each pixel: shares, regions drawn on the picture, clearing them.

use std::io::{Cursor, Read};
use std::path::Path;

use egui::{Pos2, Vec2};
use glassbox::explain::Region;

use super::*;

/// A small U-Net (`tests/peers/keras_build.py`) with a card, in a folder of its own.
fn unet(folder: &Path) -> ModelPath {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/keras/models.zip");
    let bytes = std::fs::read(archive).expect("the peers' models are checked in");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("it is a zip");
    let mut weights = Vec::new();
    archive.by_name("unet.keras").expect("it holds the U-Net").read_to_end(&mut weights).expect("it can be read");
    std::fs::write(folder.join("unet.keras"), weights).expect("the folder takes it");
    let card = "name = \"U-Net\"\nversion = \"1\"\narchitecture = \"keras\"\nweights = \"unet.keras\"\n\
        classes = [\"background\", \"bone\", \"cartilage\"]\n[input]\nsize = [16, 20]\nchannels = 3\n\
        window = \"minmax\"\n[output]\nactivation = \"softmax\"\n";
    std::fs::write(folder.join("model.toml"), card).expect("the folder takes it");
    ModelPath(folder.to_owned())
}

fn region(harness: &Harness<'static, App>) -> Option<Region> {
    Some(harness.state().facts().slots[0].map(Which::Class).key.as_ref()?.recipe.region.clone())
}

pub(super) fn drag(harness: &mut Harness<'static, App>, way: &[Pos2]) {
    harness.hover_at(way[0]);
    harness.run_steps(1);
    harness.drag_at(way[0]);
    harness.run_steps(1);
    for at in &way[1..] {
        harness.hover_at(*at);
        harness.run_steps(1);
    }
    harness.drop_at(way[way.len() - 1]);
    harness.run_steps(3);
}

#[test]
fn a_segmentation_is_explained_for_a_region_that_is_drawn() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut harness = open(Some(unet(folder.path())));
    click(&mut harness, "Understood");
    wait(&mut harness, "the scores", |app| app.facts().slots[0].scores.current().is_some());
    let facts = &harness.state().facts().slots[0];
    let shares = facts.scores.current().expect("they have come").probabilities.clone();
    assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{shares:?}");
    wait(&mut harness, "the map", |app| app.facts().slots[0].map(Which::Class).current().is_some());
    assert_eq!(region(&harness), Some(Region::Predicted));
    // A card that is in no list is named all the same.
    let model = harness.get_by_role_and_label(Role::ComboBox, "Model");
    assert_eq!(model.value().as_deref(), Some("U-Net"));

    press(&mut harness, Key::E);
    assert_eq!(state(&harness).tool, Tool::Region);
    let viewport = harness.get_by_label_contains("Viewport 1").rect();
    let centre = viewport.center();
    drag(&mut harness, &[centre - Vec2::splat(60.0), centre, centre + Vec2::splat(60.0)]);
    let Some(Region::Drawn(mask)) = region(&harness) else { panic!("a region has been drawn") };
    assert_eq!((mask.rows, mask.columns), (16, 20));
    let inside = mask.inside.iter().filter(|is| **is).count();
    assert!(inside > 0 && inside < 16 * 20, "{inside}");
    wait(&mut harness, "the region's map", |app| app.facts().slots[0].map(Which::Class).current().is_some());

    // Another slice has no region; back on this one it is still there.
    press(&mut harness, Key::ArrowDown);
    assert_eq!(region(&harness), Some(Region::Predicted));
    press(&mut harness, Key::ArrowUp);
    assert!(matches!(region(&harness), Some(Region::Drawn(_))));

    click(&mut harness, "Freehand");
    let corner = |x: f32, y: f32| centre + Vec2::new(x, y);
    drag(&mut harness, &[corner(-50.0, -50.0), corner(50.0, -50.0), corner(0.0, 50.0)]);
    let Some(Region::Drawn(triangle)) = region(&harness) else { panic!("a region has been drawn") };
    assert_ne!(triangle, mask);
    click(&mut harness, "Clear");
    assert_eq!(region(&harness), Some(Region::Predicted));
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}
