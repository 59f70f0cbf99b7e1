//! Where frames lie: position, orientation, spacing, and what tells times apart (DICOM PS3.3 C.7.6.2, C.7.6.16).

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use crate::study::Geometry;

/// Diffusion b-value of classic MR images (0018,9087).
const B_VALUE: Tag = tags::DIFFUSION_B_VALUE;

/// Position and orientation as the file has them, each `None` where it is absent or impossible.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Place {
    pub origin_mm: Option<[f64; 3]>,
    /// Directions of increasing column index and of increasing row index.
    pub directions: Option<([f64; 3], [f64; 3])>,
    pub spacing_mm: Option<[f64; 2]>,
    pub thickness_mm: Option<f64>,
}

impl Place {
    /// From the attributes of an object that is one image.
    pub fn of(data: &DataSet<'_>) -> Self {
        Self {
            origin_mm: data.triple(tags::IMAGE_POSITION_PATIENT),
            directions: directions(data),
            spacing_mm: spacing(data),
            thickness_mm: data.number(tags::SLICE_THICKNESS).filter(|thickness| *thickness > 0.0),
        }
    }

    /// The geometry, if all of it is known.
    pub fn geometry(&self) -> Option<Geometry> {
        let (along_row, along_column) = self.directions?;
        Some(Geometry { origin_mm: self.origin_mm?, along_row, along_column, spacing_mm: self.spacing_mm? })
    }

    /// The same plane `distance_mm` further along its normal.
    pub fn moved(&self, distance_mm: f64) -> Self {
        let (Some(origin), Some((row, column))) = (self.origin_mm, self.directions) else { return *self };
        let normal = cross(row, column);
        let origin = [0, 1, 2].map(|axis| origin[axis] + distance_mm * normal[axis]);
        Self { origin_mm: Some(origin), ..*self }
    }
}

/// Image Orientation (Patient) as unit vectors; `None` unless they stand at right angles.
pub(super) fn directions(data: &DataSet<'_>) -> Option<([f64; 3], [f64; 3])> {
    let numbers = data.numbers(tags::IMAGE_ORIENTATION_PATIENT);
    let [a, b, c, d, e, f, ..] = *numbers.as_slice() else { return None };
    let (row, column) = (unit([a, b, c])?, unit([d, e, f])?);
    (dot(row, column).abs() < 0.01).then_some((row, column))
}

fn unit(vector: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(vector, vector).sqrt();
    (length.is_finite() && length > 0.1).then(|| vector.map(|part| part / length))
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Distance of rows and of columns: in the patient, else at the detector, else of a scanned film or a region of
/// ultrasound.
pub(super) fn spacing(data: &DataSet<'_>) -> Option<[f64; 2]> {
    let pair = |tag| {
        let numbers = data.numbers(tag);
        let pair: [f64; 2] = numbers.get(..2)?.try_into().ok()?;
        pair.iter().all(|spacing| spacing.is_finite() && *spacing > 0.0).then_some(pair)
    };
    pair(tags::PIXEL_SPACING)
        .or_else(|| pair(tags::IMAGER_PIXEL_SPACING))
        .or_else(|| pair(tags::NOMINAL_SCANNED_PIXEL_SPACING))
        .or_else(|| ultrasound_spacing(data))
}

/// Of an image whose one region is measured in centimetres along both axes (C.8.5.5).
fn ultrasound_spacing(data: &DataSet<'_>) -> Option<[f64; 2]> {
    let regions = data.items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS);
    let [region] = regions.as_slice() else { return None };
    let centimetres = |tag| data_is(region, tag, 3);
    if !centimetres(tags::PHYSICAL_UNITS_X_DIRECTION) || !centimetres(tags::PHYSICAL_UNITS_Y_DIRECTION) {
        return None;
    }
    let millimetres = |tag| region.number(tag).map(|step: f64| step.abs() * 10.0).filter(|step| *step > 0.0);
    Some([millimetres(tags::PHYSICAL_DELTA_Y)?, millimetres(tags::PHYSICAL_DELTA_X)?])
}

fn data_is(data: &DataSet<'_>, tag: Tag, value: i64) -> bool {
    data.integer(tag) == Some(value)
}

/// What tells images of one position apart in a series of single images: temporal position or trigger time, else
/// b-value, echo and time of acquisition in one number that orders by them in turn.
pub(super) fn time_key(data: &DataSet<'_>) -> Option<f64> {
    data.number(tags::TEMPORAL_POSITION_IDENTIFIER)
        .or_else(|| data.number(tags::TRIGGER_TIME))
        .or_else(|| acquisition_key(data))
}

fn acquisition_key(data: &DataSet<'_>) -> Option<f64> {
    let b_value = data.number(B_VALUE);
    let echo = data.number(tags::ECHO_NUMBERS);
    let time = data
        .first_text(tags::ACQUISITION_DATE_TIME)
        .and_then(|text| seconds_of_date_time(&text))
        .or_else(|| data.first_text(tags::ACQUISITION_TIME).and_then(|text| seconds_of_day(&text)))
        .or_else(|| data.first_text(tags::CONTENT_TIME).and_then(|text| seconds_of_day(&text)));
    if b_value.is_none() && echo.is_none() {
        return time;
    }
    // Times of one examination differ by less than 10⁶ s, and there are fewer than ten echoes.
    Some(b_value.unwrap_or(0.0) * 1e7 + echo.unwrap_or(0.0) * 1e6 + time.unwrap_or(0.0))
}

/// HHMMSS.FFFFFF as seconds.
fn seconds_of_day(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| *c != ':').collect();
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<f64>().ok());
    let hours = part(0..2)?;
    let minutes = part(2..4).unwrap_or(0.0);
    let seconds = text.get(4..).and_then(|rest| rest.parse::<f64>().ok()).unwrap_or(0.0);
    Some((hours * 60.0 + minutes) * 60.0 + seconds)
}

/// YYYYMMDDHHMMSS.FFFFFF&ZZXX as seconds, comparable within one series.
pub(super) fn seconds_of_date_time(text: &str) -> Option<f64> {
    let local = text.split(['+', '-', '&']).next().unwrap_or_default();
    let date = chrono::NaiveDate::parse_from_str(local.get(..8)?, "%Y%m%d").ok()?;
    let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
    let time = local.get(8..).filter(|time| !time.is_empty()).and_then(seconds_of_day).unwrap_or(0.0);
    Some(days as f64 * 86_400.0 + time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_comparable() {
        assert_eq!(seconds_of_day("120900.5"), Some(43_740.5));
        assert_eq!(seconds_of_day("12:09"), Some(43_740.0));
        let at = |text| seconds_of_date_time(text).unwrap();
        assert_eq!(at("20061219121300") - at("20061219120900.000000-0500"), 240.0);
        assert_eq!(seconds_of_date_time("2006"), None);
    }

    #[test]
    fn a_plane_moves_along_its_normal() {
        let place = Place {
            origin_mm: Some([1.0, 2.0, 3.0]),
            directions: Some(([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])),
            ..Place::default()
        };
        assert_eq!(place.moved(2.5).origin_mm, Some([1.0, 2.0, 5.5]));
    }
}
