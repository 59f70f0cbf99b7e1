//! Lookup tables and windows: modality (DICOM PS3.3 C.11.1), VOI (C.11.2), palette (C.7.6.3.1.5, C.7.9).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use crate::display::{ModalityLut, Voi, VoiFunction};
use crate::study::Photometric;

/// Most entries of a table (a descriptor says 0 for it).
const MOST_ENTRIES: usize = 1 << 16;

/// The modality LUT and the unit of what it gives, from the object or a functional group of it.
pub(super) fn modality(data: &DataSet<'_>) -> Option<(ModalityLut, String)> {
    if let Some(item) = data.item(tags::MODALITY_LUT_SEQUENCE)
        && let Some(table) = table(&item, tags::LUT_DESCRIPTOR, tags::LUT_DATA)
    {
        let unit = item.first_text(tags::MODALITY_LUT_TYPE).map(|unit| unit_name(&unit)).unwrap_or_default();
        let values = table.values.iter().map(|&value| f32::from(value)).collect();
        return Some((ModalityLut::Table { first: table.first, values }, unit));
    }
    let slope = data.number(tags::RESCALE_SLOPE);
    let intercept = data.number(tags::RESCALE_INTERCEPT);
    if slope.is_none() && intercept.is_none() {
        return None;
    }
    let unit = data.first_text(tags::RESCALE_TYPE).map(|unit| unit_name(&unit)).unwrap_or_default();
    // A slope of 0 would make every value the same; writers mean "none" by it.
    let slope = slope.filter(|slope| *slope != 0.0).unwrap_or(1.0);
    Some((ModalityLut::Linear { slope, intercept: intercept.unwrap_or(0.0) }, unit))
}

/// A unit as it is written beside a number; "US" stands for unspecified.
pub(super) fn unit_name(term: &str) -> String {
    match term {
        "US" | "UNSPECIFIED" | "NONE" => "",
        "BQML" => "Bq/ml",
        "CNTS" => "counts",
        "GML" => "g/ml",
        "GY" => "Gy",
        "RELATIVE" => "relative",
        "PCT" => "%",
        "OD" => "10⁻³ OD",
        other => other,
    }
    .to_owned()
}

/// Windows, then VOI LUTs.
pub(super) fn voi(data: &DataSet<'_>) -> Vec<Voi> {
    let function = match data.first_text(tags::VOILUT_FUNCTION).as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let explanations = data.texts(tags::WINDOW_CENTER_WIDTH_EXPLANATION);
    let mut found = Vec::new();
    let widths = data.numbers(tags::WINDOW_WIDTH);
    for (at, (centre, width)) in data.numbers(tags::WINDOW_CENTER).into_iter().zip(widths).enumerate() {
        if !centre.is_finite() || !width.is_finite() || width <= 0.0 {
            continue;
        }
        // The linear function needs a width of at least 1 (C.11.2.1.2.1); narrower windows of values that are
        // fractions are meant exactly.
        let function = if function == VoiFunction::Linear && width < 1.0 { VoiFunction::LinearExact } else { function };
        let explanation = explanations.get(at).filter(|text| !text.is_empty()).cloned();
        let window = Voi::Window { centre, width, function, explanation };
        if !found.contains(&window) {
            found.push(window);
        }
    }
    for item in data.items(tags::VOILUT_SEQUENCE) {
        if let Some(table) = table(&item, tags::LUT_DESCRIPTOR, tags::LUT_DATA) {
            let explanation = item.text(tags::LUT_EXPLANATION);
            found.push(Voi::Table { first: table.first, bits: table.bits, values: table.values, explanation });
        }
    }
    found
}

struct Table {
    first: i64,
    bits: u16,
    values: Vec<u16>,
}

/// A table by its descriptor (entries, first value, bits) and data.
fn table(data: &DataSet<'_>, descriptor: Tag, entries: Tag) -> Option<Table> {
    let (count, first, bits) = read_descriptor(data, descriptor)?;
    let mut values = data.words(entries);
    let bytes = data.bytes(entries)?;
    if bits <= 8 && bytes.len() < 2 * count {
        // Entries of 8 bits packed, as some writers do.
        values = bytes.iter().map(|&byte| u16::from(byte)).collect();
    }
    values.truncate(count);
    if values.is_empty() {
        return None;
    }
    // Writers give 16 for tables that hold fewer bits, and the other way round; the values decide.
    let largest = values.iter().copied().max().unwrap_or(0);
    let bits = bits.clamp(1, 16).max(16 - largest.leading_zeros() as u16);
    Some(Table { first, bits, values })
}

/// Entries, first stored value, bits of an entry.
fn read_descriptor(data: &DataSet<'_>, descriptor: Tag) -> Option<(usize, i64, u16)> {
    let numbers = data.numbers(descriptor);
    let &[count, first, bits, ..] = numbers.as_slice() else { return None };
    // The count and the bits are unsigned even where the representation says otherwise.
    let count = (count as i64).rem_euclid(MOST_ENTRIES as i64) as usize;
    Some((if count == 0 { MOST_ENTRIES } else { count }, first as i64, bits as u16))
}

/// The tables of a palette colour image; `None` where they are missing or empty.
pub(super) fn palette(data: &DataSet<'_>, signed: bool) -> Option<Photometric> {
    let (_, first, _) = read_descriptor(data, tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR)?;
    // Without Pixel Representation in reach the first value may have been read with the wrong sign.
    let first = if signed && first > 32767 { first - 65536 } else { first };
    let channel = |descriptor, plain, segmented| {
        let (count, _, bits) = read_descriptor(data, descriptor)?;
        let eight = bits <= 8;
        let mut values = match data.bytes(plain) {
            Some(bytes) if eight && bytes.len() < 2 * count => bytes.iter().map(|&byte| u16::from(byte)).collect(),
            Some(_) => data.words(plain),
            None => expand_segments(data, segmented, eight),
        };
        values.truncate(count);
        // 16-bit tables with 8-bit values exist; they would be black otherwise.
        let wide = values.iter().any(|value| *value > 255);
        let values: Vec<u8> = values.iter().map(|&value| if wide { (value >> 8) as u8 } else { value as u8 }).collect();
        (!values.is_empty()).then_some(values)
    };
    Some(Photometric::Palette {
        first,
        red: channel(
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?,
        green: channel(
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?,
        blue: channel(
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
        )?,
    })
}

/// Segmented table data (C.7.9.2): discrete, linear and indirect segments.
fn expand_segments(data: &DataSet<'_>, tag: Tag, eight: bool) -> Vec<u16> {
    let Some(bytes) = data.bytes(tag) else { return Vec::new() };
    let words: Vec<u16> = if eight { bytes.iter().map(|&byte| u16::from(byte)).collect() } else { data.words(tag) };
    let mut values = Vec::new();
    expand(&words, 0, usize::MAX, eight, &mut values);
    values
}

/// Expands `count` segments from `at`; stops at anything that does not fit.
fn expand(words: &[u16], mut at: usize, mut count: usize, eight: bool, values: &mut Vec<u16>) {
    while count > 0 && values.len() < MOST_ENTRIES {
        let Some(&[code, length]) = words.get(at..at + 2) else { return };
        let length = usize::from(length);
        match code {
            0 => {
                let Some(entries) = words.get(at + 2..at + 2 + length) else { return };
                values.extend(entries);
                at += 2 + length;
            }
            1 => {
                let (Some(&target), Some(&from)) = (words.get(at + 2), values.last()) else { return };
                let (from, target) = (f64::from(from), f64::from(target));
                let step = |entry: usize| from + (target - from) * entry as f64 / length as f64;
                values.extend((1..=length).map(|entry| step(entry).round() as u16));
                at += 3;
            }
            // A copy of earlier segments, which are not indirect ones themselves.
            2 if count == usize::MAX => {
                let offset = if eight {
                    let Some(parts) = words.get(at + 2..at + 6) else { return };
                    at += 6;
                    parts.iter().rev().fold(0, |sum, &part| sum << 8 | usize::from(part))
                } else {
                    let Some(&[low, high]) = words.get(at + 2..at + 4) else { return };
                    at += 4;
                    usize::from(high) << 16 | usize::from(low)
                };
                expand(words, if eight { offset } else { offset / 2 }, length, eight, values);
                continue;
            }
            _ => return,
        }
        if count != usize::MAX {
            count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_expand() {
        let mut values = Vec::new();
        // Discrete 10, 20; linear in 2 steps to 40; indirect: once more the first segment.
        let words = [0, 2, 10, 20, 1, 2, 40, 2, 1, 0, 0];
        expand(&words, 0, usize::MAX, false, &mut values);
        assert_eq!(values, [10, 20, 30, 40, 10, 20]);
        expand(&[2, 9, 0, 0], 0, usize::MAX, false, &mut Vec::new());
    }
}
