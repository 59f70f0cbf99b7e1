//! Which model goes with which kind of pictures: a knee is not explained by a network for skin.

use super::facts::Facts;
use super::state::State;
use crate::engine::ModelPath;
use crate::model::Entry;

/// The model last used for grey pictures and the one for coloured pictures.
#[derive(Debug, Default)]
pub struct ModelsUsed {
    grey: Option<ModelPath>,
    colour: Option<ModelPath>,
    /// Whether the pictures in view were coloured in the last frame.
    was_colour: Option<bool>,
}

impl ModelsUsed {
    /// The model to change to, now that the kind of pictures in view has changed: the one last used for them, at
    /// first one that suits them. Otherwise remembers what the user has chosen.
    pub fn follow(&mut self, state: &State, facts: &Facts) -> Option<ModelPath> {
        let is_colour = state.slots[0].slice()?.samples == 3;
        let before = self.was_colour.replace(is_colour);
        let chosen = state.explain.model.clone();
        let used = if is_colour { &mut self.colour } else { &mut self.grey };
        if before == Some(is_colour) || (before.is_none() && chosen.is_some()) {
            if chosen.is_some() {
                *used = chosen;
            }
            return None;
        }
        used.clone().or_else(|| {
            let mut usable = facts.catalogue.entries.iter().filter(|entry| entry.problem.is_none());
            let suiting = usable.clone().find(|entry| suits(entry, is_colour));
            suiting.or_else(|| usable.next()).map(|entry| ModelPath(entry.path.clone()))
        })
    }
}

/// Whether a model is meant for such pictures: stacks are grey, single pictures coloured.
fn suits(entry: &Entry, is_colour: bool) -> bool {
    entry.card.as_ref().is_some_and(|card| card.output.slices.is_none() == is_colour)
}
