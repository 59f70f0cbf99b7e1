//! The reader thread: opens paths, decodes the pictures that are wanted. Networks never stand in its way.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::library::Library;
use super::models::is_demo;
use super::state::{Shared, State};
use crate::demo;
use crate::graph::Control;
use crate::study::{self, Opened, Slice, Source, Storage, Study};

/// Viewports, each with a picture in view.
const IN_VIEW: usize = 4;

/// What the thread does next.
enum Task {
    Open(Vec<PathBuf>, Control),
    Decode(Source),
}

/// Runs until the engine stops. Pictures come before further opening: somebody is looking.
pub fn run(shared: &Shared, storage: &Arc<dyn Storage>) {
    while let Some(task) = shared.next(&shared.reader, next_task) {
        match task {
            Task::Decode(source) => {
                // The outcome is in the shared state, the reason of a failure included.
                let _ = shared.picture(&source);
                (shared.wake)();
            }
            Task::Open(paths, control) => open(shared, storage, &paths, &control),
        }
    }
}

fn next_task(state: &mut State) -> Option<Task> {
    if let Some(source) = wanted_picture(state) {
        return Some(Task::Decode(source));
    }
    let paths = state.to_open.pop_front()?;
    let control = Control::default();
    state.opening = Some(control.clone());
    Some(Task::Open(paths, control))
}

/// The most important picture that is neither here, nor being decoded, nor known to be unreadable, while there is room
/// for it.
pub fn wanted_picture(state: &State) -> Option<Source> {
    let wants = state.picture_wants.order();
    let is_open = |source: &Source| {
        !state.pictures.contains(source)
            && !state.decoding.contains(source)
            && !state.picture_failures.contains_key(source)
    };
    let first = wants.iter().position(is_open)?;
    let has_room = !state.pictures.is_full() || state.pictures.has_room(&wants[..first].iter().cloned().collect());
    has_room.then(|| wants[first].clone())
}

fn open(shared: &Shared, storage: &Arc<dyn Storage>, paths: &[PathBuf], control: &Control) {
    let before = Arc::clone(&shared.lock().library);
    let is_demo = paths.iter().all(|path| is_demo(path));
    let shown = Cell::new(false);
    let opened = study::open(paths, storage, &|progress| {
        if control.is_cancelled() {
            return ControlFlow::Break(());
        }
        let text = format!("Reading headers: {} of {}", progress.read, progress.total);
        if let Some(studies) = progress.studies {
            let growing = Opened { studies: studies.to_vec(), ..Opened::default() };
            publish(shared, &before, growing, Some(text), is_demo);
            if before.studies.is_empty() && !shown.replace(true) {
                // What the viewer will ask for as soon as it hears of the study is there when it does.
                if let Some(source) = first_in_view(shared) {
                    let _ = shared.picture(&source);
                }
            }
        } else {
            let mut state = shared.lock();
            let mut library = (*state.library).clone();
            library.opening = Some(text);
            show(&mut state, library);
        }
        (shared.wake)();
        // While a long folder is being read, what is being looked at is decoded here, in between; the decoders see to
        // what surrounds it.
        for _ in 0..IN_VIEW {
            let wanted = wanted_picture(&shared.lock());
            let Some(source) = wanted else { break };
            let _ = shared.picture(&source);
            (shared.wake)();
        }
        ControlFlow::Continue(())
    });
    log::info!("opened {} studies, {} files could not be read", opened.studies.len(), opened.failed.len());
    publish(shared, &before, opened, None, is_demo);
    shared.lock().opening = None;
    (shared.wake)();
}

/// The slice that a viewer shows first: the middle one of the first series.
fn first_in_view(shared: &Shared) -> Option<Source> {
    let library = Arc::clone(&shared.lock().library);
    let series = library.studies.first()?.series.first()?;
    series.slices.get(series.positions() / 2).map(|slice| slice.source.clone())
}

/// Puts what has been opened after what was open before, merging studies that were there already.
fn publish(shared: &Shared, before: &Library, opened: Opened, opening: Option<String>, is_demo: bool) {
    let mut library = before.clone();
    library.opening = opening;
    for study in opened.studies {
        match library.studies.iter_mut().find(|known| known.uid == study.uid) {
            Some(known) => *known = Arc::new(merged(known, study)),
            None => library.studies.push(Arc::new(study)),
        }
    }
    for failure in opened.failed {
        if !library.failed.contains(&failure) {
            library.failed.push(failure);
        }
    }
    if is_demo {
        library.explanation = Some(demo::explanation().to_owned());
    }
    let slices = slices_of(&library);
    let mut state = shared.lock();
    state.slices = slices;
    show(&mut state, library);
    drop(state);
    // Results and pictures may have been waiting for slices that are only known now.
    shared.network.notify_all();
    shared.reader.notify_all();
}

/// A study opened again or in parts: series of the same UID are replaced, others added.
fn merged(known: &Study, mut newer: Study) -> Study {
    let older = known.series.iter().filter(|series| newer.series.iter().all(|other| other.uid != series.uid));
    let mut series: Vec<_> = older.cloned().collect();
    series.append(&mut newer.series);
    Study { series, ..newer }
}

/// Every slice of a library. Made before the lock is taken: the viewer's thread must not wait for it.
fn slices_of(library: &Library) -> HashMap<Source, Arc<Slice>> {
    library.slices().map(|slice| (slice.source.clone(), Arc::new(slice.clone()))).collect()
}

/// Makes `library` the current one; its slices are in the state already.
pub fn show(state: &mut State, mut library: Library) {
    library.generation = state.library.generation + 1;
    state.library = Arc::new(library);
}
