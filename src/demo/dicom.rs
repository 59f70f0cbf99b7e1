//! Phantoms as DICOM files in memory: explicit little endian, uncompressed, with unique identifiers that follow from
//! what the file shows, so that the same phantom is the same object wherever it was made.

use dicom_core::value::Value;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

use super::knee::render::{Knee, PIXEL_MM, SIDE, SLICE_MM, View, WINDOW};
use super::random::mix;
use super::skin::{COLUMNS, ROWS};

/// A phantom could not be written as DICOM.
#[derive(Debug, thiserror::Error)]
#[error("The phantom could not be written as DICOM: {0}")]
pub struct DicomError(String);

/// Which of the demo's patients and studies a file belongs to.
#[derive(Debug, Clone)]
pub struct StudyText {
    /// Patient's Name (PS3.5 PN).
    pub patient: String,
    /// Patient ID.
    pub patient_id: String,
    /// Study Description.
    pub study: String,
    /// What the Study Instance UID follows from.
    pub study_key: u64,
}

/// Series Description and Series Number, and what the Series Instance UID follows from.
#[derive(Debug, Clone)]
pub struct SeriesText {
    /// Series Description.
    pub description: String,
    /// Series Number.
    pub number: i32,
}

/// One slice of a knee as MR Image Storage (PS3.3 A.4); `stored` are its pixels, row-major.
///
/// # Errors
/// Where the object cannot be encoded.
pub fn knee_slice(
    knee: &Knee,
    view: View,
    slice: usize,
    stored: Vec<u16>,
    study: &StudyText,
) -> Result<Vec<u8>, DicomError> {
    let number = match view {
        View::Sagittal => 1,
        View::Coronal => 2,
        View::Axial => 3,
    };
    let series = SeriesText { description: format!("SYNTHETIC knee phantom, {}", view.name()), number };
    let mut object = common(study, &series, slice, uids::MR_IMAGE_STORAGE, "MR");
    let decimals = |numbers: &[f64]| numbers.iter().map(|number| format!("{number}")).collect::<Vec<_>>();
    let [across, down] = view.orientation();
    let orientation: Vec<f64> = across.into_iter().chain(down).collect();
    text(&mut object, tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY\\OTHER");
    text(&mut object, tags::BODY_PART_EXAMINED, VR::CS, "KNEE");
    text(&mut object, tags::LATERALITY, VR::CS, if knee.right { "R" } else { "L" });
    text(&mut object, tags::PATIENT_POSITION, VR::CS, "FFS");
    text(&mut object, tags::SCANNING_SEQUENCE, VR::CS, "RM");
    text(&mut object, tags::SEQUENCE_VARIANT, VR::CS, "NONE");
    text(&mut object, tags::MR_ACQUISITION_TYPE, VR::CS, "2D");
    for empty in [tags::SCAN_OPTIONS, tags::REPETITION_TIME, tags::ECHO_TIME, tags::ECHO_TRAIN_LENGTH] {
        let vr = match empty {
            tags::SCAN_OPTIONS => VR::CS,
            tags::ECHO_TRAIN_LENGTH => VR::IS,
            _ => VR::DS,
        };
        object.put(DataElement::new(empty, vr, PrimitiveValue::Empty));
    }
    text(&mut object, tags::FRAME_OF_REFERENCE_UID, VR::UI, &uid(study.study_key, 3, 0));
    object.put(DataElement::new(tags::POSITION_REFERENCE_INDICATOR, VR::LO, PrimitiveValue::Empty));
    list(&mut object, tags::IMAGE_POSITION_PATIENT, VR::DS, decimals(&view.origin_mm(slice).map(round)));
    list(&mut object, tags::IMAGE_ORIENTATION_PATIENT, VR::DS, decimals(&orientation));
    list(&mut object, tags::PIXEL_SPACING, VR::DS, decimals(&[PIXEL_MM; 2]));
    list(&mut object, tags::SLICE_THICKNESS, VR::DS, decimals(&[SLICE_MM]));
    list(&mut object, tags::SPACING_BETWEEN_SLICES, VR::DS, decimals(&[SLICE_MM]));
    list(&mut object, tags::WINDOW_CENTER, VR::DS, decimals(&WINDOW[..1]));
    list(&mut object, tags::WINDOW_WIDTH, VR::DS, decimals(&WINDOW[1..]));
    pixels(&mut object, SIDE, SIDE, 1, 12);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(stored.into())));
    encode(object, uids::MR_IMAGE_STORAGE)
}

/// One photograph as VL Photographic Image Storage (PS3.3 A.32.4); `rgb` are its pixels, interleaved.
///
/// # Errors
/// Where the object cannot be encoded.
pub fn photograph(rgb: Vec<u8>, series: &SeriesText, study: &StudyText) -> Result<Vec<u8>, DicomError> {
    let class = uids::VL_PHOTOGRAPHIC_IMAGE_STORAGE;
    let mut object = common(study, series, 0, class, "XC");
    text(&mut object, tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY");
    text(&mut object, tags::BODY_PART_EXAMINED, VR::CS, "SKIN");
    text(&mut object, tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    for (tag, vr) in [(tags::LATERALITY, VR::CS), (tags::PATIENT_ORIENTATION, VR::CS)] {
        object.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
    }
    object.put(DataElement::new(
        tags::ACQUISITION_CONTEXT_SEQUENCE,
        VR::SQ,
        Value::from(dicom_core::value::DataSetSequence::empty()),
    ));
    pixels(&mut object, ROWS, COLUMNS, 3, 8);
    object.put(DataElement::new(tags::PLANAR_CONFIGURATION, VR::US, dicom_value!(U16, 0)));
    let mut rgb = rgb;
    rgb.resize(rgb.len().next_multiple_of(2), 0);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(rgb.into())));
    encode(object, class)
}

/// Patient, study, series, equipment and what all images have in common.
fn common(study: &StudyText, series: &SeriesText, instance: usize, class: &str, modality: &str) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    let series_key = series.number as u64;
    for (tag, vr, value) in [
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        (tags::SOP_CLASS_UID, VR::UI, class),
        (tags::SOP_INSTANCE_UID, VR::UI, &uid(study.study_key, 2, series_key << 16 | instance as u64)),
        (tags::STUDY_DATE, VR::DA, "20260101"),
        (tags::STUDY_TIME, VR::TM, "120000"),
        (tags::SERIES_DATE, VR::DA, "20260101"),
        (tags::CONTENT_DATE, VR::DA, "20260101"),
        (tags::CONTENT_TIME, VR::TM, "120000"),
        (tags::MODALITY, VR::CS, modality),
        (tags::MANUFACTURER, VR::LO, "Glassbox (synthetic)"),
        (tags::STUDY_DESCRIPTION, VR::LO, &study.study),
        (tags::SERIES_DESCRIPTION, VR::LO, &series.description),
        (tags::PATIENT_NAME, VR::PN, &study.patient),
        (tags::PATIENT_ID, VR::LO, &study.patient_id),
        (tags::STUDY_ID, VR::SH, "1"),
        (tags::STUDY_INSTANCE_UID, VR::UI, &uid(study.study_key, 0, 0)),
        (tags::SERIES_INSTANCE_UID, VR::UI, &uid(study.study_key, 1, series_key)),
        (tags::SERIES_NUMBER, VR::IS, &series.number.to_string()),
        (tags::INSTANCE_NUMBER, VR::IS, &(instance + 1).to_string()),
        (tags::IMAGE_COMMENTS, VR::LT, "SYNTHETIC: computed from geometry, no patient was imaged."),
        (tags::QUALITY_CONTROL_IMAGE, VR::CS, "YES"),
        (tags::BURNED_IN_ANNOTATION, VR::CS, "NO"),
    ] {
        text(&mut object, tag, vr, value);
    }
    for (tag, vr) in [
        (tags::PATIENT_BIRTH_DATE, VR::DA),
        (tags::PATIENT_SEX, VR::CS),
        (tags::ACCESSION_NUMBER, VR::SH),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    ] {
        object.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
    }
    object
}

fn pixels(object: &mut InMemDicomObject, rows: usize, columns: usize, samples: u16, stored: u16) {
    let allocated = stored.next_multiple_of(8);
    let photometric = if samples == 3 { "RGB" } else { "MONOCHROME2" };
    text(object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, samples),
        (tags::ROWS, rows as u16),
        (tags::COLUMNS, columns as u16),
        (tags::BITS_ALLOCATED, allocated),
        (tags::BITS_STORED, stored),
        (tags::HIGH_BIT, stored - 1),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
}

fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    if value.contains('\\') {
        list(object, tag, vr, value.split('\\').map(str::to_owned).collect());
    } else {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }
}

fn list(object: &mut InMemDicomObject, tag: Tag, vr: VR, values: Vec<String>) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::Strs(values.into())));
}

fn encode(object: InMemDicomObject, class: &str) -> Result<Vec<u8>, DicomError> {
    let meta =
        FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN).media_storage_sop_class_uid(class);
    let file = object.with_meta(meta).map_err(|error| DicomError(error.to_string()))?;
    let mut bytes = Vec::with_capacity(140_000);
    file.write_all(&mut bytes).map_err(|error| DicomError(error.to_string()))?;
    Ok(bytes)
}

/// A unique identifier in the UUID-derived form (PS3.5 B.2), the same for the same three numbers.
fn uid(key: u64, level: u64, item: u64) -> String {
    let high = mix(key ^ level.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(item));
    let low = mix(high ^ 0x676c_6173_7362_6f78);
    // Version 8 (made by a rule of one's own) and the variant of RFC 9562.
    let number = u128::from(high) << 64 | u128::from(low);
    let number = number & !(0xf << 76) & !(0x3 << 62) | 0x8 << 76 | 0x2 << 62;
    format!("2.25.{number}")
}

/// To a hundredth of a millimetre, so that decimal strings stay within their 16 characters.
fn round(millimetres: f64) -> f64 {
    (millimetres * 100.0).round() / 100.0
}
