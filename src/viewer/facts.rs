//! What the engine has answered, collected once a frame, so that panels show and never ask.

mod held;
mod map;
mod slot;

use std::sync::Arc;

pub use held::Held;
pub use map::MapFacts;
pub use slot::SlotFacts;

use super::draws;
use super::exam_facts::ExamFacts;
use super::inside::InsideFacts;
use super::region::Masks;
use super::state::State;
use crate::engine::{Activity, Engine, ModelInfo, UncertaintyResult};
use crate::model::{Catalogue, Fit};

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
