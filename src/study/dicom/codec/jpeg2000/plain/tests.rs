//! Plain streams against what they were coded of, and against `OpenJPEG`.
//!
//! The streams in tests/data/jpeg2000 are pictures of `sample`, coded by `opj_compress` of `OpenJPEG`.

use super::super::general;
use super::*;

const LAYERS: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/layers_16s.j2k"), Picture::new(100, 76, 1, 16));
const WHOLE: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/whole_12u.j2k"), Picture::new(90, 70, 1, 12));
const WHOLE_COLOURS: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/whole_rgb.j2k"), Picture::new(61, 47, 3, 8));
const THIN: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/thin_8u.j2k"), Picture::new(1, 9, 1, 8));
const REAL: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/real_12u.j2k"), Picture::new(90, 70, 1, 12));
const REAL_COLOURS: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/real_rgb.j2k"), Picture::new(61, 47, 3, 8));
const PRECINCTS: (&[u8], Picture) =
    (include_bytes!("../../../../../../tests/data/jpeg2000/precincts_12u.j2k"), Picture::new(90, 70, 1, 12));

#[derive(Clone, Copy)]
struct Picture {
    expected: Expected,
    bits: u8,
}

impl Picture {
    const fn new(columns: usize, rows: usize, samples: usize, bits: u8) -> Self {
        Picture { expected: Expected { rows, columns, samples }, bits }
    }

    /// A bright ellipse that fades outwards, with grain.
    fn sample(self, x: usize, y: usize, component: usize) -> i64 {
        let (x, y, component) = (x as i64, y as i64, component as i64);
        let (w, h) = (self.expected.columns as i64, self.expected.rows as i64);
        let top = (1 << self.bits) - 1;
        let (dx, dy) = (2 * x - w, 2 * y - h);
        if dx * dx * h * h * 5 + dy * dy * w * w * 5 >= w * w * h * h * 4 {
            return component;
        }
        let grain = (x * 7919 + y * 104_729 + component * 31 + x * y * 17) % (1 + top / 64);
        top * 3 / 5 - (dx * dx + dy * dy) * top / (4 * (w * w + h * h)) + grain
    }

    /// Interleaved samples, moved down by `lower`.
    fn samples(self, lower: i64) -> Vec<u16> {
        let Expected { rows, columns, samples } = self.expected;
        let pixel = |at: usize| (at / samples % columns, at / samples / columns, at % samples);
        (0..rows * columns * samples).map(pixel).map(|(x, y, k)| (self.sample(x, y, k) - lower) as u16).collect()
    }
}

#[test]
fn reversible_streams_are_exact() {
    for ((stream, picture), lower) in [(LAYERS, 1 << 15), (WHOLE, 0), (WHOLE_COLOURS, 0), (THIN, 0)] {
        let decoded = decode(stream, picture.expected).expect("the stream is plain");
        assert_eq!(decoded, picture.samples(lower));
    }
}

#[test]
fn irreversible_streams_are_what_openjpeg_makes_of_them() {
    for (stream, picture) in [REAL, REAL_COLOURS] {
        let decoded = decode(stream, picture.expected).expect("the stream is plain");
        assert_eq!(Ok(&decoded), general(stream, picture.expected, picture.bits).as_ref());
        let far = |(found, sample): (&u16, &u16)| found.abs_diff(*sample) > 1 << (picture.bits - 3);
        assert_eq!(decoded.iter().zip(&picture.samples(0)).filter(|pair| far(*pair)).count(), 0);
    }
}

#[test]
fn what_is_not_plain_is_left_to_openjpeg() {
    let (stream, picture) = PRECINCTS;
    assert_eq!(decode(stream, picture.expected), None);
    assert_eq!(general(stream, picture.expected, picture.bits), Ok(picture.samples(0)));
    let other = Expected { rows: 71, ..picture.expected };
    assert_eq!(decode(WHOLE.0, other), None);
}

#[test]
fn streams_cut_off_anywhere_are_not_plain() {
    let (stream, picture) = WHOLE_COLOURS;
    for length in (0..stream.len()).step_by(7) {
        assert_eq!(decode(&stream[..length], picture.expected), None, "{length} bytes");
    }
}

/// Numbers without order, the same in each run.
fn random() -> impl FnMut() -> usize {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    }
}

#[test]
fn damaged_streams_never_panic() {
    let mut next = random();
    let mut pictures = 0;
    for (stream, picture) in [LAYERS, WHOLE, WHOLE_COLOURS, REAL, REAL_COLOURS, THIN] {
        for _ in 0..60 {
            let mut damaged = stream.to_vec();
            for _ in 0..=next() % 3 {
                let at = next() % damaged.len();
                damaged[at] = next() as u8;
            }
            pictures += usize::from(decode(&damaged, picture.expected).is_some());
        }
    }
    assert!(pictures > 0, "no damaged stream was decoded");
}

/// Headers that say something else, but nothing that isn't plain, are understood as `OpenJPEG` does.
#[test]
fn changed_headers_are_what_openjpeg_makes_of_them() {
    let mut next = random();
    let mut pictures = 0;
    for (stream, picture) in [LAYERS, WHOLE, WHOLE_COLOURS, REAL, REAL_COLOURS, THIN] {
        let data = stream.windows(2).position(|two| two == [0xFF, 0x93]).expect("data begin somewhere");
        for _ in 0..200 {
            let mut changed = stream.to_vec();
            changed[next() % data] = next() as u8;
            if let Some(decoded) = decode(&changed, picture.expected) {
                assert_eq!(Ok(&decoded), general(&changed, picture.expected, picture.bits).as_ref());
                pictures += usize::from(changed != stream);
            }
        }
    }
    assert!(pictures > 0, "no changed stream was decoded");
}
