//! A data set over borrowed bytes, with values by tag.

use std::borrow::Cow;

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

use super::parse::{self, Element, Encoding};
use super::text::CharacterSet;

/// Longest text that is decoded; longer values are cut.
const LONGEST_TEXT_BYTES: usize = 1 << 16;

/// The elements of an object or of one item of a sequence.
#[derive(Debug, Clone)]
pub(super) struct DataSet<'a> {
    bytes: &'a [u8],
    elements: Cow<'a, [Element]>,
    character_set: Cow<'a, CharacterSet>,
}

impl<'a> DataSet<'a> {
    pub fn new(bytes: &'a [u8], elements: &'a [Element], character_set: &'a CharacterSet) -> Self {
        Self { bytes, elements: Cow::Borrowed(elements), character_set: Cow::Borrowed(character_set) }
    }

    pub fn element(&self, tag: Tag) -> Option<&Element> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    /// The value as it stands; `None` where the element is absent or empty.
    pub fn bytes(&self, tag: Tag) -> Option<&'a [u8]> {
        let element = self.element(tag)?;
        self.bytes.get(element.start..element.end).filter(|value| !value.is_empty())
    }

    /// Text with padding removed, decoded by Specific Character Set; all values, joined by backslashes.
    pub fn text(&self, tag: Tag) -> Option<String> {
        let bytes = self.bytes(tag)?;
        let text = self.character_set.decode(&bytes[..bytes.len().min(LONGEST_TEXT_BYTES)]);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The values of a text, trimmed; empty where the element is absent.
    pub fn texts(&self, tag: Tag) -> Vec<String> {
        let Some(text) = self.text(tag) else { return Vec::new() };
        text.split('\\').map(|value| value.trim().to_owned()).collect()
    }

    /// The first value of a text.
    pub fn first_text(&self, tag: Tag) -> Option<String> {
        self.texts(tag).into_iter().next().filter(|value| !value.is_empty())
    }

    /// Numbers of any representation (text or binary); a value that is no number ends the list.
    pub fn numbers(&self, tag: Tag) -> Vec<f64> {
        let (Some(element), Some(value)) = (self.element(tag), self.bytes(tag)) else { return Vec::new() };
        let order = element.encoding;
        match self.representation(element) {
            VR::US | VR::OW => words(value, order).map(f64::from).collect(),
            VR::SS => words(value, order).map(|word| f64::from(word as i16)).collect(),
            VR::UL | VR::OL => longs(value, order).map(f64::from).collect(),
            VR::SL => longs(value, order).map(|long| f64::from(long as i32)).collect(),
            VR::FL | VR::OF => longs(value, order).map(|long| f64::from(f32::from_bits(long))).collect(),
            VR::FD | VR::OD => doubles(value, order).collect(),
            VR::OB | VR::UN => value.iter().map(|&byte| f64::from(byte)).collect(),
            _ => {
                let text = String::from_utf8_lossy(&value[..value.len().min(LONGEST_TEXT_BYTES)]);
                text.split('\\').map_while(number).collect()
            }
        }
    }

    /// The first of the numbers, if it is finite.
    pub fn number(&self, tag: Tag) -> Option<f64> {
        self.numbers(tag).first().copied().filter(|number| number.is_finite())
    }

    /// The first of the numbers as a whole number.
    pub fn integer(&self, tag: Tag) -> Option<i64> {
        self.number(tag).filter(|number| number.abs() < 1e15).map(|number| number as i64)
    }

    /// Three numbers, all finite.
    pub fn triple(&self, tag: Tag) -> Option<[f64; 3]> {
        let triple: [f64; 3] = self.numbers(tag).get(..3)?.try_into().ok()?;
        triple.iter().all(|number| number.is_finite()).then_some(triple)
    }

    /// The value's 16-bit words in the byte order of the file.
    pub fn words(&self, tag: Tag) -> Vec<u16> {
        match (self.element(tag), self.bytes(tag)) {
            (Some(element), Some(value)) => words(value, element.encoding).collect(),
            _ => Vec::new(),
        }
    }

    /// The items of a sequence; empty where it is absent.
    pub fn items(&self, tag: Tag) -> Vec<DataSet<'a>> {
        let Some(element) = self.element(tag) else { return Vec::new() };
        let parsed = parse::items(self.bytes, element).into_iter();
        parsed.map(|item| self.nested(parse::elements(self.bytes, item.start, item.end, item.encoding, 1).0)).collect()
    }

    /// The first item of a sequence.
    pub fn item(&self, tag: Tag) -> Option<DataSet<'a>> {
        self.items(tag).into_iter().next()
    }

    fn nested(&self, elements: Vec<Element>) -> DataSet<'a> {
        let mut nested =
            DataSet { bytes: self.bytes, elements: Cow::Owned(elements), character_set: self.character_set.clone() };
        if let Some(names) = nested.bytes(tags::SPECIFIC_CHARACTER_SET) {
            nested.character_set = Cow::Owned(CharacterSet::named(names));
        }
        nested
    }

    /// What the value is: as the file says, else as the dictionary says.
    fn representation(&self, element: &Element) -> VR {
        match element.vr {
            Some(vr) if vr != VR::UN => vr,
            _ => match StandardDataDictionary.by_tag(element.tag).map(DataDictionaryEntry::vr) {
                Some(VirtualVr::Exact(vr)) => vr,
                Some(VirtualVr::Xs) => {
                    let signed = self.element(tags::PIXEL_REPRESENTATION).map(|place| {
                        place.encoding.u16_at(self.bytes, place.start) & 1 == 1 && place.end > place.start
                    });
                    if signed == Some(true) { VR::SS } else { VR::US }
                }
                Some(_) => VR::OW,
                None => VR::LO,
            },
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).parse().ok()
}

fn words(bytes: &[u8], order: Encoding) -> impl Iterator<Item = u16> {
    bytes.as_chunks().0.iter().map(move |&pair| order.u16(pair))
}

fn longs(bytes: &[u8], order: Encoding) -> impl Iterator<Item = u32> {
    bytes.as_chunks().0.iter().map(move |&four| order.u32(four))
}

fn doubles(bytes: &[u8], order: Encoding) -> impl Iterator<Item = f64> {
    let double = move |&eight: &[u8; 8]| {
        if order.big_endian { f64::from_be_bytes(eight) } else { f64::from_le_bytes(eight) }
    };
    bytes.as_chunks().0.iter().map(double)
}
