//! Passes of one slice as a unit of work: what was drawn earlier is kept, and more go on from there.

use std::collections::HashSet;
use std::sync::Arc;

use super::compute::{self, Beginning, Failure, Forward, Passes, Question};
use super::key::{Key, ModelId, UncertaintyKey};
use super::network::store;
use super::outcome::{Outcome, UncertaintyResult};
use super::state::Shared;
use crate::graph::Control;
use crate::model::Model;
use crate::study::Source;

/// Draws the passes of a key, and tells of those drawn so far on the way.
pub fn run(shared: &Shared, key: &UncertaintyKey, model: &Model, control: &Control) -> Result<(), Failure> {
    let (known, earlier) = {
        let mut state = shared.lock();
        let known = state.beginnings.get(&(key.model.clone(), key.source.clone()));
        (known, state.drawn.get(&(key.model.clone(), key.source.clone(), key.seed)))
    };
    let beginning = match known {
        Some(beginning) => beginning,
        None => begin(shared, key, model, control)?,
    };
    let earlier = earlier.map(|(passes, _)| passes).unwrap_or_default();
    let wanted = (key.passes, key.seed);
    let (passes, result) = compute::draw(model, &beginning, earlier, wanted, control, &mut |passes, result| {
        keep(shared, key, passes, &result);
        (shared.wake)();
    })?;
    keep(shared, key, &passes, &result);
    store(&mut shared.lock(), Key::Uncertainty(key.clone()), Outcome::Uncertainty(result));
    Ok(())
}

/// Runs the slice up to where its passes begin; its scores come with it.
fn begin(shared: &Shared, key: &UncertaintyKey, model: &Model, control: &Control) -> Result<Arc<Beginning>, Failure> {
    let picture = shared.picture(&key.source).map_err(Failure::Because)?;
    let question = Question::Uncertainty { passes: key.passes, seed: key.seed };
    let quiet = control.quiet();
    let forward = Forward::run(model, &picture, &[question], &quiet)?;
    let beginning = forward.beginning()?;
    let scores = Key::Scores { model: key.model.clone(), source: key.source.clone() };
    let mut state = shared.lock();
    if state.wants.contains(&scores) && !state.is_answered(&scores) {
        store(&mut state, scores, Outcome::Scores(Arc::new(forward.scores())));
    }
    drop(state);
    Ok(keep_beginning(shared, &key.model, &key.source, beginning))
}

/// Keeps where the passes of a slice begin, so that more of them cost no more than what is random.
pub fn keep_beginning(shared: &Shared, model: &ModelId, source: &Source, beginning: Beginning) -> Arc<Beginning> {
    let (bytes, beginning) = (beginning.bytes(), Arc::new(beginning));
    let mut state = shared.lock();
    state.beginnings.insert((model.clone(), source.clone()), Arc::clone(&beginning), bytes, &HashSet::new());
    beginning
}

/// Keeps what has been drawn, unless more has been.
fn keep(shared: &Shared, key: &UncertaintyKey, passes: &Passes, result: &Arc<UncertaintyResult>) {
    let of = (key.model.clone(), key.source.clone(), key.seed);
    let mut state = shared.lock();
    if state.drawn.peek(&of).is_none_or(|(_, known)| known.passes < result.passes) {
        let bytes = passes.bytes() + Outcome::Uncertainty(Arc::clone(result)).bytes();
        state.drawn.insert(of, (passes.clone(), Arc::clone(result)), bytes, &HashSet::new());
    }
}
