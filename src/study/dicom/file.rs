//! A DICOM file taken apart once, from which headers and single frames are read.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::encapsulated::Frames;
use super::fault::{Fault, Outcome};
use super::image::{ImageInfo, Kind};
use super::parse::{Element, elements};
use super::syntax::{Coding, Syntax, open};
use super::text::CharacterSet;
use super::{decode, directory, instances, refuse};
use crate::study::{Instance, Pixels, StudyError};

/// A parsed object: its bytes and the places of its elements; no pixel value is decoded yet.
#[derive(Debug, Clone)]
pub struct DicomFile {
    path: PathBuf,
    /// The file, or its data set unpacked where it was deflated.
    bytes: Arc<[u8]>,
    elements: Vec<Element>,
    character_set: CharacterSet,
    syntax: Syntax,
    media_class: Option<String>,
    image: Outcome<ImageInfo>,
    /// Fragments of encapsulated frames; `None` where values are native.
    frames: Option<Frames>,
}

impl DicomFile {
    /// Takes a file apart. `path` is for messages and for the sources of slices alone.
    ///
    /// # Errors
    /// Where the bytes are no DICOM object. Objects without an image are no error here.
    pub fn parse(path: &Path, bytes: &Arc<[u8]>) -> Result<Self, StudyError> {
        Self::read(path, bytes, bytes.len()).map_err(|fault| fault.at(path))
    }

    /// The headers of a file of `length` bytes from its beginning; `None` unless that is all but uncompressed pixels
    /// whose length is known. Such a value is for [`DicomFile::instances`] alone: there are no pixels in it.
    pub(in crate::study) fn of_head(path: &Path, head: &Arc<[u8]>, length: usize) -> Option<Self> {
        let file = Self::read(path, head, length).ok()?;
        let image = file.image.as_ref().ok()?;
        // Beyond the head all bytes count as 0, which no element begins with: what has been found last is what reaches
        // out of it, or the end of the headers has been cut off.
        let is_last = file.elements.last() == Some(&image.pixels);
        let is_native = file.syntax.coding == Coding::Native && file.syntax.uid.is_some() && file.frames.is_none();
        let is_whole = image.pixels.declared.is_some() && image.pixels.missing_bytes() == 0;
        (is_last && is_native && is_whole && image.pixels.start <= head.len() && length >= head.len()).then_some(file)
    }

    /// Takes a file of `length` bytes apart, of which `bytes` are the beginning.
    fn read(path: &Path, bytes: &Arc<[u8]>, length: usize) -> Outcome<Self> {
        let envelope = open(bytes)?;
        let end = match envelope.data {
            Cow::Borrowed(_) => length,
            Cow::Owned(ref unpacked) => unpacked.len(),
        };
        let (found, _) = elements(&envelope.data, envelope.start, end, envelope.syntax.encoding, 0);
        let bytes = match envelope.data {
            Cow::Borrowed(_) => bytes.clone(),
            Cow::Owned(unpacked) => unpacked.into(),
        };
        let no_names = CharacterSet::default();
        let names = DataSet::new(&bytes, &found, &no_names).bytes(tags::SPECIFIC_CHARACTER_SET);
        let character_set = names.map(CharacterSet::named).unwrap_or_default();
        let mut file = Self {
            path: path.to_path_buf(),
            bytes,
            elements: found,
            character_set,
            syntax: envelope.syntax,
            media_class: envelope.media_class,
            image: Err(Fault::NotDicom),
            frames: None,
        };
        file.image = ImageInfo::of(&file.data(), file.media_class.as_deref());
        if end <= file.bytes.len() {
            file.frames = file.find_frames();
        }
        Ok(file)
    }

    fn find_frames(&self) -> Option<Frames> {
        let image = self.image.as_ref().ok()?;
        let encapsulated = image.pixels.declared.is_none() && image.kind == Kind::Integer;
        let extended = self.data().bytes(tags::EXTENDED_OFFSET_TABLE).unwrap_or_default();
        encapsulated.then(|| Frames::of(&self.bytes, &image.pixels, image.declared_frames, extended))
    }

    /// One instance for each frame: study and series attributes, and the slice.
    ///
    /// # Errors
    /// Where the object has no image (the reason says what it is), or one that is not read.
    pub fn instances(&self) -> Result<Vec<Instance>, StudyError> {
        instances::instances(self, &self.path).map_err(|fault| fault.at(&self.path))
    }

    /// Decodes a frame, counted from 0: stored values before any LUT or colour conversion.
    ///
    /// # Errors
    /// Where there is no such frame, or its coding is damaged or not supported.
    pub fn pixels(&self, frame: usize) -> Result<Pixels, StudyError> {
        decode::pixels(self, frame).map_err(|fault| fault.at(&self.path))
    }

    /// Whether the file is a directory of others (DICOMDIR).
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.media_class.as_deref() == Some(refuse::DIRECTORY_CLASS)
            || self.data().element(tags::DIRECTORY_RECORD_SEQUENCE).is_some()
    }

    /// The files that a directory (DICOMDIR) lists, relative to the folder that it lies in, each once.
    ///
    /// Components are as the directory spells them; file systems may spell them in lower case.
    ///
    /// # Errors
    /// Where the file is no directory.
    pub fn references(&self) -> Result<Vec<PathBuf>, StudyError> {
        if !self.is_directory() {
            return Err(Fault::damaged("it is no directory of other files").at(&self.path));
        }
        Ok(directory::references(&self.data()))
    }

    /// Number of frames that can be decoded; 0 where the object has no image.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frame_count().unwrap_or(0)
    }

    /// Bytes that this value keeps in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes.len() + self.elements.len() * size_of::<Element>()
    }

    pub(super) fn data(&self) -> DataSet<'_> {
        DataSet::new(&self.bytes, &self.elements, &self.character_set)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    pub(super) fn image(&self) -> Outcome<&ImageInfo> {
        self.image.as_ref().map_err(Clone::clone)
    }

    /// Frames that the pixel data hold, of those declared; at least one.
    pub(super) fn frame_count(&self) -> Outcome<usize> {
        let image = self.image()?;
        let there = match &self.frames {
            Some(frames) if frames.len() == 0 => return Err(Fault::damaged("its pixel data hold no image")),
            Some(frames) => frames.len(),
            None => {
                let bits = (image.pixels.end - image.pixels.start) as u64 * 8;
                if bits == 0 {
                    return Err(Fault::damaged("its pixel data are empty"));
                }
                // The last frame may be cut short; a byte of padding is no frame.
                let whole = bits / image.frame_bits();
                let rest = bits % image.frame_bits();
                whole as usize + usize::from(rest > 8 || whole == 0)
            }
        };
        Ok(image.declared_frames.map_or(there, |declared| declared.min(there)))
    }

    /// The coded bytes of an encapsulated frame; `None` where values are native.
    pub(super) fn coded_frame(&self, frame: usize) -> Outcome<Option<Cow<'_, [u8]>>> {
        let Some(frames) = &self.frames else { return Ok(None) };
        let missing = Fault::NoSuchFrame { frame, frames: frames.len() };
        frames.bytes(&self.bytes, frame).map(Some).ok_or(missing)
    }

    /// The coding of a frame, by its own first bytes where they tell.
    pub(super) fn coding_of(&self, frame: &[u8]) -> Coding {
        match (super::syntax::sniff(frame), self.syntax.coding) {
            (_, unknown @ Coding::Unknown(_)) => unknown,
            (_, Coding::EncapsulatedNative) => Coding::EncapsulatedNative,
            (Some(seen), _) => seen,
            (None, Coding::Native) => Coding::Rle,
            (None, declared) => declared,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The embedded slice whose pixels are uncompressed, and the length of its headers.
    fn slice() -> (Arc<[u8]>, usize) {
        let demo = crate::demo::storage();
        let path = demo.list(Path::new("demo:/knee/torn/axial")).unwrap().remove(0);
        let bytes = demo.read(&path).unwrap();
        let file = DicomFile::parse(&path, &bytes).unwrap();
        let begin = file.image().unwrap().pixels.start;
        (bytes, begin)
    }

    fn of_head(bytes: &[u8], length: usize) -> Option<String> {
        let instances = DicomFile::of_head(Path::new("a"), &bytes.into(), length)?.instances().unwrap();
        Some(format!("{instances:?}"))
    }

    #[test]
    fn the_beginning_says_what_the_file_says_or_nothing() {
        let (bytes, begin) = slice();
        let whole = DicomFile::parse(Path::new("a"), &bytes).unwrap().instances().unwrap();
        let whole = Some(format!("{whole:?}"));
        for length in begin..begin + 64 {
            assert_eq!(of_head(&bytes[..length], bytes.len()), whole, "{length} bytes");
        }
        assert_eq!(of_head(&bytes, bytes.len()), whole);
        for length in 0..begin {
            assert_eq!(of_head(&bytes[..length], bytes.len()), None, "{length} bytes, headers cut off");
        }
        assert_eq!(of_head(&bytes[..begin], bytes.len() - 1), None, "a file that is cut short is read as a whole");
        assert_eq!(of_head(&bytes, begin), None, "a file that has grown since");
    }

    #[test]
    fn elements_after_the_pixels_do_not_matter() {
        let (bytes, begin) = slice();
        let padding = [0xFC, 0xFF, 0xFC, 0xFF, b'O', b'B', 0, 0, 4, 0, 0, 0, 1, 2, 3, 4];
        let longer: Vec<u8> = bytes.iter().copied().chain(padding).collect();
        assert_eq!(of_head(&longer[..begin + 9], longer.len()), of_head(&bytes, bytes.len()));
        assert_eq!(of_head(&longer, longer.len()), None, "there they are seen, and the whole file says the same");
    }
}
