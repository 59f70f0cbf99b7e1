//! What is known about one slot: its slice, the model's answers about it, and the stack around it.

use std::sync::Arc;

use super::{Held, MapFacts, Network};
use crate::display::Picture;
use crate::engine::{
    Engine, FeatureGrid, Key, MapKey, ModelId, ModelInfo, Scores, SourceList, StackKey, StackResult, Status,
};
use crate::explain::Activations;
use crate::study::{Plane, Source};
use crate::viewer::covering::CoverFacts;
use crate::viewer::draws::{self, Draws};
use crate::viewer::gathered::Gathered;
use crate::viewer::region::Masks;
use crate::viewer::state::{Aim, Scale, Slot, State, Which};

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
    owner: (String, Option<ModelId>),
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
    /// Asks the engine about everything that is in view of the slot.
    pub(super) fn update(
        &mut self,
        engine: &Engine,
        state: &State,
        slot: &Slot,
        network: Option<Network>,
        masks: &Masks,
    ) {
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
    pub(super) fn update_cover(&mut self, engine: &Engine, state: &State, slot: usize) {
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
