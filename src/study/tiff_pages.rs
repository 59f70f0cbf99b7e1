//! The pages of a TIFF file.
//!
//! A TIFF's header says where the directory of its first page is, and each directory where the next one is. The
//! decoder reads the first page, so another page is read by giving it a header that points there.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// More pages than this are taken for a damaged file.
const MAX_PAGES: usize = 65_536;

/// Longest header: that of a `BigTIFF`.
const HEADER_BYTES: usize = 16;

/// The header to read a page with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// Bytes that take the place of the file's own first ones.
    header: [u8; HEADER_BYTES],
    length: usize,
}

impl Page {
    /// The file as it is.
    pub const WHOLE: Self = Self { header: [0; HEADER_BYTES], length: 0 };

    /// The file as a decoder should see it for this page.
    pub fn of<'a>(&'a self, bytes: &'a Arc<[u8]>) -> PageBytes<'a> {
        PageBytes { header: &self.header[..self.length], bytes, at: 0 }
    }
}

/// The pages in the order of the file, or what is wrong with it.
pub(super) fn page_offsets(bytes: &[u8]) -> Result<Vec<Page>, String> {
    let layout = Layout::of(bytes).ok_or("its header is incomplete")?;
    let mut pages = Vec::new();
    let mut offsets = HashSet::new();
    let mut offset = layout.number(bytes, layout.first_offset_at, layout.offset_bytes).unwrap_or(0);
    while offset != 0 {
        if !offsets.insert(offset) || pages.len() >= MAX_PAGES {
            return Err("its pages refer to each other in a circle".into());
        }
        let Some(next) = layout.next(bytes, offset) else {
            // The pages before a broken reference can be shown.
            if pages.is_empty() {
                return Err(format!("its first directory is at byte {offset} and the file has {}", bytes.len()));
            }
            break;
        };
        pages.push(layout.page(bytes, offset));
        offset = next;
    }
    if pages.is_empty() { Err("it has no page".into()) } else { Ok(pages) }
}

/// Where a file has its numbers and how it writes them.
struct Layout {
    big_endian: bool,
    /// 4, or 8 in a `BigTIFF`.
    offset_bytes: usize,
    first_offset_at: usize,
    count_bytes: usize,
    entry_bytes: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Self> {
        let big_endian = bytes.starts_with(b"MM");
        let version = *bytes.get(if big_endian { 3 } else { 2 })?;
        let layout = if version == 43 {
            Self { big_endian, offset_bytes: 8, first_offset_at: 8, count_bytes: 8, entry_bytes: 20 }
        } else {
            Self { big_endian, offset_bytes: 4, first_offset_at: 4, count_bytes: 2, entry_bytes: 12 }
        };
        (bytes.len() >= layout.first_offset_at + layout.offset_bytes).then_some(layout)
    }

    fn number(&self, bytes: &[u8], at: usize, length: usize) -> Option<u64> {
        let digits = bytes.get(at..at.checked_add(length)?)?;
        let add = |sum: u64, digit: &u8| sum << 8 | u64::from(*digit);
        Some(if self.big_endian { digits.iter().fold(0, add) } else { digits.iter().rev().fold(0, add) })
    }

    /// The offset of the directory after the one at `offset`; `None` where this one is not within the file.
    fn next(&self, bytes: &[u8], offset: u64) -> Option<u64> {
        let at = usize::try_from(offset).ok()?;
        let count = usize::try_from(self.number(bytes, at, self.count_bytes)?).ok()?;
        let end = at.checked_add(self.count_bytes)?.checked_add(count.checked_mul(self.entry_bytes)?)?;
        self.number(bytes, end, self.offset_bytes)
    }

    fn page(&self, bytes: &[u8], offset: u64) -> Page {
        let length = self.first_offset_at + self.offset_bytes;
        let mut header = [0; HEADER_BYTES];
        header[..length].copy_from_slice(&bytes[..length]);
        for (place, digit) in header[self.first_offset_at..length].iter_mut().enumerate() {
            let shift = if self.big_endian { self.offset_bytes - 1 - place } else { place };
            *digit = (offset >> (8 * shift)) as u8;
        }
        Page { header, length }
    }
}

/// A file with another header, read without copying it.
pub(super) struct PageBytes<'a> {
    header: &'a [u8],
    bytes: &'a [u8],
    at: usize,
}

impl Read for PageBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let source = if self.at < self.header.len() { self.header } else { self.bytes };
        let rest = source.get(self.at..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

impl Seek for PageBytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => (self.bytes.len() as u64).checked_add_signed(by),
            SeekFrom::Current(by) => (self.at as u64).checked_add_signed(by),
        };
        self.at = target
            .and_then(|at| usize::try_from(at).ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it refers to a place before its start"))?;
        Ok(self.at as u64)
    }
}
