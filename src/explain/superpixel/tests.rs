//! Superpixels of small pictures.

use candle_core::{Device, Tensor};

use super::*;
use crate::graph::Control;

/// Dark on the left, bright on the right, with a little texture.
fn halves(rows: usize, columns: usize) -> Pixels {
    let colour = |place: usize| {
        let (row, column) = (place / columns, place % columns);
        let texture = ((row * 7 + column * 3) % 5) as u8;
        if column < columns / 2 { [10 + texture; 3] } else { [240 + texture; 3] }
    };
    Pixels { rows, columns, colours: (0..rows * columns).map(colour).collect() }
}

fn both(picture: &Pixels) -> [Superpixels; 2] {
    let control = Control::default();
    [
        quickshift(picture, Quickshift::LIME, &control).unwrap(),
        slic(picture, Slic { segments: 4, compactness: 10.0 }, &control).unwrap(),
    ]
}

#[test]
fn superpixels_end_where_the_picture_changes() {
    let picture = halves(24, 32);
    for superpixels in both(&picture) {
        assert!((2..40).contains(&superpixels.count), "{}", superpixels.count);
        let mut seen = vec![None; superpixels.count];
        for (place, &label) in superpixels.labels.iter().enumerate() {
            let is_bright = place % 32 >= 16;
            assert_eq!(*seen[label as usize].get_or_insert(is_bright), is_bright, "{label} lies on both sides");
        }
        assert!(seen.iter().all(Option::is_some), "labels have no gaps");
    }
}

#[test]
fn one_colour_and_one_pixel_are_one_superpixel() {
    for (rows, columns) in [(1, 1), (9, 14)] {
        let constant = Pixels { rows, columns, colours: vec![[7, 8, 9]; rows * columns] };
        for superpixels in both(&constant) {
            assert_eq!((superpixels.count, superpixels.labels), (1, vec![0; rows * columns]));
        }
    }
    let line = halves(1, 12);
    assert!(both(&line).iter().all(|superpixels| superpixels.labels.len() == 12));
}

#[test]
fn any_number_of_threads_gives_the_same_superpixels() {
    let picture = halves(40, 30);
    let expected = both(&picture);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| both(&picture)), expected);
    }
}

#[test]
fn cancelling_ends_both() {
    let control = Control::default();
    control.cancel();
    let picture = halves(8, 8);
    assert!(quickshift(&picture, Quickshift::LIME, &control).is_err());
    assert!(slic(&picture, Slic { segments: 4, compactness: 10.0 }, &control).is_err());
}

#[test]
fn network_input_becomes_eight_bits() {
    let space = InputSpace { scale: 255.0, mean: [0.5; 3], std: [0.25; 3], ..InputSpace::PLAIN };
    let values: Vec<f32> = [0.0, 17.0, 255.0].map(|pixel| space.normalised(0, pixel) as f32).to_vec();
    let input = Tensor::from_vec(values, (1, 1, 1, 3), &Device::Cpu).unwrap();
    let pixels = Pixels::of_input(&space, &input).unwrap();
    assert_eq!(pixels.colours, [[0; 3], [17; 3], [255; 3]]);
    let stored = Tensor::new(&[[[[-1000.0_f32, 1000.0, 0.0]]]], &Device::Cpu).unwrap();
    let pixels = Pixels::of_input(&InputSpace::PLAIN, &stored).unwrap();
    assert_eq!(pixels.colours, [[0; 3], [255; 3], [128; 3]]);
}

#[test]
fn labels_are_renumbered_without_gaps() {
    let superpixels = Superpixels::from_labels(1, 4, &[9, 2, 9, 5]).unwrap();
    assert_eq!((superpixels.labels, superpixels.count), (vec![2, 0, 2, 1], 3));
    assert!(Superpixels::from_labels(2, 4, &[0; 4]).is_none());
}
