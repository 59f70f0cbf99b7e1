//! What differs from frame to frame: functional groups of enhanced objects (DICOM PS3.3 C.7.6.16), offsets of
//! dose grids (C.8.8.3) and slices of nuclear medicine (C.8.4.8).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::place::{Place, directions, seconds_of_date_time, spacing, time_key};
use super::tables;
use crate::display::{ModalityLut, Voi};

/// What is known of one frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FrameInfo {
    pub place: Place,
    pub modality: Option<(ModalityLut, String)>,
    pub voi: Vec<Voi>,
    pub time_key: Option<f64>,
}

/// One [`FrameInfo`] for each of `count` frames.
pub(super) fn frames(data: &DataSet<'_>, count: usize) -> Vec<FrameInfo> {
    let whole = FrameInfo {
        place: Place::of(data),
        modality: tables::modality(data),
        voi: tables::voi(data),
        time_key: time_key(data),
    };
    let shared = data.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let own = data.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if shared.is_some() || !own.is_empty() {
        return (0..count)
            .map(|frame| grouped(&Groups { own: own.get(frame), shared: shared.as_ref() }, &whole))
            .collect();
    }
    if count == 1 {
        return vec![whole];
    }
    let offsets = data.numbers(tags::GRID_FRAME_OFFSET_VECTOR);
    if offsets.len() >= count {
        // Offsets from the first plane, or coordinates of all planes: the differences are the same.
        let at = |frame: usize| FrameInfo { place: whole.place.moved(offsets[frame] - offsets[0]), ..whole.clone() };
        return (0..count).map(at).collect();
    }
    if let Some(frames) = nuclear(data, &whole, count) {
        return frames;
    }
    // A film: frames follow each other in time and have no place of their own.
    let step = data.number(tags::FRAME_TIME).filter(|step| *step > 0.0).unwrap_or(1.0);
    let place = Place { origin_mm: None, ..whole.place };
    let film = |frame| FrameInfo { place, time_key: Some(frame as f64 * step), ..whole.clone() };
    (0..count).map(film).collect()
}

/// The groups of one frame; its own come before the shared ones.
struct Groups<'s, 'a> {
    own: Option<&'s DataSet<'a>>,
    shared: Option<&'s DataSet<'a>>,
}

impl<'a> Groups<'_, 'a> {
    /// The first item of a functional group macro.
    fn group(&self, tag: Tag) -> Option<DataSet<'a>> {
        let in_own = self.own.and_then(|own| own.item(tag));
        in_own.or_else(|| self.shared.and_then(|shared| shared.item(tag)))
    }
}

fn grouped(groups: &Groups<'_, '_>, whole: &FrameInfo) -> FrameInfo {
    let measures = groups.group(tags::PIXEL_MEASURES_SEQUENCE);
    let position = groups.group(tags::PLANE_POSITION_SEQUENCE);
    let place = Place {
        origin_mm: position.and_then(|group| group.triple(tags::IMAGE_POSITION_PATIENT)).or(whole.place.origin_mm),
        directions: groups
            .group(tags::PLANE_ORIENTATION_SEQUENCE)
            .and_then(|group| directions(&group))
            .or(whole.place.directions),
        spacing_mm: measures.as_ref().and_then(spacing).or(whole.place.spacing_mm),
        thickness_mm: measures
            .and_then(|group| group.number(tags::SLICE_THICKNESS))
            .filter(|thickness| *thickness > 0.0)
            .or(whole.place.thickness_mm),
    };
    let modality = groups
        .group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE)
        .and_then(|group| tables::modality(&group))
        .or_else(|| whole.modality.clone());
    let voi = groups.group(tags::FRAME_VOILUT_SEQUENCE).map(|group| tables::voi(&group)).unwrap_or_default();
    FrameInfo {
        place,
        modality,
        voi: if voi.is_empty() { whole.voi.clone() } else { voi },
        time_key: grouped_time_key(groups).or(whole.time_key),
    }
}

/// Temporal position, segment, cardiac phase, b-value, echo, or the time of the frame, whichever comes first.
fn grouped_time_key(groups: &Groups<'_, '_>) -> Option<f64> {
    let number = |sequence, tag| groups.group(sequence).and_then(|group: DataSet<'_>| group.number(tag));
    let content = groups.group(tags::FRAME_CONTENT_SEQUENCE);
    let temporal = content.as_ref().and_then(|content| content.number(tags::TEMPORAL_POSITION_INDEX));
    temporal
        .or_else(|| number(tags::TEMPORAL_POSITION_SEQUENCE, tags::TEMPORAL_POSITION_TIME_OFFSET))
        .or_else(|| number(tags::SEGMENT_IDENTIFICATION_SEQUENCE, tags::REFERENCED_SEGMENT_NUMBER))
        .or_else(|| number(tags::CARDIAC_SYNCHRONIZATION_SEQUENCE, tags::NOMINAL_CARDIAC_TRIGGER_DELAY_TIME))
        .or_else(|| number(tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_B_VALUE))
        .or_else(|| number(tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME))
        .or_else(|| content?.first_text(tags::FRAME_ACQUISITION_DATE_TIME).and_then(|text| seconds_of_date_time(&text)))
}

/// Reconstructed tomography: the frames are slices at Spacing Between Slices from the detector's position.
fn nuclear(data: &DataSet<'_>, whole: &FrameInfo, count: usize) -> Option<Vec<FrameInfo>> {
    let detector = data.item(tags::DETECTOR_INFORMATION_SEQUENCE)?;
    let step = data.number(tags::SPACING_BETWEEN_SLICES)?;
    let slices = data.numbers(tags::SLICE_VECTOR);
    let place = Place {
        origin_mm: detector.triple(tags::IMAGE_POSITION_PATIENT).or(whole.place.origin_mm),
        directions: directions(&detector).or(whole.place.directions),
        ..whole.place
    };
    if slices.len() < count || place.origin_mm.is_none() || place.directions.is_none() {
        return None;
    }
    let times = data.numbers(tags::TIME_SLOT_VECTOR);
    let frame = |at: usize| FrameInfo {
        place: place.moved((slices[at] - 1.0) * step),
        time_key: times.get(at).copied().or(whole.time_key),
        ..whole.clone()
    };
    Some((0..count).map(frame).collect())
}
