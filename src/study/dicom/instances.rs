//! From the attributes of an object to one [`Instance`] a frame.

use std::path::Path;
use std::sync::Arc;

use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::fault::{Fault, Outcome};
use super::file::DicomFile;
use super::frames::{FrameInfo, frames};
use super::image::{ImageInfo, Kind};
use super::syntax::{Coding, sniff};
use super::text::person_name;
use super::{codec, tables};
use crate::display::ModalityLut;
use crate::study::{Instance, Patient, Photometric, SeriesHead, Slice, Source, StudyHead};

/// One instance for each frame of the file.
pub(super) fn instances(file: &DicomFile, path: &Path) -> Outcome<Vec<Instance>> {
    let data = file.data();
    let image = file.image()?;
    if let Coding::Unknown(name) = file.syntax().coding {
        return Err(Fault::unsupported(format!("its images are coded as {name}")));
    }
    let count = file.frame_count()?;
    let photometric = photometric(file, &data, image)?;
    let modality = data.first_text(tags::MODALITY).unwrap_or_default();
    let study = Arc::new(study(&data));
    let series = Arc::new(series(&data, &modality));
    let sop_instance_uid = data.first_text(tags::SOP_INSTANCE_UID);
    let sop_class_uid = data.first_text(tags::SOP_CLASS_UID);
    let transfer_syntax = file.syntax().uid.clone();
    let instance_number = data.integer(tags::INSTANCE_NUMBER).and_then(|number| i32::try_from(number).ok());
    let own_unit = unit(&data, &modality, image);
    let dose = data.number(tags::DOSE_GRID_SCALING);
    let slice = |frame: usize, info: FrameInfo| {
        let (modality_lut, unit) = match (info.modality, dose) {
            (Some((lut, unit)), _) => (lut, if unit.is_empty() { own_unit.clone() } else { unit }),
            (None, Some(slope)) => (ModalityLut::Linear { slope, intercept: 0.0 }, own_unit.clone()),
            (None, None) => (ModalityLut::IDENTITY, own_unit.clone()),
        };
        Slice {
            source: Source { path: path.to_path_buf(), frame },
            sop_instance_uid: sop_instance_uid.clone(),
            sop_class_uid: sop_class_uid.clone(),
            transfer_syntax: transfer_syntax.clone(),
            instance_number,
            rows: image.rows,
            columns: image.columns,
            samples: image.samples,
            photometric: photometric.clone(),
            geometry: info.place.geometry(),
            spacing_mm: info.place.spacing_mm,
            thickness_mm: info.place.thickness_mm,
            modality_lut,
            unit,
            voi: info.voi,
            time_key: info.time_key,
        }
    };
    let instance = |(frame, info)| Instance { study: study.clone(), series: series.clone(), slice: slice(frame, info) };
    Ok(frames(&data, count).into_iter().enumerate().map(instance).collect())
}

fn study(data: &DataSet<'_>) -> StudyHead {
    StudyHead {
        uid: data.first_text(tags::STUDY_INSTANCE_UID).unwrap_or_default(),
        patient: Patient {
            name: data.text(tags::PATIENT_NAME).map(|name| person_name(&name)).unwrap_or_default(),
            id: data.first_text(tags::PATIENT_ID).unwrap_or_default(),
            birth_date: data.first_text(tags::PATIENT_BIRTH_DATE).unwrap_or_default(),
            sex: data.first_text(tags::PATIENT_SEX).unwrap_or_default(),
        },
        description: data.text(tags::STUDY_DESCRIPTION).unwrap_or_default(),
        date: data.first_text(tags::STUDY_DATE).unwrap_or_default(),
    }
}

fn series(data: &DataSet<'_>, modality: &str) -> SeriesHead {
    SeriesHead {
        uid: data.first_text(tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        number: data.integer(tags::SERIES_NUMBER).and_then(|number| i32::try_from(number).ok()),
        description: data.text(tags::SERIES_DESCRIPTION).unwrap_or_default(),
        modality: modality.to_owned(),
        body_part: data.first_text(tags::BODY_PART_EXAMINED).unwrap_or_default(),
    }
}

/// The unit of values after the modality LUT where the LUT itself does not say.
fn unit(data: &DataSet<'_>, modality: &str, image: &ImageInfo) -> String {
    let term = match modality {
        // Without a Rescale Type the values of CT are Hounsfield units (PS3.3 C.11.1.1.2).
        "CT" if image.samples == 1 && data.first_text(tags::RESCALE_TYPE).is_none() => {
            data.number(tags::RESCALE_INTERCEPT).map(|_| "HU".to_owned())
        }
        "PT" => data.first_text(tags::UNITS),
        "RTDOSE" => data.first_text(tags::DOSE_UNITS),
        _ if image.kind != Kind::Integer => measured_unit(data),
        _ => None,
    };
    term.map(|term| tables::unit_name(&term)).unwrap_or_default()
}

/// The unit of a parametric map, from its real-world value mapping.
fn measured_unit(data: &DataSet<'_>) -> Option<String> {
    let mapping = data.item(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE).or_else(|| {
        let shared = data.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)?;
        shared.item(tags::REAL_WORLD_VALUE_MAPPING_SEQUENCE)
    })?;
    mapping.item(tags::MEASUREMENT_UNITS_CODE_SEQUENCE)?.first_text(tags::CODE_VALUE)
}

/// What the decoder's samples mean, which is not always what the attributes say.
fn photometric(file: &DicomFile, data: &DataSet<'_>, image: &ImageInfo) -> Outcome<Photometric> {
    let named = image.photometric.as_str();
    if image.samples == 1 {
        return match named {
            "MONOCHROME1" => Ok(Photometric::Monochrome1),
            "PALETTE COLOR" => tables::palette(data, image.signed)
                .ok_or_else(|| Fault::damaged("it is a palette colour image and has no complete palette")),
            // One sample is grey, whatever else the attributes say.
            _ => Ok(Photometric::Monochrome2),
        };
    }
    let attribute = match named {
        "YBR_PARTIAL_420" | "YBR_PARTIAL_422" => Photometric::YbrPartial420,
        _ if named.starts_with("YBR_FULL") => Photometric::YbrFull,
        "HSV" => return Err(Fault::unsupported("its colours are given as HSV")),
        _ => Photometric::Rgb,
    };
    let Some(frame) = file.coded_frame(0)? else { return Ok(attribute) };
    Ok(match sniff(&frame) {
        Some(Coding::Jpeg) => match (codec::jpeg::colour(&frame), attribute) {
            (codec::jpeg::Colour::Rgb, _) => Photometric::Rgb,
            (codec::jpeg::Colour::Ybr, Photometric::Rgb) => Photometric::YbrFull,
            (_, attribute) => attribute,
        },
        Some(Coding::Jpeg2000) => match codec::jpeg2000::header(&frame) {
            Some(header) if header.colour_transform => Photometric::Rgb,
            _ => attribute,
        },
        _ => attribute,
    })
}
