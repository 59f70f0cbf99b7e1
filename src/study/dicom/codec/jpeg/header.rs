//! Marker segments of a JPEG stream (T.81 annex B).

use super::bits::Huffman;
use crate::study::dicom::fault::{Fault, Outcome};

/// How the image is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    Sequential,
    Progressive,
    Lossless,
    Other(&'static str),
}

/// A component as the frame header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    pub id: u8,
    /// Sampling factors.
    pub across: usize,
    pub down: usize,
    /// Quantisation table.
    pub table: usize,
}

/// The frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub process: Process,
    pub precision: u8,
    pub rows: usize,
    pub columns: usize,
    pub components: Vec<Component>,
}

impl Frame {
    /// Largest sampling factors, across and down.
    pub fn most(&self) -> (usize, usize) {
        let across = self.components.iter().map(|component| component.across).max().unwrap_or(1);
        let down = self.components.iter().map(|component| component.down).max().unwrap_or(1);
        (across, down)
    }
}

/// One scan with the tables in force.
#[derive(Debug)]
pub(super) struct Scan {
    /// Index of each component in the frame with its tables for DC and AC.
    pub components: Vec<(usize, usize, usize)>,
    /// Spectral selection; the predictor in lossless coding is `first`.
    pub first: u8,
    pub last: u8,
    /// Successive approximation; `low` is the point transform.
    pub high: u8,
    pub low: u8,
    pub dc: [Option<Huffman>; 4],
    pub ac: [Option<Huffman>; 4],
    /// Minimum coded units between restart markers, 0 for none.
    pub restart: usize,
    /// Where the coded data begin.
    pub data: usize,
}

/// All segments of a stream.
#[derive(Debug)]
pub(super) struct Segments {
    pub frame: Frame,
    pub quantisation: [Option<[u16; 64]>; 4],
    pub scans: Vec<Scan>,
    pub adobe_transform: Option<u8>,
    pub jfif: bool,
}

/// Position in natural order of the coefficients in zigzag order (T.81 figure A.6).
pub(super) const NATURAL: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

impl Segments {
    /// Reads all segments; with `rows` unknown only those before the first scan.
    ///
    /// `rows` stands in for a height that the frame header leaves open.
    pub fn read(bytes: &[u8], rows: Option<usize>) -> Outcome<Self> {
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            return Err(Fault::damaged("its JPEG image has no start"));
        }
        let mut frame = None;
        let mut quantisation = [None; 4];
        let mut scans = Vec::new();
        let mut dc = [const { None }; 4];
        let mut ac = [const { None }; 4];
        let (mut adobe_transform, mut jfif, mut restart) = (None, false, 0);
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, &mut at) {
            if marker == 0xD9 {
                break;
            }
            if matches!(marker, 0x01 | 0xD0..=0xD8) {
                continue;
            }
            let Some(&[high, low]) = bytes.get(at..at + 2) else { break };
            let length = usize::from(u16::from_be_bytes([high, low])).max(2);
            let body = bytes.get(at + 2..(at + length).min(bytes.len())).unwrap_or_default();
            at += length;
            match marker {
                0xC4 => read_huffman(body, &mut dc, &mut ac)?,
                0xC0..=0xCF if marker != 0xC8 && marker != 0xCC && frame.is_none() => {
                    frame = Some(read_frame(marker, body, rows)?);
                }
                0xDB => read_quantisation(body, &mut quantisation),
                0xDD => restart = body.get(..2).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]]))),
                0xE0 if body.starts_with(b"JFIF") => jfif = true,
                0xEE if body.starts_with(b"Adobe") => adobe_transform = body.get(11).copied(),
                0xDA => {
                    let Some(frame) = &frame else {
                        return Err(Fault::damaged("its JPEG image has a scan before its frame"));
                    };
                    if rows.is_none() {
                        break;
                    }
                    let mut scan = read_scan(body, frame, at)?;
                    scan.dc.clone_from(&dc);
                    scan.ac.clone_from(&ac);
                    scan.restart = restart;
                    scans.push(scan);
                    at = end_of_scan(bytes, at);
                }
                _ => {}
            }
        }
        let Some(frame) = frame else { return Err(Fault::damaged("its JPEG image has no frame header")) };
        if scans.is_empty() && rows.is_some() {
            return Err(Fault::damaged("its JPEG image has no scan"));
        }
        Ok(Self { frame, quantisation, scans, adobe_transform, jfif })
    }
}

/// The next marker and, in `at`, what follows it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let found = bytes.get(*at..)?.iter().position(|&byte| byte == 0xFF)?;
        *at += found + 1;
        while bytes.get(*at) == Some(&0xFF) {
            *at += 1;
        }
        let marker = *bytes.get(*at)?;
        *at += 1;
        if marker != 0 {
            return Some(marker);
        }
    }
}

/// Coded data go on until a marker that is neither stuffing nor a restart.
fn end_of_scan(bytes: &[u8], from: usize) -> usize {
    bytes[from.min(bytes.len())..]
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF | 0xD0..=0xD7))
        .map_or(bytes.len(), |found| from + found)
}

fn read_frame(marker: u8, body: &[u8], rows: Option<usize>) -> Outcome<Frame> {
    let process = match marker {
        0xC0 | 0xC1 => Process::Sequential,
        0xC2 => Process::Progressive,
        0xC3 => Process::Lossless,
        0xC5..=0xC7 | 0xCD..=0xCF => Process::Other("a hierarchy of images"),
        _ => Process::Other("arithmetic coding"),
    };
    let &[precision, r0, r1, c0, c1, count, ref specs @ ..] = body else {
        return Err(Fault::damaged("its JPEG frame header is cut short"));
    };
    let stated = usize::from(u16::from_be_bytes([r0, r1]));
    let components: Vec<Component> = specs
        .chunks_exact(3)
        .take(usize::from(count))
        .map(|spec| Component {
            id: spec[0],
            across: usize::from(spec[1] >> 4),
            down: usize::from(spec[1] & 15),
            table: usize::from(spec[2] & 3),
        })
        .collect();
    let sampling = |component: &Component| (1..=4).contains(&component.across) && (1..=4).contains(&component.down);
    let precise = match process {
        Process::Lossless => (2..=16).contains(&precision),
        _ => precision == 8 || precision == 12,
    };
    if components.is_empty() || components.len() != usize::from(count) || count > 4 || !components.iter().all(sampling)
    {
        return Err(Fault::damaged(format!(
            "its JPEG frame header lists {count} components and does not describe them"
        )));
    }
    if !precise {
        return Err(Fault::damaged(format!("its JPEG image has {precision} bits")));
    }
    let rows = if stated == 0 { rows.unwrap_or(0) } else { stated };
    Ok(Frame { process, precision, rows, columns: usize::from(u16::from_be_bytes([c0, c1])), components })
}

fn read_scan(body: &[u8], frame: &Frame, data: usize) -> Outcome<Scan> {
    let cut = || Fault::damaged("its JPEG scan header is cut short or names a component that there is not");
    let [count, rest @ ..] = body else { return Err(cut()) };
    let count = usize::from(*count);
    let (Some(specs), Some(&[first, last, approximation])) =
        (rest.get(..2 * count), rest.get(2 * count..2 * count + 3))
    else {
        return Err(cut());
    };
    let mut components = Vec::new();
    for spec in specs.chunks_exact(2) {
        let index = frame.components.iter().position(|component| component.id == spec[0]).ok_or_else(cut)?;
        if components.iter().any(|&(seen, _, _)| seen == index) {
            return Err(cut());
        }
        components.push((index, usize::from(spec[1] >> 4 & 3), usize::from(spec[1] & 3)));
    }
    if components.is_empty() {
        return Err(cut());
    }
    let (dc, ac) = ([const { None }; 4], [const { None }; 4]);
    let (high, low) = (approximation >> 4, approximation & 15);
    Ok(Scan { components, first, last, high, low, dc, ac, restart: 0, data })
}

fn read_quantisation(mut body: &[u8], tables: &mut [Option<[u16; 64]>; 4]) {
    while let [head, rest @ ..] = body {
        let wide = head >> 4 != 0;
        let length = if wide { 128 } else { 64 };
        let Some(values) = rest.get(..length) else { return };
        let mut table = [0; 64];
        for (at, place) in NATURAL.iter().enumerate() {
            table[*place] =
                if wide { u16::from_be_bytes([values[2 * at], values[2 * at + 1]]) } else { u16::from(values[at]) };
        }
        tables[usize::from(head & 3)] = Some(table);
        body = &rest[length..];
    }
}

fn read_huffman(mut body: &[u8], dc: &mut [Option<Huffman>; 4], ac: &mut [Option<Huffman>; 4]) -> Outcome<()> {
    while let [head, rest @ ..] = body {
        let wrong = || Fault::damaged("its JPEG image has a code table that is none");
        let counts: &[u8; 16] = rest.first_chunk().ok_or_else(wrong)?;
        let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let symbols = rest.get(16..16 + total).ok_or_else(wrong)?;
        let table = Huffman::new(counts, symbols).ok_or_else(wrong)?;
        let tables = if head >> 4 == 0 { &mut *dc } else { &mut *ac };
        tables[usize::from(head & 3)] = Some(table);
        body = &rest[16 + total..];
    }
    Ok(())
}
