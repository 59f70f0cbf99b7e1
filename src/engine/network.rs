//! The network thread: takes the most important unanswered want, runs it, puts the result in the cache.
//!
//! A unit of work is small (one forward run with everything that is wanted of the same slice, or a few slices of a
//! stack), and gives way to what is more urgent, so a whole stack never stands in the way of the slice in view.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;

use super::compute::{self, Answer, Failure, KeptLayers, Question};
use super::cover;
use super::draws;
use super::info::info;
use super::key::{CoverKey, Key, MapKey, ModelId, ModelPath, SurveyKind, UncertaintyKey};
use super::models;
use super::outcome::Outcome;
use super::state::{Running, Shared, State};
use super::survey::{self, Step};
use super::trunk;
use crate::display::Picture;
use crate::explain;
use crate::graph::Control;
use crate::model::Model;
use crate::study::Source;

/// What the thread does next.
enum Unit {
    Load(ModelPath),
    /// Everything wanted of one slice, answered by one forward run.
    Slice {
        model: ModelId,
        source: Source,
        keys: Vec<Key>,
    },
    /// More passes of one slice.
    Draws(UncertaintyKey),
    /// A box on a slice.
    Cover(CoverKey),
    /// The next slices of a stack.
    Features {
        key: Key,
        model: ModelId,
        sources: Vec<Source>,
        done: usize,
        total: usize,
    },
    /// All slices of a stack are there: the maximum over them and the head.
    Stack(Key),
    /// One more image of a survey, or all of them together.
    Survey(Step),
    /// The filters of a layer.
    Filters {
        key: Key,
        model: ModelId,
        layer: Arc<str>,
    },
}

/// Runs until the engine stops.
pub fn run(shared: &Shared, device: &Device) {
    while let Some((unit, control)) = shared.next(&shared.network, begin) {
        (shared.wake)();
        // A panic in a kernel or a third-party crate must not take the viewer down; it becomes a failed result.
        let finished = catch_unwind(AssertUnwindSafe(|| execute(shared, &unit, device, &control)));
        let mut state = shared.lock();
        state.running = None;
        state.interim = None;
        state.round += 1;
        if matches!(unit, Unit::Features { .. }) {
            // Who scrolls interrupts: slices then go one by one, so that the stack goes on.
            state.is_interrupted = matches!(finished, Ok(Err(Failure::Cancelled)));
        }
        let failure = match finished {
            Ok(Ok(()) | Err(Failure::Cancelled)) => None,
            Ok(Err(Failure::Because(reason))) => Some(reason),
            Err(panic) => Some(panic_sentence(panic.as_ref())),
        };
        if let Some(reason) = failure {
            for key in unit.keys() {
                if !state.is_answered(&key) {
                    state.failures.insert(key, Arc::clone(&reason));
                }
            }
        }
        drop(state);
        (shared.wake)();
    }
}

/// What is done next, noted as what runs, with its control.
fn begin(state: &mut State) -> Option<(Unit, Control)> {
    let unit = next_unit(state)?;
    let control = Control::default();
    let (keys, text) = (unit.keys(), unit.text(state));
    state.running = Some(Running { keys, control: control.clone(), text, since: Instant::now() });
    Some((unit, control))
}

/// The first unanswered want that the cache has room for, with everything that the same run answers.
fn next_unit(state: &mut State) -> Option<Unit> {
    let wants = state.wants.order();
    let first = wants.iter().position(|key| !state.is_answered(key))?;
    // What is more important than this want must not be driven out for it.
    if state.results.is_full() && !state.results.has_room(&wants[..first].iter().cloned().collect()) {
        return None;
    }
    let key = wants[first].clone();
    match &key {
        Key::Model(path) => Some(Unit::Load(path.clone())),
        Key::Survey(survey) => Some(Unit::Survey(survey::next(state, survey))),
        Key::Filters { model, layer } => {
            Some(Unit::Filters { model: model.clone(), layer: Arc::clone(layer), key: key.clone() })
        }
        Key::Stack(stack) => {
            let done = state.stacked(stack);
            if done == stack.sources.len() {
                return Some(Unit::Stack(key));
            }
            let (model, total) = (stack.model.clone(), stack.sources.len());
            let sources = next_slices(state, &model, &stack.sources[done..]);
            Some(Unit::Features { model, sources, done, total, key })
        }
        Key::Uncertainty(draws) => Some(Unit::Draws(draws.clone())),
        Key::Cover(cover) => Some(Unit::Cover(cover.clone())),
        _ => {
            let (model, source) = key.run()?;
            let keys = wants
                .iter()
                .filter(|other| !matches!(other, Key::Uncertainty(_)))
                .filter(|other| other.run() == Some((model, source)) && !state.is_answered(other))
                .cloned()
                .collect();
            Some(Unit::Slice { model: model.clone(), source: source.clone(), keys })
        }
    }
}

/// The first of these slices and those behind it that are run together with it: until one has been run already.
fn next_slices(state: &State, model: &ModelId, sources: &[Source]) -> Vec<Source> {
    let trunk = state.trunk(model);
    let is_open = |source: &&Source| {
        let of = (trunk.clone(), (*source).clone());
        !state.features.contains(&of) && state.kept.peek(&of).is_none()
    };
    let open = sources.iter().take_while(is_open).count();
    let at_once = match state.models.get(model) {
        Some(model) if open > 1 && !state.is_interrupted => compute::slices_at_once(model).unwrap_or(1),
        _ => 1,
    };
    // The first one is next, even where what it gives is kept already.
    sources[..open.min(at_once).max(1).min(sources.len())].to_vec()
}

impl Unit {
    fn keys(&self) -> Vec<Key> {
        match self {
            Self::Load(path) => vec![Key::Model(path.clone())],
            Self::Slice { keys, .. } => keys.clone(),
            Self::Draws(key) => vec![Key::Uncertainty(key.clone())],
            Self::Cover(key) => vec![Key::Cover(key.clone())],
            Self::Features { key, .. } | Self::Stack(key) | Self::Filters { key, .. } => vec![key.clone()],
            Self::Survey(step) => vec![Key::Survey(step.key.clone())],
        }
    }

    fn text(&self, state: &State) -> String {
        let name = |id: &ModelId| state.models.get(id).map_or("", |model| model.card.name.as_str());
        match self {
            Self::Load(path) => format!("Loading {}", path.0.display()),
            Self::Slice { model, keys, .. } => {
                let method = keys
                    .iter()
                    .find_map(|key| if let Key::Map(map) = key { explain::find(map.recipe.method) } else { None });
                let what = method.map_or("looking at a slice", |method| method.label());
                format!("{}: {what}", name(model))
            }
            Self::Features { model, sources, done, total, .. } if sources.len() > 1 => {
                format!("{}: slices {}–{} of {total}", name(model), done + 1, done + sources.len())
            }
            Self::Features { model, done, total, .. } => format!("{}: slice {} of {total}", name(model), done + 1),
            Self::Draws(key) => format!("{}: {} passes", name(&key.model), key.passes),
            Self::Cover(key) => format!("{}: covering a part", name(&key.model)),
            Self::Stack(_) => "Combining the slices".to_owned(),
            Self::Survey(step) => {
                let (name, total) = (name(&step.key.model), step.key.sources.len());
                match (step.image, step.key.kind) {
                    (Some(index), _) => format!("{name}: image {} of {total}", index + 1),
                    (None, SurveyKind::Embedding { .. }) => format!("{name}: laying out {total} images"),
                    (None, _) => format!("{name}: taking {total} images together"),
                }
            }
            Self::Filters { model, layer, .. } => format!("{}: filters of {layer}", name(model)),
        }
    }
}

/// Runs one unit and stores what it gives as soon as it is there.
fn execute(shared: &Shared, unit: &Unit, device: &Device, control: &Control) -> Result<(), Failure> {
    match unit {
        Unit::Load(path) => {
            let model = models::load(&path.0, device).map_err(Failure::because)?;
            let info = info(path, &model);
            let trunk = trunk::of(&model, &info.id);
            let mut state = shared.lock();
            state.trunks.insert(info.id.clone(), trunk);
            state.models.insert(info.id.clone(), Arc::new(model));
            store(&mut state, Key::Model(path.clone()), Outcome::Model(Arc::new(info)));
            Ok(())
        }
        Unit::Slice { model, source, keys } => {
            let model_here = model_of(shared, model)?;
            let questions: Vec<Question> = keys.iter().filter_map(question).collect();
            let mut give = |index: usize, answer: Answer| {
                let mut state = shared.lock();
                match answer {
                    Answer::Beside(recipe, map) => {
                        let Key::Map(key) = &keys[index] else { return };
                        store(&mut state, Key::Map(MapKey { recipe, ..key.clone() }), Outcome::Map(map));
                    }
                    Answer::Interim(map) => {
                        if let Key::Map(key) = &keys[index] {
                            state.interim = Some((key.clone(), map));
                        }
                    }
                    Answer::Done(outcome) => store(&mut state, keys[index].clone(), outcome),
                    Answer::Failed(reason) => drop(state.failures.insert(keys[index].clone(), reason)),
                }
                drop(state);
                (shared.wake)();
            };
            let kept = kept_of(shared, model, source);
            let open = match &kept {
                Some(kept) => kept.answer(&model_here, &questions, control, &mut give)?,
                None => (0..questions.len()).collect(),
            };
            if open.is_empty() {
                return Ok(());
            }
            let picture = shared.picture(source).map_err(Failure::Because)?;
            let rest: Vec<Question> = open.iter().map(|&index| questions[index].clone()).collect();
            let left = compute::slice(&model_here, &picture, &rest, control, &mut |index, answer| {
                give(open[index], answer);
            })?;
            keep_layers(shared, model, source, left.kept);
            if let Some(features) = left.features {
                store_features(shared, model, source, features);
            }
            if let Some(beginning) = left.beginning {
                draws::keep_beginning(shared, model, source, beginning);
            }
            Ok(())
        }
        Unit::Draws(key) => {
            let model = model_of(shared, &key.model)?;
            draws::run(shared, key, &model, control)
        }
        Unit::Cover(key) => {
            let model = model_of(shared, &key.model)?;
            cover::run(shared, key, &model, control)
        }
        Unit::Features { model, sources, .. } => {
            let model_here = model_of(shared, model)?;
            if let [source] = sources.as_slice()
                && let Some(kept) = kept_of(shared, model, source)
                && let Some(features) = compute::kept_features(&model_here, &kept)?
            {
                store_features(shared, model, source, features);
                return Ok(());
            }
            let pictures = sources.iter().map(|source| shared.picture(source).map_err(Failure::Because));
            let pictures = pictures.collect::<Result<Vec<_>, _>>()?;
            let pictures: Vec<&Picture> = pictures.iter().map(|picture| &**picture).collect();
            // As stacks of one: the layers that maps of a slice start from are kept on the way.
            for (source, (features, kept)) in sources.iter().zip(compute::slices(&model_here, &pictures, control)?) {
                keep_layers(shared, model, source, Some(kept));
                store_features(shared, model, source, features);
            }
            Ok(())
        }
        Unit::Stack(key) => {
            let Key::Stack(stack) = key else { return Ok(()) };
            let model = model_of(shared, &stack.model)?;
            let features: Option<Vec<Arc<Vec<f32>>>> = {
                let mut state = shared.lock();
                let trunk = state.trunk(&stack.model);
                stack.sources.iter().map(|s| state.features.get(&(trunk.clone(), s.clone()))).collect()
            };
            // An evicted slice is simply computed again in the next round.
            let Some(features) = features else {
                shared.lock().stacked.remove(stack);
                return Ok(());
            };
            let result = compute::stack(&model, &features, control)?;
            store(&mut shared.lock(), key.clone(), Outcome::Stack(Arc::new(result)));
            Ok(())
        }
        Unit::Survey(step) => {
            let model = model_of(shared, &step.key.model)?;
            step.execute(shared, &model, control)
        }
        Unit::Filters { key, model, layer } => {
            let filters = compute::survey::filters(&*model_of(shared, model)?, layer)?;
            store(&mut shared.lock(), key.clone(), Outcome::Filters(Arc::new(filters)));
            Ok(())
        }
    }
}

/// What a slice's key asks of the forward run; every key with a [`Key::run`] is a question.
fn question(key: &Key) -> Option<Question> {
    match key {
        Key::Model(_) | Key::Cover(_) | Key::Stack(_) | Key::Survey(_) | Key::Filters { .. } => None,
        Key::Scores { .. } => Some(Question::Scores),
        Key::Map(map) => Some(Question::Map(map.recipe.clone())),
        Key::Activations { layer, class, .. } => {
            Some(Question::Activations { layer: Arc::clone(layer), class: *class })
        }
        Key::FeatureMaps { layer, count, whole, .. } => {
            Some(Question::FeatureMaps { layer: Arc::clone(layer), count: *count, whole: *whole })
        }
        Key::Uncertainty(draws) => Some(Question::Uncertainty { passes: draws.passes, seed: draws.seed }),
    }
}

fn model_of(shared: &Shared, id: &ModelId) -> Result<Arc<Model>, Failure> {
    let state = shared.lock();
    state.models.get(id).cloned().ok_or_else(|| Failure::Because(Arc::from("The model is no longer loaded")))
}

pub(super) fn store(state: &mut State, key: Key, outcome: Outcome) {
    let bytes = outcome.bytes();
    state.results.insert(key, outcome, bytes, state.wants.members());
    state.round += 1;
}

/// The layers kept of a slice that has been run.
fn kept_of(shared: &Shared, model: &ModelId, source: &Source) -> Option<Arc<KeptLayers>> {
    let mut state = shared.lock();
    let trunk = state.trunk(model);
    state.kept.get(&(trunk, source.clone()))
}

/// Keeps layers of a slice beside those that are kept of it already.
fn keep_layers(shared: &Shared, model: &ModelId, source: &Source, layers: Option<KeptLayers>) {
    let Some(mut layers) = layers else { return };
    let mut state = shared.lock();
    let of = (state.trunk(model), source.clone());
    if let Some(earlier) = state.kept.peek(&of) {
        layers = layers.with(earlier);
    }
    let bytes = layers.bytes();
    state.kept.insert(of, Arc::new(layers), bytes, &HashSet::new());
}

fn store_features(shared: &Shared, model: &ModelId, source: &Source, features: Vec<f32>) {
    let bytes = features.len() * size_of::<f32>();
    // The slices of the stacks that are wanted stay together.
    let mut state = shared.lock();
    let protected: HashSet<(ModelId, Source)> = state
        .wants
        .order()
        .iter()
        .filter_map(|key| if let Key::Stack(stack) = key { Some(stack) } else { None })
        .flat_map(|stack| {
            let trunk = state.trunk(&stack.model);
            stack.sources.iter().map(move |source| (trunk.clone(), source.clone()))
        })
        .collect();
    let trunk = state.trunk(model);
    state.features.insert((trunk, source.clone()), Arc::new(features), bytes, &protected);
}

fn panic_sentence(panic: &(dyn std::any::Any + Send)) -> Arc<str> {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Arc::from(format!("An internal error stopped this computation ({text}); please report it"))
}
