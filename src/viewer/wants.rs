//! What the engine should work on, most important first.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::draws;
use super::facts::Facts;
use super::inside::facts::{filters_key, shows_survey, survey_keys, wants_contributions};
use super::state::{Aim, ChannelOrder, Content, State};
use crate::engine::exam::Cell;
use crate::engine::{Key, Library, MapKey, ModelInfo, StackKey};
use crate::study::Source;

/// Positions around the slice in view whose pictures are wanted.
const PICTURES_AHEAD: usize = 48;
/// Positions around the slice in view that are explained.
const RESULTS_AHEAD: usize = 400;
/// Positions around the slice in view whose activations, which are large, are wanted.
const ACTIVATIONS_AHEAD: usize = 3;

/// Remembers what was wanted last, so that the engine hears of changes only.
#[derive(Debug, Default)]
pub struct Wants {
    results: Option<u64>,
    pictures: Option<u64>,
}

impl Wants {
    /// The wanted results, if they differ from the last ones.
    pub fn results(&mut self, state: &State, facts: &Facts, library: &Library) -> Option<Vec<Key>> {
        changed(&mut self.results, digest(state, facts, library)).then(|| results(state, facts))
    }

    /// The wanted pictures, if they differ from the last ones. `thumbnails` are the slices of thumbnails still missing.
    pub fn pictures(&mut self, state: &State, library: &Library, thumbnails: &[Source]) -> Option<Vec<Source>> {
        let mut hasher = DefaultHasher::new();
        (library.generation, thumbnails).hash(&mut hasher);
        hash_slots(state, &mut hasher);
        changed(&mut self.pictures, hasher.finish()).then(|| pictures(state, thumbnails))
    }

    /// Says everything again at the next occasion.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn changed(last: &mut Option<u64>, now: u64) -> bool {
    last.replace(now) != Some(now)
}

fn hash_slots(state: &State, hasher: &mut DefaultHasher) {
    for slot in state.visible_slots() {
        let slot = &state.slots[slot];
        (slot.position, slot.time, slot.direction).hash(hasher);
        slot.series().map(|series| (&series.uid, series.slices.len())).hash(hasher);
    }
}

/// Changes whenever [`results`] might.
fn digest(state: &State, facts: &Facts, library: &Library) -> u64 {
    let mut hasher = DefaultHasher::new();
    let explain = &state.explain;
    library.generation.hash(&mut hasher);
    hash_slots(state, &mut hasher);
    (&explain.model, explain.method, explain.settings(), explain.overlay_on, explain.passes, explain.seed)
        .hash(&mut hasher);
    (explain.map_passes, state.density.pinned.as_ref().map(|pinned| &pinned.key)).hash(&mut hasher);
    (explain.all_slices, explain.paused, explain.shows_seen, explain.whole_channels).hash(&mut hasher);
    facts.model.current().map(|model| &model.id).hash(&mut hasher);
    if let Some(choice) = &explain.exam {
        (&choice.exam.path, choice.task).hash(&mut hasher);
        for column in &choice.columns {
            (column.uid(), &column.sources).hash(&mut hasher);
        }
        for card in choice.exam.cards() {
            facts.exam.model(card).map(|model| &model.id).hash(&mut hasher);
        }
        for cell in facts.exam.rows.iter().flat_map(|row| &row.cells) {
            matches!(cell, Cell::Ready(_)).hash(&mut hasher);
        }
    }
    (&facts.layer, &facts.activation_layer).hash(&mut hasher);
    (state.layout, state.full_tile).hash(&mut hasher);
    (wants_contributions(state), state.inside.order).hash(&mut hasher);
    if shows_survey(state) {
        let inside = &state.inside;
        (inside.strongest, inside.projection, &facts.inside.images.sources).hash(&mut hasher);
    }
    if state.inside.channel.is_some() {
        // Of what has been seen nothing more is wanted.
        facts.inside.history.slices().hash(&mut hasher);
    }
    for slot in state.visible_slots() {
        let facts = &facts.slots[slot];
        (facts.class, facts.other, &facts.cover.key).hash(&mut hasher);
        facts.network.as_ref().map(|network| (&network.model.id, &network.layer)).hash(&mut hasher);
        // Each outline is another allocation, so its place in memory tells it from the one before.
        let outline = state.slots[slot].slice().and_then(|slice| explain.regions.get(&slice.source));
        outline.map(Arc::as_ptr).hash(&mut hasher);
    }
    hasher.finish()
}

fn pictures(state: &State, thumbnails: &[Source]) -> Vec<Source> {
    let slots = state.visible_slots();
    let in_order: Vec<Vec<Source>> = slots
        .iter()
        .map(|slot| {
            let slot = &state.slots[*slot];
            let positions = slot.positions_by_importance().take(PICTURES_AHEAD);
            positions.filter_map(|position| Some(slot.slice_at(position)?.source.clone())).collect()
        })
        .collect();
    let mut wanted = interleaved(&in_order, 0..6);
    wanted.extend(thumbnails.iter().cloned());
    wanted.extend(interleaved(&in_order, 6..PICTURES_AHEAD));
    wanted
}

fn interleaved(lists: &[Vec<Source>], ranks: std::ops::Range<usize>) -> Vec<Source> {
    ranks.flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank).cloned())).collect()
}

fn results(state: &State, facts: &Facts) -> Vec<Key> {
    let explain = &state.explain;
    let slots = state.visible_slots();
    let mut wanted: Vec<Key> = Vec::new();
    for path in slots.iter().filter_map(|slot| state.model_of(*slot)) {
        let key = Key::Model(path);
        if !wanted.contains(&key) {
            wanted.push(key);
        }
    }
    // Before everything else, and also while other work is stopped: somebody is waiting for it with a box in hand.
    let covers = slots.iter().filter_map(|slot| facts.slots[*slot].cover.key.clone());
    wanted.extend(covers.map(Key::Cover));
    let Some(model) = facts.model.current() else { return wanted };
    if explain.paused {
        return wanted;
    }
    let positions: Vec<Vec<usize>> =
        slots.iter().map(|slot| state.slots[*slot].positions_by_importance().take(RESULTS_AHEAD).collect()).collect();

    if state.shows(Content::Filters)
        && let Some(layer) = &facts.activation_layer
    {
        // Before everything else: no run is needed for it, so it is there at once.
        wanted.push(filters_key(&model.id, layer));
    }
    let ranks = positions.iter().map(Vec::len).max().unwrap_or(0);
    let surveys_after = (ACTIVATIONS_AHEAD - 1).min(ranks.saturating_sub(1));
    for rank in 0..ranks {
        for (slot, positions) in slots.iter().zip(&positions) {
            let Some(position) = positions.get(rank) else { continue };
            let Some(slice) = state.slots[*slot].slice_at(*position) else { continue };
            push_slice(&mut wanted, state, facts, *slot, &slice.source, rank);
        }
        if rank == 0
            && state.shows(Content::Density)
            && let Some(pinned) = state.density.pinned_by(&model.id)
        {
            // At the passes and seed of the image in view, so that both are alike.
            wanted.push(Key::Uncertainty(draws::key_of(explain, &model.id, &pinned.key.source)));
        }
        if rank == surveys_after {
            push_surveys(&mut wanted, state, facts, model);
        }
        if rank == 0 {
            // The stack's answer comes right after the slices in view: it needs every slice once anyway.
            for slot in &slots {
                let sources = facts.slots[*slot].sources.clone();
                if let Some(network) = facts.slots[*slot].network.as_ref().filter(|network| network.model.stack)
                    && !sources.is_empty()
                {
                    wanted.push(Key::Stack(StackKey { model: network.model.id.clone(), sources }));
                }
            }
            // Then the rest of the exam, of which these are part.
            let known: HashSet<Key> = wanted.iter().cloned().collect();
            wanted.extend(facts.exam.wants(state).into_iter().filter(|key| !known.contains(key)));
        }
    }
    if model.stochastic && state.shows_draws() {
        push_band(&mut wanted, state, model, &slots);
    }
    wanted
}

/// Surveys come after what is needed to go on to the next slices, and before the rest of the stack.
fn push_surveys(wanted: &mut Vec<Key>, state: &State, facts: &Facts, model: &ModelInfo) {
    if let Some(layer) = &facts.activation_layer {
        let keys = survey_keys(state, &facts.inside.images, &model.id, layer);
        wanted.extend(keys.into_iter().map(Key::Survey));
    }
}

/// Whether a channel is followed through the slices and this one has not been seen yet.
fn is_followed(state: &State, facts: &Facts, source: &Source) -> bool {
    state.inside.channel.is_some() && !facts.inside.history.contains(source)
}

/// The interval of every slice, for the band along the stack; after everything else.
fn push_band(wanted: &mut Vec<Key>, state: &State, model: &ModelInfo, slots: &[usize]) {
    for slot in slots {
        let slot = &state.slots[*slot];
        if slot.positions() < 2 {
            continue;
        }
        for position in slot.positions_by_importance().take(RESULTS_AHEAD) {
            let Some(slice) = slot.slice_at(position) else { continue };
            wanted.push(Key::Uncertainty(draws::band_key_of(&state.explain, &model.id, &slice.source)));
        }
    }
}

/// What is wanted of one slice; `rank` 0 is the slice in view.
fn push_slice(wanted: &mut Vec<Key>, state: &State, facts: &Facts, slot: usize, source: &Source, rank: usize) {
    let explain = &state.explain;
    let Some(network) = &facts.slots[slot].network else { return };
    let model = &network.model;
    wanted.push(Key::Scores { model: model.id.clone(), source: source.clone() });
    if rank == 0 && state.shows(Content::Density) && model.stochastic {
        wanted.push(Key::Uncertainty(draws::key_of(explain, &model.id, source)));
    }
    let layer = &network.activation_layer;
    if (state.shows(Content::Activations) || state.shows(Content::Channel))
        && (rank < ACTIVATIONS_AHEAD || is_followed(state, facts, source))
    {
        if explain.shows_seen && rank == 0 {
            wanted.push(explain.seen(&model.id, source, layer));
        }
        let key = |class| {
            let (model, source, layer) = (model.id.clone(), source.clone(), Arc::clone(layer));
            Key::Activations { model, source, layer, class }
        };
        wanted.push(key(None));
        // The gradient costs more than the run: of the slice in view, or of those that come next in a grid sorted by it.
        let is_sorted_by_it = state.inside.order == ChannelOrder::Contribution && rank < ACTIVATIONS_AHEAD;
        let class = facts.slots[slot].class.filter(|_| slot == 0 && (rank == 0 || is_sorted_by_it));
        if let Some(class) = class.filter(|_| wants_contributions(state)) {
            wanted.push(key(Some(class)));
        }
    }
    // Last of the slice, since what is costly keeps everything behind it waiting.
    let is_wanted = |costly: bool| explain.overlay_on && (rank == 0 || explain.all_slices || !costly);
    let Some(class) = facts.slots[slot].class.filter(|_| is_wanted(explain.is_costly())) else { return };
    let aim = Aim {
        default_layer: &network.default_layer,
        layer: &network.layer,
        stages: model.stages.as_ref(),
        class,
        other: facts.slots[slot].other,
        stochastic: model.stochastic,
        region: facts.masks.region(source),
    };
    // A map over draws takes as many backward runs.
    let shown = state.shown_maps().into_iter().filter(|which| is_wanted(which.is_over_draws()));
    let recipes = shown.filter_map(|which| explain.recipe(which, &aim));
    wanted.extend(recipes.map(|recipe| Key::Map(MapKey { model: model.id.clone(), source: source.clone(), recipe })));
}
