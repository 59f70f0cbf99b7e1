//! JPEG (ISO/IEC 10918-1, ITU-T T.81): baseline, extended and progressive DCT with 8 and 12 bits, and lossless.
//!
//! Samples come out as the components are coded: no colour transform is undone here, [`colour`] says which there was.

mod bits;
mod dct;
mod header;
mod idct;
mod lossless;

use super::{Decoded, Expected};
use crate::study::dicom::fault::{Fault, Outcome};
use header::{Process, Segments};

/// What the stream says about its colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::study::dicom) enum Colour {
    Rgb,
    Ybr,
    /// The stream does not say.
    Unsaid,
}

/// The colours of a three-component stream: Adobe's marker, component names, JFIF's marker, subsampling; in this
/// order of trust.
pub(in crate::study::dicom) fn colour(frame: &[u8]) -> Colour {
    let Ok(segments) = Segments::read(frame, None) else { return Colour::Unsaid };
    match segments.adobe_transform {
        Some(0) => return Colour::Rgb,
        Some(1) => return Colour::Ybr,
        _ => {}
    }
    let names: Vec<u8> = segments.frame.components.iter().map(|component| component.id).collect();
    let subsampled = segments.frame.components.iter().skip(1).any(|component| {
        let first = &segments.frame.components[0];
        (component.across, component.down) != (first.across, first.down)
    });
    if names == *b"RGB" {
        Colour::Rgb
    } else if segments.jfif || subsampled {
        Colour::Ybr
    } else {
        Colour::Unsaid
    }
}

/// Decodes a frame.
pub(in crate::study::dicom) fn decode(frame: &[u8], expected: Expected) -> Outcome<Decoded> {
    let segments = Segments::read(frame, Some(expected.rows))?;
    let found = &segments.frame;
    expected.check(found.rows, found.columns, found.components.len())?;
    let (values, complete) = match found.process {
        Process::Lossless => lossless::decode(frame, &segments)?,
        Process::Sequential | Process::Progressive => {
            let (planes, complete) = dct::decode(frame, &segments)?;
            (idct::image(found, &planes), complete)
        }
        Process::Other(name) => return Err(Fault::unsupported(format!("its JPEG images are coded by {name}"))),
    };
    let note = (!complete).then(|| "the JPEG image ends early; what is missing is not as it was".to_owned());
    Ok(Decoded {
        rows: found.rows,
        columns: found.columns,
        samples: found.components.len(),
        precision: found.precision,
        values,
        note,
    })
}
