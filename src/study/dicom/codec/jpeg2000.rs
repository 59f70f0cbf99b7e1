//! JPEG 2000 and HTJ2K (ISO/IEC 15444-1 and -15), by a pure-Rust decoder.

use dicom_toolkit_jpeg2000::{DecodeSettings, Image};

use super::{Decoded, Expected};
use crate::study::dicom::fault::{Fault, Outcome};
use crate::study::dicom::guard::guarded;

/// What a code stream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::study::dicom) struct Header {
    pub rows: usize,
    pub columns: usize,
    pub samples: usize,
    pub precision: u8,
    pub signed: bool,
    /// A colour transform was applied; decoding undoes it, so that the samples are RGB.
    pub colour_transform: bool,
    /// Size of the tiles, rows and columns.
    tile: (usize, usize),
    /// Samples of the components are not all at every pixel.
    subsampled: bool,
    /// Where the code stream begins (within a JP2 file, not at 0).
    start: usize,
}

/// Reads the SIZ and COD segments.
pub(in crate::study::dicom) fn header(frame: &[u8]) -> Option<Header> {
    let start = if frame.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        0
    } else {
        frame.windows(4).take(4096).position(|four| four == [0xFF, 0x4F, 0xFF, 0x51])?
    };
    let stream = &frame[start..];
    let long = |at: usize| Some(u32::from_be_bytes(stream.get(at..at + 4)?.try_into().ok()?) as usize);
    let samples = usize::from(u16::from_be_bytes(stream.get(40..42)?.try_into().ok()?));
    let components = stream.get(42..42 + samples.checked_mul(3)?)?;
    let first = *components.first()?;
    let mut found = Header {
        columns: long(8)?.saturating_sub(long(16)?),
        rows: long(12)?.saturating_sub(long(20)?),
        tile: (long(28)?, long(24)?),
        samples,
        precision: (first & 0x7F) + 1,
        signed: first & 0x80 != 0,
        colour_transform: false,
        subsampled: components.chunks(3).any(|component| component[0] != first || component[1..] != [1, 1]),
        start,
    };
    let mut at = 4 + usize::from(u16::from_be_bytes(stream.get(4..6)?.try_into().ok()?));
    while let Some(&[0xFF, marker, high, low]) = stream.get(at..at + 4) {
        if marker == 0x52 {
            found.colour_transform = stream.get(at + 8) == Some(&1);
        }
        if marker == 0x90 {
            break;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    Some(found)
}

/// Decodes a frame; reversible streams exactly, others to the nearest sample value.
pub(in crate::study::dicom) fn decode(frame: &[u8], expected: Expected) -> Outcome<Decoded> {
    let Some(mut found) = header(frame) else {
        return Err(Fault::damaged("its JPEG 2000 image has no header"));
    };
    let mut stream = std::borrow::Cow::Borrowed(&frame[found.start..]);
    let mut note = None;
    let stated = (found.rows, found.columns);
    if stated != (expected.rows, expected.columns) && found.tile == (expected.rows, expected.columns) {
        // The one tile is as large as the attributes say, so it is the image size that is damaged.
        repair_size(stream.to_mut(), expected);
        (found.rows, found.columns) = found.tile;
        note = Some(format!(
            "the coded image says that it is {} × {}; {} × {} was taken from the attributes",
            stated.0, stated.1, expected.rows, expected.columns
        ));
    }
    expected.check(found.rows, found.columns, found.samples)?;
    if found.precision > 16 || found.subsampled {
        return Err(Fault::unsupported(format!(
            "its JPEG 2000 image has {} bits or components of different size; up to 16 bits of one size are read",
            found.precision
        )));
    }
    let raw = guarded("JPEG 2000", || {
        let settings = DecodeSettings { resolve_palette_indices: false, strict: false, target_resolution: None };
        let refused = |error: &dyn std::fmt::Display| Fault::damaged(format!("its JPEG 2000 image cannot be decoded ({error})"));
        let image = Image::new(&stream, &settings).map_err(|error| refused(&error))?;
        image.decode_native().map_err(|error| refused(&error))
    })?;
    expected.check(raw.height as usize, raw.width as usize, usize::from(raw.num_components))?;
    let mut values: Vec<u16> = if raw.bytes_per_sample == 1 {
        raw.data.iter().map(|&byte| u16::from(byte)).collect()
    } else {
        raw.data.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect()
    };
    if values.len() != expected.rows * expected.columns * expected.samples {
        return Err(Fault::damaged("its JPEG 2000 image ends early"));
    }
    if found.signed && !is_high_throughput(&stream) {
        // The decoder shifts signed samples up by half the range, as if they were unsigned; undone here.
        let half = 1u16 << (found.precision - 1);
        let mask = u16::MAX >> (16 - found.precision);
        for value in &mut values {
            *value = value.wrapping_sub(half) & mask;
        }
    }
    Ok(Decoded {
        rows: expected.rows,
        columns: expected.columns,
        samples: expected.samples,
        precision: found.precision,
        values,
        note,
    })
}

/// A CAP segment follows SIZ in HTJ2K streams.
fn is_high_throughput(stream: &[u8]) -> bool {
    let after_siz = 4 + usize::from(u16::from_be_bytes([stream[4], stream[5]]));
    stream.get(after_siz..after_siz + 2) == Some(&[0xFF, 0x50])
}

/// Writes the size and plain capabilities into SIZ.
fn repair_size(stream: &mut [u8], expected: Expected) {
    let mut put = |at: usize, value: u32| {
        if let Some(place) = stream.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    };
    put(8, expected.columns as u32);
    put(12, expected.rows as u32);
    put(16, 0);
    put(20, 0);
    if let Some(capabilities) = stream.get_mut(6..8) {
        capabilities.fill(0);
    }
}
