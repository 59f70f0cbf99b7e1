//! Where files come from: the disk, or memory (the embedded demo, tests).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A file and its length in bytes.
    File(u64),
    /// A folder.
    Folder,
}

/// A place that files are read from.
pub trait Storage: Send + Sync {
    /// What is at `path`, links followed.
    ///
    /// # Errors
    /// Where nothing is there, or it may not be looked at.
    fn entry(&self, path: &Path) -> io::Result<Entry>;

    /// The paths directly within a folder, in any order.
    ///
    /// # Errors
    /// Where `folder` is none, or may not be listed.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// The one name of what is at `path`, links resolved; two paths to one file have the same.
    ///
    /// # Errors
    /// Where nothing is there.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// The whole file.
    ///
    /// # Errors
    /// Where it is gone, may not be read, or does not fit in memory.
    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>>;

    /// The file for somebody who looks at everything but the pixels. A storage that computes its files may leave the
    /// pixels black here; length and headers are those of [`Storage::read`].
    ///
    /// # Errors
    /// As [`Storage::read`].
    fn read_headers(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        self.read(path)
    }

    /// At most the first `length` bytes of a file, to see what it is.
    ///
    /// # Errors
    /// As [`Storage::read`].
    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>>;
}

/// The computer's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let data = fs::metadata(path)?;
        if data.is_dir() {
            return Ok(Entry::Folder);
        }
        if data.is_file() {
            return Ok(Entry::File(data.len()));
        }
        // A pipe or a device could block for ever.
        Err(io::Error::new(io::ErrorKind::Unsupported, "it is neither a file nor a folder"))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        let Entry::File(length) = self.entry(path)? else {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        };
        let too_large = || io::Error::new(io::ErrorKind::OutOfMemory, format!("{length} bytes do not fit in memory"));
        let length = usize::try_from(length).map_err(|_| too_large())?;
        // Shared memory cannot be asked for politely; a vector of its size can.
        let mut probe: Vec<u8> = Vec::new();
        probe.try_reserve_exact(length).map_err(|_| too_large())?;
        drop(std::hint::black_box(probe));
        // Read where the bytes stay: a vector would have to be copied to be shared.
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
        let mut read = 0;
        if let Some(place) = Arc::get_mut(&mut bytes) {
            let mut file = File::open(path)?;
            while read < length {
                match file.read(&mut place[read..]) {
                    Ok(0) => break,
                    Ok(count) => read += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(if read < length { bytes[..read].into() } else { bytes })
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let Entry::File(_) = self.entry(path)? else {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        };
        let mut bytes = Vec::new();
        File::open(path)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The names directly within `folder`, each once, among files in the order of their paths.
pub(crate) fn names_in<'a>(files: impl Iterator<Item = &'a PathBuf>, folder: &Path) -> Vec<PathBuf> {
    let name = |file: &PathBuf| Some(PathBuf::from(file.strip_prefix(folder).ok()?.components().next()?.as_os_str()));
    let mut names: Vec<PathBuf> = files.filter_map(name).collect();
    names.dedup();
    names
}

/// Files that are in memory already, by path.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Arc<[u8]>>,
}

impl Memory {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; one of the same path is replaced.
    pub fn insert(&mut self, path: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) {
        self.files.insert(path.into(), bytes.into());
    }

    fn file(&self, path: &Path) -> io::Result<&Arc<[u8]>> {
        self.files.get(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Storage for Memory {
    fn entry(&self, path: &Path) -> io::Result<Entry> {
        if let Some(bytes) = self.files.get(path) {
            return Ok(Entry::File(bytes.len() as u64));
        }
        if self.files.keys().any(|file| file.starts_with(path)) {
            return Ok(Entry::Folder);
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let names = names_in(self.files.keys(), folder);
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names.into_iter().map(|name| folder.join(name)).collect())
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.entry(path).map(|_| path.to_path_buf())
    }

    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        self.file(path).cloned()
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        let bytes = self.file(path)?;
        Ok(bytes[..length.min(bytes.len())].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Memory {
        let mut memory = Memory::new();
        memory.insert("a/b/1.dcm", vec![1, 2, 3]);
        memory.insert("a/b/2.dcm", vec![4]);
        memory.insert("a/c.png", vec![5]);
        memory
    }

    #[test]
    fn memory_lists_one_level() {
        let memory = sample();
        assert_eq!(memory.list(Path::new("a")).unwrap(), [PathBuf::from("a/b"), PathBuf::from("a/c.png")]);
        assert_eq!(memory.entry(Path::new("a/b")).unwrap(), Entry::Folder);
        assert_eq!(memory.entry(Path::new("a/b/1.dcm")).unwrap(), Entry::File(3));
        assert!(memory.entry(Path::new("a/x")).is_err());
    }

    #[test]
    fn start_is_no_longer_than_the_file() {
        let memory = sample();
        assert_eq!(memory.read_start(Path::new("a/b/1.dcm"), 2).unwrap(), [1, 2]);
        assert_eq!(memory.read_start(Path::new("a/b/1.dcm"), 9).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn disk_reads_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"glass").unwrap();
        assert_eq!(&*Disk.read(&path).unwrap(), b"glass");
        assert_eq!(Disk.read_start(&path, 2).unwrap(), b"gl");
        assert!(Disk.read(folder.path()).is_err());
    }
}
