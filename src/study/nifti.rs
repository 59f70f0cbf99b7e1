//! `NIfTI`-1 and -2 volumes, `.nii` and `.nii.gz`, in both byte orders.
//!
//! Slices are taken along the third axis of the array, further axes are times. The patient's axes are turned from
//! `NIfTI`'s (right, anterior, superior) to DICOM's (left, posterior, superior); rows and columns are taken in the order
//! and direction in which radiologists look at that plane, so that axial and coronal slices have the patient's right at
//! their left edge, and sagittal ones the front. The sform is used where there is one, else the qform; without
//! either the slices lie as in the file.

use std::path::Path;
use std::sync::Arc;

use super::formats::{Content, Parsed};
use super::grouping::path_key;
use super::gzip::{is_gzip, unpack, unpack_start};
use super::nifti_header::Header;
use super::volume::{Elements, Layout};
use super::{Geometry, Instance, Photometric, Pixels, SeriesHead, Slice, Source, StudyError, StudyHead};
use crate::display::{ModalityLut, Voi};

/// Name for messages.
pub(super) const NAME: &str = "NIfTI";

/// Bytes that hold the header of either version.
const HEADER_BYTES: usize = 540;

/// Whether the beginning, unpacked if need be, is that of a `NIfTI` file.
pub(super) fn recognises(_: &Path, start: &[u8]) -> bool {
    if is_gzip(start) { Header::is_at(&unpack_start(start, HEADER_BYTES)) } else { Header::is_at(start) }
}

/// Geometry and names of every slice.
pub(super) fn content(path: &Path, bytes: &Arc<[u8]>) -> Result<Content, StudyError> {
    let header = read_header(path, bytes)?;
    let orientation = Orientation::of(&header);
    let text = |part: Option<&std::ffi::OsStr>| part.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let study = StudyHead { description: text(path.parent().and_then(Path::file_name)), ..StudyHead::default() };
    let series = SeriesHead { uid: path_key(path), description: text(path.file_name()), ..SeriesHead::default() };
    let (study, series) = (Arc::new(study), Arc::new(series));
    let [_, _, slices, times] = header.sides;
    let slice = |frame: usize| {
        let geometry = orientation.geometry(frame % slices);
        let [rows, columns] = orientation.size(&header);
        Slice {
            source: Source { path: path.to_path_buf(), frame },
            sop_instance_uid: None,
            sop_class_uid: None,
            transfer_syntax: None,
            instance_number: None,
            rows,
            columns,
            samples: header.samples,
            photometric: if header.samples == 3 { Photometric::Rgb } else { Photometric::Monochrome2 },
            geometry,
            spacing_mm: geometry.map(|g| g.spacing_mm).or_else(|| orientation.spacing(&header)),
            thickness_mm: header.thickness_mm(),
            modality_lut: ModalityLut::Linear { slope: header.slope, intercept: header.intercept },
            unit: String::new(),
            voi: header.shown_range.map(|[low, high]| Voi::range(low, high)).into_iter().collect(),
            time_key: Some((frame / slices) as f64),
        }
    };
    let instance = |frame| Instance { study: study.clone(), series: series.clone(), slice: slice(frame) };
    Ok(Content::Images((0..slices * times).map(instance).collect()))
}

/// Unpacks the volume.
pub(super) fn parse(path: &Path, bytes: Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError> {
    let header = read_header(path, &bytes)?;
    let length = header.data_start + header.data_bytes;
    let bytes = if is_gzip(&bytes) {
        unpack(&bytes, length).map_err(|reason| StudyError::damaged(path, NAME, reason))?.into()
    } else {
        bytes
    };
    if bytes.len() < length {
        let reason = format!("{} of its {length} bytes are missing", length - bytes.len());
        return Err(StudyError::damaged(path, NAME, reason));
    }
    let orientation = Orientation::of(&header);
    Ok(Arc::new(Volume { header, orientation, bytes }))
}

/// The header, held against the number of bytes that the file has or can unpack to.
fn read_header(path: &Path, bytes: &[u8]) -> Result<Header, StudyError> {
    let (start, most) = if is_gzip(bytes) {
        (unpack_start(bytes, HEADER_BYTES), super::gzip::most_unpacked(bytes.len()))
    } else {
        (bytes[..HEADER_BYTES.min(bytes.len())].to_vec(), bytes.len())
    };
    let header = Header::parse(path, &start)?;
    let length = header.data_start.saturating_add(header.data_bytes);
    if length > most {
        let reason = format!("its {:?} voxels need {length} bytes and there are at most {most}", header.sides);
        return Err(StudyError::damaged(path, NAME, reason));
    }
    Ok(header)
}

struct Volume {
    header: Header,
    orientation: Orientation,
    bytes: Arc<[u8]>,
}

impl Volume {
    fn elements(&self) -> Elements<'_> {
        let Header { data_start, data_bytes, element, big_endian, .. } = self.header;
        Elements { bytes: &self.bytes[data_start..data_start + data_bytes], element, big_endian }
    }
}

impl Parsed for Volume {
    fn pixels(&self, path: &Path, frame: usize) -> Result<Pixels, StudyError> {
        let layout = self.orientation.layout(&self.header, frame);
        let frames = self.header.sides[2] * self.header.sides[3];
        (frame < frames).then(|| self.elements().slice(&layout)).flatten().ok_or_else(|| StudyError::NoSuchFrame {
            path: path.to_path_buf(),
            frame,
            frames,
        })
    }

    fn window(&self) -> Option<Voi> {
        if self.header.samples > 1 {
            return None;
        }
        self.elements().window(self.header.slope, self.header.intercept)
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// Which axes of the array run along the rows and columns that are shown, and in which direction.
struct Orientation {
    /// Array axis (0 or 1) along a shown row; the other one runs along the columns.
    row_axis: usize,
    /// For array axes 0 and 1, whether they are shown from their end to their beginning.
    flipped: [bool; 2],
    sides: [usize; 2],
    /// The affine in DICOM's axes: a column for each of the array's axes, then the origin.
    affine: Option<[[f64; 3]; 4]>,
}

impl Orientation {
    fn of(header: &Header) -> Self {
        let sides = [header.sides[0], header.sides[1]];
        let Some(affine) = header.affine.map(|columns| columns.map(|[x, y, z]| [-x, -y, z])) else {
            return Self { row_axis: 0, flipped: [false, false], sides, affine: None };
        };
        // The patient's axis that each array axis runs along mostly; the slice normal's comes first.
        let through = main_axis(affine[2], &[0, 1, 2]);
        let in_plane: Vec<usize> = (0..3).filter(|axis| *axis != through).collect();
        let first = main_axis(affine[0], &in_plane);
        let second = in_plane[usize::from(first == in_plane[0])];
        // Rows run to the left (axial, coronal) or to the back (sagittal), columns to the back (axial) or to the feet.
        let along_row = usize::from(through == 0);
        let wanted = |axis: usize| if axis == 2 { -1.0 } else { 1.0 };
        Self {
            row_axis: usize::from(first != along_row),
            flipped: [affine[0][first] * wanted(first) < 0.0, affine[1][second] * wanted(second) < 0.0],
            sides,
            affine: Some(affine),
        }
    }

    fn column_axis(&self) -> usize {
        1 - self.row_axis
    }

    /// Rows and columns as shown.
    fn size(&self, header: &Header) -> [usize; 2] {
        [header.sides[self.column_axis()], header.sides[self.row_axis]]
    }

    /// Distance between rows and between columns where there is no affine.
    fn spacing(&self, header: &Header) -> Option<[f64; 2]> {
        let spacing = [header.spacing_mm[self.column_axis()], header.spacing_mm[self.row_axis]];
        spacing.iter().all(|s| s.is_finite() && *s > 0.0).then_some(spacing)
    }

    fn geometry(&self, slice: usize) -> Option<Geometry> {
        let affine = self.affine?;
        let first = |axis: usize| if self.flipped[axis] { (self.sides[axis] - 1) as f64 } else { 0.0 };
        let index = [first(0), first(1), slice as f64];
        let origin =
            std::array::from_fn(|i| affine[3][i] + (0..3).map(|axis| affine[axis][i] * index[axis]).sum::<f64>());
        let direction = |axis: usize| if self.flipped[axis] { affine[axis].map(|c| -c) } else { affine[axis] };
        let length = |axis: usize| affine[axis].iter().map(|c| c * c).sum::<f64>().sqrt();
        let spacing = [length(self.column_axis()), length(self.row_axis)];
        Geometry::new(origin, direction(self.row_axis), direction(self.column_axis()), spacing)
    }

    fn layout(&self, header: &Header, frame: usize) -> Layout {
        let samples = header.samples;
        let distance = [samples, samples * self.sides[0]];
        let signed =
            |axis: usize| if self.flipped[axis] { -(distance[axis] as isize) } else { distance[axis] as isize };
        let start_of = |axis: usize| if self.flipped[axis] { (self.sides[axis] - 1) * distance[axis] } else { 0 };
        let [rows, columns] = self.size(header);
        let slice_values = samples * self.sides[0] * self.sides[1];
        Layout {
            start: frame.saturating_mul(slice_values).saturating_add(start_of(0) + start_of(1)),
            rows,
            columns,
            samples,
            row_step: signed(self.column_axis()),
            column_step: signed(self.row_axis),
            sample_step: 1,
        }
    }
}

/// Of these axes the one that the direction has its largest component along.
fn main_axis(direction: [f64; 3], axes: &[usize]) -> usize {
    axes.iter().copied().fold(
        axes[0],
        |best, axis| {
            if direction[axis].abs() > direction[best].abs() { axis } else { best }
        },
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::study::{Plane, Stored};

    /// A `NIfTI`-1 volume of 16-bit numbers 0, 1, 2, … with an sform that is given row by row.
    fn volume(sides: [i16; 4], sform: [[f32; 4]; 3], big_endian: bool) -> Vec<u8> {
        let short = |v: i16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let float = |v: f32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
        let mut bytes = vec![0; 352];
        let size = 348_i32;
        bytes[..4].copy_from_slice(&if big_endian { size.to_be_bytes() } else { size.to_le_bytes() });
        for (i, side) in [4, sides[0], sides[1], sides[2], sides[3]].into_iter().enumerate() {
            bytes[40 + 2 * i..42 + 2 * i].copy_from_slice(&short(side));
        }
        bytes[70..72].copy_from_slice(&short(4));
        bytes[72..74].copy_from_slice(&short(16));
        for i in 1..4 {
            bytes[76 + 4 * i..80 + 4 * i].copy_from_slice(&float(1.0));
        }
        bytes[108..112].copy_from_slice(&float(352.0));
        bytes[112..116].copy_from_slice(&float(2.0));
        bytes[116..120].copy_from_slice(&float(-5.0));
        bytes[254..256].copy_from_slice(&short(1));
        for (i, value) in sform.iter().flatten().enumerate() {
            bytes[280 + 4 * i..284 + 4 * i].copy_from_slice(&float(*value));
        }
        bytes[344..348].copy_from_slice(b"n+1\0");
        let count: i16 = sides.iter().product();
        bytes.extend((0..count).flat_map(short));
        bytes
    }

    const RAS: [[f32; 4]; 3] = [[2.0, 0.0, 0.0, -10.0], [0.0, 3.0, 0.0, -20.0], [0.0, 0.0, 4.0, -30.0]];

    fn images(bytes: Vec<u8>) -> Vec<Instance> {
        match content(Path::new("v.nii"), &bytes.into()).unwrap() {
            Content::Images(images) => images,
            Content::References(_) => panic!("no images"),
        }
    }

    fn stored(bytes: Vec<u8>, frame: usize) -> Result<Stored, StudyError> {
        let path = Path::new("v.nii");
        Ok(parse(path, bytes.into())?.pixels(path, frame)?.stored)
    }

    #[test]
    fn an_axial_volume_is_shown_from_the_patients_right_and_front() {
        for big_endian in [false, true] {
            let bytes = volume([2, 3, 2, 2], RAS, big_endian);
            // i runs to the right hand's other side (RAS: +x is right to left of the screen), j to the front: both turned.
            assert_eq!(stored(bytes.clone(), 0).unwrap(), Stored::I16(vec![5, 4, 3, 2, 1, 0]));
            assert_eq!(stored(bytes.clone(), 3).unwrap(), Stored::I16(vec![23, 22, 21, 20, 19, 18]));
            let images = images(bytes);
            assert_eq!(images.len(), 4);
            let geometry = images[1].slice.geometry.unwrap();
            assert_eq!(geometry.plane(), Plane::Axial);
            // Voxel (1, 2, 1) is at RAS (-8, -14, -26), LPS (8, 14, -26).
            assert_eq!(geometry.origin_mm, [8.0, 14.0, -26.0]);
            assert_eq!(geometry.edge_letters().left, "R");
            assert_eq!(geometry.edge_letters().top, "A");
            assert_eq!(geometry.spacing_mm, [3.0, 2.0]);
            assert_eq!(images[2].slice.time_key, Some(1.0));
            assert_eq!(images[0].slice.modality_lut, ModalityLut::Linear { slope: 2.0, intercept: -5.0 });
        }
    }

    #[test]
    fn a_volume_on_its_side_is_turned_upright() {
        // i runs to the head, j to the front, k to the left: sagittal, with rows and columns exchanged.
        let sform = [[0.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]];
        let images = images(volume([2, 3, 1, 1], sform, false));
        let slice = &images[0].slice;
        let geometry = slice.geometry.unwrap();
        assert_eq!((slice.rows, slice.columns, geometry.plane()), (2, 3, Plane::Sagittal));
        let letters = geometry.edge_letters();
        assert_eq!([letters.left, letters.top], ["A", "H"]);
        let values = stored(volume([2, 3, 1, 1], sform, false), 0).unwrap();
        // The first pixel is the voxel nearest to head and front: (1, 2) = 5; along the row j falls.
        assert_eq!(values, Stored::I16(vec![5, 3, 1, 4, 2, 0]));
    }

    #[test]
    fn packed_files_read_alike() {
        let bytes = volume([2, 3, 2, 2], RAS, false);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&bytes).unwrap();
        let packed = packer.finish().unwrap();
        assert!(recognises(Path::new("v.nii.gz"), &packed));
        assert_eq!(stored(packed.clone(), 3).unwrap(), stored(bytes, 3).unwrap());
        for length in 0..packed.len() - 9 {
            let cut = packed[..length].to_vec();
            assert!(stored(cut, 0).is_err(), "{length}");
        }
    }

    #[test]
    fn damaged_and_absurd_files_are_errors() {
        let whole = volume([2, 3, 2, 2], RAS, false);
        for length in 0..whole.len() {
            let error = stored(whole[..length].to_vec(), 0).unwrap_err().to_string();
            assert!(error.ends_with("v.nii"), "{length}: {error}");
        }
        for (at, value) in [(42, [0, 0]), (42, [255, 255]), (44, [255, 127]), (70, [99, 0]), (110, [127, 127])] {
            let mut bytes = whole.clone();
            bytes[at..at + 2].copy_from_slice(&value);
            assert!(stored(bytes, 0).is_err(), "{at} {value:?}");
        }
        assert!(stored(whole, 4).is_err());
    }
}
