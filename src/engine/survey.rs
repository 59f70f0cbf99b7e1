//! Surveys in the engine: image by image, so that the slice in view never waits for a folder, with results as they form.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::compute::Failure;
use super::compute::survey::{self, Checking, Seen};
use super::key::{Key, ModelId, SurveyKey, SurveyKind};
use super::outcome::{Outcome, SurveyResult};
use super::source_list::SourceList;
use super::state::{Shared, State};
use crate::graph::Control;
use crate::inside::{Projection, Skipped};
use crate::model::Model;
use crate::study::Source;

/// Names the summary of an image at a layer.
pub type SummaryKey = (ModelId, Source, Arc<str>);

/// Interim results are made at most this often, and take at most a fifth of the time.
const PACE: Duration = Duration::from_millis(300);
/// The part of a t-SNE's progress that running the images is.
const RUNNING: f32 = 0.8;

/// How far the survey has come that is or was worked on last.
pub struct UnderWay {
    /// Which survey.
    pub key: SurveyKey,
    /// How many images, from the first on, have been run.
    pub done: usize,
    /// The result of those.
    pub so_far: Option<Arc<SurveyResult>>,
    /// When that was made.
    at: Instant,
    /// How long that took.
    took: Duration,
}

impl UnderWay {
    fn begin(key: SurveyKey) -> Self {
        Self { key, done: 0, so_far: None, at: Instant::now(), took: Duration::ZERO }
    }

    /// The part that is done, given that of the step which is running.
    pub fn progress(&self, step: f32) -> f32 {
        let images = self.done as f32 / self.key.sources.len().max(1) as f32;
        match self.key.kind {
            SurveyKind::Embedding { by: Projection::Tsne { .. }, .. } if images < 1.0 => RUNNING * images,
            SurveyKind::Embedding { by: Projection::Tsne { .. }, .. } => RUNNING + (1.0 - RUNNING) * step,
            _ => images,
        }
    }

    fn is_due(&self) -> bool {
        let pause = if self.so_far.is_some() { PACE.max(self.took * 4) } else { Duration::ZERO };
        self.at.elapsed() >= pause
    }
}

/// A check under way: the sums over the images that are in it, which cannot be taken out again.
pub struct CheckUnderWay {
    model: ModelId,
    checking: Checking,
    seen: HashMap<Source, Option<Arc<str>>>,
    /// The list that was gone through last; every image seen is in it.
    list: SourceList,
    /// Before this place of the list every image has been seen.
    next: usize,
}

/// The next thing to do for a survey.
pub struct Step {
    /// Which survey.
    pub key: SurveyKey,
    /// The image to run, by its place in the list; `None` when all have been.
    pub image: Option<usize>,
}

/// What comes next for a survey.
pub fn next(state: &State, key: &SurveyKey) -> Step {
    let checked = if key.kind == SurveyKind::Check { check_of(state, key) } else { None };
    let under_way = state.survey.as_ref().filter(|under_way| under_way.key == *key);
    // Summaries may have been driven out of the cache since; finishing finds that and starts over.
    let begun = match key.kind {
        SurveyKind::Check => checked.map_or(0, |check| if check.list == key.sources { check.next } else { 0 }),
        _ => under_way.map_or(0, |under_way| under_way.done),
    };
    let is_seen = |source: &Source| match key.kind {
        SurveyKind::Check => checked.is_some_and(|check| check.seen.contains_key(source)),
        _ => state.summaries.contains(&summary_key(key, source)),
    };
    // A check without any image still measures the filters.
    let image = (begun..key.sources.len()).find(|&index| !is_seen(&key.sources[index]));
    Step { key: key.clone(), image }
}

/// The check under way, if the survey can go on with it: same model, and no image in it that the survey lacks.
fn check_of<'a>(state: &'a State, key: &SurveyKey) -> Option<&'a CheckUnderWay> {
    let check = state.check.as_ref().filter(|check| check.model == key.model)?;
    // Only another list has to be looked through: a folder is checked image by image.
    if check.list == key.sources {
        return Some(check);
    }
    let known = key.sources.iter().filter(|source| check.seen.contains_key(*source)).count();
    (known == check.seen.len()).then_some(check)
}

impl Step {
    /// Does it, on the network thread.
    pub fn execute(&self, shared: &Shared, model: &Model, control: &Control) -> Result<(), Failure> {
        {
            let mut state = shared.lock();
            if state.survey.as_ref().is_none_or(|under_way| under_way.key != self.key) {
                state.survey = Some(UnderWay::begin(self.key.clone()));
            }
        }
        match (self.key.kind, self.image) {
            (SurveyKind::Check, _) => self.check(shared, model, control),
            (_, Some(index)) => self.summarise(shared, model, index, control),
            (_, None) => self.finish(shared, model, control),
        }
    }

    /// Runs one image and keeps its summary.
    fn summarise(&self, shared: &Shared, model: &Model, index: usize, control: &Control) -> Result<(), Failure> {
        let key = &self.key;
        survey::node(model, &key.layer)?;
        let source = &key.sources[index];
        let seen = match shared.picture(source) {
            Ok(picture) => match survey::image(model, &picture, &key.layer, &control.quiet()) {
                Ok(summary) => Ok(Arc::new(summary)),
                Err(Failure::Because(reason)) => Err(reason),
                Err(Failure::Cancelled) => return Err(Failure::Cancelled),
            },
            Err(reason) => Err(reason),
        };
        let bytes = seen.as_ref().map_or(256, |summary| summary.bytes());
        {
            let mut state = shared.lock();
            let limit = state.summaries.limit_bytes();
            if bytes.saturating_mul(key.sources.len()) > limit {
                return Err(Failure::because(format!(
                    "A survey of {} images at the layer `{}` needs more memory than is set aside for it; choose at most \
                     {} images, or a layer with fewer channels",
                    key.sources.len(),
                    key.layer,
                    limit / bytes.max(1)
                )));
            }
            state.summaries.insert(summary_key(key, source), seen, bytes, &std::collections::HashSet::new());
        }
        let is_due = advance(shared, key, index + 1);
        // Few images say little in the plane, and where they lie changes with each more.
        if is_due && index + 1 < key.sources.len() {
            let started = Instant::now();
            if let Some(result) = self.so_far(shared, model, index + 1, control)? {
                show(shared, key, result, started.elapsed());
            }
        }
        Ok(())
    }

    /// The result of the first `count` images; `None` where a result of some of them is not worth its time.
    fn so_far(
        &self,
        shared: &Shared,
        model: &Model,
        count: usize,
        control: &Control,
    ) -> Result<Option<SurveyResult>, Failure> {
        let key = &self.key;
        if matches!(key.kind, SurveyKind::Embedding { by: Projection::Tsne { .. }, .. }) {
            return Ok(None);
        }
        let Some(seen) = self.seen(shared, count) else { return Ok(None) };
        match survey::together(model, &key.layer, key.kind, &seen, &control.quiet(), &mut |_| {}) {
            Ok(result) => Ok(Some(result)),
            Err(Failure::Cancelled) => Err(Failure::Cancelled),
            // The images so far could not be taken into account; later ones may be.
            Err(Failure::Because(_)) => Ok(None),
        }
    }

    /// The summaries of the first `count` images; `None` when one has been driven out of the cache.
    fn seen(&self, shared: &Shared, count: usize) -> Option<Vec<(usize, Seen)>> {
        let mut state = shared.lock();
        let sources = self.key.sources.iter().take(count).enumerate();
        sources.map(|(index, source)| Some((index, state.summaries.get(&summary_key(&self.key, source))?))).collect()
    }

    /// Takes all images together.
    fn finish(&self, shared: &Shared, model: &Model, control: &Control) -> Result<(), Failure> {
        let key = &self.key;
        let Some(seen) = self.seen(shared, key.sources.len()) else {
            // What was driven out is run again in the next rounds.
            advance(shared, key, 0);
            return Ok(());
        };
        advance(shared, key, key.sources.len());
        let mut formed = |result| {
            show(shared, key, result, Duration::ZERO);
            (shared.wake)();
        };
        let result = survey::together(model, &key.layer, key.kind, &seen, control, &mut formed)?;
        store(shared, key, result);
        Ok(())
    }

    /// Runs one image of a check, or finishes it.
    fn check(&self, shared: &Shared, model: &Model, control: &Control) -> Result<(), Failure> {
        let key = &self.key;
        let continued = {
            let mut state = shared.lock();
            if check_of(&state, key).is_some() { state.check.take() } else { None }
        };
        let mut check = match continued {
            Some(check) => check,
            // Another check has taken its place; the next round starts over.
            None if self.image.is_none() && !key.sources.is_empty() => return Ok(()),
            None => CheckUnderWay {
                model: key.model.clone(),
                checking: Checking::begin(model, &control.quiet())?,
                seen: HashMap::new(),
                list: key.sources.clone(),
                next: 0,
            },
        };
        let outcome = match self.image {
            Some(index) => self.check_image(shared, model, &mut check, index, control),
            None => Ok(()),
        };
        let done = self.image.map_or(key.sources.len(), |index| index + usize::from(outcome.is_ok()));
        (check.list, check.next) = (key.sources.clone(), done);
        let is_due = advance(shared, key, done);
        let started = Instant::now();
        let mut report = None;
        if self.image.is_none() || is_due {
            let skipped = skipped(&check, key);
            if let (None, 0, Some(first)) = (self.image, check.checking.inputs(), skipped.first()) {
                return Err(Failure::because(format!("No image could be taken into account: {}", first.reason)));
            }
            report = Some(check.checking.report(model, skipped));
        }
        shared.lock().check = Some(check);
        outcome?;
        if let Some(report) = report.transpose()? {
            let result = SurveyResult::Check(report);
            if self.image.is_none() {
                store(shared, key, result);
            } else {
                show(shared, key, result, started.elapsed());
            }
        }
        Ok(())
    }

    fn check_image(
        &self,
        shared: &Shared,
        model: &Model,
        check: &mut CheckUnderWay,
        index: usize,
        control: &Control,
    ) -> Result<(), Failure> {
        let source = &self.key.sources[index];
        let ran = shared.picture(source).map_err(Failure::Because);
        let ran = ran.and_then(|picture| check.checking.image(model, &picture, &control.quiet()));
        let failed = match ran {
            Ok(_) => None,
            Err(Failure::Because(reason)) => Some(reason),
            Err(Failure::Cancelled) => return Err(Failure::Cancelled),
        };
        check.seen.insert(source.clone(), failed);
        Ok(())
    }
}

/// The images of a survey that a check could not take into account, in the survey's order.
fn skipped(check: &CheckUnderWay, key: &SurveyKey) -> Vec<Skipped> {
    let reason = |source: &Source| check.seen.get(source)?.as_ref();
    let sources = key.sources.iter().enumerate();
    sources.filter_map(|(input, source)| Some(Skipped { input, reason: reason(source)?.to_string() })).collect()
}

fn summary_key(key: &SurveyKey, source: &Source) -> SummaryKey {
    (key.model.clone(), source.clone(), Arc::clone(&key.layer))
}

/// Notes that the first `done` images have been run; gives whether an interim result is due.
fn advance(shared: &Shared, key: &SurveyKey, done: usize) -> bool {
    let mut state = shared.lock();
    let Some(under_way) = state.survey.as_mut().filter(|under_way| under_way.key == *key) else { return false };
    under_way.done = done;
    under_way.is_due()
}

/// Shows an interim result.
fn show(shared: &Shared, key: &SurveyKey, result: SurveyResult, took: Duration) {
    let mut state = shared.lock();
    if let Some(under_way) = state.survey.as_mut().filter(|under_way| under_way.key == *key) {
        under_way.so_far = Some(Arc::new(result));
        (under_way.at, under_way.took) = (Instant::now(), took);
    }
}

/// Stores the final result.
fn store(shared: &Shared, key: &SurveyKey, result: SurveyResult) {
    let mut state = shared.lock();
    let outcome = Outcome::Survey(Arc::new(result));
    let bytes = outcome.bytes();
    let State { results, wants, .. } = &mut *state;
    results.insert(Key::Survey(key.clone()), outcome, bytes, wants.members());
    if state.survey.as_ref().is_some_and(|under_way| under_way.key == *key) {
        state.survey = None;
    }
}
