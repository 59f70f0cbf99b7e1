//! Native pixel values (DICOM PS3.5 8.1.1): 1, 8, 16 and 32 bits, fractions, colour planes, shared chrominance.

use std::borrow::Cow;

use dicom_core::VR;

use super::fault::{Fault, Outcome};
use super::image::{ImageInfo, Kind};
use super::syntax::Syntax;
use crate::study::Stored;

/// The values of a frame, samples a pixel, and what a reader should be told.
pub(super) type Frame = (Stored, usize, Vec<String>);

/// A frame of pixel data that is one piece in the file. Bytes beyond the end count as 0, with a note.
pub(super) fn frame(file: &[u8], image: &ImageInfo, syntax: &Syntax, frame: usize) -> Outcome<Frame> {
    let value = file.get(image.pixels.start..image.pixels.end).unwrap_or_default();
    let bits = image.frame_bits();
    let start = bits.checked_mul(frame as u64).ok_or_else(|| Fault::damaged("its frames are too large"))?;
    let big_endian = syntax.pixels_big_endian;
    // Bytes of words are swapped in big endian, whatever the width of the values in them (PS3.5 annex A.3).
    let swapped = big_endian && image.bits_allocated <= 8 && image.pixels.vr == Some(VR::OW);
    let needed = (start % 8 + bits).div_ceil(8) as usize;
    let first = (start / 8) as usize;
    let mut bytes: Cow<'_, [u8]> = if swapped {
        (first..first + needed).map_while(|at| value.get(at ^ 1).copied()).collect()
    } else {
        let there = value.get(first..).unwrap_or_default();
        Cow::Borrowed(&there[..needed.min(there.len())])
    };
    let mut notes = Vec::new();
    if bytes.len() < needed {
        notes.push(format!("{} of {needed} bytes are missing; they are shown as 0", needed - bytes.len()));
        bytes.to_mut().resize(needed, 0);
    }
    if image.bits_allocated == 1 {
        return Ok((Stored::U8(unpack_bits(&bytes, (start % 8) as usize, bits as usize)), image.samples, notes));
    }
    Ok((values(&arranged(bytes, image), image, big_endian)?, image.samples, notes))
}

/// A frame that is a fragment of its own, in little endian.
pub(super) fn single(coded: &[u8], image: &ImageInfo) -> Outcome<Frame> {
    let needed = image.frame_bits().div_ceil(8) as usize;
    let mut bytes = Cow::Borrowed(&coded[..needed.min(coded.len())]);
    let mut notes = Vec::new();
    if bytes.len() < needed {
        notes.push(format!("{} of {needed} bytes are missing; they are shown as 0", needed - bytes.len()));
        bytes.to_mut().resize(needed, 0);
    }
    if image.bits_allocated == 1 {
        return Ok((Stored::U8(unpack_bits(&bytes, 0, image.frame_bits() as usize)), image.samples, notes));
    }
    Ok((values(&arranged(bytes, image), image, false)?, image.samples, notes))
}

/// Interleaves the samples of a frame.
fn arranged<'a>(bytes: Cow<'a, [u8]>, image: &ImageInfo) -> Cow<'a, [u8]> {
    let width = image.bits_allocated / 8;
    if image.is_half_chroma() && width == 1 {
        // Two pixels are four bytes: Y Y Cb Cr.
        let mut full = Vec::with_capacity(image.pixel_count() * 3);
        for &[first, second, blue, red] in bytes.as_chunks().0 {
            full.extend([first, blue, red, second, blue, red]);
        }
        full.resize(image.pixel_count() * 3, 0);
        return full.into();
    }
    if !image.planar || width == 0 {
        return bytes;
    }
    let plane = image.pixel_count() * width;
    let mut interleaved = vec![0; bytes.len()];
    for (at, value) in bytes.chunks_exact(width).enumerate() {
        let (sample, pixel) = (at * width / plane, at % image.pixel_count());
        let place = (pixel * image.samples + sample) * width;
        interleaved[place..place + width].copy_from_slice(value);
    }
    interleaved.into()
}

/// Single bits, the first in the lowest of a byte.
fn unpack_bits(bytes: &[u8], skip: usize, count: usize) -> Vec<u8> {
    (skip..skip + count).map(|bit| bytes.get(bit / 8).map_or(0, |byte| byte >> (bit % 8) & 1)).collect()
}

/// Interleaved values of 8, 16, 32 or 64 bits as stored values: bits that are not stored are cleared, and the sign
/// is that of the highest stored bit.
pub(super) fn values(bytes: &[u8], image: &ImageInfo, big_endian: bool) -> Outcome<Stored> {
    let bits = image.bits_allocated as u32;
    // Left, then right: drops what lies above the stored bits, then what lies below.
    let above = bits.saturating_sub(image.high_bit as u32 + 1);
    let below = bits.saturating_sub(image.bits_stored as u32);
    let words = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(move |&pair| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let longs = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(move |&four| if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    };
    let doubles = || {
        bytes
            .as_chunks()
            .0
            .iter()
            .map(move |&eight| if big_endian { f64::from_be_bytes(eight) } else { f64::from_le_bytes(eight) })
    };
    Ok(match (image.kind, bits, image.signed) {
        (Kind::Float, _, _) => Stored::F32(longs().map(f32::from_bits).collect()),
        (Kind::Double, _, _) => Stored::F64(doubles().collect()),
        (Kind::Integer, 8, false) => Stored::U8(bytes.iter().map(|&value| value << above >> below).collect()),
        (Kind::Integer, 8, true) => Stored::I8(bytes.iter().map(|&value| ((value << above) as i8) >> below).collect()),
        (Kind::Integer, 16, false) => Stored::U16(words().map(|value| value << above >> below).collect()),
        (Kind::Integer, 16, true) => Stored::I16(words().map(|value| ((value << above) as i16) >> below).collect()),
        (Kind::Integer, 32, false) => Stored::U32(longs().map(|value| value << above >> below).collect()),
        (Kind::Integer, 32, true) => Stored::I32(longs().map(|value| ((value << above) as i32) >> below).collect()),
        (Kind::Integer, bits, _) => {
            return Err(Fault::unsupported(format!("its values have {bits} bits where 1, 8, 16 and 32 are read")));
        }
    })
}
