//! The demo study as a file system that computes its files when they are read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::dicom::{SeriesText, StudyText, knee_slice, photograph};
use super::knee::render::{Knee, SIDE, View};
use super::skin::{self, COLUMNS, ROWS};
use super::study::{Content, content};
use crate::study::{Entry, Storage, names_in};

/// Bytes of a knee slice's pixels.
const KNEE_BYTES: usize = SIDE * SIDE * 2;
/// Bytes of a photograph's pixels.
const SKIN_BYTES: usize = (ROWS * COLUMNS * 3).next_multiple_of(2);

/// What one file shows.
enum Image {
    Knee { knee: Arc<Knee>, view: View, slice: usize },
    Skin { case: skin::Case, series: SeriesText },
}

struct File {
    image: Image,
    study: StudyText,
    /// Everything before the pixels.
    header: OnceLock<Arc<[u8]>>,
    bytes: OnceLock<Arc<[u8]>>,
}

impl File {
    fn new(image: Image, study: &StudyText) -> Self {
        Self { image, study: study.clone(), header: OnceLock::new(), bytes: OnceLock::new() }
    }

    /// The file, with black pixels unless `painted`.
    fn encode(&self, painted: bool) -> io::Result<Vec<u8>> {
        let encoded = match &self.image {
            Image::Knee { knee, view, slice } => {
                let stored = if painted { knee.slice(*view, *slice) } else { vec![0; SIDE * SIDE] };
                knee_slice(knee, *view, *slice, stored, &self.study)
            }
            Image::Skin { case, series } => {
                let rgb = if painted { skin::photograph(case).pixels } else { vec![0; ROWS * COLUMNS * 3] };
                photograph(rgb, series, &self.study)
            }
        };
        encoded.map_err(io::Error::other)
    }

    fn pixel_bytes(&self) -> usize {
        match self.image {
            Image::Knee { .. } => KNEE_BYTES,
            Image::Skin { .. } => SKIN_BYTES,
        }
    }

    /// Everything before the pixels, which are the last element; encoded once.
    fn header(&self) -> io::Result<&Arc<[u8]>> {
        if let Some(header) = self.header.get() {
            return Ok(header);
        }
        let blank = self.encode(false)?;
        Ok(self.header.get_or_init(|| blank[..blank.len() - self.pixel_bytes()].into()))
    }
}

/// The embedded studies, by path.
pub(super) struct Demo {
    files: BTreeMap<PathBuf, File>,
}

impl Demo {
    pub fn new() -> Self {
        let mut files = BTreeMap::new();
        for (folder, study, content) in content() {
            match content {
                Content::Knee { seed, finding } => {
                    let knee = Arc::new(Knee::new(seed, finding));
                    for view in View::ALL {
                        for slice in 0..view.slices() {
                            let path = format!("{folder}/{}/{:03}.dcm", view.name(), slice + 1);
                            let image = Image::Knee { knee: knee.clone(), view, slice };
                            files.insert(path.into(), File::new(image, &study));
                        }
                    }
                }
                Content::Skin(pictures) => {
                    for (number, (name, description, case)) in (1..).zip(pictures) {
                        let series = SeriesText { description: format!("SYNTHETIC {description}"), number };
                        let image = Image::Skin { case, series };
                        let path = format!("{folder}/{number:02}-{name}.dcm");
                        files.insert(path.into(), File::new(image, &study));
                    }
                }
            }
        }
        Self { files }
    }

    fn file(&self, path: &Path) -> io::Result<&File> {
        self.files.get(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Storage for Demo {
    fn entry(&self, path: &Path) -> io::Result<Entry> {
        if let Some(file) = self.files.get(path) {
            return Ok(Entry::File((file.header()?.len() + file.pixel_bytes()) as u64));
        }
        self.canonical(path).map(|_| Entry::Folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let names = names_in(self.files.keys(), folder);
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names.into_iter().map(|name| folder.join(name)).collect())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        // A folder and everything in it stand together in the order of paths, the folder's name first.
        let next = self.files.range(path.to_path_buf()..).next();
        match next {
            Some((file, _)) if file.starts_with(path) => Ok(path.to_path_buf()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        let file = self.file(path)?;
        if let Some(bytes) = file.bytes.get() {
            return Ok(bytes.clone());
        }
        let bytes: Arc<[u8]> = file.encode(true)?.into();
        Ok(file.bytes.get_or_init(|| bytes).clone())
    }

    /// With black pixels: computing them would delay the first picture by those of all others.
    fn read_headers(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        let file = self.file(path)?;
        let mut bytes = file.header()?.to_vec();
        bytes.resize(bytes.len() + file.pixel_bytes(), 0);
        Ok(bytes.into())
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let header = self.file(path)?.header()?;
        Ok(header[..length.min(header.len())].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_beginnings_are_those_of_the_files() {
        let demo = Demo::new();
        for path in ["demo:/knee/torn/sagittal/007.dcm", "demo:/skin/01-naevus.dcm"] {
            let path = Path::new(path);
            let bytes = demo.read(path).unwrap();
            assert_eq!(demo.entry(path).unwrap(), Entry::File(bytes.len() as u64));
            let start = demo.read_start(path, 4096).unwrap();
            assert_eq!(start, bytes[..start.len()]);
            let blank = demo.read_headers(path).unwrap();
            assert_eq!(blank.len(), bytes.len());
            assert_eq!(blank[..start.len()], bytes[..start.len()]);
            assert_eq!(&bytes[128..132], b"DICM");
            assert_eq!(demo.read(path).unwrap(), bytes);
        }
    }

    #[test]
    fn folders_list_what_is_in_them() {
        let demo = Demo::new();
        assert_eq!(demo.list(Path::new("demo:/knee/torn")).unwrap().len(), 3);
        assert_eq!(demo.list(Path::new("demo:/knee/torn/axial")).unwrap().len(), View::Axial.slices());
        assert!(demo.entry(Path::new("demo:/elbow")).is_err());
        assert!(demo.read(Path::new("demo:/knee")).is_err());
    }
}
