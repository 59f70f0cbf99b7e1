//! PNG, JPEG, TIFF (all pages), BMP and WebP.
//!
//! Grey stays as deep as the file has it (8 or 16 bit). Colour becomes RGB of 8 bit; 16-bit colour is rounded. An
//! alpha channel is dropped, as PIL's `convert("RGB")` does, so that the network sees what it was trained on.
//! Pictures are turned as their EXIF orientation says. All pictures of a folder are one series in the order of their
//! names, so that one can go through them; a TIFF of several pages is a series of its own.

use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::formats::{Content, Parsed};
use super::grouping::path_key;
use super::tiff_pages::{Page, page_offsets};
use super::{Instance, Photometric, Pixels, SeriesHead, Slice, Source, Stored, StudyError, StudyHead};
use crate::display::ModalityLut;

/// A picture that would take more bytes than this is refused.
const MAX_BYTES: u64 = 1 << 30;

/// Name for messages.
pub(super) const NAME: &str = "picture";

/// Whether the beginning is that of a format read here.
pub(super) fn recognises(_: &Path, start: &[u8]) -> bool {
    format_of(start).is_some()
}

fn format_of(start: &[u8]) -> Option<ImageFormat> {
    // BMP's signature is two letters, so its fixed zeros and the size of its second header must fit as well.
    let is_bmp = start.len() > 18 && start.starts_with(b"BM") && start[6..10] == [0; 4] && start[15..18] == [0; 3];
    // BigTIFF differs in its version number only.
    let is_big_tiff = start.starts_with(b"II\x2b\0") || start.starts_with(b"MM\0\x2b");
    match image::guess_format(start) {
        Ok(ImageFormat::Bmp) => is_bmp.then_some(ImageFormat::Bmp),
        Ok(f @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Tiff | ImageFormat::WebP)) => Some(f),
        _ => is_big_tiff.then_some(ImageFormat::Tiff),
    }
}

fn name_of(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        _ => NAME,
    }
}

/// Size and kind of each page.
pub(super) fn content(path: &Path, bytes: &Arc<[u8]>) -> Result<Content, StudyError> {
    let file = Raster::new(path, bytes.clone())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let study = Arc::new(StudyHead { description: name(folder), ..StudyHead::default() });
    let series = Arc::new(if file.pages.len() > 1 {
        SeriesHead { uid: path_key(path), description: name(path), ..SeriesHead::default() }
    } else {
        SeriesHead { description: name(folder), ..SeriesHead::default() }
    });
    let slices: Result<Vec<Slice>, StudyError> = (0..file.pages.len()).map(|page| file.slice(path, page)).collect();
    let instance = |slice| Instance { study: study.clone(), series: series.clone(), slice };
    Ok(Content::Images(slices?.into_iter().map(instance).collect()))
}

/// Makes the pages ready for decoding.
pub(super) fn parse(path: &Path, bytes: Arc<[u8]>) -> Result<Arc<dyn Parsed>, StudyError> {
    Ok(Arc::new(Raster::new(path, bytes)?))
}

struct Raster {
    format: ImageFormat,
    bytes: Arc<[u8]>,
    /// Of a TIFF, where each page's directory is; else one entry.
    pages: Vec<Page>,
}

impl Raster {
    fn new(path: &Path, bytes: Arc<[u8]>) -> Result<Self, StudyError> {
        let format = format_of(&bytes).ok_or_else(|| StudyError::NotAnImage { path: path.to_path_buf() })?;
        let pages = match format {
            ImageFormat::Tiff => page_offsets(&bytes).map_err(|reason| StudyError::damaged(path, "TIFF", reason))?,
            _ => vec![Page::WHOLE],
        };
        Ok(Self { format, bytes, pages })
    }

    fn decoder(&self, path: &Path, page: usize) -> Result<impl ImageDecoder + '_, StudyError> {
        let frames = self.pages.len();
        let page = self.pages.get(page).ok_or(StudyError::NoSuchFrame { path: path.into(), frame: page, frames })?;
        let mut reader = ImageReader::with_format(BufReader::new(page.of(&self.bytes)), self.format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(|error| self.error(path, &error))?;
        let (columns, rows) = decoder.dimensions();
        if decoder.total_bytes() > MAX_BYTES {
            let reason = format!("its {columns} × {rows} pixels need more than {} MB", MAX_BYTES >> 20);
            return Err(StudyError::unsupported(path, name_of(self.format), reason));
        }
        Ok(decoder)
    }

    fn slice(&self, path: &Path, page: usize) -> Result<Slice, StudyError> {
        let mut decoder = self.decoder(path, page)?;
        let (width, height) = decoder.dimensions();
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let (columns, rows) = if swaps_sides(orientation) { (height, width) } else { (width, height) };
        let is_grey = matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
        Ok(Slice {
            source: Source { path: path.to_path_buf(), frame: page },
            sop_instance_uid: None,
            sop_class_uid: None,
            transfer_syntax: None,
            instance_number: None,
            rows: rows as usize,
            columns: columns as usize,
            samples: if is_grey { 1 } else { 3 },
            photometric: if is_grey { Photometric::Monochrome2 } else { Photometric::Rgb },
            geometry: None,
            spacing_mm: None,
            thickness_mm: None,
            modality_lut: ModalityLut::IDENTITY,
            unit: String::new(),
            voi: Vec::new(),
            time_key: None,
        })
    }

    fn error(&self, path: &Path, error: &ImageError) -> StudyError {
        let name = name_of(self.format);
        match error {
            ImageError::Unsupported(_) => StudyError::unsupported(path, name, one_line(error)),
            ImageError::Limits(_) => {
                StudyError::unsupported(path, name, format!("it would need more than {} MB", MAX_BYTES >> 20))
            }
            _ => StudyError::damaged(path, name, one_line(error)),
        }
    }
}

impl Parsed for Raster {
    fn pixels(&self, path: &Path, frame: usize) -> Result<Pixels, StudyError> {
        let mut decoder = self.decoder(path, frame)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(|error| self.error(path, &error))?;
        image.apply_orientation(orientation);
        let (columns, rows) = (image.width() as usize, image.height() as usize);
        let (samples, stored) = match image {
            DynamicImage::ImageLuma8(image) => (1, Stored::U8(image.into_raw())),
            DynamicImage::ImageLuma16(image) => (1, Stored::U16(image.into_raw())),
            image @ DynamicImage::ImageLumaA8(_) => (1, Stored::U8(image.into_luma8().into_raw())),
            image @ DynamicImage::ImageLumaA16(_) => (1, Stored::U16(image.into_luma16().into_raw())),
            image => (3, Stored::U8(image.into_rgb8().into_raw())),
        };
        Ok(Pixels::new(rows, columns, samples, stored))
    }

    fn has_more_frames(&self) -> bool {
        self.pages.len() > 1
    }

    fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

/// A decoder's message as part of a sentence.
fn one_line(error: &ImageError) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn ramp(columns: u32, rows: u32) -> DynamicImage {
        DynamicImage::ImageLuma8(image::GrayImage::from_fn(columns, rows, |x, y| image::Luma([(10 * y + x) as u8])))
    }

    fn read(bytes: &[u8], page: usize) -> Result<Pixels, StudyError> {
        let path = Path::new("p/a");
        parse(path, bytes.into())?.pixels(path, page)
    }

    fn slices(bytes: &[u8]) -> Result<Vec<Slice>, StudyError> {
        match content(Path::new("p/a"), &bytes.into())? {
            Content::Images(images) => Ok(images.into_iter().map(|i| i.slice).collect()),
            Content::References(_) => panic!("no images"),
        }
    }

    #[test]
    fn grey_keeps_its_depth() {
        let deep = image::ImageBuffer::from_fn(3, 2, |x, y| image::Luma([(1000 * y + x) as u16]));
        let bytes = encoded(&DynamicImage::ImageLuma16(deep), ImageFormat::Png);
        assert_eq!(read(&bytes, 0).unwrap().stored, Stored::U16(vec![0, 1, 2, 1000, 1001, 1002]));
        let bytes = encoded(&ramp(3, 2), ImageFormat::Bmp);
        assert!(recognises(Path::new(""), &bytes));
        assert_eq!(slices(&bytes).unwrap()[0].columns, 3);
    }

    #[test]
    fn alpha_is_dropped() {
        let pixel = image::RgbaImage::from_pixel(1, 1, image::Rgba([10, 20, 30, 0]));
        let bytes = encoded(&DynamicImage::ImageRgba8(pixel), ImageFormat::WebP);
        assert_eq!(read(&bytes, 0).unwrap().stored, Stored::U8(vec![10, 20, 30]));
    }

    #[test]
    fn every_page_of_a_tiff_is_read() {
        // The second page's directory is appended: a copy of the first one, whose strip lies elsewhere.
        let mut bytes = encoded(&ramp(3, 2), ImageFormat::Tiff);
        let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let count = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
        let end = first + 2 + 12 * count;
        let mut directory = bytes[first..end + 4].to_vec();
        let strip = bytes.len() as u32;
        bytes.extend([9, 8, 7, 6, 5, 4]);
        for entry in directory[2..2 + 12 * count].chunks_exact_mut(12) {
            if u16::from_le_bytes([entry[0], entry[1]]) == 273 {
                entry[8..12].copy_from_slice(&strip.to_le_bytes());
            }
        }
        let second = bytes.len() as u32;
        bytes[end..end + 4].copy_from_slice(&second.to_le_bytes());
        bytes.extend(directory);
        assert_eq!(slices(&bytes).unwrap().len(), 2);
        assert_eq!(read(&bytes, 0).unwrap().stored, Stored::U8(vec![0, 1, 2, 10, 11, 12]));
        assert_eq!(read(&bytes, 1).unwrap().stored, Stored::U8(vec![9, 8, 7, 6, 5, 4]));
        assert!(matches!(read(&bytes, 2), Err(StudyError::NoSuchFrame { frames: 2, .. })));
        // A directory that refers to itself.
        let at = bytes.len() - 4;
        bytes[at..].copy_from_slice(&second.to_le_bytes());
        assert!(slices(&bytes).unwrap_err().to_string().contains("circle"));
    }

    #[test]
    fn exif_turns_the_picture() {
        let jpeg = encoded(&ramp(16, 8), ImageFormat::Jpeg);
        // An APP1 segment with one entry: orientation (0x0112) = 6, turn by 90° to the right.
        let mut exif =
            b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut turned = jpeg[..2].to_vec();
        turned.append(&mut exif);
        turned.extend(&jpeg[2..]);
        let slice = &slices(&turned).unwrap()[0];
        assert_eq!((slice.rows, slice.columns), (16, 8));
        let pixels = read(&turned, 0).unwrap();
        assert_eq!((pixels.rows, pixels.columns), (16, 8));
        // The lower left corner (70) comes to the upper left.
        assert!((pixels.at(0, 0).unwrap()[0] - 70.0).abs() < 5.0);
    }

    #[test]
    fn cut_files_are_errors_or_incomplete_pictures_and_never_panics() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::Bmp, ImageFormat::WebP] {
            let whole = encoded(&DynamicImage::ImageRgb8(ramp(20, 10).into_rgb8()), format);
            for length in 0..whole.len() {
                if let Err(error) = read(&whole[..length], 0) {
                    assert!(error.to_string().ends_with(": p/a"), "{format:?} {length}: {error}");
                }
            }
        }
    }

    #[test]
    fn absurd_sizes_are_refused_before_memory_is_taken() {
        let mut png = encoded(&ramp(3, 2), ImageFormat::Png);
        png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(slices(&png).is_err());
        let mut bmp = encoded(&ramp(3, 2), ImageFormat::Bmp);
        bmp[18..26].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
        assert!(read(&bmp, 0).is_err());
    }
}
