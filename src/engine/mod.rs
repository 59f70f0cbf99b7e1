//! The background threads between the viewer and everything that takes time.
//!
//! The viewer states what it wants, most important first, whenever that changes ([`Engine::want`],
//! [`Engine::want_pictures`]), and looks up each frame what is there. Nothing here blocks it: the one lock is held
//! for map look-ups only. What runs and is no longer wanted is cancelled and stops at the next layer.

mod ahead;
mod cache;
pub mod compute;
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

use candle_core::Device;

pub use cache::Cache;
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
use crate::explain::Activations;
use crate::inside::Filters;
use crate::model::Catalogue;
use crate::study::{Reader, Source, Storage};

/// Threads that decode in advance at most: each holds a file and its picture, which may be large.
const DECODERS: usize = 8;

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by its ordinal; needs the `cuda` feature.
    Cuda(usize),
    /// An Apple GPU; needs the `metal` feature.
    Metal,
}

/// How the engine is set up.
pub struct Config {
    /// Where networks run.
    pub device: DeviceChoice,
    /// Threads for networks; all cores when `None`.
    pub threads: Option<usize>,
    /// Bound of all caches together.
    pub cache_bytes: usize,
    /// Folders with model cards, in order of precedence.
    pub model_dirs: Vec<PathBuf>,
    /// Called from the engine's threads whenever something has changed.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The chosen device is not there, or the program was built without it.
    #[error("{device} can't be used ({reason}); choose --device cpu")]
    Device {
        /// What was asked for.
        device: String,
        /// Why not.
        reason: String,
    },
    /// The operating system gave no thread.
    #[error("Could not start a background thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The pool of worker threads could not be made.
    #[error("Could not start the worker threads: {0}")]
    Pool(#[from] rayon::ThreadPoolBuildError),
}

impl DeviceChoice {
    /// Opens the device.
    ///
    /// # Errors
    /// [`EngineError::Device`] when it is not there or not built in.
    pub fn open(self) -> Result<Device, EngineError> {
        let opened = match self {
            Self::Cpu => return Ok(Device::Cpu),
            Self::Cuda(ordinal) => Device::new_cuda(ordinal),
            Self::Metal => Device::new_metal(0),
        };
        opened.map_err(|error| EngineError::Device { device: self.to_string(), reason: error.to_string() })
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no device; known are cpu, cuda, cuda:N, metal");
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => {
                other.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok()).map(Self::Cuda).ok_or_else(unknown)
            }
        }
    }
}

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
        let for_networks = Arc::clone(&shared);
        let for_files = Arc::clone(&shared);
        let networks = std::thread::Builder::new()
            .name("glassbox-engine".to_owned())
            .spawn(move || pool.install(|| network::run(&for_networks, &device)))?;
        let files = std::thread::Builder::new()
            .name("glassbox-reader".to_owned())
            .spawn(move || reader::run(&for_files, &storage))?;
        let mut started = vec![networks, files];
        for index in 0..std::thread::available_parallelism().map_or(1, usize::from).min(DECODERS) {
            let shared = Arc::clone(&shared);
            let decoder = std::thread::Builder::new().name(format!("glassbox-decoder-{index}"));
            started.push(decoder.spawn(move || decoders::run(&shared))?);
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

    /// Where a model stands.
    #[must_use]
    pub fn model(&self, path: &ModelPath) -> Status<Arc<ModelInfo>> {
        self.look_up(&Key::Model(path.clone()), |outcome| match outcome {
            Outcome::Model(info) => Some(info),
            _ => None,
        })
    }

    /// Where a slice's scores stand.
    #[must_use]
    pub fn scores(&self, model: &ModelId, source: &Source) -> Status<Arc<Scores>> {
        self.look_up(&Key::Scores { model: model.clone(), source: source.clone() }, |outcome| match outcome {
            Outcome::Scores(scores) => Some(scores),
            _ => None,
        })
    }

    /// Where a map stands.
    #[must_use]
    pub fn map(&self, key: &MapKey) -> Status<Arc<MapResult>> {
        self.look_up(&Key::Map(key.clone()), |outcome| match outcome {
            Outcome::Map(map) => Some(map),
            _ => None,
        })
    }

    /// The map as it has formed so far, while it is being computed.
    #[must_use]
    pub fn interim(&self, key: &MapKey) -> Option<Arc<MapResult>> {
        let state = self.shared.lock();
        let (of, map) = state.interim.as_ref()?;
        (of == key).then(|| Arc::clone(map))
    }

    /// Where a layer's activations stand, with its channels' contributions to a class if one is given.
    #[must_use]
    pub fn activations(
        &self,
        model: &ModelId,
        source: &Source,
        layer: &Arc<str>,
        class: Option<usize>,
    ) -> Status<Arc<Activations>> {
        let key = Key::Activations { model: model.clone(), source: source.clone(), layer: Arc::clone(layer), class };
        self.look_up(&key, |outcome| match outcome {
            Outcome::Activations(activations) => Some(activations),
            _ => None,
        })
    }

    /// Where the feature maps of a [`Key::FeatureMaps`] stand.
    #[must_use]
    pub fn feature_maps(&self, key: &Key) -> Status<Arc<FeatureGrid>> {
        self.look_up(key, |outcome| match outcome {
            Outcome::FeatureMaps(grid) => Some(grid),
            _ => None,
        })
    }

    /// Where the draws of a stochastic head stand.
    #[must_use]
    pub fn uncertainty(&self, key: &UncertaintyKey) -> Status<Arc<UncertaintyResult>> {
        self.look_up(&Key::Uncertainty(key.clone()), |outcome| match outcome {
            Outcome::Uncertainty(result) => Some(result),
            _ => None,
        })
    }

    /// What has been drawn so far of the same model, slice and seed: fewer passes of an earlier key, or the passes of
    /// the running one until now.
    #[must_use]
    pub fn uncertainty_so_far(&self, key: &UncertaintyKey) -> Option<Arc<UncertaintyResult>> {
        let state = self.shared.lock();
        let of = (key.model.clone(), key.source.clone(), key.seed);
        state.drawn.peek(&of).map(|(_, result)| Arc::clone(result))
    }

    /// Where a covered slice stands.
    #[must_use]
    pub fn cover(&self, key: &CoverKey) -> Status<Arc<CoverResult>> {
        self.look_up(&Key::Cover(key.clone()), |outcome| match outcome {
            Outcome::Cover(result) => Some(result),
            _ => None,
        })
    }

    /// What was found for the box that was covered last on the same slice for the same model, to be shown while the box
    /// is still moving.
    #[must_use]
    pub fn covered_last(&self, key: &CoverKey) -> Option<Arc<CoverResult>> {
        let state = self.shared.lock();
        let (of, result) = state.covered.as_ref()?;
        ((&of.model, &of.source) == (&key.model, &key.source)).then(|| Arc::clone(result))
    }

    /// Where a whole stack stands.
    #[must_use]
    pub fn stack(&self, key: &StackKey) -> Status<Arc<StackResult>> {
        let status = self.look_up(&Key::Stack(key.clone()), |outcome| match outcome {
            Outcome::Stack(result) => Some(result),
            _ => None,
        });
        let Status::Pending { .. } = status else { return status };
        let done = self.shared.lock().stacked(key);
        Status::Pending { progress: done as f32 / key.sources.len().max(1) as f32 }
    }

    /// Where a survey stands.
    #[must_use]
    pub fn survey(&self, key: &SurveyKey) -> Status<Arc<SurveyResult>> {
        let status = self.look_up(&Key::Survey(key.clone()), |outcome| match outcome {
            Outcome::Survey(result) => Some(result),
            _ => None,
        });
        let Status::Pending { progress } = status else { return status };
        let state = self.shared.lock();
        let under_way = state.survey.as_ref().filter(|under_way| under_way.key == *key);
        Status::Pending { progress: under_way.map_or(0.0, |under_way| under_way.progress(progress)) }
    }

    /// The survey's result so far, of the images that have been run, while it is under way.
    #[must_use]
    pub fn survey_so_far(&self, key: &SurveyKey) -> Option<Arc<SurveyResult>> {
        let state = self.shared.lock();
        let under_way = state.survey.as_ref().filter(|under_way| under_way.key == *key)?;
        under_way.so_far.clone()
    }

    /// Where the filters of a [`Key::Filters`] stand.
    #[must_use]
    pub fn filters(&self, key: &Key) -> Status<Arc<Filters>> {
        self.look_up(key, |outcome| match outcome {
            Outcome::Filters(filters) => Some(filters),
            _ => None,
        })
    }

    /// Looks up the smallest and largest raw value of each map of `sources` that is there, made as `like` is, and not
    /// among `known` yet, for a scale common to a stack. Gives how many were found; `known` has one place a source.
    pub fn map_ranges(&self, sources: &[Source], like: &MapKey, known: &mut [Option<(f32, f32)>]) -> usize {
        let state = self.shared.lock();
        let mut found = 0;
        for (source, known) in sources.iter().zip(known).filter(|(_, known)| known.is_none()) {
            let key = Key::Map(MapKey { source: source.clone(), ..like.clone() });
            if let Some(Outcome::Map(map)) = state.results.peek(&key) {
                *known = Some(map.range());
                found += 1;
            }
        }
        found
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

    fn look_up<T>(&self, key: &Key, pick: impl Fn(Outcome) -> Option<T>) -> Status<T> {
        let mut state = self.shared.lock();
        if let Some(value) = state.results.get(key).and_then(pick) {
            return Status::Ready(value);
        }
        if let Some(reason) = state.failures.get(key) {
            return Status::Failed(Arc::clone(reason));
        }
        if let Some(running) = &state.running
            && running.keys.contains(key)
        {
            return Status::Pending { progress: running.control.progress() };
        }
        if state.wants.contains(key) { Status::Pending { progress: 0.0 } } else { Status::NotRequested }
    }
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
