//! `.zip` files as folders.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use zip::ZipArchive;

use super::gzip::most_unpacked;
use super::storage::{Disk, Entry, Storage, names_in};

/// The computer's files, with `.zip` files as folders: `scan.zip/series/1.dcm`.
#[must_use]
pub fn disk() -> Arc<dyn Storage> {
    Arc::new(Archives::new(Disk))
}

/// Another storage in which `.zip` files are folders.
pub struct Archives<S> {
    storage: S,
    /// Archives that have been opened, by their canonical path.
    opened: Mutex<HashMap<PathBuf, Arc<Archive>>>,
}

struct Archive {
    zip: ZipArchive<Cursor<Arc<[u8]>>>,
    /// Number and length of each file by its path within the archive.
    files: BTreeMap<PathBuf, (usize, u64)>,
}

impl<S: Storage> Archives<S> {
    /// Looks into the archives of `storage`.
    pub fn new(storage: S) -> Self {
        Self { storage, opened: Mutex::default() }
    }

    /// The archive that a path leads to or into, and the rest of the path.
    fn archive(&self, path: &Path) -> io::Result<Option<(Arc<Archive>, PathBuf, PathBuf)>> {
        let is_zip = |path: &Path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        for ancestor in path.ancestors().filter(|ancestor| is_zip(ancestor)) {
            if matches!(self.storage.entry(ancestor), Ok(Entry::File(_))) {
                let rest = path.strip_prefix(ancestor).unwrap_or(Path::new("")).to_path_buf();
                let name = self.storage.canonical(ancestor)?;
                return Ok(Some((self.open(ancestor, &name)?, rest, name)));
            }
        }
        Ok(None)
    }

    fn open(&self, path: &Path, name: &Path) -> io::Result<Arc<Archive>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(archive) = opened.get(name) {
            return Ok(archive.clone());
        }
        let archive = Arc::new(Archive::new(self.storage.read(path)?)?);
        opened.insert(name.to_path_buf(), archive.clone());
        Ok(archive)
    }
}

impl Archive {
    fn new(bytes: Arc<[u8]>) -> io::Result<Self> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
        let mut files = BTreeMap::new();
        let mut reader = zip.clone();
        for number in 0..zip.len() {
            let file = reader.by_index_raw(number).map_err(|error| damaged(&error))?;
            // A name that leads out of the archive is not taken.
            if let Some(path) = file.enclosed_name().filter(|_| file.is_file()) {
                files.insert(path, (number, file.size()));
            }
        }
        Ok(Self { zip, files })
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        if let Some((_, length)) = self.files.get(path) {
            return Ok(Entry::File(*length));
        }
        let is_folder = path.as_os_str().is_empty() || self.files.keys().any(|file| file.starts_with(path));
        if is_folder { Ok(Entry::Folder) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        names_in(self.files.keys(), folder)
    }

    /// At most `length` bytes of a file.
    fn read(&self, path: &Path, length: u64) -> io::Result<Vec<u8>> {
        let (number, _) = self.files.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let mut zip = self.zip.clone();
        let file = zip.by_index(*number).map_err(|error| damaged(&error))?;
        let packed = usize::try_from(file.compressed_size()).unwrap_or(usize::MAX);
        let length = length.min(file.size());
        if length > most_unpacked(packed) as u64 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{packed} packed bytes cannot be {length}"),
            ));
        }
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn damaged(error: &zip::result::ZipError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged archive, {error}"))
}

impl<S: Storage> Storage for Archives<S> {
    fn entry(&self, path: &Path) -> io::Result<Entry> {
        match self.archive(path)? {
            Some((archive, rest, _)) => archive.entry(&rest),
            None => self.storage.entry(path),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        match self.archive(folder)? {
            Some((archive, rest, _)) => Ok(archive.list(&rest).into_iter().map(|child| folder.join(child)).collect()),
            None => self.storage.list(folder),
        }
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        match self.archive(path)? {
            Some((_, rest, name)) => Ok(name.join(rest)),
            None => self.storage.canonical(path),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        match self.archive(path)? {
            Some((archive, rest, _)) => Ok(archive.read(&rest, u64::MAX)?.into()),
            None => self.storage.read(path),
        }
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        match self.archive(path)? {
            Some((archive, rest, _)) => archive.read(&rest, length as u64),
            None => self.storage.read_start(path, length),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::ops::ControlFlow;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;
    use crate::study::{Memory, open};

    fn archive() -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a/1.txt", "a/b/2.txt", "3.txt"] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.repeat(100).as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn storage(bytes: Vec<u8>) -> Archives<Memory> {
        let mut memory = Memory::new();
        memory.insert("d/x.ZIP", bytes);
        memory.insert("d/y.txt", vec![1]);
        Archives::new(memory)
    }

    #[test]
    fn an_archive_is_a_folder() {
        let storage = storage(archive());
        assert_eq!(storage.entry(Path::new("d/x.ZIP")).unwrap(), Entry::Folder);
        assert_eq!(storage.list(Path::new("d/x.ZIP")).unwrap().len(), 2);
        assert_eq!(storage.list(Path::new("d/x.ZIP/a")).unwrap().len(), 2);
        assert_eq!(storage.entry(Path::new("d/x.ZIP/a/b/2.txt")).unwrap(), Entry::File(900));
        assert_eq!(storage.read(Path::new("d/x.ZIP/3.txt")).unwrap().len(), 500);
        assert_eq!(storage.read_start(Path::new("d/x.ZIP/3.txt"), 5).unwrap(), b"3.txt");
        assert!(storage.read(Path::new("d/x.ZIP/4.txt")).is_err());
        assert_eq!(storage.read_start(Path::new("d/y.txt"), 5).unwrap(), [1]);
    }

    #[test]
    fn cut_archives_are_listed_as_failed() {
        let whole = archive();
        for length in 0..whole.len() {
            let storage: Arc<dyn Storage> = Arc::new(storage(whole[..length].to_vec()));
            let opened = open(&["d".into()], &storage, &|_| ControlFlow::Continue(()));
            assert_eq!(opened.failed.len(), 1, "{length}");
            assert!(opened.failed[0].reason.ends_with("d/x.ZIP"), "{}", opened.failed[0].reason);
        }
    }
}
