//! NumPy's `.npy` arrays (format versions 1 to 3) as stacks of slices.
//!
//! Read are `[rows, columns]`, `[slices, rows, columns]` and, of bytes, `[slices, rows, columns, 3]` and
//! `[rows, columns, 3]` as colour; integers of 8 to 64 bit, booleans and floats of 16 to 64 bit, in both byte orders
//! and both C and Fortran order.
//!
//! In folders laid out as `MRNet`'s (`axial/0000.npy`, `coronal/0000.npy`, `sagittal/0000.npy`) files of one name are
//! one study.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::formats::{Content, Parsed};
use super::grouping::{path_key, plane_of_folder};
use super::volume::{Element, Elements, Layout};
use super::{Instance, Photometric, Pixels, SeriesHead, Slice, Source, StudyError, StudyHead};
use crate::display::{ModalityLut, Voi};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Name for messages.
pub(super) const NAME: &str = "NumPy";

/// Whether the beginning is that of an `.npy` file.
pub(super) fn recognises(_: &Path, start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// One slice for each plane of the array.
pub(super) fn content(path: &Path, bytes: &Arc<[u8]>) -> Result<Content, StudyError> {
    let array = Array::new(path, bytes.clone())?;
    let text = |part: Option<&std::ffi::OsStr>| part.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let (study, series) = if plane_of_folder(folder).is_some() {
        let examination: PathBuf = folder.parent().unwrap_or(Path::new("")).join(path.file_stem().unwrap_or_default());
        (
            StudyHead { uid: path_key(&examination), description: text(path.file_stem()), ..StudyHead::default() },
            text(folder.file_name()),
        )
    } else {
        (StudyHead { description: text(folder.file_name()), ..StudyHead::default() }, text(path.file_name()))
    };
    let series = SeriesHead { uid: path_key(path), description: series, ..SeriesHead::default() };
    let (study, series) = (Arc::new(study), Arc::new(series));
    let slice = |frame| Slice {
        source: Source { path: path.to_path_buf(), frame },
        sop_instance_uid: None,
        sop_class_uid: None,
        transfer_syntax: None,
        instance_number: None,
        rows: array.slice.rows,
        columns: array.slice.columns,
        samples: array.slice.samples,
        photometric: if array.slice.samples == 3 { Photometric::Rgb } else { Photometric::Monochrome2 },
        geometry: None,
        spacing_mm: None,
        thickness_mm: None,
        modality_lut: ModalityLut::IDENTITY,
        unit: String::new(),
        voi: Vec::new(),
        time_key: None,
    };
    let instance = |frame| Instance { study: study.clone(), series: series.clone(), slice: slice(frame) };
    Ok(Content::Images((0..array.slices).map(instance).collect()))
}

/// Makes the array ready for taking slices.
pub(super) fn parse(path: &Path, bytes: Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError> {
    Ok(Arc::new(Array::new(path, bytes)?))
}

struct Array {
    bytes: Arc<[u8]>,
    /// Where the elements begin and end.
    data: std::ops::Range<usize>,
    element: Element,
    big_endian: bool,
    slices: usize,
    slice_step: usize,
    /// The first slice.
    slice: Layout,
}

impl Array {
    fn new(path: &Path, bytes: Arc<[u8]>) -> Result<Self, StudyError> {
        let damaged = |reason: &str| StudyError::damaged(path, NAME, reason);
        let (text, start) = header(&bytes).ok_or_else(|| damaged("its header is incomplete"))?;
        let header = Header::parse(text).ok_or_else(|| damaged("its header does not say type, order and shape"))?;
        let (element, big_endian) = element_of(header.descr)
            .ok_or_else(|| StudyError::unsupported(path, NAME, format!("its elements are of type {}", header.descr)))?;
        let (slices, rows, columns, samples) = sides(&header.shape, element).ok_or_else(|| {
            let reason = format!(
                "its shape is {:?}; a stack has the shape [slices, rows, columns], an image [rows, columns]",
                header.shape
            );
            StudyError::unsupported(path, NAME, reason)
        })?;
        let length = [slices, rows, columns, samples]
            .into_iter()
            .try_fold(element.bytes(), usize::checked_mul)
            .filter(|length| *length <= bytes.len() - start)
            .ok_or_else(|| {
                let there = bytes.len() - start;
                damaged(&format!("its shape {:?} needs more than the {there} bytes that are there", header.shape))
            })?;
        // The product fits in memory that exists, so no product of fewer sides overflows.
        let (slice_step, row_step, column_step, sample_step) = if header.fortran_order {
            (1, slices, slices * rows, slices * rows * columns)
        } else {
            (rows * columns * samples, columns * samples, samples, 1)
        };
        let slice = Layout {
            start: 0,
            rows,
            columns,
            samples,
            row_step: row_step as isize,
            column_step: column_step as isize,
            sample_step: sample_step as isize,
        };
        Ok(Self { data: start..start + length, bytes, element, big_endian, slices, slice_step, slice })
    }

    fn elements(&self) -> Elements<'_> {
        Elements { bytes: &self.bytes[self.data.clone()], element: self.element, big_endian: self.big_endian }
    }
}

impl Parsed for Array {
    fn pixels(&self, path: &Path, frame: usize) -> Result<Pixels, StudyError> {
        let layout = Layout { start: frame.saturating_mul(self.slice_step), ..self.slice };
        (frame < self.slices).then(|| self.elements().slice(&layout)).flatten().ok_or_else(|| StudyError::NoSuchFrame {
            path: path.to_path_buf(),
            frame,
            frames: self.slices,
        })
    }

    fn window(&self) -> Option<Voi> {
        self.elements().window(1.0, 0.0)
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The header's text, and where the elements begin.
fn header(bytes: &[u8]) -> Option<(&str, usize)> {
    let (length_bytes, length) = match bytes.get(6)? {
        1 => (2, u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?) as usize),
        2 | 3 => (4, u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize),
        _ => return None,
    };
    let start: usize = 8 + length_bytes;
    let end = start.checked_add(length)?;
    Some((str::from_utf8(bytes.get(start..end)?).ok()?, end))
}

/// The dictionary at a file's beginning, `{'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), }`.
struct Header<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let after = |key: &str| {
            let at = text.find(&format!("'{key}'")).or_else(|| text.find(&format!("\"{key}\"")))? + key.len() + 2;
            text[at..].trim_start().strip_prefix(':').map(str::trim_start)
        };
        let descr = after("descr")?;
        let descr = match descr.chars().next()? {
            quote @ ('\'' | '"') => descr[1..].split(quote).next()?,
            // A list: the elements are records.
            _ => "a record",
        };
        let fortran_order = after("fortran_order")?.starts_with("True");
        let shape = after("shape")?.strip_prefix('(')?.split(')').next()?;
        let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
        Some(Self { descr, fortran_order, shape: sides.map(|side| side.parse().ok()).collect::<Option<_>>()? })
    }
}

/// An element's type, and whether its first byte is the most significant one.
fn element_of(descr: &str) -> Option<(Element, bool)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let big_endian = match order {
        ">" => true,
        "<" | "|" | "=" => false,
        _ => return None,
    };
    let element = match kind {
        "u1" | "b1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    };
    Some((element, big_endian))
}

/// Slices, rows, columns and samples; `None` where the shape is not that of an image or a stack.
fn sides(shape: &[usize], element: Element) -> Option<(usize, usize, usize, usize)> {
    let is_colour = element == Element::U8;
    let sides = match *shape {
        [rows, columns] => (1, rows, columns, 1),
        [rows, columns, 3] if is_colour && rows > 3 && columns > 3 => (1, rows, columns, 3),
        [slices, rows, columns] => (slices, rows, columns, 1),
        [slices, rows, columns, 3] if is_colour => (slices, rows, columns, 3),
        _ => return None,
    };
    (sides.0 > 0 && sides.1 > 0 && sides.2 > 0).then_some(sides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Stored;

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Arc<[u8]> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.bytes());
        bytes.extend(data);
        bytes.into()
    }

    fn stored(bytes: Arc<[u8]>, frame: usize) -> Result<Stored, StudyError> {
        let path = Path::new("a.npy");
        Ok(parse(path, bytes)?.pixels(path, frame)?.stored)
    }

    #[test]
    fn types_orders_and_shapes() {
        let data: Vec<u8> = (0..12).collect();
        assert_eq!(stored(npy("|u1", "False", "(2, 2, 3)", &data), 1).unwrap(), Stored::U8((6..12).collect()));
        assert_eq!(stored(npy("|u1", "False", "(2, 6)", &data), 0).unwrap(), Stored::U8((0..12).collect()));
        // numpy.asfortranarray(arange(12).reshape(2, 2, 3))[1] as it lies in the file, read back.
        let fortran = [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11];
        assert_eq!(stored(npy("|u1", "True", "(2, 2, 3)", &fortran), 1).unwrap(), Stored::U8((6..12).collect()));
        let big = [0, 1, 255, 254];
        assert_eq!(stored(npy(">i2", "False", "(1, 2)", &big), 0).unwrap(), Stored::I16(vec![1, -2]));
        assert_eq!(stored(npy("<u2", "False", "(1, 2)", &big), 0).unwrap(), Stored::U16(vec![256, 65279]));
        let float = 1.5_f64.to_le_bytes();
        assert_eq!(stored(npy("<f8", "False", "(1, 1)", &float), 0).unwrap(), Stored::F64(vec![1.5]));
        let half = half::f16::from_f32(0.5).to_le_bytes();
        assert_eq!(stored(npy("<f2", "False", "(1, 1)", &half), 0).unwrap(), Stored::F32(vec![0.5]));
    }

    #[test]
    fn colour_stacks() {
        let data: Vec<u8> = (0..24).collect();
        let Content::Images(images) =
            content(Path::new("x/a.npy"), &npy("|u1", "False", "(2, 2, 2, 3)", &data)).unwrap()
        else {
            panic!("no images")
        };
        assert_eq!((images.len(), images[0].slice.samples), (2, 3));
        assert_eq!(stored(npy("|u1", "False", "(2, 2, 2, 3)", &data), 1).unwrap(), Stored::U8((12..24).collect()));
    }

    #[test]
    fn planes_of_one_examination_are_one_study() {
        let heads = |path: &str| match content(Path::new(path), &npy("|u1", "False", "(1, 1)", &[0])).unwrap() {
            Content::Images(images) => (images[0].study.uid.clone(), images[0].series.description.clone()),
            Content::References(_) => panic!("no images"),
        };
        assert_eq!(heads("v/axial/0007.npy"), ("path:v/0007".to_string(), "axial".to_string()));
        assert_eq!(heads("v/axial/0007.npy").0, heads("v/Sagittal/0007.npy").0);
        assert_eq!(heads("v/other/0007.npy"), (String::new(), "0007.npy".to_string()));
    }

    #[test]
    fn damaged_and_absurd_files_are_errors() {
        let whole = npy("<u2", "False", "(2, 2)", &[0; 8]);
        for length in 0..whole.len() {
            let error = stored(whole[..length].into(), 0).unwrap_err().to_string();
            assert!(error.starts_with("Damaged NumPy file") && error.ends_with("a.npy"), "{length}: {error}");
        }
        for shape in ["(99999999999, 99999999999, 99999999999)", "(4294967296, 4294967296)", "(2, 3)"] {
            assert!(stored(npy("<u2", "False", shape, &[0; 8]), 0).is_err());
        }
        for (descr, shape) in
            [("<c8", "(1, 1)"), ("<U3", "(1, 1)"), ("<u2", "(0, 4)"), ("<u2", "()"), ("<u2", "(-1, 4)")]
        {
            assert!(stored(npy(descr, "False", shape, &[0; 8]), 0).is_err());
        }
        assert!(stored(whole, 1).is_err());
    }
}
