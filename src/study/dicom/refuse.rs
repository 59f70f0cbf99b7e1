//! What to say about objects that hold no image.

use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::fault::Fault;

/// SOP classes (and families of them) without pixel values, PS3.4 annex B.
static CLASSES: &[(&str, &str)] = &[
    ("1.2.840.10008.1.3.10", "it is a directory of other files (DICOMDIR)"),
    ("1.2.840.10008.5.1.4.1.1.88.59", "it is a key object selection and has no image"),
    ("1.2.840.10008.5.1.4.1.1.88", "it is a structured report and has no image"),
    ("1.2.840.10008.5.1.4.1.1.481.3", "it is an RT structure set and has no image"),
    ("1.2.840.10008.5.1.4.1.1.481.4", "it is an RT treatment record and has no image"),
    ("1.2.840.10008.5.1.4.1.1.481.5", "it is an RT plan and has no image"),
    ("1.2.840.10008.5.1.4.1.1.481.8", "it is an RT plan and has no image"),
    ("1.2.840.10008.5.1.4.1.1.481", "it is a radiotherapy object without an image"),
    ("1.2.840.10008.5.1.4.1.1.9", "it is a waveform (such as an ECG) and has no image"),
    ("1.2.840.10008.5.1.4.1.1.11", "it is a presentation state and has no image of its own"),
    ("1.2.840.10008.5.1.4.1.1.104", "it is an encapsulated document and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66.1", "it is a spatial registration and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66.2", "it is a set of spatial fiducials and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66.3", "it is a deformable registration and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66.5", "it is a surface segmentation and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66.6", "it is a set of tracts and has no image"),
    ("1.2.840.10008.5.1.4.1.1.66", "it is raw data and has no image"),
    ("1.2.840.10008.5.1.4.1.1.67", "it is a real-world value mapping and has no image"),
    ("1.2.840.10008.5.1.4.1.1.4.2", "it is MR spectroscopy data and has no image"),
    ("1.2.840.10008.5.1.4.39.1", "it is a colour palette and has no image"),
    ("1.2.840.10008.5.1.4.38.1", "it is a hanging protocol and has no image"),
];

/// The same by Modality, for objects that do not name their class.
static MODALITIES: &[(&str, &str)] = &[
    ("SR", "it is a structured report and has no image"),
    ("KO", "it is a key object selection and has no image"),
    ("PR", "it is a presentation state and has no image of its own"),
    ("RTPLAN", "it is an RT plan and has no image"),
    ("RTSTRUCT", "it is an RT structure set and has no image"),
    ("RTRECORD", "it is an RT treatment record and has no image"),
    ("ECG", "it is a waveform (such as an ECG) and has no image"),
    ("REG", "it is a spatial registration and has no image"),
    ("RWV", "it is a real-world value mapping and has no image"),
    ("DOC", "it is an encapsulated document and has no image"),
];

/// Media Storage Directory Storage.
pub(super) const DIRECTORY_CLASS: &str = "1.2.840.10008.1.3.10";

/// Why an object without pixel data is not shown.
pub(super) fn reason_without_pixels(data: &DataSet<'_>, media_class: Option<&str>) -> Fault {
    if data.element(tags::DIRECTORY_RECORD_SEQUENCE).is_some() {
        return Fault::unsupported("it is a directory of other files (DICOMDIR)");
    }
    let class = data.first_text(tags::SOP_CLASS_UID).or_else(|| media_class.map(str::to_owned)).unwrap_or_default();
    let of_family =
        |family: &str| class.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if let Some((_, reason)) = CLASSES.iter().find(|(family, _)| of_family(family)) {
        return Fault::unsupported(*reason);
    }
    let modality = data.first_text(tags::MODALITY).unwrap_or_default();
    if let Some((_, reason)) = MODALITIES.iter().find(|(name, _)| *name == modality) {
        return Fault::unsupported(*reason);
    }
    if data.element(tags::ROWS).is_some() {
        return Fault::damaged("it describes an image and has no pixel data");
    }
    Fault::unsupported("it has no pixel data")
}
