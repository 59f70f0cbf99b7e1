//! RLE Lossless (DICOM PS3.5 annex G): byte planes, each run-length coded.

use crate::study::dicom::fault::{Fault, Outcome};

const HEADER_BYTES: usize = 64;

/// Decoded byte planes.
pub(in crate::study::dicom) struct Planes {
    /// Samples interleaved, row-major, each sample little endian in `bytes_per_sample` bytes.
    pub bytes: Vec<u8>,
    pub note: Option<String>,
}

/// Whether a fragment begins with an RLE header.
pub(in crate::study::dicom) fn is_header(fragment: &[u8]) -> bool {
    let count = word(fragment, 0) as usize;
    fragment.len() >= HEADER_BYTES
        && (1..=15).contains(&count)
        && word(fragment, 1) as usize == HEADER_BYTES
        && (2..=count).all(|at| word(fragment, at) > word(fragment, at - 1))
        && (count + 1..16).all(|at| word(fragment, at) == 0)
}

fn word(bytes: &[u8], index: usize) -> u32 {
    bytes.get(index * 4..index * 4 + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_le_bytes)
}

/// Decodes a frame of `pixels` pixels with `samples` samples of `bytes_per_sample` bytes.
///
/// What is missing at the end of a plane stays 0, with a note.
pub(in crate::study::dicom) fn decode(
    frame: &[u8],
    pixels: usize,
    samples: usize,
    bytes_per_sample: usize,
) -> Outcome<Planes> {
    let count = word(frame, 0) as usize;
    let expected = samples * bytes_per_sample;
    if frame.len() < HEADER_BYTES || count != expected {
        return Err(Fault::damaged(format!("its RLE frame has {count} byte planes where {expected} were expected")));
    }
    let mut bytes = vec![0; pixels * expected];
    let mut plane = vec![0; pixels];
    let mut missing = 0;
    for segment in 0..count {
        let start = word(frame, segment + 1) as usize;
        let end = if segment + 1 < count { word(frame, segment + 2) as usize } else { frame.len() };
        let packed = frame.get(start..end.min(frame.len())).unwrap_or_default();
        // Planes go from the most significant byte of a sample to the least; ours go the other way.
        let (sample, significance) = (segment / bytes_per_sample, segment % bytes_per_sample);
        let first = sample * bytes_per_sample + (bytes_per_sample - 1 - significance);
        // Runs are filled in one piece and put between the other bytes of their samples afterwards.
        let done = unpack(packed, &mut plane);
        for (place, value) in bytes[first..].iter_mut().step_by(expected).zip(&plane[..done]) {
            *place = *value;
        }
        missing += pixels - done;
    }
    let total = pixels * expected;
    let note = (missing > 0).then(|| format!("{missing} of {total} bytes are missing; they are shown as 0"));
    Ok(Planes { bytes, note })
}

/// Unpacks a plane; gives how many values there were.
fn unpack(packed: &[u8], plane: &mut [u8]) -> usize {
    let mut done = 0;
    let mut rest = packed;
    while let [control, tail @ ..] = rest {
        match *control {
            length @ 0..=127 => {
                let literal = &tail[..(usize::from(length) + 1).min(tail.len())];
                let count = literal.len().min(plane.len() - done);
                plane[done..done + count].copy_from_slice(&literal[..count]);
                done += count;
                rest = &tail[literal.len()..];
            }
            128 => rest = tail,
            length => {
                let [value, tail @ ..] = tail else { break };
                let count = (257 - usize::from(length)).min(plane.len() - done);
                plane[done..done + count].fill(*value);
                done += count;
                rest = tail;
            }
        }
        if done == plane.len() {
            break;
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = HEADER_BYTES;
        for segment in segments {
            header.push(at as u32);
            at += segment.len();
        }
        header.resize(16, 0);
        let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        bytes.extend(segments.concat());
        bytes
    }

    #[test]
    fn runs_and_literals() {
        // 254 = a run of three, 1 = two literal bytes, 128 = nothing.
        let high: &[u8] = &[254, 7, 1, 8, 9];
        let low: &[u8] = &[128, 4, 1, 2, 3, 4, 5];
        let coded = frame(&[high, low]);
        assert!(is_header(&coded));
        let planes = decode(&coded, 5, 1, 2).unwrap();
        assert_eq!(planes.bytes, [1, 7, 2, 7, 3, 7, 4, 8, 5, 9]);
        assert_eq!(planes.note, None);
    }

    #[test]
    fn a_short_plane_is_noted_and_a_long_one_cut() {
        let planes = decode(&frame(&[&[0, 5]]), 3, 1, 1).unwrap();
        assert_eq!((planes.bytes, planes.note.is_some()), (vec![5, 0, 0], true));
        assert_eq!(decode(&frame(&[&[129, 5]]), 3, 1, 1).unwrap().bytes, [5, 5, 5]);
        assert!(decode(&frame(&[&[0, 5]]), 3, 1, 2).is_err());
        assert!(decode(&[], 3, 1, 2).is_err());
    }
}
