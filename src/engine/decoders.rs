//! The decoder threads: what is in view is decoded by the reader, what surrounds it by all cores at once, behind
//! everything that somebody waits for.

use super::priority;
use super::reader::wanted_picture;
use super::state::{Fetched, Shared, State};
use crate::study::Source;

/// What a decoder does next.
enum Task {
    /// A picture that is wanted.
    Wanted(Source),
    /// A picture that will be wanted.
    Ahead(Source),
}

/// Runs until the engine stops.
pub fn run(shared: &Shared) {
    priority::step_back();
    while let Some(task) = shared.next(&shared.reader, next_task) {
        // The outcome is in the shared state, the reason of a failure included.
        match task {
            Task::Wanted(source) => {
                let _ = shared.picture(&source);
                (shared.wake)();
            }
            // Nobody looks at it yet, so that nothing has to be drawn anew.
            Task::Ahead(source) => {
                if shared.fetch_ahead(&source) == Fetched::NoRoom {
                    shared.lock().stop_fetching();
                }
            }
        }
    }
}

fn next_task(state: &mut State) -> Option<Task> {
    wanted_picture(state).map(Task::Wanted).or_else(|| state.next_ahead().map(Task::Ahead))
}
