//! Where the engine reads from: the disk, and the embedded demo under its own paths.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::models::is_demo;
use crate::demo;
use crate::study::{Disk, Entry, Storage};

/// The disk, with the demo study mounted under `demo:`.
pub struct DemoAndDisk {
    demo: Arc<dyn Storage>,
}

impl Default for DemoAndDisk {
    fn default() -> Self {
        Self { demo: demo::storage() }
    }
}

impl DemoAndDisk {
    fn place(&self, path: &Path) -> &dyn Storage {
        if is_demo(path) { self.demo.as_ref() } else { &Disk }
    }
}

impl Storage for DemoAndDisk {
    fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.place(path).entry(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.place(folder).list(folder)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.place(path).canonical(path)
    }

    fn read(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        self.place(path).read(path)
    }

    fn read_headers(&self, path: &Path) -> io::Result<Arc<[u8]>> {
        self.place(path).read_headers(path)
    }

    fn read_start(&self, path: &Path, length: usize) -> io::Result<Vec<u8>> {
        self.place(path).read_start(path, length)
    }
}
