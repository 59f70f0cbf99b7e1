//! What `glassbox info` prints: studies in display order, and what could not be read.
//!
//! ```json
//! { "studies": [ { "uid": "…", "date": "20040826", "description": "…",
//!       "patient": {"name": "…", "id": "…", "birth_date": "…", "sex": "…"},
//!       "series": [ { "uid": "…", "number": 3, "description": "…", "modality": "MR", "body_part": "KNEE",
//!           "plane": "sagittal", "positions": 19, "times": 1, "slice_spacing_mm": 3.3,
//!           "slices": [ { "source": "….dcm", "frame": 0, "position": 0, "time": 0, "…": "…" } ] } ] } ],
//!   "files": [ { "source": "….dcm", "shape": [19, 256, 256], "dtype": "uint16", "min": 0.0, "max": 0.0, "mean": 0.0,
//!                "sha1_16": "…", "notes": [] } ],
//!   "failed": [ {"source": "…", "reason": "…"} ], "not_images": ["README.txt"],
//!   "duplicates": [ {"source": "…", "same_as": "…"} ], "notes": [] }
//! ```
//!
//! `patient` is there only when identity is asked for, `files` only when pixels are.

use std::collections::BTreeMap;
use std::path::Path;

use dicom_encoding::transfer_syntax::{TransferSyntax, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use rayon::prelude::*;
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::{Failure, Geometry, Opened, Plane, Reader, Series, Slice, Statistics, Study, StudyError};
use crate::display::{ModalityLut, Voi, VoiFunction};

/// The report on what was opened.
///
/// With `pixels` every file is decoded: shape (frames, rows, columns, samples, each where it is more than one), type,
/// least, greatest and mean stored value, and the first 16 hexadecimal digits of the SHA-1 of the stored values of all
/// frames (little endian, in their own width, before any LUT or colour conversion). A file that cannot be decoded is
/// listed in `failed`. Without `identity` the patient's name, ID, birth date and sex are left out.
#[must_use]
pub fn info(opened: &Opened, reader: &Reader, pixels: bool, identity: bool) -> Value {
    let studies: Vec<Value> = opened.studies.iter().map(|study| study_json(study, identity)).collect();
    let mut failed: Vec<Failure> = opened.failed.clone();
    let mut report = json!({
        "studies": studies,
        "not_images": opened.not_images.iter().map(|path| path_json(path)).collect::<Vec<_>>(),
        "duplicates": opened
            .duplicates
            .iter()
            .map(|d| json!({ "source": path_json(&d.path), "same_as": path_json(&d.of) }))
            .collect::<Vec<_>>(),
        "notes": opened.notes,
    });
    if pixels {
        report["files"] = files(opened, reader, &mut failed).into();
    }
    report["failed"] = failed
        .iter()
        .map(|failure| json!({ "source": path_json(&failure.path), "reason": failure.reason }))
        .collect::<Vec<_>>()
        .into();
    report
}

fn study_json(study: &Study, identity: bool) -> Value {
    let mut value = json!({
        "uid": study.uid,
        "date": study.date,
        "description": study.description,
        "series": study.series.iter().map(series_json).collect::<Vec<_>>(),
    });
    if identity {
        let patient = &study.patient;
        value["patient"] = json!({
            "name": patient.name,
            "id": patient.id,
            "birth_date": patient.birth_date,
            "sex": patient.sex,
        });
    }
    value
}

fn series_json(series: &Series) -> Value {
    let positions = series.positions().max(1);
    let slices = series.slices.iter().enumerate().map(|(index, slice)| {
        let mut value = slice_json(slice);
        value["position"] = (index % positions).into();
        value["time"] = (index / positions).into();
        value
    });
    json!({
        "uid": series.uid,
        "number": series.number,
        "description": series.description,
        "modality": series.modality,
        "body_part": series.body_part,
        "plane": series.plane.name(),
        "positions": series.positions(),
        "times": series.times,
        "slice_spacing_mm": series.slice_spacing_mm(),
        "slices": slices.collect::<Vec<_>>(),
    })
}

impl Plane {
    /// In lower case; "unknown" where no orientation is known.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
            Self::Oblique => "oblique",
            Self::Unknown => "unknown",
        }
    }
}

fn slice_json(slice: &Slice) -> Value {
    json!({
        "source": path_json(&slice.source.path),
        "frame": slice.source.frame,
        "sop_instance_uid": slice.sop_instance_uid,
        "sop_class_uid": slice.sop_class_uid,
        "transfer_syntax": slice.transfer_syntax.as_deref().map(syntax_json),
        "instance_number": slice.instance_number,
        "rows": slice.rows,
        "columns": slice.columns,
        "samples": slice.samples,
        "photometric": slice.photometric.name(),
        "geometry": slice.geometry.as_ref().map(geometry_json),
        "spacing_mm": slice.spacing_mm,
        "thickness_mm": slice.thickness_mm,
        "modality_lut": modality_json(&slice.modality_lut),
        "unit": slice.unit,
        "windows": slice.voi.iter().map(voi_json).collect::<Vec<_>>(),
        "time_key": slice.time_key,
    })
}

fn syntax_json(uid: &str) -> Value {
    let uid = uid.trim_end_matches('\0');
    json!({ "uid": uid, "name": TransferSyntaxRegistry.get(uid).map(TransferSyntax::name) })
}

fn geometry_json(geometry: &Geometry) -> Value {
    let letters = geometry.edge_letters();
    json!({
        "origin_mm": geometry.origin_mm,
        "along_row": geometry.along_row,
        "along_column": geometry.along_column,
        "spacing_mm": geometry.spacing_mm,
        "position_mm": geometry.position_mm(geometry.stacking_normal()),
        "edges": { "left": letters.left, "right": letters.right, "top": letters.top, "bottom": letters.bottom },
    })
}

fn modality_json(lut: &ModalityLut) -> Value {
    match lut {
        ModalityLut::Linear { slope, intercept } => json!({ "slope": slope, "intercept": intercept }),
        ModalityLut::Table { first, values } => json!({ "first": first, "entries": values.len() }),
    }
}

fn voi_json(voi: &Voi) -> Value {
    match voi {
        Voi::Window { centre, width, function, explanation } => {
            let function = match function {
                VoiFunction::Linear => "linear",
                VoiFunction::LinearExact => "linear_exact",
                VoiFunction::Sigmoid => "sigmoid",
            };
            json!({ "centre": centre, "width": width, "function": function, "explanation": explanation })
        }
        Voi::Table { first, bits, values, explanation } => {
            json!({ "first": first, "bits": bits, "entries": values.len(), "explanation": explanation })
        }
    }
}

fn path_json(path: &Path) -> String {
    path.display().to_string()
}

/// One entry for each file with images, those that are copies included.
fn files(opened: &Opened, reader: &Reader, failed: &mut Vec<Failure>) -> Vec<Value> {
    let mut frames: BTreeMap<&Path, Vec<&Slice>> = BTreeMap::new();
    for slice in opened.studies.iter().flat_map(|study| &study.series).flat_map(|series| &series.slices) {
        frames.entry(&slice.source.path).or_default().push(slice);
    }
    let read: Vec<(&Path, Result<Value, StudyError>)> =
        frames.into_par_iter().map(|(path, slices)| (path, file_json(reader, slices))).collect();
    let mut entries: BTreeMap<&Path, Value> = BTreeMap::new();
    for (path, result) in read {
        match result {
            Ok(mut entry) => {
                entry["source"] = path_json(path).into();
                entries.insert(path, entry);
            }
            Err(error) => failed.push(Failure::from(&error)),
        }
    }
    for duplicate in &opened.duplicates {
        if let Some(mut entry) = entries.get(duplicate.of.as_path()).cloned() {
            entry["source"] = path_json(&duplicate.path).into();
            entries.insert(&duplicate.path, entry);
        }
    }
    entries.into_values().collect()
}

/// Shape, statistics and hash of all frames of a file.
fn file_json(reader: &Reader, mut slices: Vec<&Slice>) -> Result<Value, StudyError> {
    slices.sort_by_key(|slice| slice.source.frame);
    let mut hash = Sha1::new();
    let mut statistics = Statistics::default();
    let mut notes: Vec<String> = Vec::new();
    let mut frame_shape = Vec::new();
    let mut type_name = "";
    for slice in &slices {
        let pixels = reader.pixels(slice)?;
        hash.update(pixels.stored.little_endian_bytes());
        statistics = statistics.with(&pixels.stored.statistics().unwrap_or_default());
        type_name = pixels.stored.type_name();
        frame_shape = vec![pixels.rows, pixels.columns];
        if pixels.samples > 1 {
            frame_shape.push(pixels.samples);
        }
        notes.extend(pixels.notes);
    }
    notes.dedup();
    let shape: Vec<usize> = (slices.len() > 1).then_some(slices.len()).into_iter().chain(frame_shape).collect();
    let digits = hash.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Ok(json!({
        "shape": shape,
        "dtype": type_name,
        "min": statistics.min,
        "max": statistics.max,
        "mean": statistics.mean(),
        "sha1_16": format!("{digits:016x}"),
        "notes": notes,
    }))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use super::*;
    use crate::study::{Memory, Storage, open};

    #[test]
    fn a_stack_is_described_and_summed_up() {
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1, 2), }\n";
        let mut bytes = b"\x93NUMPY\x01\0".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend([1, 0, 2, 0, 255, 255, 6, 0]);
        let mut memory = Memory::new();
        memory.insert("s/axial/1.npy", bytes.clone());
        memory.insert("s/axial/2.npy", bytes[..bytes.len() - 1].to_vec());
        memory.insert("s/README", b"text".to_vec());
        let storage: Arc<dyn Storage> = Arc::new(memory);
        let opened = open(&["s".into()], &storage, &|_| ControlFlow::Continue(()));
        let report = info(&opened, &Reader::new(storage), true, false);
        let series = &report["studies"][0]["series"][0];
        assert_eq!((&series["plane"], &series["positions"]), (&json!("axial"), &json!(2)));
        assert_eq!(series["slices"][1]["frame"], json!(1));
        let file = &report["files"][0];
        assert_eq!(file["shape"], json!([2, 1, 2]));
        assert_eq!((&file["min"], &file["max"], &file["mean"]), (&json!(-1.0), &json!(6.0), &json!(2.0)));
        // printf '\1\0\2\0\377\377\6\0' | sha1sum
        assert_eq!(file["sha1_16"], json!("275e47224a9f712a"));
        assert_eq!(report["failed"].as_array().map(Vec::len), Some(1));
        assert_eq!(report["not_images"], json!(["s/README"]));
        assert!(report["studies"][0].get("patient").is_none());
        assert!(info(&opened, &Reader::new(Arc::new(Memory::new())), false, true)["studies"][0]["patient"].is_object());
    }
}
