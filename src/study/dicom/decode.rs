//! One frame's stored values, from whatever coding.

use super::codec::{self, Decoded, Expected};
use super::fault::{Fault, Outcome};
use super::file::DicomFile;
use super::image::{ImageInfo, Kind};
use super::native;
use super::syntax::Coding;
use crate::study::{Pixels, Stored};

/// A frame of up to this size is decoded from however few bytes.
const FREE_BYTES: u64 = 64 << 20;
/// A larger one only from at least a byte for so many; coded images of this size never shrink more.
const MOST_EXPANSION: u64 = 512;

/// Decodes a frame, counted from 0.
pub(super) fn pixels(file: &DicomFile, frame: usize) -> Outcome<Pixels> {
    let image = file.image()?;
    let frames = file.frame_count()?;
    if frame >= frames {
        return Err(Fault::NoSuchFrame { frame, frames });
    }
    let coded = file.coded_frame(frame)?;
    check_size(image, coded.as_ref().map_or(image.pixels.end - image.pixels.start, |coded| coded.len()))?;
    let (stored, samples, mut notes) = match coded {
        None => native::frame(file.bytes(), image, file.syntax(), frame)?,
        Some(coded) => coded_frame(file, image, &coded)?,
    };
    if let Some(declared) = image.declared_frames.filter(|declared| *declared > frames) {
        notes.push(format!("the file declares {declared} frames and holds {frames}"));
    }
    Ok(Pixels { rows: image.rows, columns: image.columns, samples, stored, notes })
}

/// A declared size is no reason to take memory: the file must hold at least a small part of it.
fn check_size(image: &ImageInfo, available_bytes: usize) -> Outcome<()> {
    let frame_bytes = (image.frame_bits() / 8).max(image.pixel_count() as u64 * image.samples as u64);
    if frame_bytes > FREE_BYTES && frame_bytes / MOST_EXPANSION > available_bytes as u64 {
        return Err(Fault::damaged(format!(
            "its frames should have {frame_bytes} bytes and the file holds {available_bytes} for them"
        )));
    }
    Ok(())
}

fn coded_frame(file: &DicomFile, image: &ImageInfo, coded: &[u8]) -> Outcome<(Stored, usize, Vec<String>)> {
    let expected = Expected { rows: image.rows, columns: image.columns, samples: image.samples };
    let decoded = match file.coding_of(coded) {
        Coding::Rle => {
            if !image.bits_allocated.is_multiple_of(8) || image.bits_allocated > 32 {
                return Err(Fault::unsupported(format!("it is RLE coded with {} bits", image.bits_allocated)));
            }
            let planes = codec::rle::decode(coded, image.pixel_count(), image.samples, image.bits_allocated / 8)?;
            let stored = native::values(&planes.bytes, image, false)?;
            return Ok((stored, image.samples, planes.note.into_iter().collect()));
        }
        Coding::Native | Coding::EncapsulatedNative => return native::single(coded, image),
        Coding::Jpeg => codec::jpeg::decode(coded, expected)?,
        Coding::JpegLs => codec::jpegls::decode(coded, expected)?,
        Coding::Jpeg2000 => codec::jpeg2000::decode(coded, expected)?,
        Coding::Unknown(name) => return Err(Fault::unsupported(format!("its images are coded as {name}"))),
    };
    if image.kind != Kind::Integer {
        return Err(Fault::damaged("its fractional values are coded as whole ones"));
    }
    Ok(store(decoded, image))
}

/// Samples of a coding in the width and with the sign that the attributes give.
fn store(decoded: Decoded, image: &ImageInfo) -> (Stored, usize, Vec<String>) {
    let Decoded { samples, precision, values, note, .. } = decoded;
    let shift = 16 - u32::from(precision.clamp(1, 16));
    // Precision is that of the coding, which also settles the sign of values that the attributes call signed.
    let signed = |value: u16| ((value << shift) as i16) >> shift;
    let wide = image.bits_allocated > 8 || precision > 8;
    let stored = match (wide, image.signed, image.bits_allocated > 16) {
        (false, false, _) => Stored::U8(values.into_iter().map(|value| value as u8).collect()),
        (false, true, _) => Stored::I8(values.into_iter().map(|value| signed(value) as i8).collect()),
        (true, false, false) => Stored::U16(values),
        (true, true, false) => Stored::I16(values.into_iter().map(signed).collect()),
        (true, false, true) => Stored::U32(values.into_iter().map(u32::from).collect()),
        (true, true, true) => Stored::I32(values.into_iter().map(|value| i32::from(signed(value))).collect()),
    };
    (stored, samples, note.into_iter().collect())
}
