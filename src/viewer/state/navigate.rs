//! Which series, slices and layout are in view.

use std::sync::Arc;

use super::{Layout, PLANE_SLOTS, SeriesHandle, Slot, State};
use crate::engine::Library;
use crate::study::{Plane, Series, Source};
use crate::viewer::anatomy;

impl State {
    /// Follows the library: newer snapshots of the studies in view, the first series when nothing was in view.
    pub fn follow(&mut self, library: &Library) {
        for slot in &mut self.slots {
            if let Some(series) = &slot.series {
                match series.found_in(&library.studies) {
                    Some(found) => slot.refresh(found),
                    None => *slot = Slot::default(),
                }
            }
        }
        self.follow_exam();
        if self.slots[0].series.is_none()
            && let Some(first) = handles(library).next()
        {
            self.show(first);
        }
        self.fill_planes();
    }

    /// Shows a series in the main slot, and its study's planes in theirs.
    pub fn show(&mut self, series: SeriesHandle) {
        let same_study = self.slots[0].series.as_ref().is_some_and(|shown| shown.study.uid == series.study.uid);
        self.slots[0].show(series);
        self.cine.playing = false;
        self.follow_exam();
        self.assign_shown();
        if !same_study {
            for slot in PLANE_SLOTS {
                self.slots[slot] = Slot::default();
            }
        }
        self.fill_planes();
    }

    /// Gives each empty plane slot the first series of that plane in the study in view.
    pub(super) fn fill_planes(&mut self) {
        let Some(main) = self.slots[0].series.clone() else { return };
        self.fill_exam_planes();
        for (slot, plane) in PLANE_SLOTS.zip([Plane::Axial, Plane::Coronal, Plane::Sagittal]) {
            if self.explain.exam.as_ref().is_some_and(|choice| choice.has(plane)) {
                continue;
            }
            let shown = main.series().filter(|series| series.likely_plane() == plane).map(|_| main.clone());
            if let Some(shown) = shown {
                // The series chosen in the browser takes its plane's place.
                if !self.slots[slot].series.as_ref().is_some_and(|current| current.is(&shown)) {
                    self.slots[slot].show(shown);
                }
            } else if self.slots[slot].series.is_none() {
                let found = main.study.series.iter().position(|series: &Series| series.likely_plane() == plane);
                if let Some(index) = found {
                    self.slots[slot].show(SeriesHandle { study: main.study.clone(), index });
                }
            }
        }
    }

    pub(super) fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
        self.full_tile = None;
        self.active_tile = 0;
        self.hovered = None;
        if layout == Layout::Planes {
            self.fill_planes();
            let has_series = |tile: &usize| {
                let slot = layout.tiles()[*tile].slot;
                layout.tiles()[*tile].content.is_picture() && self.slots[slot].series.is_some()
            };
            self.active_tile = (0..layout.tiles().len()).find(has_series).unwrap_or(0);
        }
    }

    /// Goes to an image wherever it is open, with the patch that is to be drawn on it.
    pub(super) fn show_image(&mut self, library: &Library, source: &Source, patch: Option<[f32; 4]>) {
        let place = |handle: &SeriesHandle| handle.series()?.slices.iter().position(|slice| slice.source == *source);
        let shown = self.slots[0].series.clone();
        // The series in view first: an image may be open in several studies.
        let found = shown.into_iter().chain(handles(library)).find_map(|handle| Some((place(&handle)?, handle)));
        let Some((index, handle)) = found else { return };
        if !self.slots[0].series.as_ref().is_some_and(|shown| shown.is(&handle)) {
            self.show(handle);
        }
        let slot = &mut self.slots[0];
        let positions = slot.positions().max(1);
        slot.time = (index / positions).min(slot.times() - 1);
        slot.go_to(index % positions);
        self.inside.patch = patch.map(|patch| (source.clone(), patch));
    }

    pub(super) fn set_time(&mut self, slot: usize, time: usize) {
        self.slots[slot].time = time.min(self.slots[slot].times() - 1);
    }

    pub(super) fn step_series(&mut self, library: &Library, step: isize) {
        let all: Vec<SeriesHandle> = handles(library).collect();
        let shown = self.slots[0].series.as_ref();
        let Some(here) = all.iter().position(|series| shown.is_some_and(|shown| shown.is(series))) else { return };
        let next = here.saturating_add_signed(step).min(all.len() - 1);
        if next != here {
            self.show(all[next].clone());
        }
    }

    /// Moves the other planes to the slices that meet in a position of this one.
    pub(super) fn point_to(&mut self, slot: usize, x: f32, y: f32) {
        let Some(geometry) = self.slots[slot].slice().and_then(|slice| slice.geometry) else { return };
        let point_mm = anatomy::mm_from_slice(&geometry, f64::from(x), f64::from(y));
        for other in PLANE_SLOTS.filter(|other| *other != slot) {
            let nearest = self.slots[other].series().and_then(|series| anatomy::nearest_slice(series, point_mm));
            if let Some(nearest) = nearest {
                self.slots[other].go_to(nearest);
            }
        }
    }
}

/// Every series of the library, in the order of the browser.
fn handles(library: &Library) -> impl Iterator<Item = SeriesHandle> + '_ {
    library
        .studies
        .iter()
        .flat_map(|study| (0..study.series.len()).map(|index| SeriesHandle { study: Arc::clone(study), index }))
}
