//! What the engine's threads and the viewer share, behind one lock that nobody holds for long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::ahead::Ahead;
use super::cache::Cache;
use super::compute::survey::Seen;
use super::compute::{Beginning, Covering, KeptLayers, Passes};
use super::key::{CoverKey, Key, MapKey, ModelId, StackKey};
use super::library::Library;
use super::outcome::{CoverResult, MapResult, Outcome, UncertaintyResult};
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
    /// Signals the reader thread and the decoders that there may be work.
    pub reader: Condvar,
    /// Signals that a picture has been decoded, or could not be.
    decoded: Condvar,
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
    /// Pictures that a thread is decoding; others that need one wait for it.
    pub decoding: HashSet<Source>,
    /// The series in view, whose other pictures are fetched in advance.
    pub ahead: Vec<Ahead>,
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
    /// Slices that have been run for boxes to be covered on them.
    pub coverings: Cache<(ModelId, Source), Arc<Covering>>,
    /// The box that was covered last.
    pub covered: Option<(CoverKey, Arc<CoverResult>)>,
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
    /// Whether the last run of slices of a stack had to give way.
    pub is_interrupted: bool,
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
                decoding: HashSet::new(),
                ahead: Vec::new(),
                picture_failures: HashMap::new(),
                wants: Wanted::default(),
                results: Cache::new(cache_bytes / 2),
                failures: HashMap::new(),
                running: None,
                interim: None,
                models: HashMap::new(),
                coverings: Cache::new(cache_bytes / 8),
                covered: None,
                beginnings: Cache::new(cache_bytes / 16),
                drawn: Cache::new(cache_bytes / 8),
                trunks: HashMap::new(),
                kept: Cache::new(cache_bytes / 8),
                features: Cache::new(cache_bytes / 16),
                summaries: Cache::new(cache_bytes / 8),
                stacked: HashMap::new(),
                is_interrupted: false,
                round: 0,
                queued: None,
                survey: None,
                check: None,
            }),
            network: Condvar::new(),
            reader: Condvar::new(),
            decoded: Condvar::new(),
            files,
            wake,
        }
    }

    /// The lock. Panics are caught where work is done, so a poisoned lock still guards a consistent state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does next, as `find` finds it, once there is something: `signal` says when to look again. `None` when
    /// the engine stops.
    pub fn next<T>(&self, signal: &Condvar, mut find: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(found) = find(&mut state) {
                return Some(found);
            }
            state = signal.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The picture of a slice: from the cache, from the thread that is decoding it, or decoded now on this one.
    ///
    /// # Errors
    /// One sentence for people.
    pub fn picture(&self, source: &Source) -> Result<Arc<Picture>, Arc<str>> {
        let mut state = self.lock();
        loop {
            if let Some(picture) = state.pictures.get(source) {
                return Ok(picture);
            }
            if let Some(reason) = state.picture_failures.get(source) {
                return Err(Arc::clone(reason));
            }
            if !state.decoding.contains(source) {
                break;
            }
            state = self.decoded.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let Some(slice) = state.slices.get(source).map(Arc::clone) else {
            return Err(Arc::from(format!("{} has been closed", source.path.display())));
        };
        let _claim = Claim::new(self, &mut state, source);
        drop(state);
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

    /// Decodes a picture that nobody waits for. It is kept where there is room beside what is wanted and what has been
    /// fetched like it; a failure is left to whoever wants the picture.
    pub fn fetch_ahead(&self, source: &Source) -> Fetched {
        let mut state = self.lock();
        let Some(slice) = state.slices.get(source).map(Arc::clone) else { return Fetched::Done };
        if state.pictures.contains(source) || state.decoding.contains(source) {
            return Fetched::Done;
        }
        let _claim = Claim::new(self, &mut state, source);
        drop(state);
        let Ok(picture) = self.files.picture(&slice) else { return Fetched::Done };
        let mut state = self.lock();
        let State { pictures, picture_wants, ahead, .. } = &mut *state;
        let keep = |key: &Source| picture_wants.contains(key) || ahead.iter().any(|ahead| ahead.contains(key));
        if !pictures.make_room(picture.bytes(), keep) {
            return Fetched::NoRoom;
        }
        let bytes = picture.bytes();
        pictures.insert(source.clone(), Arc::new(picture), bytes, picture_wants.members());
        Fetched::Done
    }
}

/// What became of a picture that was fetched in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It is there, or could not be had.
    Done,
    /// There is no room for more.
    NoRoom,
}

/// A picture that this thread is decoding. The claim ends when it is dropped, which must not be under the lock.
struct Claim<'a> {
    shared: &'a Shared,
    source: Source,
}

impl<'a> Claim<'a> {
    fn new(shared: &'a Shared, state: &mut State, source: &Source) -> Self {
        state.decoding.insert(source.clone());
        Self { shared, source: source.clone() }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.lock().decoding.remove(&self.source);
        self.shared.decoded.notify_all();
    }
}

impl State {
    /// Whether a want has been answered, for better or worse.
    pub fn is_answered(&self, key: &Key) -> bool {
        self.results.contains(key) || self.failures.contains_key(key)
    }

    /// The next picture to fetch in advance.
    pub fn next_ahead(&mut self) -> Option<Source> {
        let Self { ahead, pictures, picture_failures, decoding, .. } = self;
        let is_there = |source: &Source| {
            pictures.contains(source) || decoding.contains(source) || picture_failures.contains_key(source)
        };
        ahead.iter_mut().find_map(|ahead| ahead.next(is_there))
    }

    /// Fetches nothing more in advance until something else is in view.
    pub fn stop_fetching(&mut self) {
        self.ahead.iter_mut().for_each(Ahead::stop);
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
            Key::Cover(cover) => open.contains(&cover.source),
            other => other.run().is_none_or(|(_, source)| open.contains(source)),
        };
        self.results.retain(rests);
        self.failures.retain(|key, _| rests(key));
        self.features.retain(|(_, source)| open.contains(source));
        self.kept.retain(|(_, source)| open.contains(source));
        self.beginnings.retain(|(_, source)| open.contains(source));
        self.coverings.retain(|(_, source)| open.contains(source));
        self.covered = self.covered.take().filter(|(key, _)| open.contains(&key.source));
        self.drawn.retain(|(_, source, _)| open.contains(source));
        self.summaries.retain(|(_, source, _)| open.contains(source));
        // What has been added up cannot be taken out again.
        self.survey = None;
        self.check = None;
        self.stacked.clear();
        self.ahead.clear();
        self.round += 1;
        self.pictures.retain(|source| open.contains(source));
        self.picture_failures.retain(|source, _| open.contains(source));
        self.wants.retain(rests);
        self.picture_wants.retain(|source| open.contains(source));
    }
}
