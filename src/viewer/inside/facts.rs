//! What is known of the inside of the network.

use std::sync::Arc;

use super::history::ChannelHistory;
use super::images::Images;
use super::sorted::Sorted;
use super::surveyed::Surveyed;
use crate::engine::{Engine, Key, Library, ModelId, SurveyKey, SurveyKind};
use crate::explain::Activations;
use crate::inside::{Filters, Projection, greatest_perplexity};
use crate::viewer::facts::{Held, SlotFacts};
use crate::viewer::state::{ChannelOrder, Content, Scope, State};

/// What is known of the inside of the network.
#[derive(Debug, Clone, Default)]
pub struct InsideFacts {
    /// The channels of the activation layer on the slices seen so far.
    pub history: ChannelHistory,
    /// The channels in the order of the grid.
    pub sorted: Sorted,
    /// What each channel adds to the explained class on the slice in view, where that is looked at.
    pub contributions: Held<Activations>,
    /// The learned weights of the activation layer.
    pub filters: Held<Filters>,
    filters_of: Option<(ModelId, Arc<str>)>,
    /// The images that are looked at, with their names.
    pub images: Images,
    /// The images that excite each channel most.
    pub strongest: Surveyed,
    /// Where the images lie in the layer's space.
    pub embedding: Surveyed,
    /// What activations and weights say about the training.
    pub check: Surveyed,
    contributions_to: Option<(ModelId, Arc<str>, usize)>,
    next_look_up: usize,
}

impl InsideFacts {
    /// Follows which images are looked at.
    pub fn follow_images(&mut self, library: &Library, state: &State) {
        if shows_survey(state) {
            self.images.follow(library, state);
        }
    }

    /// Takes what has become known of the activation layer and of the images.
    pub fn update(&mut self, engine: &Engine, state: &State, main: &SlotFacts, model: &ModelId, layer: &Arc<str>) {
        self.history.follow(model, layer);
        if state.shows(Content::Activations) || state.shows(Content::Channel) {
            self.look_around(engine, state, main, model, layer);
        }
        self.update_contributions(engine, state, main, model, layer);
        let contributions = self.contributions.value.as_deref().and_then(|known| known.contributions.as_deref());
        self.sorted.follow(main.activations.value.as_ref(), contributions, &state.inside, &self.history);
        if state.shows(Content::Filters) {
            let whose = (model.clone(), Arc::clone(layer));
            if self.filters_of.as_ref() != Some(&whose) {
                self.filters = Held::default();
                self.filters_of = Some(whose);
            }
            self.filters.update(engine.filters(&filters_key(model, layer)));
        }
        for key in survey_keys(state, &self.images, model, layer) {
            let surveyed = match key.kind {
                SurveyKind::Strongest { .. } => &mut self.strongest,
                SurveyKind::Embedding { .. } => &mut self.embedding,
                SurveyKind::Check => &mut self.check,
                SurveyKind::Activity => continue,
            };
            surveyed.update(engine, key);
        }
    }

    fn update_contributions(
        &mut self,
        engine: &Engine,
        state: &State,
        main: &SlotFacts,
        model: &ModelId,
        layer: &Arc<str>,
    ) {
        let wanted = state.slots[0].slice().zip(main.class).filter(|_| wants_contributions(state));
        let Some((slice, class)) = wanted else {
            self.contributions = Held::default();
            return;
        };
        let whose = (model.clone(), Arc::clone(layer), class);
        if self.contributions_to.as_ref() != Some(&whose) {
            self.contributions = Held::default();
            self.contributions_to = Some(whose);
        }
        self.contributions.update(engine.activations(model, &slice.source, layer, Some(class)));
    }

    /// The slice in view, and a few others a frame while a channel is followed.
    fn look_around(&mut self, engine: &Engine, state: &State, main: &SlotFacts, model: &ModelId, layer: &Arc<str>) {
        /// Positions asked about in a frame at most.
        const LOOK_UPS: usize = 8;
        if let Some((slice, activations)) = state.slots[0].slice().zip(main.activations.current()) {
            self.history.add(&slice.source, activations);
        }
        let count = main.sources.len();
        let mut asked = 0;
        for step in 0..count {
            let position = (self.next_look_up + step) % count;
            let source = &main.sources[position];
            if self.history.contains(source) {
                continue;
            }
            if let Some(activations) = engine.activations(model, source, layer, None).ready() {
                self.history.add(source, &activations);
            }
            asked += 1;
            if asked == LOOK_UPS {
                self.next_look_up = (position + 1) % count;
                break;
            }
        }
    }
}

/// Whether the contributions of the channels to the explained class are looked at, for which a gradient is needed.
#[must_use]
pub fn wants_contributions(state: &State) -> bool {
    let is_in_view = state.shows(Content::Activations) && !state.explain.shows_seen;
    is_in_view && (state.inside.order == ChannelOrder::Contribution || state.inside.channel.is_some())
}

/// The key of a layer's filters.
#[must_use]
pub fn filters_key(model: &ModelId, layer: &Arc<str>) -> Key {
    Key::Filters { model: model.clone(), layer: Arc::clone(layer) }
}

/// Whether anything in view rests on many images.
#[must_use]
pub fn shows_survey(state: &State) -> bool {
    [Content::Strongest, Content::Embedding, Content::Check].into_iter().any(|content| state.shows(content))
}

/// The surveys that are in view.
#[must_use]
pub fn survey_keys(state: &State, images: &Images, model: &ModelId, layer: &Arc<str>) -> Vec<SurveyKey> {
    let inside = &state.inside;
    let sources = &images.sources;
    if sources.is_empty() {
        return Vec::new();
    }
    let mut kinds = Vec::new();
    if state.shows(Content::Strongest) {
        kinds.push(SurveyKind::Strongest { count: inside.strongest });
    }
    if state.shows(Content::Embedding) {
        let by = match inside.projection {
            Projection::Pca => Some(Projection::Pca),
            Projection::Tsne { perplexity } => {
                let perplexity = perplexity.min(greatest_perplexity(sources.len()));
                (perplexity > 0).then_some(Projection::Tsne { perplexity })
            }
        };
        kinds.extend(by.map(|by| SurveyKind::Embedding { by, seed: state.explain.seed }));
    }
    if state.shows(Content::Check) {
        kinds.push(SurveyKind::Check);
    }
    let key = |kind: SurveyKind| SurveyKey {
        model: model.clone(),
        sources: sources.clone(),
        layer: if kind == SurveyKind::Check { Arc::from("") } else { Arc::clone(layer) },
        kind,
    };
    kinds.into_iter().map(key).collect()
}

impl State {
    /// Which images are looked at: what was chosen, else the series in view where it is more than one image.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let of_view = if self.slots[0].positions() > 1 { Scope::Series } else { Scope::Everything };
        self.inside.scope.unwrap_or(of_view)
    }
}
