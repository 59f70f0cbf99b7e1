//! What the engine's threads and the viewer share, behind one lock that nobody holds for long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::cache::Cache;
use super::compute::survey::Seen;
use super::compute::{Beginning, KeptLayers, Passes};
use super::key::{Key, MapKey, ModelId, StackKey};
use super::library::Library;
use super::outcome::{MapResult, Outcome, UncertaintyResult};
use super::survey::{CheckUnderWay, SummaryKey, UnderWay};
use super::wanted::Wanted;
use crate::display::Picture;
use crate::graph::Control;
use crate::model::Model;
use crate::study::{Reader, Slice, Source};

/// The shared state and the signals around it.
pub struct Shared {
    state: Mutex<State>,
    /// Signals the network thread that there may be work.
    pub network: Condvar,
    /// Signals the reader thread that there may be work.
    pub reader: Condvar,
    /// Decodes pixels; has its own cache of opened files.
    pub files: Reader,
    /// Tells the viewer that something has changed.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Everything behind the lock.
pub struct State {
    /// Set when the engine is dropped.
    pub stopping: bool,
    /// What is open.
    pub library: Arc<Library>,
    /// Every slice of the library.
    pub slices: HashMap<Source, Arc<Slice>>,
    /// Paths still to be opened.
    pub to_open: VecDeque<Vec<PathBuf>>,
    /// Cancels the opening that is under way.
    pub opening: Option<Control>,
    /// Pictures the viewer wants, most important first.
    pub picture_wants: Wanted<Source>,
    /// Decoded pictures.
    pub pictures: Cache<Source, Arc<Picture>>,
    /// Why a picture can't be had.
    pub picture_failures: HashMap<Source, Arc<str>>,
    /// Results the viewer wants, most important first.
    pub wants: Wanted<Key>,
    /// Results.
    pub results: Cache<Key, Outcome>,
    /// Why a result can't be had.
    pub failures: HashMap<Key, Arc<str>>,
    /// What the network thread is at.
    pub running: Option<Running>,
    /// The map that is being computed, as far as it has come.
    pub interim: Option<(MapKey, Arc<MapResult>)>,
    /// Loaded models by content.
    pub models: HashMap<ModelId, Arc<Model>>,
    /// Where the passes of a slice begin.
    pub beginnings: Cache<(ModelId, Source), Arc<Beginning>>,
    /// The passes drawn so far, by model, slice and seed, and what they say.
    pub drawn: Cache<(ModelId, Source, u64), (Passes, Arc<UncertaintyResult>)>,
    /// What stack models compute before their maximum, by name; see [`super::trunk`].
    pub trunks: HashMap<ModelId, ModelId>,
    /// Outputs of a few layers on slices that have been run, by trunk.
    pub kept: Cache<(ModelId, Source), Arc<KeptLayers>>,
    /// Features of single slices of a stack model, by trunk: what its maximum sees.
    pub features: Cache<(ModelId, Source), Arc<Vec<f32>>>,
    /// What became of single images at a layer, for surveys.
    pub summaries: Cache<SummaryKey, Seen>,
    /// Of wanted stacks, how many slices from the first on have their features.
    pub stacked: HashMap<StackKey, usize>,
    /// Rises with each result, and whenever a unit of work has ended or something else is wanted.
    pub round: u64,
    /// How many wants were unanswered, and in which round that was counted.
    pub queued: Option<(u64, usize)>,
    /// The survey that is or was worked on last.
    pub survey: Option<UnderWay>,
    /// The check that is or was worked on last.
    pub check: Option<CheckUnderWay>,
}

/// The unit of work under way.
pub struct Running {
    /// The keys it answers.
    pub keys: Vec<Key>,
    /// Whether it must be finished before the most important want can be.
    pub control: Control,
    /// For the status bar.
    pub text: String,
    /// When it began.
    pub since: Instant,
}

impl Running {
    /// How long the rest will take if it goes on as so far; `None` in the first moments and where it is no wait.
    pub fn seconds_left(&self) -> Option<f32> {
        /// Before this the progress says little.
        const TELLING: f32 = 0.02;
        let (progress, elapsed) = (self.control.progress(), self.since.elapsed().as_secs_f32());
        (elapsed > 0.5 && progress > TELLING).then(|| elapsed * (1.0 - progress) / progress)
    }
}

impl Shared {
    /// Shared state with empty caches: half of `cache_bytes` for pictures, half for results.
    pub fn new(files: Reader, cache_bytes: usize, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self {
            state: Mutex::new(State {
                stopping: false,
                library: Arc::default(),
                slices: HashMap::new(),
                to_open: VecDeque::new(),
                opening: None,
                picture_wants: Wanted::default(),
                pictures: Cache::new(cache_bytes / 2),
                picture_failures: HashMap::new(),
                wants: Wanted::default(),
                results: Cache::new(cache_bytes / 2),
                failures: HashMap::new(),
                running: None,
                interim: None,
                models: HashMap::new(),
                beginnings: Cache::new(cache_bytes / 16),
                drawn: Cache::new(cache_bytes / 8),
                trunks: HashMap::new(),
                kept: Cache::new(cache_bytes / 8),
                features: Cache::new(cache_bytes / 16),
                summaries: Cache::new(cache_bytes / 8),
                stacked: HashMap::new(),
                round: 0,
                queued: None,
                survey: None,
                check: None,
            }),
            network: Condvar::new(),
            reader: Condvar::new(),
            files,
            wake,
        }
    }

    /// The lock. Panics are caught where work is done, so a poisoned lock still guards a consistent state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The picture of a slice, from the cache or decoded now on the calling thread.
    ///
    /// # Errors
    /// One sentence for people.
    pub fn picture(&self, source: &Source) -> Result<Arc<Picture>, Arc<str>> {
        let slice = {
            let mut state = self.lock();
            if let Some(picture) = state.pictures.get(source) {
                return Ok(picture);
            }
            if let Some(reason) = state.picture_failures.get(source) {
                return Err(Arc::clone(reason));
            }
            state.slices.get(source).map(Arc::clone)
        };
        let Some(slice) = slice else {
            return Err(Arc::from(format!("{} has been closed", source.path.display())));
        };
        let decoded = self.files.picture(&slice);
        let mut state = self.lock();
        match decoded {
            Ok(picture) => {
                let picture = Arc::new(picture);
                let State { pictures, picture_wants, .. } = &mut *state;
                pictures.insert(source.clone(), Arc::clone(&picture), picture.bytes(), picture_wants.members());
                Ok(picture)
            }
            Err(error) => {
                let reason: Arc<str> = Arc::from(error.to_string());
                state.picture_failures.insert(source.clone(), Arc::clone(&reason));
                Err(reason)
            }
        }
    }
}

impl State {
    /// Whether a want has been answered, for better or worse.
    pub fn is_answered(&self, key: &Key) -> bool {
        self.results.contains(key) || self.failures.contains_key(key)
    }

    /// How many wants are unanswered, counted once a round: the viewer asks in every frame.
    pub fn queued(&mut self) -> usize {
        match self.queued {
            Some((round, count)) if round == self.round => count,
            _ => {
                let count = self.wants.order().iter().filter(|key| !self.is_answered(key)).count();
                self.queued = Some((self.round, count));
                count
            }
        }
    }

    /// Names what a model computes of single slices: of stack models with the same trunk the same.
    pub fn trunk(&self, model: &ModelId) -> ModelId {
        self.trunks.get(model).unwrap_or(model).clone()
    }

    /// How many slices of a stack, from the first on, have their features. Goes on from where it was found last, so that
    /// a stack is gone through once and not once a slice.
    pub fn stacked(&mut self, key: &StackKey) -> usize {
        let known = self.stacked.get(key).copied().unwrap_or(0);
        let trunk = self.trunk(&key.model);
        let is_there = |source: &&Source| self.features.contains(&(trunk.clone(), (*source).clone()));
        let count = known + key.sources[known..].iter().take_while(is_there).count();
        if count != known {
            self.stacked.insert(key.clone(), count);
        }
        count
    }

    /// Forgets everything that rests on slices that are no longer open.
    pub fn forget_closed(&mut self) {
        let open: HashSet<Source> = self.slices.keys().cloned().collect();
        let rests = |key: &Key| match key {
            Key::Stack(stack) => stack.sources.iter().all(|source| open.contains(source)),
            Key::Survey(survey) => survey.sources.iter().all(|source| open.contains(source)),
            other => other.run().is_none_or(|(_, source)| open.contains(source)),
        };
        self.results.retain(rests);
        self.failures.retain(|key, _| rests(key));
        self.features.retain(|(_, source)| open.contains(source));
        self.kept.retain(|(_, source)| open.contains(source));
        self.beginnings.retain(|(_, source)| open.contains(source));
        self.drawn.retain(|(_, source, _)| open.contains(source));
        self.summaries.retain(|(_, source, _)| open.contains(source));
        // What has been added up cannot be taken out again.
        self.survey = None;
        self.check = None;
        self.stacked.clear();
        self.round += 1;
        self.pictures.retain(|source| open.contains(source));
        self.picture_failures.retain(|source, _| open.contains(source));
        self.wants.retain(rests);
        self.picture_wants.retain(|source| open.contains(source));
    }
}
