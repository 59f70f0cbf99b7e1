//! NumPy's `.npy` format, version 1.0, little-endian.

use std::path::Path;

use super::{ExportError, write_atomically};

/// A number that an array can hold.
pub trait Element: Copy {
    /// NumPy's name of the type (`<f4`).
    const DESCRIPTION: &'static str;

    /// Appends the number, little-endian.
    fn append_to(self, bytes: &mut Vec<u8>);
}

impl Element for f32 {
    const DESCRIPTION: &'static str = "<f4";

    fn append_to(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Element for u32 {
    const DESCRIPTION: &'static str = "<u4";

    fn append_to(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
}

impl Element for u8 {
    const DESCRIPTION: &'static str = "|u1";

    fn append_to(self, bytes: &mut Vec<u8>) {
        bytes.push(self);
    }
}

/// The bytes of an array in C order. `shape` multiplies to `values.len()`.
#[must_use]
pub fn encode<T: Element>(shape: &[usize], values: &[T]) -> Vec<u8> {
    debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "shape and values belong together");
    let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
    // Python writes a tuple of one with a comma behind it.
    let dimensions = if extents.len() == 1 { format!("{},", extents[0]) } else { extents.join(", ") };
    let kind = T::DESCRIPTION;
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({dimensions}), }}");
    // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.reserve(size_of_val(values));
    for &value in values {
        value.append_to(&mut bytes);
    }
    bytes
}

/// Writes an array; the file is whole or absent.
///
/// # Errors
/// [`ExportError::Io`] with the path.
pub fn write<T: Element>(path: &Path, shape: &[usize], values: &[T]) -> Result<(), ExportError> {
    write_atomically(path, &encode(shape, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_data_are_laid_out_as_numpy_does() {
        let bytes = encode(&[2, 3], &[0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), "{header}");
        assert!(header.ends_with('\n'));
        assert_eq!(&bytes[10 + length + 4..10 + length + 8], &1.0_f32.to_le_bytes());
        assert!(std::str::from_utf8(&encode(&[4], &[0.0_f32; 4])[10..]).unwrap().contains("'shape': (4,), "));
    }

    #[test]
    fn bytes_are_kept_as_they_are() {
        let bytes = encode(&[1, 3], &[7_u8, 8, 9]);
        assert!(std::str::from_utf8(&bytes[10..128]).unwrap().starts_with("{'descr': '|u1', "));
        assert_eq!(&bytes[128..], &[7, 8, 9]);
    }
}
