//! Encapsulated pixel data (DICOM PS3.5 A.4): which fragments make which frame.

use std::ops::Range;

use super::parse::{self, Element, Encoding};
use super::syntax::sniff;

/// The fragments of each frame, as places in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frames {
    frames: Vec<Vec<Range<usize>>>,
}

impl Frames {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// The coded bytes of a frame; copied only where the frame has several fragments.
    pub fn bytes<'a>(&self, file: &'a [u8], frame: usize) -> Option<std::borrow::Cow<'a, [u8]>> {
        match self.frames.get(frame)?.as_slice() {
            [one] => file.get(one.clone()).map(Into::into),
            several => {
                let parts: Vec<&[u8]> = several.iter().filter_map(|range| file.get(range.clone())).collect();
                Some(parts.concat().into())
            }
        }
    }

    /// Divides the fragments of `pixels` into frames.
    ///
    /// `declared` is Number of Frames, where the object has a usable one; `extended` the Extended Offset Table
    /// (7FE0,0001). What the offset tables say is used where it fits the fragments.
    pub fn of(file: &[u8], pixels: &Element, declared: Option<usize>, extended: &[u8]) -> Self {
        let mut items = parse::items(file, pixels).into_iter();
        let basic = items.next().map(|item| item.start..item.end).unwrap_or_default();
        let table_end = basic.end;
        let mut fragments: Vec<Range<usize>> = items.map(|item| item.start..item.end).collect();
        if fragments.is_empty() && sniff(file.get(basic.clone()).unwrap_or_default()).is_some() {
            // No offset table at all: the first item is already a fragment.
            fragments.push(basic.clone());
        }
        // A zero-length item (padding of some writers) is no fragment.
        fragments.retain(|fragment| !fragment.is_empty());
        if fragments.is_empty() {
            return Self::default();
        }
        if declared == Some(1) {
            return Self { frames: vec![fragments] };
        }
        if declared.is_none_or(|frames| frames == fragments.len()) && every_one_starts(file, &fragments) {
            return Self::one_each(fragments);
        }
        let offsets = if extended.len() >= 8 {
            extended.as_chunks().0.iter().map(|&eight| u64::from_le_bytes(eight)).collect()
        } else {
            basic_offsets(file, &basic)
        };
        if declared.is_none_or(|frames| frames == offsets.len())
            && let Some(frames) = by_offsets(&fragments, &offsets, table_end)
        {
            return Self { frames };
        }
        if declared == Some(fragments.len()) {
            return Self::one_each(fragments);
        }
        Self { frames: by_starts(file, fragments) }
    }

    fn one_each(fragments: Vec<Range<usize>>) -> Self {
        Self { frames: fragments.into_iter().map(|fragment| vec![fragment]).collect() }
    }
}

fn basic_offsets(file: &[u8], table: &Range<usize>) -> Vec<u64> {
    let table = file.get(table.clone()).unwrap_or_default();
    table.as_chunks().0.iter().map(|&four| u64::from(Encoding::EXPLICIT_LE.u32(four))).collect()
}

/// Groups by offset table; `None` unless each offset is where a fragment's item begins, in ascending order.
fn by_offsets(fragments: &[Range<usize>], offsets: &[u64], table_end: usize) -> Option<Vec<Vec<Range<usize>>>> {
    let mut frames: Vec<Vec<Range<usize>>> = Vec::new();
    let mut offsets = offsets.iter().copied().peekable();
    for fragment in fragments {
        // Offsets count from the end of the table to the item's tag, 8 bytes before its value.
        let offset = (fragment.start as u64).checked_sub(table_end as u64 + 8)?;
        if offsets.next_if_eq(&offset).is_some() {
            frames.push(Vec::new());
        }
        frames.last_mut()?.push(fragment.clone());
    }
    (offsets.next().is_none() && !frames.is_empty()).then_some(frames)
}

fn every_one_starts(file: &[u8], fragments: &[Range<usize>]) -> bool {
    fragments.iter().all(|fragment| starts_frame(&file[fragment.clone()]))
}

/// A fragment that begins as a coded image begins a frame; others continue it.
fn by_starts(file: &[u8], fragments: Vec<Range<usize>>) -> Vec<Vec<Range<usize>>> {
    let mut frames: Vec<Vec<Range<usize>>> = Vec::new();
    for fragment in fragments {
        match frames.last_mut() {
            Some(frame) if !starts_frame(&file[fragment.clone()]) => frame.push(fragment),
            _ => frames.push(vec![fragment]),
        }
    }
    frames
}

/// Whether a fragment begins with a JPEG or JPEG 2000 image or an RLE header.
fn starts_frame(fragment: &[u8]) -> bool {
    sniff(fragment).is_some() || super::codec::rle::is_header(fragment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_core::{Tag, VR};

    fn item(content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xFE, 0xFF, 0x00, 0xE0];
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes
    }

    fn frames(items: &[&[u8]], declared: Option<usize>) -> Vec<usize> {
        let file: Vec<u8> = items.iter().flat_map(|content| item(content)).collect();
        let element = Element {
            tag: Tag(0x7FE0, 0x0010),
            vr: Some(VR::OB),
            start: 0,
            end: file.len(),
            declared: None,
            encoding: Encoding::EXPLICIT_LE,
        };
        Frames::of(&file, &element, declared, &[]).frames.iter().map(Vec::len).collect()
    }

    const A: &[u8] = &[0xFF, 0xD8, 0xFF, 0xE0];
    const B: &[u8] = &[1, 2, 3, 4];

    #[test]
    fn fragments_are_grouped() {
        assert_eq!(frames(&[&[], A, A], Some(2)), [1, 1]);
        assert_eq!(frames(&[&[], A, B], Some(1)), [2]);
        assert_eq!(frames(&[&[], A, B, A, B, B], Some(2)), [2, 3], "without a table, by how fragments start");
        let table = [0u32.to_le_bytes(), 24u32.to_le_bytes()].concat();
        assert_eq!(frames(&[&table, B, B, B], Some(2)), [2, 1], "by the table");
        assert_eq!(frames(&[&[], B, B], Some(2)), [1, 1]);
        assert_eq!(frames(&[], Some(1)), Vec::<usize>::new());
        assert_eq!(frames(&[&[]], None), Vec::<usize>::new());
    }
}
