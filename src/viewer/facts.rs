//! What the engine has answered, collected once a frame, so that panels show and never ask.

use std::sync::Arc;

use super::covering::CoverFacts;
use super::draws::{self, Draws};
use super::exam_facts::ExamFacts;
use super::gathered::Gathered;
use super::inside::InsideFacts;
use super::region::Masks;
use super::stack_scale::StackScale;
use super::state::{Aim, Scale, Slot, State, Which};
use crate::display::Picture;
use crate::engine::{
    Activity, Engine, FeatureGrid, Key, MapKey, MapResult, ModelInfo, Scores, SourceList, StackKey, StackResult,
    Status, UncertaintyResult,
};
use crate::explain::{Activations, Reading};
use crate::model::{Catalogue, Fit};
use crate::study::{Plane, Source};

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
    pub(super) fn update(&mut self, status: Status<Arc<T>>) {
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

/// What is known of one map of the slice in view.
#[derive(Debug, Clone, Default)]
pub struct MapFacts {
    /// The map.
    pub held: Held<MapResult>,
    /// The map as far as it has formed, with a number that is another for each.
    pub interim: Option<(u32, Arc<MapResult>)>,
    /// Its key; `None` where there is no such map.
    pub key: Option<MapKey>,
    /// The common scale, when one is asked for and known.
    pub range: Option<(f32, f32)>,
    scale: StackScale,
}

impl MapFacts {
    /// The map, if it belongs to what is in view now.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<MapResult>> {
        self.held.current()
    }

    /// What there is to see of it: the map with 0, or what has formed of it with the number of that.
    #[must_use]
    pub fn visible(&self) -> Option<(u32, &Arc<MapResult>)> {
        let formed = self.interim.as_ref().map(|(number, map)| (*number, map));
        self.current().map(|map| (0, map)).or(formed)
    }

    /// How the newest map is read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let newest = self.visible().map(|(_, map)| map).or(self.held.value.as_ref());
        newest.map_or(Reading::Positive, |map| map.attribution.reading)
    }

    fn update(&mut self, engine: &Engine, key: MapKey) {
        self.held.update(engine.map(&key));
        let formed = if self.held.is_current { None } else { engine.interim(&key) };
        self.interim = formed.map(|map| match self.interim.take() {
            Some((number, known)) if Arc::ptr_eq(&known, &map) => (number, map),
            Some((number, _)) => (number + 1, map),
            None => (1, map),
        });
        self.key = Some(key);
    }
}

/// What is known about one slot.
#[derive(Debug, Clone, Default)]
pub struct SlotFacts {
    /// The picture in view.
    pub picture: Held<Picture>,
    /// Scores of the slice in view.
    pub scores: Held<Scores>,
    /// The model that explains the slot, and what of it is looked at.
    pub network: Option<Network>,
    /// The explained class.
    pub class: Option<usize>,
    /// The class it is held against; `None` in a model of one class.
    pub other: Option<usize>,
    /// The maps of the slice in view, by [`Which::index`]; of those that no tile shows, nothing but the class's.
    maps: [MapFacts; Which::COUNT],
    /// The layer's channels.
    pub activations: Held<Activations>,
    /// The layer that they are of.
    activations_of: Option<Arc<str>>,
    /// What the layer's strongest channels have seen.
    pub seen: Held<FeatureGrid>,
    /// The key of that.
    pub seen_key: Option<Key>,
    /// The predictive distribution.
    pub draws: Draws,
    /// What the network says of the slice with a part covered.
    pub cover: CoverFacts,
    /// The whole stack.
    pub stack: Held<StackResult>,
    /// What the slices that are there say together, of a model that judges each alone.
    pub gathered: Gathered,
    /// Sources of all positions.
    pub sources: SourceList,
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
    /// What is known of a map of the slice in view.
    #[must_use]
    pub fn map(&self, which: Which) -> &MapFacts {
        &self.maps[which.index()]
    }

    /// The slice that decides the explained class of the stack: the one with the largest share, or of slices that are
    /// judged alone the one with the highest probability, once all of them are there.
    #[must_use]
    pub fn deciding_slice(&self) -> Option<usize> {
        if let Some(output) = self.output() {
            return self.stack.current()?.deciding_slice.get(output).copied();
        }
        let joined = self.gathered.joined().filter(|_| self.gathered.is_whole())?;
        joined.deciding_slice.get(self.class?).copied()
    }

    /// The stack network's output for the explained class: its shares and its logit.
    #[must_use]
    pub fn output(&self) -> Option<usize> {
        let outputs = self.stack.current()?.logits.len();
        // Of one sigmoid with two classes there is one logit.
        self.class.map(|class| if outputs == 1 { 0 } else { class })
    }

    /// Whether the slices belong together, so that what they say together means something.
    #[must_use]
    pub fn is_stack(&self, plane_is_known: bool) -> bool {
        let network = self.network.as_ref().map(|network| &network.model);
        self.sources.len() > 1 && network.is_some_and(|model| plane_is_known || model.card.output.aggregate.is_some())
    }
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Models to choose from.
    pub catalogue: Arc<Catalogue>,
    /// The model of the active viewport.
    pub model: Held<ModelInfo>,
    /// The chosen exam.
    pub exam: ExamFacts,
    /// The explained layer.
    pub layer: Option<Arc<str>>,
    /// The layer of the activation grid.
    pub activation_layer: Option<Arc<str>>,
    /// The model's own layer.
    pub default_layer: Option<Arc<str>>,
    /// Drawn regions as the model sees them.
    pub masks: Masks,
    /// One a slot.
    pub slots: [SlotFacts; 4],
    /// Draws of the pinned image, if the chosen model has judged it.
    pub pinned: Option<Arc<UncertaintyResult>>,
    /// What is known of the inside of the network.
    pub inside: InsideFacts,
    /// What the engine is doing.
    pub activity: Activity,
}

impl Facts {
    /// Asks the engine about everything in view.
    pub fn update(&mut self, engine: &Engine, state: &State) {
        self.catalogue = engine.catalogue();
        self.activity = engine.activity();
        self.exam.update(engine, &state.explain);
        let active = state.model_of(state.active_slot());
        match &active {
            Some(path) => {
                self.model.update(engine.model(path));
                if !self.model.is_current {
                    self.model.value = None;
                }
            }
            None => self.model = Held::default(),
        }
        let model = self.model.current().map(Arc::clone);
        self.default_layer = model.as_ref().map(|model| Arc::from(model.default_layer.as_str()));
        self.layer = self.default_layer.clone().map(|default| state.explain.layer.clone().unwrap_or(default));
        self.activation_layer = self.layer.clone().map(|layer| state.explain.activation_layer.clone().unwrap_or(layer));
        if let Some(model) = &model {
            let input = &model.card.input;
            self.masks.follow(&state.explain, |slice| Fit::new(input.fit, slice, input.size));
        }
        let network = model.as_ref().and_then(|model| {
            Some(Network {
                model: Arc::clone(model),
                default_layer: self.default_layer.clone()?,
                layer: self.layer.clone()?,
                activation_layer: self.activation_layer.clone()?,
            })
        });
        let pinned = model.as_ref().and_then(|model| state.density.pinned_by(&model.id));
        self.pinned = pinned.map(|pinned| draws::pinned(engine, &state.explain, pinned));
        let visible = state.visible_slots();
        for (index, (facts, slot)) in self.slots.iter_mut().zip(&state.slots).enumerate() {
            // The main slot is always followed: panels beside the viewports speak of it.
            if index == 0 || visible.contains(&index) {
                let own = state.model_of(index);
                let network = if own == active {
                    network.clone()
                } else {
                    own.and_then(|path| engine.model(&path).ready()).map(|model| Network::of(model, state))
                };
                facts.update(engine, state, slot, network, &self.masks);
                facts.update_cover(engine, state, index);
            }
        }
        if let Some(network) = &network {
            self.inside.update(engine, state, &self.slots[0], &network.model.id, &network.activation_layer);
        }
    }
}

/// A model and what of it is looked at.
#[derive(Debug, Clone)]
pub struct Network {
    /// The model.
    pub model: Arc<ModelInfo>,
    /// Its own layer.
    pub default_layer: Arc<str>,
    /// The explained layer.
    pub layer: Arc<str>,
    /// The layer of the activation grid.
    pub activation_layer: Arc<str>,
}

impl Network {
    /// Another model than the active viewport's: layers that it does not have are its own instead.
    fn of(model: Arc<ModelInfo>, state: &State) -> Self {
        let default_layer: Arc<str> = Arc::from(model.default_layer.as_str());
        let there = |name: &Arc<str>| model.layers.iter().any(|layer| *layer.name == **name);
        let layer = state.explain.layer.clone().filter(there).unwrap_or_else(|| Arc::clone(&default_layer));
        let activation_layer = state.explain.activation_layer.clone().filter(there);
        let activation_layer = activation_layer.unwrap_or_else(|| Arc::clone(&layer));
        Self { model, default_layer, layer, activation_layer }
    }
}

impl SlotFacts {
    fn update(&mut self, engine: &Engine, state: &State, slot: &Slot, network: Option<Network>, masks: &Masks) {
        let Some((series, slice)) = slot.series().zip(slot.slice()) else {
            *self = Self::default();
            return;
        };
        let owner = (series.uid.clone(), network.as_ref().map(|network| network.model.id.clone()));
        if self.owner != owner {
            let picture = if self.owner.0 == owner.0 { std::mem::take(&mut self.picture) } else { Held::default() };
            *self = Self { picture, owner, ..Self::default() };
        }
        if self.sources.len() != slot.positions() || self.sources.get(slot.position) != Some(&slice.source) {
            self.sources = slot.sources().into();
        }
        self.picture.update(engine.picture(&slice.source));
        self.network.clone_from(&network);
        let Some(network) = network else { return };
        let model = &network.model;

        self.scores.update(engine.scores(&model.id, &slice.source));
        if model.stack {
            let key = StackKey { model: model.id.clone(), sources: self.sources.clone() };
            self.stack.update(engine.stack(&key));
        } else if self.is_stack(series.likely_plane() != Plane::Unknown) {
            self.gathered.update(engine, model, &self.sources);
        }
        let is_there = |class: &usize| *class < model.classes.len();
        let chosen = state.explain.class.filter(is_there).or_else(|| of_exam(state, slot, model));
        self.class = chosen.or_else(|| self.strongest());
        let chosen = state.explain.against.filter(is_there).filter(|other| Some(*other) != self.class);
        self.other = chosen.or_else(|| self.strongest_other(model.classes.len()));
        if self.activations_of.as_ref() != Some(&network.activation_layer) {
            // Another layer has other channels; what the last one had bridges nothing.
            self.activations = Held::default();
            self.activations_of = Some(Arc::clone(&network.activation_layer));
        }
        self.activations.update(engine.activations(&model.id, &slice.source, &network.activation_layer, None));
        if state.explain.shows_seen {
            let key = state.explain.seen(&model.id, &slice.source, &network.activation_layer);
            self.seen.update(engine.feature_maps(&key));
            self.seen_key = Some(key);
        }
        if model.stochastic {
            self.draws.update(engine, draws::key_of(&state.explain, &model.id, &slice.source));
        }
        let Some(class) = self.class else { return };
        if model.stochastic && self.sources.len() > 1 {
            self.draws.update_band(engine, &state.explain, &model.id, &self.sources, class);
        }
        self.update_maps(engine, state, &network, masks, class, &slice.source);
        // The slice in view is known, whether or not its turn to be looked up has come.
        let is_explained = self.map(Which::Class).current().is_some();
        if let Some(known) = self.is_explained.get_mut(slot.position) {
            *known |= is_explained;
        }
    }

    /// Looks up what is known of the box on the slice in view.
    fn update_cover(&mut self, engine: &Engine, state: &State, slot: usize) {
        let (Some(network), Some(slice)) = (&self.network, state.slots[slot].slice()) else {
            self.cover = CoverFacts::default();
            return;
        };
        let model = Arc::clone(&network.model);
        self.cover.update(engine, &model, slice, state.covered(slot), state.cover.baseline);
    }

    /// Looks up the maps that are in view, and the class's in any case: the inspector speaks of it.
    fn update_maps(
        &mut self,
        engine: &Engine,
        state: &State,
        network: &Network,
        masks: &Masks,
        class: usize,
        source: &Source,
    ) {
        let aim = Aim {
            default_layer: &network.default_layer,
            layer: &network.layer,
            stages: network.model.stages.as_ref(),
            class,
            other: self.other,
            stochastic: network.model.stochastic,
            region: masks.region(source),
        };
        let mut shown = state.shown_maps();
        if !shown.contains(&Which::Class) {
            shown.push(Which::Class);
        }
        let last = self.map(Which::Class).key.clone();
        for (index, facts) in self.maps.iter_mut().enumerate() {
            let which = shown.iter().find(|which| which.index() == index);
            let Some(recipe) = which.and_then(|which| state.explain.recipe(*which, &aim)) else {
                *facts = MapFacts::default();
                continue;
            };
            facts.update(engine, MapKey { model: network.model.id.clone(), source: source.clone(), recipe });
            facts.range = match (state.explain.scale, &facts.key) {
                (Scale::Stack, Some(key)) => facts.scale.range(engine, &self.sources, key),
                _ => None,
            };
        }
        if shown.contains(&Which::Other) {
            self.share_scale([Which::Class, Which::Other]);
        }
        if let Some(key) = self.map(Which::Class).key.clone() {
            self.update_profile(engine, &network.model, class, &key, last.as_ref());
        }
    }

    /// One scale for two maps that are held against each other.
    fn share_scale(&mut self, pair: [Which; 2]) {
        let range_of = |which: Which| {
            let facts = self.map(which);
            facts.range.or_else(|| facts.current().map(|map| map.range()))
        };
        let [Some(first), Some(second)] = pair.map(range_of) else { return };
        for which in pair {
            self.maps[which.index()].range = Some((first.0.min(second.0), first.1.max(second.1)));
        }
    }

    /// The strongest class: of the stack where there is a stack result, else of the slice in view, else as before.
    fn strongest(&self) -> Option<usize> {
        let Some(probabilities) = self.probabilities() else { return self.class };
        (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
    }

    /// The strongest class but the explained one, or as before.
    fn strongest_other(&self, classes: usize) -> Option<usize> {
        let Some(probabilities) = self.probabilities() else { return self.other.filter(|other| *other < classes) };
        let others = (0..probabilities.len()).filter(|class| Some(*class) != self.class);
        others.max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
    }

    /// Of the stack where there is a stack result, else of the slice in view.
    fn probabilities(&self) -> Option<&[f32]> {
        match (self.stack.current(), self.scores.current()) {
            (Some(stack), _) => Some(&stack.probabilities),
            (None, scores) => scores.map(|scores| scores.probabilities.as_slice()),
        }
    }

    /// Follows what becomes known of the other positions: a few look-ups a frame, and what is known stays known.
    fn update_profile(
        &mut self,
        engine: &Engine,
        model: &ModelInfo,
        class: usize,
        key: &MapKey,
        last: Option<&MapKey>,
    ) {
        /// Positions asked about in a frame at most.
        const LOOK_UPS: usize = 24;
        let count = self.sources.len();
        let is_about_other = last.is_none_or(|old| (&old.model, &old.recipe) != (&key.model, &key.recipe));
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

/// The class that the exam's task has in a slot's model.
fn of_exam(state: &State, slot: &Slot, model: &ModelInfo) -> Option<usize> {
    let choice = state.explain.exam.as_ref()?;
    let (_, judged) = choice.member_for(slot.series())?;
    judged.class_index(&choice.exam.card.tasks.get(judged.task)?.name, &model.classes)
}
