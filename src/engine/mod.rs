//! The background threads between the viewer and everything that takes time.
//!
//! The viewer states what it wants, most important first, whenever that changes ([`Engine::want`],
//! [`Engine::want_pictures`]), and looks up each frame what is there. Nothing here blocks it: the one lock is held
//! for map look-ups only. What runs and is no longer wanted is cancelled and stops at the next layer.

mod ahead;
mod answers;
mod cache;
pub mod compute;
mod config;
mod cover;
mod decoders;
mod draws;
pub mod exam;
mod info;
mod key;
mod library;
mod models;
mod network;
mod outcome;
mod priority;
mod reader;
mod source_list;
mod state;
mod storage;
mod survey;
#[cfg(test)]
mod tests;
mod trunk;
mod wanted;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

pub use cache::Cache;
pub use config::{Config, DeviceChoice, EngineError};
pub use key::{CoverKey, Key, MapKey, ModelId, ModelPath, Recipe, StackKey, SurveyKey, SurveyKind, UncertaintyKey};
pub use library::Library;
pub use models::{catalogue, is_demo, load};
pub use outcome::{
    Activity, CoverResult, FeatureGrid, MapResult, ModelInfo, Outcome, Scores, StackResult, Status, SurveyResult,
    UncertaintyResult,
};
pub use source_list::SourceList;
pub use storage::DemoAndDisk;

use self::ahead::Ahead;
use self::state::{Shared, State};
use self::wanted::Wanted;
use crate::demo;
use crate::display::Picture;
use crate::model::Catalogue;
use crate::study::{Reader, Source, Storage};

/// Threads that decode in advance at most: each holds a file and its picture, which may be large.
const DECODERS: usize = 8;

/// Owns the background threads. Dropping it cancels what runs and waits for them.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    catalogue: Arc<Catalogue>,
    device: String,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the device, the worker pool or a thread can't be had.
    pub fn start(config: Config) -> Result<Self, EngineError> {
        let Config { device: choice, threads, cache_bytes, model_dirs, wake } = config;
        let device = choice.open()?;
        let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
        let shared = Arc::new(Shared::new(Reader::new(Arc::clone(&storage)), cache_bytes, wake));
        let catalogue = catalogue(&model_dirs);
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("glassbox-worker-{index}"))
            .start_handler(|_| priority::step_back())
            .build()?;
        let device_text = match choice {
            DeviceChoice::Cpu if threads == 1 => "CPU, 1 thread".to_owned(),
            DeviceChoice::Cpu => format!("CPU, {threads} threads"),
            other => other.to_string().to_uppercase(),
        };
        let mut started = vec![
            spawn(&shared, "glassbox-engine", move |shared| pool.install(|| network::run(shared, &device)))?,
            spawn(&shared, "glassbox-reader", move |shared| reader::run(shared, &storage))?,
        ];
        for index in 0..std::thread::available_parallelism().map_or(1, usize::from).min(DECODERS) {
            started.push(spawn(&shared, &format!("glassbox-decoder-{index}"), decoders::run)?);
        }
        Ok(Self { shared, threads: started, catalogue: Arc::new(catalogue), device: device_text })
    }

    /// Opens files and folders beside what is open.
    pub fn open(&self, paths: Vec<PathBuf>) {
        self.shared.lock().to_open.push_back(paths);
        self.shared.reader.notify_all();
    }

    /// Opens the embedded demo study.
    pub fn open_demo(&self) {
        self.open(demo::paths());
    }

    /// Closes a study and forgets its pictures and results.
    pub fn close_study(&self, uid: &str) {
        let mut state = self.shared.lock();
        let mut library = (*state.library).clone();
        library.studies.retain(|study| study.uid != uid);
        if library.studies.is_empty() {
            library.explanation = None;
            library.failed.clear();
        }
        let open: HashSet<Source> = library.sources().cloned().collect();
        state.slices.retain(|source, _| open.contains(source));
        reader::show(&mut state, library);
        state.forget_closed();
    }

    /// What is open; a cheap snapshot.
    #[must_use]
    pub fn library(&self) -> Arc<Library> {
        Arc::clone(&self.shared.lock().library)
    }

    /// Replaces the list of pictures that are wanted, most important first.
    pub fn want_pictures(&self, wanted: Vec<Source>) {
        let mut state = self.shared.lock();
        if state.picture_wants.order() != wanted {
            state.picture_wants = Wanted::new(wanted);
            self.shared.reader.notify_all();
        }
    }

    /// Says which series are in view and at which of their slices: while nothing is more urgent, their other pictures
    /// are fetched in advance, from there outwards, as far as there is room.
    pub fn look_ahead(&self, series: &[(SourceList, usize)]) {
        let mut state = self.shared.lock();
        let is_same = state.ahead.len() == series.len()
            && state.ahead.iter().zip(series).all(|(ahead, (sources, at))| ahead.is(sources, *at));
        if !is_same {
            state.ahead = series.iter().map(|(sources, at)| Ahead::new(sources.clone(), *at)).collect();
            self.shared.reader.notify_all();
        }
    }

    /// Where a picture stands.
    #[must_use]
    pub fn picture(&self, source: &Source) -> Status<Arc<Picture>> {
        let mut state = self.shared.lock();
        if let Some(picture) = state.pictures.get(source) {
            return Status::Ready(picture);
        }
        if let Some(reason) = state.picture_failures.get(source) {
            return Status::Failed(Arc::clone(reason));
        }
        if state.picture_wants.contains(source) { Status::Pending { progress: 0.0 } } else { Status::NotRequested }
    }

    /// The cards of all known models: the embedded ones, then those found in folders.
    #[must_use]
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// Replaces the list of wanted results, most important first. What runs and is not in the list any more is
    /// cancelled; so is what runs for a less important slice while the first want waits.
    pub fn want(&self, wants: Vec<Key>) {
        let mut state = self.shared.lock();
        if state.wants.order() == wants {
            return;
        }
        state.wants = Wanted::new(wants);
        state.round += 1;
        let State { stacked, wants, .. } = &mut *state;
        stacked.retain(|key, _| wants.contains(&Key::Stack(key.clone())));
        if let Some(running) = &state.running {
            let first = state.wants.order().iter().find(|key| !state.is_answered(key));
            let still_wanted = running.keys.iter().any(|key| state.wants.contains(key));
            let urgent_waits = first.is_some_and(|first| !running.keys.contains(first));
            if first.zip(running.keys.first()).is_some_and(|(next, running)| cover::follows(next, running)) {
                // While a box is dragged each position would cancel the one before, and nothing would ever be told.
                return;
            }
            let is_loading = running.keys.iter().any(|key| matches!(key, Key::Model(_)));
            if !still_wanted || (urgent_waits && !is_loading) {
                running.control.cancel();
            }
        }
        self.shared.network.notify_all();
    }

    /// A number that rises with each result, and whenever a unit of work has ended or something else is wanted: while it
    /// stays, there is nothing new to ask about.
    #[must_use]
    pub fn round(&self) -> u64 {
        self.shared.lock().round
    }

    /// What the network thread is doing.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let mut state = self.shared.lock();
        let queued = state.queued();
        Activity {
            text: state.running.as_ref().map(|running| running.text.clone()).unwrap_or_default(),
            progress: state.running.as_ref().map(|running| running.control.progress()),
            seconds_left: state.running.as_ref().and_then(state::Running::seconds_left),
            queued,
            device: self.device.clone(),
        }
    }

    /// Drops everything that is queued, stops what runs and what is being opened.
    pub fn cancel(&self) {
        let mut state = self.shared.lock();
        state.wants.clear();
        state.round += 1;
        state.to_open.clear();
        if let Some(running) = &state.running {
            running.control.cancel();
        }
        if let Some(opening) = &state.opening {
            opening.cancel();
        }
    }
}

/// Starts a thread over the shared state.
fn spawn(
    shared: &Arc<Shared>,
    name: &str,
    run: impl FnOnce(&Shared) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared))
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.cancel();
        self.shared.lock().stopping = true;
        self.shared.network.notify_all();
        self.shared.reader.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                log::error!("a background thread had panicked");
            }
        }
    }
}
