//! Marker segments of a JPEG-LS stream.

use crate::study::dicom::fault::{Fault, Outcome};

/// How a scan orders its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interleave {
    /// One component in the scan.
    None,
    Line,
    Sample,
}

/// What a stream declares.
#[derive(Debug)]
pub(super) struct Stream {
    pub rows: usize,
    pub columns: usize,
    pub components: usize,
    pub precision: u8,
    pub scans: Vec<Scan>,
}

/// One scan with the parameters in force.
#[derive(Debug)]
pub(super) struct Scan {
    /// Components in it, by their order in the frame.
    pub components: Vec<usize>,
    pub interleave: Interleave,
    pub near: i32,
    pub largest: i32,
    pub thresholds: [i32; 3],
    pub reset: i32,
    /// Where the coded data begin.
    pub data: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Preset {
    largest: i32,
    thresholds: [i32; 3],
    reset: i32,
}

impl Stream {
    /// Reads all segments; the coded data of scans are passed over.
    pub fn read(bytes: &[u8]) -> Outcome<Self> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Fault::damaged("its JPEG-LS image has no start"));
        }
        let mut stream = Self { rows: 0, columns: 0, components: 0, precision: 0, scans: Vec::new() };
        let mut identifiers: Vec<u8> = Vec::new();
        let mut preset = Preset::default();
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, &mut at) {
            if marker == 0xD9 {
                break;
            }
            let Some(length) = bytes.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
            else {
                break;
            };
            let body = bytes.get(at + 2..at + length.max(2)).unwrap_or_default();
            at += length.max(2);
            match marker {
                0xF7 => {
                    let [precision, r0, r1, c0, c1, count, specs @ ..] = body else { return Err(cut()) };
                    stream.precision = *precision;
                    stream.rows = usize::from(u16::from_be_bytes([*r0, *r1]));
                    stream.columns = usize::from(u16::from_be_bytes([*c0, *c1]));
                    stream.components = usize::from(*count);
                    identifiers = specs.chunks_exact(3).map(|spec| spec[0]).collect();
                    if !(2..=16).contains(precision) || identifiers.len() != stream.components {
                        return Err(Fault::damaged(format!(
                            "its JPEG-LS image has {precision} bits and {count} components"
                        )));
                    }
                }
                0xF8 => match body {
                    [1, values @ ..] if values.len() >= 10 => {
                        let word = |at: usize| i32::from(u16::from_be_bytes([values[2 * at], values[2 * at + 1]]));
                        preset = Preset { largest: word(0), thresholds: [word(1), word(2), word(3)], reset: word(4) };
                    }
                    _ => return Err(Fault::unsupported("its JPEG-LS image uses mapping tables or an oversize frame")),
                },
                0xDD => return Err(Fault::unsupported("its JPEG-LS image has restart intervals")),
                0xE8 if body.starts_with(b"mrfx") && body.get(4) != Some(&0) => {
                    return Err(Fault::unsupported("its JPEG-LS image uses a colour transform of Hewlett-Packard"));
                }
                0xDA => {
                    let scan = stream.scan(body, &identifiers, preset, at)?;
                    stream.scans.push(scan);
                    at = end_of_scan(bytes, at);
                }
                _ => {}
            }
        }
        if stream.scans.is_empty() { Err(cut()) } else { Ok(stream) }
    }

    fn scan(&self, body: &[u8], identifiers: &[u8], preset: Preset, data: usize) -> Outcome<Scan> {
        let [count, rest @ ..] = body else { return Err(cut()) };
        let count = usize::from(*count);
        let (Some(specs), Some(&[near, interleave, _])) = (rest.get(..2 * count), rest.get(2 * count..2 * count + 3))
        else {
            return Err(cut());
        };
        let components: Option<Vec<usize>> =
            specs.chunks(2).map(|spec| identifiers.iter().position(|id| *id == spec[0])).collect();
        let components = components.filter(|found| !found.is_empty());
        let components =
            components.ok_or_else(|| Fault::damaged("its JPEG-LS scan names a component that there is not"))?;
        let interleave = match (interleave, components.len()) {
            (_, 1) => Interleave::None,
            (1, _) => Interleave::Line,
            (2, _) => Interleave::Sample,
            _ => return Err(Fault::damaged("its JPEG-LS scan has several components and no order for them")),
        };
        let near = i32::from(near);
        let all_bits = (1 << self.precision) - 1;
        let largest = if preset.largest > 0 { preset.largest.min(all_bits) } else { all_bits };
        if near > largest / 2 {
            return Err(Fault::damaged(format!("its JPEG-LS scan allows errors of {near} in values up to {largest}")));
        }
        let defaults = default_thresholds(largest, near);
        let mut thresholds = preset.thresholds;
        for (threshold, default) in thresholds.iter_mut().zip(defaults) {
            if *threshold == 0 {
                *threshold = default;
            }
        }
        let reset = if preset.reset > 0 { preset.reset } else { 64 };
        Ok(Scan { components, interleave, near, largest, thresholds, reset, data })
    }
}

fn cut() -> Fault {
    Fault::damaged("its JPEG-LS header is cut short")
}

/// The next marker and, in `at`, what follows it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    while let Some(&byte) = bytes.get(*at) {
        *at += 1;
        if byte == 0xFF {
            while bytes.get(*at) == Some(&0xFF) {
                *at += 1;
            }
            let marker = *bytes.get(*at)?;
            *at += 1;
            if marker >= 0x80 {
                return Some(marker);
            }
        }
    }
    None
}

/// Coded data go on until a marker, which has its top bit set.
fn end_of_scan(bytes: &[u8], from: usize) -> usize {
    bytes[from.min(bytes.len())..]
        .windows(2)
        .position(|pair| pair[0] == 0xFF && pair[1] >= 0x80)
        .map_or(bytes.len(), |found| from + found)
}

/// T.87 C.2.4.1.1.1.
fn default_thresholds(largest: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| if value > largest || value < least { least } else { value };
    if largest >= 128 {
        let factor = (largest.min(4095) + 128) / 256;
        let first = clamp(factor + 2 + 3 * near, near + 1);
        let second = clamp(factor * 4 + 3 + 5 * near, first);
        [first, second, clamp(factor * 17 + 4 + 7 * near, second)]
    } else {
        let factor = 256 / (largest + 1);
        let first = clamp((3 / factor + 3 * near).max(2), near + 1);
        let second = clamp((7 / factor + 5 * near).max(3), first);
        [first, second, clamp((21 / factor + 7 * near).max(4), second)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T.87 table C.3.
    #[test]
    fn thresholds_of_the_standard() {
        assert_eq!(default_thresholds(255, 0), [3, 7, 21]);
        assert_eq!(default_thresholds(4095, 0), [18, 67, 276]);
    }
}
