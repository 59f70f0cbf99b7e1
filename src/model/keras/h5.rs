//! HDF5 files as Keras writes them: text in attributes, groups, numbers in datasets.
//!
//! Nothing here trusts a size: a dataset is read once its shape is what the network needs and no larger than the file
//! could hold. A panic of the HDF5 reader becomes a reason.

use hdf5_pure::{AttrValue, Datatype, DatatypeByteOrder, File, FloatingPointLayout, Group, Layout};

use crate::{
    guard::quietly,
    model::weights::elements::{Element, Order},
};

/// The first bytes of an HDF5 file.
const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

/// How much longer than the file unpacked numbers may be; deflate cannot do better.
const BEST_COMPRESSION: usize = 1032;

/// The most parts of a list that was split over several attributes.
const MOST_PARTS: usize = 100_000;

/// An open HDF5 file.
pub(super) struct Hdf5 {
    file: File,
    /// Bytes of the file.
    length: usize,
}

impl Hdf5 {
    /// Whether the bytes begin as an HDF5 file.
    pub fn is_hdf5(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Opens a file that is in memory.
    pub fn open(bytes: Vec<u8>) -> Result<Self, String> {
        let length = bytes.len();
        let file = guarded("the HDF5 file cannot be opened", || File::from_bytes(bytes))?;
        Ok(Self { file, length })
    }

    /// A text attribute of a group (`""` is the root), `None` where there is none.
    pub fn text(&self, group: &str, name: &str) -> Result<Option<String>, String> {
        match self.attribute(group, name)? {
            None => Ok(None),
            Some(value) => match value.as_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(format!("the attribute {name} is not text")),
            },
        }
    }

    /// A list of texts in an attribute, or in the attributes `NAME0`, `NAME1`, … when it was too long for one; `None`
    /// where there is neither.
    pub fn texts(&self, group: &str, name: &str) -> Result<Option<Vec<String>>, String> {
        let list = |value: &AttrValue, name: &str| match (value.as_strings(), value) {
            (Some(texts), _) => Ok(texts.to_vec()),
            // An empty list is written as numbers.
            (None, AttrValue::F64Array(numbers)) if numbers.is_empty() => Ok(Vec::new()),
            _ => Err(format!("the attribute {name} of {group} is no list of names")),
        };
        let attributes = self.attributes(group)?;
        if let Some(value) = attributes.get(name) {
            return list(value, name).map(Some);
        }
        let mut all = Vec::new();
        for part in 0..MOST_PARTS {
            let name = format!("{name}{part}");
            match attributes.get(&name) {
                Some(value) => all.extend(list(value, &name)?),
                None if part == 0 => return Ok(None),
                None => break,
            }
        }
        Ok(Some(all))
    }

    /// Whether there is such a group.
    pub fn has_group(&self, path: &str) -> bool {
        self.group(path).is_ok()
    }

    /// The names of the groups in a group, sorted.
    pub fn groups(&self, path: &str) -> Result<Vec<String>, String> {
        let group = self.group(path)?;
        let mut names = guarded(&format!("the group {path} cannot be read"), || group.groups())?;
        names.sort();
        Ok(names)
    }

    /// The names of the datasets in a group, sorted.
    pub fn datasets(&self, path: &str) -> Result<Vec<String>, String> {
        let group = self.group(path)?;
        let mut names = guarded(&format!("the group {path} cannot be read"), || group.datasets())?;
        names.sort();
        Ok(names)
    }

    /// The shape of a dataset.
    pub fn shape(&self, path: &str) -> Result<Vec<usize>, String> {
        let shape = guarded(&format!("{path} cannot be read"), || self.file.dataset(path)?.shape())?;
        let sizes: Option<Vec<usize>> = shape.iter().map(|&size| usize::try_from(size).ok()).collect();
        sizes.ok_or_else(|| format!("{path} has the impossible shape {shape:?}"))
    }

    /// The numbers of a dataset in row-major order. The shape is known to be one that is needed.
    pub fn values(&self, path: &str) -> Result<Vec<f32>, String> {
        let what = format!("{path} cannot be read");
        let dataset = guarded(&what, || self.file.dataset(path))?;
        let (element, order) = element(&guarded(&what, || dataset.datatype())?)
            .ok_or_else(|| format!("{path} holds no numbers of a kind that is read"))?;
        let too_large = || format!("{path} says that it is larger than the file could hold");
        let bytes_of = |shape: &[u64]| {
            let count = shape.iter().try_fold(element.size() as u64, |count, &size| count.checked_mul(size));
            count.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(too_large)
        };
        let bytes = bytes_of(&guarded(&what, || dataset.shape())?)?;
        let most = match guarded(&what, || dataset.layout())? {
            Layout::Chunked { chunk_shape, .. } => {
                let most = self.length.saturating_mul(BEST_COMPRESSION);
                if bytes_of(&chunk_shape)? > most {
                    return Err(too_large());
                }
                most
            }
            _ => self.length,
        };
        if bytes > most {
            return Err(too_large());
        }
        let raw = guarded(&what, || dataset.read_raw())?;
        if raw.len() != bytes {
            return Err(format!("{path} has {} bytes where {bytes} are expected", raw.len()));
        }
        Ok(element.decode(&raw, order))
    }

    fn attribute(&self, group: &str, name: &str) -> Result<Option<AttrValue>, String> {
        Ok(self.attributes(group)?.remove(name))
    }

    fn attributes(&self, path: &str) -> Result<std::collections::HashMap<String, AttrValue>, String> {
        let group = self.group(path)?;
        guarded(&format!("the attributes of {} cannot be read", root_or(path)), || group.attrs())
    }

    fn group(&self, path: &str) -> Result<Group, String> {
        guarded(&format!("the group {} cannot be read", root_or(path)), || match path {
            "" => Ok(self.file.root()),
            path => self.file.group(path),
        })
    }
}

fn root_or(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

/// Runs the HDF5 reader; its error or panic follows `what`.
fn guarded<T>(what: &str, work: impl FnOnce() -> Result<T, hdf5_pure::Error>) -> Result<T, String> {
    match quietly(work) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{what} ({error})")),
        Err(panic) => Err(format!("{what} (the HDF5 reader gave up: {panic})")),
    }
}

/// Which numbers a datatype describes; `None` for others than the usual ones.
fn element(datatype: &Datatype) -> Option<(Element, Order)> {
    let order = |order: &DatatypeByteOrder| match order {
        DatatypeByteOrder::LittleEndian => Some(Order::Little),
        DatatypeByteOrder::BigEndian => Some(Order::Big),
        DatatypeByteOrder::Vax => None,
    };
    match datatype {
        Datatype::FloatingPoint { size, byte_order, layout } => {
            let FloatingPointLayout { exponent_size, mantissa_size, .. } = layout;
            let element = match (size, exponent_size, mantissa_size) {
                (8, 11, 52) => Element::F64,
                (4, 8, 23) => Element::F32,
                (2, 5, 10) => Element::F16,
                (2, 8, 7) => Element::Bf16,
                _ => return None,
            };
            Some((element, order(byte_order)?))
        }
        Datatype::FixedPoint { size, byte_order, layout } => {
            let element = match (size, layout.signed) {
                (8, _) => Element::I64,
                (4, true) => Element::I32,
                (2, true) => Element::I16,
                (1, true) => Element::I8,
                (1, false) => Element::U8,
                _ => return None,
            };
            Some((element, order(byte_order)?))
        }
        _ => None,
    }
}
