//! Takes a data set apart into places of its elements (DICOM PS3.5 chapter 7), without copying a value.
//!
//! Tolerant on purpose: a declared length beyond the end is cut at the end, an unknown value representation is
//! read by the form that fits, and a missing delimiter ends where the next sensible tag begins.

use dicom_core::{Tag, VR};

/// How deep sequences may nest; files in the wild stay below 10.
const DEEPEST: usize = 32;

/// Most elements of one data set or item; files in the wild have some thousand.
const MOST_ELEMENTS: usize = 1 << 20;

const UNDEFINED: u32 = u32::MAX;
pub(super) const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
pub(super) const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Each element names its value representation.
    pub explicit: bool,
    pub big_endian: bool,
}

impl Encoding {
    pub const IMPLICIT_LE: Self = Self { explicit: false, big_endian: false };
    pub const EXPLICIT_LE: Self = Self { explicit: true, big_endian: false };
    pub const EXPLICIT_BE: Self = Self { explicit: true, big_endian: true };

    pub fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The two bytes at `at`, 0 beyond the end.
    pub fn u16_at(self, bytes: &[u8], at: usize) -> u16 {
        self.u16([byte(bytes, at), byte(bytes, at + 1)])
    }

    /// The four bytes at `at`, 0 beyond the end.
    pub fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        self.u32([byte(bytes, at), byte(bytes, at + 1), byte(bytes, at + 2), byte(bytes, at + 3)])
    }

    pub fn tag_at(self, bytes: &[u8], at: usize) -> Tag {
        Tag(self.u16_at(bytes, at), self.u16_at(bytes, at + 2))
    }
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// Where an element's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub tag: Tag,
    /// As the file says; `None` where it does not.
    pub vr: Option<VR>,
    pub start: usize,
    /// Beyond the last byte of the value (without a delimiter).
    pub end: usize,
    /// The length that the file declares, where it declares one.
    pub declared: Option<u32>,
    /// How the value is written.
    pub encoding: Encoding,
}

impl Element {
    /// Bytes of the declared value that are not there.
    pub fn missing_bytes(&self) -> u64 {
        self.declared.map_or(0, |declared| u64::from(declared).saturating_sub((self.end - self.start) as u64))
    }
}

/// The elements in `bytes[start..end]` and where they end: at a delimiter of the enclosing item, or at `end`.
pub(super) fn elements(
    bytes: &[u8],
    start: usize,
    end: usize,
    encoding: Encoding,
    depth: usize,
) -> (Vec<Element>, usize) {
    let mut found = Vec::new();
    let mut at = start;
    while at + 8 <= end && found.len() < MOST_ELEMENTS {
        let tag = encoding.tag_at(bytes, at);
        if tag.0 == 0xFFFE {
            if depth == 0 {
                // A stray delimiter between top-level elements carries nothing.
                at += 8;
                continue;
            }
            let past = if tag == ITEM_END { at + 8 } else { at };
            return (found, past);
        }
        if tag == Tag(0, 0) && encoding.u32_at(bytes, at + 4) == 0 {
            // Zeros after the last element.
            break;
        }
        let (element, next) = element_within(bytes, at, end, encoding, depth);
        found.push(element);
        at = next;
    }
    (found, at.max(start).min(end))
}

/// The element at `at` and where the next one begins; `None` where no element has room.
pub(super) fn element_at(bytes: &[u8], at: usize, encoding: Encoding) -> Option<(Element, usize)> {
    (at + 8 <= bytes.len()).then(|| element_within(bytes, at, bytes.len(), encoding, 0))
}

fn element_within(bytes: &[u8], at: usize, end: usize, encoding: Encoding, depth: usize) -> (Element, usize) {
    let header = element_header(bytes, at, end, encoding);
    let start = (at + header.bytes).min(end);
    let (value_end, next) = match header.length {
        Some(length) => {
            let value_end = start.saturating_add(length as usize).min(end);
            (value_end, value_end)
        }
        None => sequence_end(bytes, start, end, inner_encoding(header.vr, encoding), depth + 1),
    };
    let tag = encoding.tag_at(bytes, at);
    (Element { tag, vr: header.vr, start, end: value_end, declared: header.length, encoding }, next)
}

struct Header {
    vr: Option<VR>,
    bytes: usize,
    length: Option<u32>,
}

fn element_header(bytes: &[u8], at: usize, end: usize, encoding: Encoding) -> Header {
    let defined = |length: u32| (length != UNDEFINED).then_some(length);
    let implicit = Header { vr: None, bytes: 8, length: defined(encoding.u32_at(bytes, at + 4)) };
    if !encoding.explicit {
        return implicit;
    }
    let name = [byte(bytes, at + 4), byte(bytes, at + 5)];
    let long = |vr| Header { vr, bytes: 12, length: defined(encoding.u32_at(bytes, at + 8)) };
    let short = |vr| Header { vr, bytes: 8, length: Some(u32::from(encoding.u16_at(bytes, at + 6))) };
    let fits = |header: &Header| {
        header.length.is_none_or(|length| at as u64 + header.bytes as u64 + u64::from(length) <= end as u64)
    };
    if let Some(vr) = VR::from_binary(name) {
        return if has_long_length(vr) { long(Some(vr)) } else { short(Some(vr)) };
    }
    if name.iter().all(u8::is_ascii_uppercase) {
        // A representation newer than this program has the long form (PS3.5 6.2), a misspelt one the short.
        let long = long(None);
        return if encoding.u16_at(bytes, at + 6) == 0 && fits(&long) { long } else { short(None) };
    }
    // An element written implicitly among explicit ones, or one with a blank representation.
    if fits(&implicit) { implicit } else { short(None) }
}

fn has_long_length(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

/// The value of an unknown representation is written implicitly in little endian (PS3.5 6.2.2).
fn inner_encoding(vr: Option<VR>, outer: Encoding) -> Encoding {
    if vr == Some(VR::UN) { Encoding::IMPLICIT_LE } else { outer }
}

/// Whether an item is written explicitly is seen at its first element: sequences of unknown representation and
/// private ones do not always follow the data set that they are in.
fn item_encoding(bytes: &[u8], at: usize, end: usize, sequence: Encoding) -> Encoding {
    if at + 8 > end || sequence.tag_at(bytes, at).0 == 0xFFFE {
        return sequence;
    }
    let explicit = VR::from_binary([byte(bytes, at + 4), byte(bytes, at + 5)]).is_some();
    Encoding { explicit, ..sequence }
}

/// Where a sequence (or encapsulated value) of undefined length ends, and where the next element begins.
fn sequence_end(bytes: &[u8], start: usize, end: usize, encoding: Encoding, depth: usize) -> (usize, usize) {
    let mut at = start;
    while at + 8 <= end {
        match encoding.tag_at(bytes, at) {
            SEQUENCE_END => return (at, at + 8),
            ITEM => at = item_at(bytes, at, end, encoding, depth).next,
            _ => return (at, at),
        }
    }
    (end, end)
}

/// One item of a sequence.
pub(super) struct Item {
    pub start: usize,
    pub end: usize,
    pub next: usize,
    pub encoding: Encoding,
}

/// The item whose tag is at `at`.
fn item_at(bytes: &[u8], at: usize, end: usize, sequence: Encoding, depth: usize) -> Item {
    let start = at + 8;
    let encoding = item_encoding(bytes, start, end, sequence);
    match sequence.u32_at(bytes, at + 4) {
        UNDEFINED if depth >= DEEPEST => Item { start, end, next: end, encoding },
        UNDEFINED => {
            let next = elements(bytes, start, end, encoding, depth).1;
            Item { start, end: next, next, encoding }
        }
        length => {
            let stop = start.saturating_add(length as usize).min(end);
            Item { start, end: stop, next: stop, encoding }
        }
    }
}

/// The items of a sequence's value, or the fragments of an encapsulated one.
pub(super) fn items(bytes: &[u8], element: &Element) -> Vec<Item> {
    let encoding = inner_encoding(element.vr, element.encoding);
    let mut found = Vec::new();
    let mut at = element.start;
    while at + 8 <= element.end && encoding.tag_at(bytes, at) == ITEM {
        let item = item_at(bytes, at, element.end, encoding, 1);
        at = item.next;
        found.push(item);
    }
    found
}
