//! What the engine has answered, collected once a frame, so that panels show and never ask.

use std::sync::Arc;

use super::state::{Scale, Slot, State};
use crate::display::Picture;
use crate::engine::{
    Activity, Engine, MapKey, MapResult, ModelInfo, Scores, StackKey, StackResult, Status, UncertaintyKey,
    UncertaintyResult,
};
use crate::explain::Activations;
use crate::model::Catalogue;
use crate::study::Source;

/// A value with the one before it: while the new one is computed the old one stays, so that nothing flickers.
#[derive(Debug, Clone)]
pub struct Held<T> {
    /// The newest value there is.
    pub value: Option<Arc<T>>,
    /// Whether it belongs to what is in view now.
    pub is_current: bool,
    /// How far the value for what is in view now has come, 0 ..= 1.
    pub progress: Option<f32>,
    /// Why there is none.
    pub failure: Option<Arc<str>>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { value: None, is_current: false, progress: None, failure: None }
    }
}

impl<T> Held<T> {
    /// Takes the newest status.
    fn update(&mut self, status: Status<Arc<T>>) {
        self.is_current = false;
        self.progress = None;
        self.failure = None;
        match status {
            Status::NotRequested => {}
            Status::Pending { progress } => self.progress = Some(progress),
            Status::Ready(value) => {
                self.value = Some(value);
                self.is_current = true;
            }
            Status::Failed(reason) => {
                self.value = None;
                self.failure = Some(reason);
            }
        }
    }

    /// The value, if it belongs to what is in view now.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<T>> {
        self.value.as_ref().filter(|_| self.is_current)
    }
}

/// What is known about one slot.
#[derive(Debug, Clone, Default)]
pub struct SlotFacts {
    /// The picture in view.
    pub picture: Held<Picture>,
    /// Scores of the slice in view.
    pub scores: Held<Scores>,
    /// The explained class.
    pub class: Option<usize>,
    /// The map of the slice in view.
    pub map: Held<MapResult>,
    /// Its key.
    pub map_key: Option<MapKey>,
    /// The common scale, when one is asked for and known.
    pub range: Option<(f32, f32)>,
    /// The layer's channels.
    pub activations: Held<Activations>,
    /// The predictive distribution.
    pub uncertainty: Held<UncertaintyResult>,
    /// The whole stack.
    pub stack: Held<StackResult>,
    /// Sources of all positions.
    pub sources: Arc<[Source]>,
    /// Probability of the explained class at each position, where known.
    pub profile: Vec<Option<f32>>,
    /// Whether each position's map is there.
    pub is_explained: Vec<bool>,
    /// Where the next round of look-ups begins.
    next_look_up: usize,
    /// What the facts were collected for: series UID and model.
    owner: (String, Option<crate::engine::ModelId>),
}

impl SlotFacts {
    /// The slice that decides the explained class of the stack.
    #[must_use]
    pub fn deciding_slice(&self) -> Option<usize> {
        self.stack.current()?.deciding_slice.get(self.class?).copied()
    }
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Models to choose from.
    pub catalogue: Arc<Catalogue>,
    /// The chosen model.
    pub model: Held<ModelInfo>,
    /// The explained layer.
    pub layer: Option<Arc<str>>,
    /// One a slot.
    pub slots: [SlotFacts; 4],
    /// What the engine is doing.
    pub activity: Activity,
}

impl Facts {
    /// Asks the engine about everything in view.
    pub fn update(&mut self, engine: &Engine, state: &State) {
        self.catalogue = engine.catalogue();
        self.activity = engine.activity();
        match &state.explain.model {
            Some(path) => {
                self.model.update(engine.model(path));
                if !self.model.is_current {
                    self.model.value = None;
                }
            }
            None => self.model = Held::default(),
        }
        let model = self.model.current().map(Arc::clone);
        self.layer = model.as_ref().map(|model| {
            let chosen = state.explain.layer.clone();
            chosen.unwrap_or_else(|| Arc::from(model.default_layer.as_str()))
        });
        let visible = state.visible_slots();
        for (index, (facts, slot)) in self.slots.iter_mut().zip(&state.slots).enumerate() {
            // The main slot is always followed: panels beside the viewports speak of it.
            if index == 0 || visible.contains(&index) {
                facts.update(engine, state, slot, model.as_deref(), self.layer.as_ref());
            }
        }
    }
}

impl SlotFacts {
    fn update(
        &mut self,
        engine: &Engine,
        state: &State,
        slot: &Slot,
        model: Option<&ModelInfo>,
        layer: Option<&Arc<str>>,
    ) {
        let Some((series, slice)) = slot.series().zip(slot.slice()) else {
            *self = Self::default();
            return;
        };
        let owner = (series.uid.clone(), model.map(|model| model.id.clone()));
        if self.owner != owner {
            let picture = if self.owner.0 == owner.0 { std::mem::take(&mut self.picture) } else { Held::default() };
            *self = Self { picture, owner, ..Self::default() };
        }
        if self.sources.len() != slot.positions() || self.sources.get(slot.position) != Some(&slice.source) {
            self.sources = slot.sources().into();
        }
        self.picture.update(engine.picture(&slice.source));
        let (Some(model), Some(layer)) = (model, layer) else { return };

        self.scores.update(engine.scores(&model.id, &slice.source));
        if model.stack {
            let key = StackKey { model: model.id.clone(), sources: Arc::clone(&self.sources) };
            self.stack.update(engine.stack(&key));
        }
        self.class = state.explain.class.filter(|class| *class < model.classes.len()).or_else(|| self.strongest());
        self.activations.update(engine.activations(&model.id, &slice.source, layer));
        if model.stochastic {
            self.uncertainty.update(engine.uncertainty(&UncertaintyKey {
                model: model.id.clone(),
                source: slice.source.clone(),
                passes: state.explain.passes,
                seed: state.explain.seed,
            }));
        }
        let Some(class) = self.class else { return };
        let recipe = state.explain.recipe(Arc::clone(layer), class);
        let key = MapKey { model: model.id.clone(), source: slice.source.clone(), recipe };
        self.map.update(engine.map(&key));
        self.range = match state.explain.scale {
            Scale::Stack => engine.map_range(&self.sources, &key),
            Scale::Slice => None,
        };
        self.update_profile(engine, model, class, &key);
        self.map_key = Some(key);
    }

    /// The strongest class: of the stack where there is a stack result, else of the slice in view, else as before.
    fn strongest(&self) -> Option<usize> {
        let probabilities = match (self.stack.current(), self.scores.current()) {
            (Some(stack), _) => &stack.probabilities,
            (None, Some(scores)) => &scores.probabilities,
            (None, None) => return self.class,
        };
        (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
    }

    /// Follows what becomes known of the other positions: a few look-ups a frame, and what is known stays known.
    fn update_profile(&mut self, engine: &Engine, model: &ModelInfo, class: usize, key: &MapKey) {
        /// Positions asked about in a frame at most.
        const LOOK_UPS: usize = 24;
        let count = self.sources.len();
        let is_about_other =
            self.map_key.as_ref().is_none_or(|old| (&old.model, &old.recipe) != (&key.model, &key.recipe));
        if is_about_other || self.profile.len() != count {
            self.profile = vec![None; count];
            self.is_explained = vec![false; count];
        }
        if let Some(stack) = self.stack.current() {
            for (known, probabilities) in self.profile.iter_mut().zip(&stack.per_slice) {
                *known = probabilities.get(class).copied();
            }
        }
        let mut like = key.clone();
        let mut asked = 0;
        for step in 0..count {
            let position = (self.next_look_up + step) % count;
            if self.profile[position].is_some() && self.is_explained[position] {
                continue;
            }
            let source = &self.sources[position];
            if self.profile[position].is_none() {
                let scores = engine.scores(&model.id, source).ready();
                self.profile[position] = scores.and_then(|scores| scores.probabilities.get(class).copied());
            }
            like.source.clone_from(source);
            self.is_explained[position] = matches!(engine.map(&like), Status::Ready(_));
            asked += 1;
            if asked == LOOK_UPS {
                self.next_look_up = (position + 1) % count;
                break;
            }
        }
    }
}
