//! JPEG 2000 and HTJ2K (ISO/IEC 15444-1 and -15): plain streams, which most are, by a decoder of our own that is faster,
//! all others by a translation of `OpenJPEG` to Rust.

mod plain;

use jpeg2k::Image;

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
    /// A colour transform was applied; decoding undoes it, so that the samples are RGB.
    pub colour_transform: bool,
    /// Size of the tiles, rows and columns.
    tile: (usize, usize),
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
        colour_transform: false,
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
    if found.precision > 16 {
        return Err(Fault::unsupported(format!("its JPEG 2000 image has {} bits; up to 16 are read", found.precision)));
    }
    let values = match plain::decode(&stream, expected) {
        Some(values) => values,
        None => general(&stream, expected, found.precision)?,
    };
    Ok(Decoded {
        rows: expected.rows,
        columns: expected.columns,
        samples: expected.samples,
        precision: found.precision,
        values,
        note,
    })
}

/// What `OpenJPEG` makes of a stream of at most 16 bits.
fn general(stream: &[u8], expected: Expected, precision: u8) -> Outcome<Vec<u16>> {
    let pixels = expected.rows * expected.columns;
    let mask = u16::MAX >> (16 - precision);
    let mut values = vec![0; pixels * expected.samples];
    guarded("JPEG 2000", || {
        let refused = |error| Fault::damaged(format!("its JPEG 2000 image cannot be decoded ({error})"));
        let image = Image::from_bytes(stream).map_err(refused)?;
        let components = image.components();
        if components.len() < expected.samples {
            return Err(Fault::damaged("its JPEG 2000 image lacks components"));
        }
        for (at, component) in components.iter().take(expected.samples).enumerate() {
            let (columns, rows) = (component.width() as usize, component.height() as usize);
            if columns == 0 || rows == 0 || columns > expected.columns || rows > expected.rows {
                return Err(Fault::damaged(format!("a component of its JPEG 2000 image is {rows} × {columns}")));
            }
            let data = component.data();
            let places = values[at..].iter_mut().step_by(expected.samples).enumerate();
            for (pixel, place) in places {
                // A component of lower resolution is repeated.
                let row = pixel / expected.columns * rows / expected.rows;
                let column = pixel % expected.columns * columns / expected.columns;
                *place = data[row * columns + column] as u16 & mask;
            }
        }
        Ok(())
    })?;
    Ok(values)
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

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected = Expected { rows: 20, columns: 24, samples: 1 };

    /// 24 × 20 pixels of 12 bits, value (37 x + 101 y) mod 4096, coded reversibly in high throughput.
    static HIGH_THROUGHPUT: &[u8] = include_bytes!("../../../../../tests/data/htj2k_12bit.j2c");

    #[test]
    fn high_throughput_streams_are_exact() {
        let decoded = decode(HIGH_THROUGHPUT, EXPECTED).unwrap();
        let value = |at: usize| ((at % 24 * 37 + at / 24 * 101) % 4096) as u16;
        assert!(decoded.values.iter().enumerate().all(|(at, found)| *found == value(at)));
        assert_eq!(decoded.precision, 12);
    }

    #[test]
    fn another_size_is_refused_before_decoding() {
        let error = decode(HIGH_THROUGHPUT, Expected { rows: 21, ..EXPECTED }).unwrap_err();
        assert!(error.to_string().contains("20 × 24"), "{error}");
        assert!(decode(&HIGH_THROUGHPUT[..40], EXPECTED).is_err());
        assert!(decode(b"no image", EXPECTED).is_err());
    }
}
