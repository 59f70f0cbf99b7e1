//! Unpacking gzip without trusting it.

use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Deflate packs at most 1032 bytes into one.
const MAX_RATIO: usize = 1032;

/// More than this is not unpacked.
const MAX_BYTES: usize = 4 << 30;

/// Whether these are the first bytes of a gzip file.
pub(super) fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b, 8])
}

/// As many bytes as a file of this length can unpack to.
pub(super) fn most_unpacked(length: usize) -> usize {
    length.saturating_mul(MAX_RATIO).min(MAX_BYTES)
}

/// At most `length` bytes of the beginning; fewer where the packed bytes end or are damaged.
pub(super) fn unpack_start(packed: &[u8], length: usize) -> Vec<u8> {
    let mut unpacked = vec![0; length];
    let mut decoder = MultiGzDecoder::new(packed);
    let mut filled = 0;
    while filled < length {
        match decoder.read(&mut unpacked[filled..]) {
            Ok(count) if count > 0 => filled += count,
            _ => break,
        }
    }
    unpacked.truncate(filled);
    unpacked
}

/// Exactly `length` bytes of the beginning, or what is wrong.
pub(super) fn unpack(packed: &[u8], length: usize) -> Result<Vec<u8>, String> {
    if length > most_unpacked(packed.len()) {
        return Err(format!("{} packed bytes cannot unpack to {length}", packed.len()));
    }
    let mut unpacked = Vec::new();
    unpacked.try_reserve_exact(length).map_err(|_| format!("its {length} bytes do not fit in memory"))?;
    MultiGzDecoder::new(packed)
        .take(length as u64)
        .read_to_end(&mut unpacked)
        .map_err(|error| format!("it cannot be unpacked ({error})"))?;
    if unpacked.len() < length {
        return Err(format!("{} of its {length} bytes are missing", length - unpacked.len()));
    }
    Ok(unpacked)
}
