//! JPEG-LS (ISO/IEC 14495-1, ITU-T T.87): lossless and near-lossless, 2 to 16 bits, all interleave modes.

mod bits;
mod header;
mod scan;

use super::{Decoded, Expected};
use crate::study::dicom::fault::Outcome;

/// Decodes a frame.
pub(in crate::study::dicom) fn decode(frame: &[u8], expected: Expected) -> Outcome<Decoded> {
    let stream = header::Stream::read(frame)?;
    expected.check(stream.rows, stream.columns, stream.components)?;
    let pixels = stream.rows * stream.columns;
    let mut values = vec![0; pixels * stream.components];
    let mut complete = true;
    for part in &stream.scans {
        complete &= scan::decode(&frame[part.data..], &stream, part, &mut values);
    }
    let note = (!complete).then(|| "the JPEG-LS image ends early; what is missing is not as it was".to_owned());
    Ok(Decoded {
        rows: stream.rows,
        columns: stream.columns,
        samples: stream.components,
        precision: stream.precision,
        values,
        note,
    })
}
