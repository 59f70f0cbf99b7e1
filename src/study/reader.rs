//! Pixels on demand.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::formats::{Format, Parsed, START_BYTES, recognise};
use super::storage::Storage;
use super::{Pixels, Slice, StudyError};
use crate::display::{Picture, Voi};

/// Files kept in memory, in bytes, unless [`Reader::with_budget`] says otherwise.
const BUDGET_BYTES: usize = 512 << 20;

/// Decodes slices; keeps the files of several frames read last, so that going through one parses it once.
///
/// A reader belongs to what was opened: it does not look whether a file has changed since.
pub struct Reader {
    storage: Arc<dyn Storage>,
    budget_bytes: usize,
    /// Most recently used last.
    files: Mutex<VecDeque<Entry>>,
}

struct Entry {
    path: PathBuf,
    /// Empty until the first thread that needs the file has parsed it; others wait for that one.
    slot: Arc<Mutex<Option<File>>>,
    memory_bytes: usize,
}

#[derive(Clone)]
struct File {
    format: &'static Format,
    parsed: Arc<dyn Parsed>,
    /// [`Parsed::window`], once it has been asked for.
    window: Arc<OnceLock<Option<Voi>>>,
}

impl File {
    fn pixels(&self, slice: &Slice) -> Result<Pixels, StudyError> {
        self.format.read_pixels(self.parsed.as_ref(), &slice.source.path, slice.source.frame)
    }

    fn window(&self) -> Option<Voi> {
        self.window.get_or_init(|| self.parsed.window()).clone()
    }
}

impl Reader {
    /// A reader of the files in `storage`.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::with_budget(storage, BUDGET_BYTES)
    }

    /// A reader that keeps at most `budget_bytes` of files (and always the last one) of several frames.
    #[must_use]
    pub fn with_budget(storage: Arc<dyn Storage>, budget_bytes: usize) -> Self {
        Self { storage, budget_bytes, files: Mutex::default() }
    }

    /// The stored values of a slice, before any LUT or colour conversion.
    ///
    /// # Errors
    /// Where the file is gone, damaged, or coded in a way that is not supported.
    pub fn pixels(&self, slice: &Slice) -> Result<Pixels, StudyError> {
        self.file(&slice.source.path)?.pixels(slice)
    }

    /// The slice ready for the screen and for a network: after the modality LUT, or as RGB.
    ///
    /// # Errors
    /// As [`Reader::pixels`], and where the samples do not go with the photometric interpretation.
    pub fn picture(&self, slice: &Slice) -> Result<Picture, StudyError> {
        let file = self.file(&slice.source.path)?;
        let pixels = file.pixels(slice)?;
        slice.picture(pixels, file.window().as_ref())
    }

    fn file(&self, path: &Path) -> Result<File, StudyError> {
        let slot = self.slot(path);
        let mut guard = lock(&slot);
        if let Some(file) = guard.as_ref() {
            return Ok(file.clone());
        }
        let file = self.load(path)?;
        if !file.parsed.has_more_frames() {
            // Whoever asks for its picture keeps that; the file itself would only double what a slice takes.
            self.forget(path);
            return Ok(file);
        }
        *guard = Some(file.clone());
        drop(guard);
        self.account(path, file.parsed.memory_bytes());
        Ok(file)
    }

    fn load(&self, path: &Path) -> Result<File, StudyError> {
        let io = |source| StudyError::Io { path: path.to_path_buf(), source };
        let bytes = self.storage.read(path).map_err(io)?;
        let format = recognise(path, &bytes[..START_BYTES.min(bytes.len())])
            .ok_or_else(|| StudyError::NotAnImage { path: path.to_path_buf() })?;
        Ok(File { format, parsed: format.read(path, bytes)?, window: Arc::default() })
    }

    /// The place of a file, moved to the end of the queue.
    fn slot(&self, path: &Path) -> Arc<Mutex<Option<File>>> {
        let mut files = lock(&self.files);
        let entry = match files.iter().position(|entry| entry.path == path).and_then(|at| files.remove(at)) {
            Some(entry) => entry,
            None => Entry { path: path.to_path_buf(), slot: Arc::default(), memory_bytes: 0 },
        };
        let slot = entry.slot.clone();
        files.push_back(entry);
        slot
    }

    fn forget(&self, path: &Path) {
        lock(&self.files).retain(|entry| entry.path != path);
    }

    /// Notes what a file takes and drops the oldest ones over the budget.
    fn account(&self, path: &Path, memory_bytes: usize) {
        let mut files = lock(&self.files);
        if let Some(entry) = files.iter_mut().find(|entry| entry.path == path) {
            entry.memory_bytes = memory_bytes;
        }
        while files.len() > 1 && files.iter().map(|entry| entry.memory_bytes).sum::<usize>() > self.budget_bytes {
            files.pop_front();
        }
    }
}

/// A poisoned lock only means that another thread panicked; the values behind ours are whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
