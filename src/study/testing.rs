//! Hand-made slices for unit tests.

use std::sync::Arc;

use super::{Geometry, Instance, Photometric, SeriesHead, Slice, Source, StudyHead};
use crate::display::ModalityLut;

/// A grey slice of a size, without geometry.
pub fn plain_slice(name: &str, rows: usize, columns: usize) -> Slice {
    Slice {
        source: Source { path: name.into(), frame: 0 },
        sop_instance_uid: None,
        sop_class_uid: None,
        transfer_syntax: None,
        instance_number: None,
        rows,
        columns,
        samples: 1,
        photometric: Photometric::Monochrome2,
        geometry: None,
        spacing_mm: None,
        thickness_mm: None,
        modality_lut: ModalityLut::IDENTITY,
        unit: String::new(),
        voi: Vec::new(),
        time_key: None,
    }
}

/// A grey slice that lies somewhere.
pub fn slice_at(geometry: Geometry, rows: usize, columns: usize) -> Slice {
    Slice { geometry: Some(geometry), ..plain_slice("slice", rows, columns) }
}

/// A slice as a reader gives it, in study `1.2` and the named series.
pub fn instance(series: &str, slice: Slice) -> Instance {
    Instance {
        study: Arc::new(StudyHead { uid: "1.2".into(), ..StudyHead::default() }),
        series: Arc::new(SeriesHead { uid: series.into(), ..SeriesHead::default() }),
        slice,
    }
}
