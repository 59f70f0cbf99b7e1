//! NumPy's `.npy` format, version 1.0, little-endian `f32`.

use std::path::Path;

use super::{ExportError, write_atomically};

/// The bytes of an array in C order. `shape` multiplies to `values.len()`.
#[must_use]
pub fn encode(shape: &[usize], values: &[f32]) -> Vec<u8> {
    debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "shape and values belong together");
    let dimensions: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let dimensions = if shape.len() == 1 { dimensions.trim_end() } else { dimensions.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dimensions}), }}");
    // Magic, version and length take 10 bytes; the data begins at a multiple of 64.
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// Writes an array; the file is whole or absent.
///
/// # Errors
/// [`ExportError::Io`] with the path.
pub fn write(path: &Path, shape: &[usize], values: &[f32]) -> Result<(), ExportError> {
    write_atomically(path, &encode(shape, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_data_are_laid_out_as_numpy_does() {
        let bytes = encode(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"), "{header}");
        assert!(header.ends_with('\n'));
        assert_eq!(&bytes[10 + length + 4..10 + length + 8], &1.0_f32.to_le_bytes());
        assert!(std::str::from_utf8(&encode(&[4], &[0.0; 4])[10..]).unwrap().contains("'shape': (4,), "));
    }
}
