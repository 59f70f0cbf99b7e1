//! PNG pictures that carry their provenance in text chunks.

use std::path::Path;

use super::{ExportError, write_atomically};

/// Encodes 8-bit RGBA (`rows * columns * 4` bytes) with `provenance` as UTF-8 `iTXt` chunks (keyword, text).
///
/// # Errors
/// [`ExportError::Encode`] when the sizes don't belong together or a keyword is not Latin-1.
pub fn encode(
    path: &Path,
    rgba: &[u8],
    columns: usize,
    rows: usize,
    provenance: &[(String, String)],
) -> Result<Vec<u8>, ExportError> {
    let failed = |reason: String| ExportError::Encode { path: path.to_owned(), reason };
    let width = u32::try_from(columns).map_err(|error| failed(error.to_string()))?;
    let height = u32::try_from(rows).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    for (keyword, text) in provenance {
        encoder.add_itxt_chunk(keyword.clone(), text.clone()).map_err(|error| failed(error.to_string()))?;
    }
    let mut writer = encoder.write_header().map_err(|error| failed(error.to_string()))?;
    writer.write_image_data(rgba).map_err(|error| failed(error.to_string()))?;
    writer.finish().map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}

/// Writes the picture; the file is whole or absent.
///
/// # Errors
/// [`ExportError`] with the path.
pub fn write(
    path: &Path,
    rgba: &[u8],
    columns: usize,
    rows: usize,
    provenance: &[(String, String)],
) -> Result<(), ExportError> {
    write_atomically(path, &encode(path, rgba, columns, rows, provenance)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_provenance_come_back() {
        let rgba: Vec<u8> = (0..2 * 3 * 4).map(|v| v * 10).collect();
        let chunk = ("glassbox".to_owned(), "{\"method\":\"gradcam\",\"name\":\"Läsion\"}".to_owned());
        let bytes = encode(Path::new("x.png"), &rgba, 3, 2, std::slice::from_ref(&chunk)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let mut back = vec![0; 24];
        reader.next_frame(&mut back).unwrap();
        assert_eq!(back, rgba);
        let texts = &reader.info().utf8_text;
        assert_eq!((texts[0].keyword.as_str(), texts[0].get_text().unwrap()), ("glassbox", chunk.1));
    }

    #[test]
    fn too_few_pixels_are_an_error_that_names_the_file() {
        let message = encode(Path::new("x.png"), &[0; 7], 3, 2, &[]).unwrap_err().to_string();
        assert!(message.ends_with("x.png"), "{message}");
    }
}
