//! Boxes covered on a slice: the slice's run is kept, each box costs what it changes.

use std::collections::HashSet;
use std::sync::Arc;

use super::compute::{Covering, Failure};
use super::key::{CoverKey, Key};
use super::network::store;
use super::outcome::Outcome;
use super::state::Shared;
use crate::graph::Control;
use crate::model::Model;

/// Covers one box.
pub fn run(shared: &Shared, key: &CoverKey, model: &Model, control: &Control) -> Result<(), Failure> {
    let of = (key.model.clone(), key.source.clone());
    let known = shared.lock().coverings.get(&of);
    let covering = if let Some(covering) = known {
        covering
    } else {
        let picture = shared.picture(&key.source).map_err(Failure::Because)?;
        let covering = Arc::new(Covering::begin(model, &picture, &control.quiet())?);
        let bytes = covering.bytes();
        shared.lock().coverings.insert(of, Arc::clone(&covering), bytes, &HashSet::new());
        covering
    };
    let result = Arc::new(covering.cover(model, &key.area, key.baseline, control)?);
    let mut state = shared.lock();
    state.covered = Some((key.clone(), Arc::clone(&result)));
    store(&mut state, Key::Cover(key.clone()), Outcome::Cover(result));
    Ok(())
}

/// Whether the one is a box on the same slice for the same model as the other.
pub fn follows(next: &Key, running: &Key) -> bool {
    match (next, running) {
        (Key::Cover(next), Key::Cover(running)) => (&next.model, &next.source) == (&running.model, &running.source),
        _ => false,
    }
}
