//! Opening: paths → studies, headers only, the first images at once and the rest as they come.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::duplicates::{Claim, Claims};
use super::formats::{Content, HEAD_BYTES, START_BYTES, recognise};
use super::grouping::{Found, group};
use super::storage::{Entry, Storage};
use super::walk::{Candidate, Walk};
use super::{Study, StudyError};

/// Time between two snapshots of what has been found, at least.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(150);

/// What could be opened, and what could not.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// In the order of the paths given, then by patient, date and UID.
    pub studies: Vec<Study>,
    /// Files that are images and could not be read, and named paths that are none.
    pub failed: Vec<Failure>,
    /// Files in folders that are of no image format (a README, a licence).
    pub not_images: Vec<PathBuf>,
    /// Files that repeat another one byte for byte, and that other one.
    pub duplicates: Vec<Duplicate>,
    /// What a reader of the list should know: "opening was cancelled after 40 of 120 files".
    pub notes: Vec<String>,
}

/// A file that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The file.
    pub path: PathBuf,
    /// One sentence that names the file.
    pub reason: String,
}

/// A file that holds the same bytes as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The file that was left out.
    pub path: PathBuf,
    /// The file that is shown.
    pub of: PathBuf,
}

/// How far opening has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Files looked at.
    pub read: usize,
    /// Files known; grows when a DICOMDIR leads to more.
    pub total: usize,
    /// Everything found till now, grouped and sorted, when it is time to show it: as soon as there is a first
    /// image, then a few times a second. Slices already shown may move as others arrive.
    pub studies: Option<&'a [Study]>,
}

/// Opens files and folders (recursively): finds the images, reads their headers in parallel, groups and sorts them.
///
/// `on_progress` is called on this thread; when it breaks, what has been found by then is returned. Opening never
/// fails as a whole: what could not be read is listed with its reason.
pub fn open(
    paths: &[PathBuf],
    storage: &Arc<dyn Storage>,
    on_progress: &dyn Fn(Progress) -> ControlFlow<()>,
) -> Opened {
    let storage = storage.as_ref();
    let mut walk = Walk::new(storage);
    for (argument, path) in paths.iter().enumerate() {
        walk.add(path, argument);
    }
    let mut opened = Opened::default();
    let mut found: Vec<Found> = Vec::new();
    let mut claims = Claims::default();
    let mut read = 0;
    let mut snapshot = Snapshot::default();
    while read < walk.files.len() {
        let batch = walk.files[read..(read + batch_size(&found)).min(walk.files.len())].to_vec();
        let contents: Vec<_> = batch.par_iter().map(|file| look_at(storage, &file.path)).collect();
        read += batch.len();
        for (file, content) in batch.into_iter().zip(contents) {
            match content {
                Ok(Some(Content::Images(instances))) => match claims.claim(storage, &file.path, &instances) {
                    Claim::Own(copy) => {
                        let argument = file.argument;
                        found.extend(instances.into_iter().map(|instance| Found { argument, copy, instance }));
                    }
                    Claim::SameAs(of) => opened.duplicates.push(Duplicate { path: file.path, of }),
                },
                Ok(Some(Content::References(references))) => {
                    let folder = file.path.parent().unwrap_or(Path::new(""));
                    for reference in &references {
                        walk.add_reference(folder, reference, file.argument);
                    }
                }
                Ok(None) => note_other(&mut opened, file),
                Err(error) => opened.failed.push(Failure::from(&error)),
            }
        }
        let studies = snapshot.take(&found);
        let progress = Progress { read, total: walk.files.len(), studies: studies.as_deref() };
        if on_progress(progress).is_break() {
            opened.notes.push(format!("Opening was cancelled after {read} of {} files.", walk.files.len()));
            break;
        }
    }
    opened.failed.extend(walk.failed.iter().map(Failure::from));
    opened.studies = group(&found);
    opened
}

/// What the file holds; `None` where it is of no known format.
fn look_at(storage: &dyn Storage, path: &Path) -> Result<Option<Content>, StudyError> {
    let io = |source| StudyError::Io { path: path.to_path_buf(), source };
    let head: Arc<[u8]> = storage.read_start(path, HEAD_BYTES).map_err(io)?.into();
    let Some(format) = recognise(path, &head[..START_BYTES.min(head.len())]) else { return Ok(None) };
    if let Ok(Entry::File(length)) = storage.entry(path)
        && let Ok(length) = usize::try_from(length)
        && let Some(content) = format.read_head(path, &head, length)
    {
        return Ok(Some(content));
    }
    let bytes = storage.read_headers(path).map_err(io)?;
    format.read_content(path, &bytes).map(Some)
}

/// A few files until there is something to show and its first picture has been asked for, then as many as keep all
/// cores busy between two calls to `on_progress`.
fn batch_size(found: &[Found]) -> usize {
    /// Images until which batches stay small: the first picture is decoded between two of them.
    const FIRST: usize = 8;
    let threads = rayon::current_num_threads();
    if found.len() < FIRST { threads.min(4) } else { 8 * threads }
}

fn note_other(opened: &mut Opened, file: Candidate) {
    if file.named {
        opened.failed.push(Failure::from(&StudyError::NotAnImage { path: file.path }));
    } else {
        opened.not_images.push(file.path);
    }
}

impl From<&StudyError> for Failure {
    fn from(error: &StudyError) -> Self {
        Self { path: error.path().to_path_buf(), reason: error.to_string() }
    }
}

/// When the growing list was last handed out, and what that cost.
#[derive(Default)]
struct Snapshot {
    last: Option<(Instant, Duration, usize)>,
}

impl Snapshot {
    /// The studies so far, if there are new ones and it is time; grouping takes at most a fifth of the time.
    fn take(&mut self, found: &[Found]) -> Option<Vec<Study>> {
        let start = Instant::now();
        let due = match self.last {
            None => !found.is_empty(),
            Some((at, cost, count)) => {
                count < found.len() && start.duration_since(at) >= SNAPSHOT_INTERVAL.max(cost * 5)
            }
        };
        due.then(|| {
            let studies = group(found);
            self.last = Some((Instant::now(), start.elapsed(), found.len()));
            studies
        })
    }
}
