//! Tensors of a file: their numbers from typed fields, raw bytes, or a file beside it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path},
};

use half::{bf16, f16};

use super::{
    constant::Constant,
    error::OnnxError,
    proto::{StringStringEntryProto, TensorProto},
};

/// `TensorProto.DataType`.
mod kind {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const UINT16: i32 = 4;
    pub const INT16: i32 = 5;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const BOOL: i32 = 9;
    pub const FLOAT16: i32 = 10;
    pub const DOUBLE: i32 = 11;
    pub const UINT32: i32 = 12;
    pub const UINT64: i32 = 13;
    pub const BFLOAT16: i32 = 16;
}

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Whether elements of a kind have places after the point; `None` for kinds that are not read.
pub(super) fn is_floating(data_type: i32) -> Option<bool> {
    match data_type {
        kind::FLOAT | kind::FLOAT16 | kind::DOUBLE | kind::BFLOAT16 => Some(true),
        kind::UINT8..=kind::INT64 | kind::BOOL | kind::UINT32 | kind::UINT64 => Some(false),
        _ => None,
    }
}

/// The bytes of the files that tensors refer to, by their path in the file.
pub(super) type Companions = BTreeMap<String, Vec<u8>>;

/// Reads the files that these tensors refer to; each must lie in the folder of the ONNX file or below.
pub(super) fn companions<'a>(
    tensors: impl Iterator<Item = &'a TensorProto>,
    folder: Option<&Path>,
) -> Result<Companions, OnnxError> {
    let mut files = Companions::new();
    for tensor in tensors.filter(|tensor| tensor.data_location == EXTERNAL) {
        let refuse = |reason: String| OnnxError::Tensor { tensor: tensor.name.clone(), reason };
        let location =
            entry(tensor, "location").ok_or_else(|| refuse("is in another file that is not named".to_owned()))?;
        if files.contains_key(location) {
            continue;
        }
        let path = Path::new(location);
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_below {
            return Err(refuse(format!("is in `{location}`, which is not beside the ONNX file")));
        }
        let Some(folder) = folder else {
            return Err(refuse(format!("is in the file `{location}`, but a built-in model has no folder")));
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let path = folder.join(path);
        let is_inside = match (path.canonicalize(), folder.canonicalize()) {
            (Ok(path), Ok(folder)) => path.starts_with(folder),
            _ => true,
        };
        if !is_inside {
            return Err(refuse(format!("is in `{location}`, which leads to another folder")));
        }
        let bytes = fs::read(&path)
            .map_err(|error| refuse(format!("is in the file {}, which cannot be read ({error})", path.display())))?;
        files.insert(location.to_owned(), bytes);
    }
    Ok(files)
}

fn entry<'a>(tensor: &'a TensorProto, key: &str) -> Option<&'a str> {
    let is_key = |entry: &&StringStringEntryProto| entry.key == key;
    tensor.external_data.iter().find(is_key).map(|entry| entry.value.as_str())
}

/// A tensor's numbers. What does not fit its shape is an error before memory is taken for it.
pub(super) fn read(tensor: &TensorProto, companions: &Companions) -> Result<Constant, OnnxError> {
    constant(tensor, companions).map_err(|reason| OnnxError::Tensor { tensor: tensor.name.clone(), reason })
}

fn constant(tensor: &TensorProto, companions: &Companions) -> Result<Constant, String> {
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&length| usize::try_from(length).ok()).collect();
    // Strides are computed as well, which an empty tensor's dimensions must not make overflow.
    let is_possible = |shape: &Vec<usize>| shape.iter().try_fold(1_usize, |all, &one| all.checked_mul(one.max(1)));
    let Some(shape) = shape.filter(|shape| is_possible(shape).is_some()) else {
        return Err(format!("has the impossible shape {:?}", tensor.dims));
    };
    let count: usize = shape.iter().product();
    let fits = |found: usize| {
        if found == count {
            return Ok(());
        }
        Err(format!("has {found} numbers where its shape {shape:?} needs {count}"))
    };
    let raw = match tensor.data_location {
        EXTERNAL => external(tensor, companions)?,
        _ => &tensor.raw_data,
    };
    let Some(floating) = is_floating(tensor.data_type) else {
        return Err(format!("holds elements of a kind that is not read (data type {})", tensor.data_type));
    };
    if floating {
        let values = if raw.is_empty() { typed_floats(tensor) } else { raw_floats(tensor.data_type, raw, fits)? };
        fits(values.len())?;
        return Constant::floats_of(shape, values).map_err(|error| error.to_string());
    }
    let values = if raw.is_empty() { typed_ints(tensor) } else { raw_ints(tensor.data_type, raw, fits)? };
    fits(values.len())?;
    Ok(Constant::ints_of(shape, values))
}

/// The part of a file beside the ONNX file that a tensor names.
fn external<'a>(tensor: &TensorProto, companions: &'a Companions) -> Result<&'a [u8], String> {
    let number = |key: &str| match entry(tensor, key).map(str::parse::<usize>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(format!("has an {key} in another file that is not a number")),
    };
    let location = entry(tensor, "location").unwrap_or_default();
    let bytes = companions.get(location).ok_or_else(|| format!("is in the file `{location}`, which was not read"))?;
    let start = number("offset")?.unwrap_or(0);
    let end = match number("length")? {
        Some(length) => start.checked_add(length),
        None => Some(bytes.len()),
    };
    end.and_then(|end| bytes.get(start..end)).ok_or_else(|| format!("lies beyond the end of the file `{location}`"))
}

fn typed_floats(tensor: &TensorProto) -> Vec<f32> {
    let halves = || tensor.int32_data.iter().map(|&bits| bits as u16);
    match tensor.data_type {
        kind::FLOAT16 => halves().map(|bits| f16::from_bits(bits).to_f32()).collect(),
        kind::BFLOAT16 => halves().map(|bits| bf16::from_bits(bits).to_f32()).collect(),
        kind::DOUBLE => tensor.double_data.iter().map(|&value| value as f32).collect(),
        _ => tensor.float_data.clone(),
    }
}

fn typed_ints(tensor: &TensorProto) -> Vec<i64> {
    match tensor.data_type {
        kind::INT64 => tensor.int64_data.clone(),
        kind::UINT32 | kind::UINT64 => tensor.uint64_data.iter().map(|&value| value as i64).collect(),
        _ => tensor.int32_data.iter().map(|&value| value.into()).collect(),
    }
}

fn raw_floats(data_type: i32, raw: &[u8], fits: impl Fn(usize) -> Result<(), String>) -> Result<Vec<f32>, String> {
    match data_type {
        kind::FLOAT16 => elements(raw, fits, |bytes| f16::from_le_bytes(bytes).to_f32()),
        kind::BFLOAT16 => elements(raw, fits, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        kind::DOUBLE => elements(raw, fits, |bytes| f64::from_le_bytes(bytes) as f32),
        _ => elements(raw, fits, f32::from_le_bytes),
    }
}

fn raw_ints(data_type: i32, raw: &[u8], fits: impl Fn(usize) -> Result<(), String>) -> Result<Vec<i64>, String> {
    match data_type {
        kind::INT8 => elements(raw, fits, |bytes| i8::from_le_bytes(bytes).into()),
        kind::UINT8 | kind::BOOL => elements(raw, fits, |bytes| u8::from_le_bytes(bytes).into()),
        kind::INT16 => elements(raw, fits, |bytes| i16::from_le_bytes(bytes).into()),
        kind::UINT16 => elements(raw, fits, |bytes| u16::from_le_bytes(bytes).into()),
        kind::INT32 => elements(raw, fits, |bytes| i32::from_le_bytes(bytes).into()),
        kind::UINT32 => elements(raw, fits, |bytes| u32::from_le_bytes(bytes).into()),
        kind::UINT64 => elements(raw, fits, |bytes| u64::from_le_bytes(bytes) as i64),
        _ => elements(raw, fits, i64::from_le_bytes),
    }
}

/// Little-endian elements of `N` bytes each, whose number is checked first.
fn elements<const N: usize, T>(
    raw: &[u8],
    fits: impl Fn(usize) -> Result<(), String>,
    read: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, String> {
    let (whole, rest) = raw.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!("has {} bytes, which are no whole elements of {N}", raw.len()));
    }
    fits(whole.len())?;
    Ok(whole.iter().map(|&bytes| read(bytes)).collect())
}
