//! Where the data set begins and how it is written: preamble, file meta information (DICOM PS3.10 chapter 7),
//! transfer syntax (PS3.5 annex A), and a guess where the file does not say.

use std::borrow::Cow;
use std::io::Read;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::fault::{Fault, Outcome};
use super::parse::{Element, Encoding, element_at, elements};

/// Most that a deflated data set may unpack to.
const MOST_INFLATED_BYTES: u64 = 512 << 20;

/// How pixel values are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As they are.
    Native,
    /// As they are, a fragment a frame.
    EncapsulatedNative,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
    /// By a coding that Glassbox does not read, by its name.
    Unknown(&'static str),
}

/// The transfer syntax of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Syntax {
    /// As the file gives it.
    pub uid: Option<String>,
    pub encoding: Encoding,
    pub coding: Coding,
    /// Byte order of native pixel values.
    pub pixels_big_endian: bool,
}

/// The parts of a file before its elements are read.
pub(super) struct Envelope<'a> {
    /// The data set, unpacked if it was deflated.
    pub data: Cow<'a, [u8]>,
    /// Where the data set begins in `data`.
    pub start: usize,
    pub syntax: Syntax,
    /// Media Storage SOP Class UID of the file meta information.
    pub media_class: Option<String>,
}

/// Whether a file that starts with these bytes is worth reading as DICOM.
pub(super) fn looks_like_dicom(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM") || start.starts_with(b"DICM") || is_bare(start)
}

/// Whether the bytes are a data set without preamble, which begins in a low group.
fn is_bare(bytes: &[u8]) -> bool {
    plausible_encoding(bytes, 0).is_some_and(|encoding| encoding.tag_at(bytes, 0).0 < 0x0100)
}

/// Finds the data set of a file.
pub(super) fn open(bytes: &[u8]) -> Outcome<Envelope<'_>> {
    let begin = if bytes.get(128..132) == Some(b"DICM") {
        132
    } else if bytes.starts_with(b"DICM") {
        4
    } else if is_bare(bytes) {
        0
    } else {
        return Err(Fault::NotDicom);
    };
    let meta = read_meta(bytes, begin);
    let (declared, deflated) = match meta.syntax.as_deref() {
        Some(uid) => (known_syntax(uid), uid == "1.2.840.10008.1.2.1.99"),
        None => (None, false),
    };
    let (data, start) =
        if deflated { (Cow::Owned(inflate(&bytes[meta.end..])?), 0) } else { (Cow::Borrowed(bytes), meta.end) };
    let syntax = settle(meta.syntax, declared, &data, start)?;
    Ok(Envelope { data, start, syntax, media_class: meta.media_class })
}

struct Meta {
    end: usize,
    syntax: Option<String>,
    media_class: Option<String>,
}

/// Group 0002, whatever its group length says.
fn read_meta(bytes: &[u8], begin: usize) -> Meta {
    let mut meta = Meta { end: begin, syntax: None, media_class: None };
    while Encoding::EXPLICIT_LE.tag_at(bytes, meta.end).0 == 0x0002 && meta.end + 8 <= bytes.len() {
        let explicit = names_representation(bytes, meta.end);
        let Some((element, next)) = element_at(bytes, meta.end, Encoding { explicit, big_endian: false }) else {
            break;
        };
        let text = || {
            let text = String::from_utf8_lossy(&bytes[element.start..element.end.min(element.start + 64)]);
            // A UID is digits and dots; what else follows is padding or damage.
            let text: String = text.trim_start().chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            (!text.is_empty()).then_some(text)
        };
        match element.tag {
            tags::TRANSFER_SYNTAX_UID => meta.syntax = text(),
            tags::MEDIA_STORAGE_SOP_CLASS_UID => meta.media_class = text(),
            _ => {}
        }
        meta.end = next;
    }
    meta
}

/// The declared syntax where the data agree with it, else what they look like.
fn settle(uid: Option<String>, declared: Option<Syntax>, data: &[u8], start: usize) -> Outcome<Syntax> {
    let seen = plausible_encoding(data, start);
    match (declared, seen) {
        // An empty data set is as declared; a contradiction goes to the data.
        (Some(declared), None) => Ok(declared),
        (Some(declared), Some(seen)) if seen == declared.encoding => Ok(declared),
        (Some(declared), Some(seen)) => {
            let trusted = fits(data, start, declared.encoding);
            Ok(if trusted {
                declared
            } else {
                Syntax { encoding: seen, pixels_big_endian: seen.big_endian, ..declared }
            })
        }
        (None, Some(encoding)) => {
            let coding = guess_coding(data, start, encoding);
            Ok(Syntax { uid, encoding, coding, pixels_big_endian: encoding.big_endian })
        }
        (None, None) if start + 8 > data.len() => {
            let encoding = Encoding::IMPLICIT_LE;
            Ok(Syntax { uid, encoding, coding: Coding::Native, pixels_big_endian: false })
        }
        (None, None) => {
            let name = uid.as_deref().unwrap_or("none").to_owned();
            Err(Fault::damaged(format!("its transfer syntax ({name}) is unknown and cannot be guessed")))
        }
    }
}

/// The encoding that makes the first element at `start` a sensible one.
fn plausible_encoding(data: &[u8], start: usize) -> Option<Encoding> {
    if names_representation(data, start) {
        let little = fits(data, start, Encoding::EXPLICIT_LE);
        let big = fits(data, start, Encoding::EXPLICIT_BE);
        return match (little, big) {
            (true, _) => Some(Encoding::EXPLICIT_LE),
            (false, true) => Some(Encoding::EXPLICIT_BE),
            (false, false) => None,
        };
    }
    fits(data, start, Encoding::IMPLICIT_LE).then_some(Encoding::IMPLICIT_LE)
}

fn names_representation(data: &[u8], at: usize) -> bool {
    matches!(data.get(at + 4..at + 6), Some(&[a, b]) if VR::from_binary([a, b]).is_some())
}

/// Whether the first two elements look right: low ascending groups and lengths within the data.
fn fits(data: &[u8], start: usize, encoding: Encoding) -> bool {
    // Objects begin in group 0002 or 0008; colour palettes and test objects a little elsewhere, all of them low.
    let low = |tag: Tag| tag.0 < 0x0100 || tag == tags::PIXEL_DATA || tag.0 % 2 == 1;
    let whole = |element: &Element| element.missing_bytes() == 0;
    let Some((first, next)) = element_at(data, start, encoding) else { return false };
    if first.tag.0 == 0 || first.tag.0 >= 0x0100 && !names_representation(data, start) {
        return false;
    }
    let text_like = !encoding.explicit || names_representation(data, start);
    if !low(first.tag) || !whole(&first) || !text_like {
        return false;
    }
    match element_at(data, next, encoding) {
        Some((second, _)) => second.tag > first.tag,
        // A lone element or the cut beginning of a file.
        None => true,
    }
}

/// The coding of encapsulated pixel data in a data set without a transfer syntax, from its first bytes.
fn guess_coding(data: &[u8], start: usize, encoding: Encoding) -> Coding {
    let found = elements(data, start, data.len(), encoding, 0).0;
    let Some(pixels) = found.iter().find(|element| element.tag == tags::PIXEL_DATA) else { return Coding::Native };
    if pixels.declared.is_some() {
        return Coding::Native;
    }
    let fragments = super::parse::items(data, pixels);
    fragments.get(1).and_then(|item| sniff(&data[item.start..item.end])).unwrap_or(Coding::Rle)
}

/// The coding that a frame's own first bytes announce.
pub(super) fn sniff(frame: &[u8]) -> Option<Coding> {
    match frame {
        [0xFF, 0x4F, 0xFF, 0x51, ..] | [0, 0, 0, 0x0C, b'j', b'P', ..] => Some(Coding::Jpeg2000),
        [0xFF, 0xD8, 0xFF, ..] => Some(if has_jpeg_ls_frame(frame) { Coding::JpegLs } else { Coding::Jpeg }),
        _ => None,
    }
}

/// Whether the frame header of a JPEG stream is that of JPEG-LS (SOF55).
fn has_jpeg_ls_frame(frame: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = frame.get(at..at + 4) {
        match marker {
            0xF7 => return true,
            0xFF => at += 1,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xDA => return false,
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
    false
}

fn inflate(bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut data = Vec::new();
    // What could be unpacked before an error is a data set cut short, which is shown as far as it goes.
    let raw = DeflateDecoder::new(bytes).take(MOST_INFLATED_BYTES).read_to_end(&mut data);
    if data.is_empty() && raw.is_err() {
        let wrapped = ZlibDecoder::new(bytes).take(MOST_INFLATED_BYTES).read_to_end(&mut data);
        if let (true, Err(error)) = (data.is_empty(), wrapped) {
            return Err(Fault::damaged(format!("its deflated data set cannot be unpacked ({error})")));
        }
    }
    Ok(data)
}

/// The transfer syntaxes of PS3.6 table A-1 and GE's private one.
fn known_syntax(uid: &str) -> Option<Syntax> {
    let explicit = |coding| (Encoding::EXPLICIT_LE, coding);
    let (encoding, coding) = match uid {
        "1.2.840.10008.1.2" | "1.2.840.113619.5.2" => (Encoding::IMPLICIT_LE, Coding::Native),
        "1.2.840.10008.1.2.1" | "1.2.840.10008.1.2.1.99" => explicit(Coding::Native),
        "1.2.840.10008.1.2.1.98" => explicit(Coding::EncapsulatedNative),
        "1.2.840.10008.1.2.2" => (Encoding::EXPLICIT_BE, Coding::Native),
        "1.2.840.10008.1.2.5" => explicit(Coding::Rle),
        _ => {
            let number: u32 = uid.strip_prefix("1.2.840.10008.1.2.4.")?.split('.').next()?.parse().ok()?;
            match number {
                50..=70 => explicit(Coding::Jpeg),
                80 | 81 => explicit(Coding::JpegLs),
                90..=93 | 201..=203 => explicit(Coding::Jpeg2000),
                94 | 95 | 204 | 205 => explicit(Coding::Unknown("a JPIP reference to a server")),
                100..=106 => explicit(Coding::Unknown("MPEG video")),
                107 | 108 => explicit(Coding::Unknown("HEVC video")),
                110..=112 => explicit(Coding::Unknown("JPEG XL")),
                _ => return None,
            }
        }
    };
    let pixels_big_endian = encoding.big_endian || uid == "1.2.840.113619.5.2";
    Some(Syntax { uid: Some(uid.to_owned()), encoding, coding, pixels_big_endian })
}
