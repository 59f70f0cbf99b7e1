//! The header of `NIfTI`-1 (348 bytes) and `NIfTI`-2 (540 bytes) files.

use std::path::Path;

use super::StudyError;
use super::nifti::NAME;
use super::volume::Element;

/// What is needed to show the volume.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub big_endian: bool,
    /// Along the first three axes, then all further ones together.
    pub sides: [usize; 4],
    /// 1, or 3 for colour.
    pub samples: usize,
    pub element: Element,
    pub data_start: usize,
    pub data_bytes: usize,
    pub slope: f64,
    pub intercept: f64,
    /// `cal_min` and `cal_max`, where they say something.
    pub shown_range: Option<[f32; 2]>,
    /// Distance of voxels along the first three axes.
    pub spacing_mm: [f64; 3],
    /// Where voxels lie, in mm to the right, to the front and to the head: a column for each axis, then the origin.
    pub affine: Option<[[f64; 3]; 4]>,
}

/// Where the two versions have their fields.
struct Fields<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    is_second: bool,
}

impl Header {
    /// Whether these bytes begin as a header does.
    pub fn is_at(bytes: &[u8]) -> bool {
        Fields::of(bytes).is_some()
    }

    /// Reads the header; sizes are multiplied with care, and held against the file by the caller.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StudyError> {
        let damaged = |reason: &str| StudyError::damaged(path, NAME, reason);
        let fields = Fields::of(bytes).ok_or_else(|| damaged("its header is incomplete"))?;
        if fields.is_pair() {
            let reason = "its voxels are in a separate .img file; convert the pair to one .nii";
            return Err(StudyError::unsupported(path, NAME, reason));
        }
        let sides = fields.sides().ok_or_else(|| damaged("a side of its volume is not positive"))?;
        let code = fields.short(if fields.is_second { 12 } else { 70 });
        let (element, samples) = element_of(code)
            .ok_or_else(|| StudyError::unsupported(path, NAME, format!("its voxels are of type {code}")))?;
        let data_start = fields.data_start().ok_or_else(|| damaged("its voxels begin within the header"))?;
        let data_bytes = sides
            .into_iter()
            .try_fold(element.bytes() * samples, usize::checked_mul)
            .ok_or_else(|| damaged("its volume is larger than any memory"))?;
        let (slope, intercept) = (fields.real(112, 176), fields.real(116, 184));
        let is_scaled = slope.is_finite() && slope != 0.0 && intercept.is_finite() && samples == 1;
        let [most, least] = [fields.real(124, 192), fields.real(128, 200)].map(|v| v as f32);
        let spacing_mm = std::array::from_fn(|axis| fields.spacing(axis) * fields.mm_of_unit());
        Ok(Self {
            big_endian: fields.big_endian,
            sides,
            samples,
            element,
            data_start,
            data_bytes,
            slope: if is_scaled { slope } else { 1.0 },
            intercept: if is_scaled { intercept } else { 0.0 },
            shown_range: (least.is_finite() && most.is_finite() && least < most).then_some([least, most]),
            spacing_mm,
            affine: fields.affine(spacing_mm),
        })
    }

    /// Distance of slices.
    pub fn thickness_mm(&self) -> Option<f64> {
        let thickness = match self.affine {
            Some(affine) => affine[2].iter().map(|c| c * c).sum::<f64>().sqrt(),
            None => self.spacing_mm[2],
        };
        (thickness.is_finite() && thickness > 0.0).then_some(thickness)
    }
}

/// Type and samples of a voxel of this datatype code.
fn element_of(code: i16) -> Option<(Element, usize)> {
    Some(match code {
        2 => (Element::U8, 1),
        4 => (Element::I16, 1),
        8 => (Element::I32, 1),
        16 => (Element::F32, 1),
        64 => (Element::F64, 1),
        128 => (Element::U8, 3),
        256 => (Element::I8, 1),
        512 => (Element::U16, 1),
        768 => (Element::U32, 1),
        1024 => (Element::I64, 1),
        1280 => (Element::U64, 1),
        _ => return None,
    })
}

impl<'a> Fields<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let size: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        let (big_endian, size) = match (i32::from_le_bytes(size), i32::from_be_bytes(size)) {
            (little @ (348 | 540), _) => (false, little),
            (_, big @ (348 | 540)) => (true, big),
            _ => return None,
        };
        let is_second = size == 540;
        let magic = if is_second { bytes.get(4..7)? } else { bytes.get(344..347)? };
        let is_known = matches!(magic, b"n+1" | b"ni1") && !is_second || matches!(magic, b"n+2" | b"ni2") && is_second;
        (is_known && bytes.len() >= size as usize).then_some(Self { bytes, big_endian, is_second })
    }

    fn is_pair(&self) -> bool {
        self.bytes[if self.is_second { 5 } else { 345 }] == b'i'
    }

    /// Bytes of a field; headers are whole, so none lies beyond the end.
    fn raw<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut digits = [0; N];
        digits.copy_from_slice(&self.bytes[at..at + N]);
        if self.big_endian {
            digits.reverse();
        }
        digits
    }

    fn short(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.raw(at))
    }

    /// A field that is f32 in the first version and f64 in the second.
    fn real(&self, first: usize, second: usize) -> f64 {
        if self.is_second {
            f64::from_le_bytes(self.raw(second))
        } else {
            f64::from(f32::from_le_bytes(self.raw(first)))
        }
    }

    fn real_of(&self, first: usize, second: usize, index: usize) -> f64 {
        self.real(first + 4 * index, second + 8 * index)
    }

    /// A code that is i16 in the first version and i32 in the second.
    fn code(&self, first: usize, second: usize) -> i32 {
        if self.is_second { i32::from_le_bytes(self.raw(second)) } else { i32::from(self.short(first)) }
    }

    fn sides(&self) -> Option<[usize; 4]> {
        let dim = |index: usize| {
            if self.is_second {
                i64::from_le_bytes(self.raw(16 + 8 * index))
            } else {
                i64::from(self.short(40 + 2 * index))
            }
        };
        let count = usize::try_from(dim(0)).ok().filter(|count| (1..=7).contains(count))?;
        let side = |axis: usize| {
            if axis > count { Some(1) } else { usize::try_from(dim(axis)).ok().filter(|side| *side > 0) }
        };
        let times = (4..=7).try_fold(1_usize, |product, axis| product.checked_mul(side(axis)?))?;
        Some([side(1)?, side(2)?, side(3)?, times])
    }

    fn data_start(&self) -> Option<usize> {
        let start =
            if self.is_second { i64::from_le_bytes(self.raw(168)) } else { f32::from_le_bytes(self.raw(108)) as i64 };
        usize::try_from(start).ok().filter(|start| *start >= if self.is_second { 540 } else { 348 })
    }

    fn spacing(&self, axis: usize) -> f64 {
        self.real_of(76, 104, axis + 1).abs()
    }

    /// Metres and micrometres are rare; what is not said is in mm.
    fn mm_of_unit(&self) -> f64 {
        let unit = if self.is_second { i32::from_le_bytes(self.raw(500)) } else { i32::from(self.bytes[123]) };
        match unit & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        }
    }

    fn affine(&self, spacing_mm: [f64; 3]) -> Option<[[f64; 3]; 4]> {
        let columns = if self.code(254, 348) > 0 {
            self.sform()
        } else if self.code(252, 344) > 0 {
            self.qform(spacing_mm)
        } else {
            return None;
        };
        columns.iter().flatten().all(|c| c.is_finite()).then_some(columns)
    }

    fn sform(&self) -> [[f64; 3]; 4] {
        let row = [(280, 400), (296, 432), (312, 464)];
        std::array::from_fn(|column| row.map(|(first, second)| self.real_of(first, second, column) * self.mm_of_unit()))
    }

    /// The rotation of a unit quaternion, with `pixdim[0]` as the sign of the third axis.
    fn qform(&self, spacing_mm: [f64; 3]) -> [[f64; 3]; 4] {
        let [b, c, d] = [0, 1, 2].map(|i| self.real_of(256, 352, i));
        let a = (1.0 - (b * b + c * c + d * d)).max(0.0).sqrt();
        let handedness = if self.real(76, 104) < 0.0 { -1.0 } else { 1.0 };
        let rotation = [
            [a * a + b * b - c * c - d * d, 2.0 * (b * c + a * d), 2.0 * (b * d - a * c)],
            [2.0 * (b * c - a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d + a * b)],
            [2.0 * (b * d + a * c), 2.0 * (c * d - a * b), a * a + d * d - b * b - c * c],
        ];
        let scale = [spacing_mm[0], spacing_mm[1], spacing_mm[2] * handedness];
        let column = |axis: usize| rotation[axis].map(|c| c * scale[axis]);
        let offset = [0, 1, 2].map(|i| self.real_of(268, 376, i) * self.mm_of_unit());
        [column(0), column(1), column(2), offset]
    }
}
