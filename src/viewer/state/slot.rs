//! One series in view: which slice of it, and how it is shown.

use std::sync::Arc;

use crate::display::Voi;
use crate::study::{Series, Slice, Source, Study};
use crate::viewer::transform::View;

/// A series of an open study. Holds the study, so that it stays whole while the library moves on.
#[derive(Debug, Clone)]
pub struct SeriesHandle {
    /// The study.
    pub study: Arc<Study>,
    /// Index into its series.
    pub index: usize,
}

impl SeriesHandle {
    /// The series; `None` if the study has lost it.
    #[must_use]
    pub fn series(&self) -> Option<&Series> {
        self.study.series.get(self.index)
    }

    /// Finds the series again in newer studies; `None` once it has been closed.
    #[must_use]
    pub fn found_in(&self, studies: &[Arc<Study>]) -> Option<Self> {
        let uid = &self.series()?.uid;
        Self::find(studies, &self.study.uid, uid)
    }

    /// The series with these UIDs.
    #[must_use]
    pub fn find(studies: &[Arc<Study>], study_uid: &str, series_uid: &str) -> Option<Self> {
        let study = studies.iter().find(|study| study.uid == study_uid)?;
        let index = study.series.iter().position(|series| series.uid == series_uid)?;
        Some(Self { study: Arc::clone(study), index })
    }

    /// Whether both are the same series.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.study.uid == other.study.uid
            && self.series().map(|series| &series.uid) == other.series().map(|series| &series.uid)
    }
}

/// One series in view.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The series; `None` while the slot is empty.
    pub series: Option<SeriesHandle>,
    /// The position in view, from 0.
    pub position: usize,
    /// The time in view, from 0.
    pub time: usize,
    /// Whether the user has chosen the position; until then it is the middle of what has been read.
    pub is_chosen: bool,
    /// +1 when the user last moved up the stack, −1 when down.
    pub direction: isize,
    /// Zoom, pan, turns, flips.
    pub view: View,
    /// The window the user has set; `None` = the file's own.
    pub voi: Option<Voi>,
    /// Grey levels reversed by the user.
    pub inverted: bool,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            series: None,
            position: 0,
            time: 0,
            is_chosen: false,
            direction: 1,
            view: View::default(),
            voi: None,
            inverted: false,
        }
    }
}

impl Slot {
    /// The series in view.
    #[must_use]
    pub fn series(&self) -> Option<&Series> {
        self.series.as_ref()?.series()
    }

    /// Whether one scrolls through times instead of positions: the series has one position, seen several times.
    #[must_use]
    pub fn scrolls_through_time(&self) -> bool {
        self.series().is_some_and(|series| series.times > 1 && series.positions() == 1)
    }

    /// Number of positions one can scroll through, 0 without a series.
    #[must_use]
    pub fn positions(&self) -> usize {
        let count = if self.scrolls_through_time() { |series: &Series| series.slices.len() } else { Series::positions };
        self.series().map_or(0, count)
    }

    /// Number of times beside the axis one scrolls through.
    #[must_use]
    pub fn times(&self) -> usize {
        if self.scrolls_through_time() { 1 } else { self.series().map_or(1, |series| series.times.max(1)) }
    }

    /// What one scrolls through, as a word before a number.
    #[must_use]
    pub fn step_word(&self) -> &'static str {
        if self.scrolls_through_time() { "Time" } else { "Slice" }
    }

    /// What one of them is called within a sentence.
    #[must_use]
    pub fn step_noun(&self) -> &'static str {
        if self.scrolls_through_time() { "moment" } else { "slice" }
    }

    /// The slice in view.
    #[must_use]
    pub fn slice(&self) -> Option<&Slice> {
        self.slice_at(self.position)
    }

    /// The slice at another position of the time in view.
    #[must_use]
    pub fn slice_at(&self, position: usize) -> Option<&Slice> {
        let series = self.series()?;
        series.slices.get(self.time * self.positions() + position)
    }

    /// The sources of all positions of the time in view.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        (0..self.positions()).filter_map(|position| Some(self.slice_at(position)?.source.clone())).collect()
    }

    /// Shows another series from its middle slice on, untouched.
    pub fn show(&mut self, series: SeriesHandle) {
        *self = Self { series: Some(series), ..Self::default() };
        self.position = self.positions() / 2;
    }

    /// Takes a newer snapshot of the same series: the slice in view stays in view while others are read.
    pub fn refresh(&mut self, series: SeriesHandle) {
        let source = self.slice().map(|slice| slice.source.clone());
        self.series = Some(series);
        let count = self.positions();
        let found = (0..count).find(|at| self.slice_at(*at).map(|slice| &slice.source) == source.as_ref());
        self.position = match found {
            Some(position) if self.is_chosen => position,
            _ => count / 2,
        };
    }

    /// Goes to a position; what lies outside the stack becomes its end.
    pub fn go_to(&mut self, position: usize) {
        self.is_chosen = true;
        let position = position.min(self.positions().saturating_sub(1));
        if position != self.position {
            self.direction = if position > self.position { 1 } else { -1 };
            self.position = position;
        }
    }

    /// Moves by `steps` positions and stops at the ends.
    pub fn step(&mut self, steps: isize) {
        self.go_to(self.position.saturating_add_signed(steps));
    }

    /// Positions in the order in which they should be worked on: the one in view, then its neighbours with those in
    /// the direction of travel first, then the rest outwards.
    pub fn positions_by_importance(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, here, direction) = (self.positions() as isize, self.position as isize, self.direction);
        let outwards = (1..count.max(1)).flat_map(move |step| {
            // Two steps ahead for each step back.
            let ahead = [2 * step - 1, 2 * step].map(|ahead| here + direction * ahead);
            [ahead[0], ahead[1], here - direction * step]
        });
        std::iter::once(here)
            .chain(outwards)
            .filter(move |position| (0..count).contains(position))
            .map(|position| position as usize)
    }

    /// Back to how the file wants to be shown.
    pub fn reset(&mut self) {
        self.view = View::default();
        self.voi = None;
        self.inverted = false;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::display::ModalityLut;
    use crate::study::{Patient, Photometric, Plane};

    /// A study with one series of `positions` × `times` empty slices.
    pub(crate) fn study(positions: usize, times: usize) -> Arc<Study> {
        let slice = |index: usize| Slice {
            source: Source { path: PathBuf::from(format!("{index}.dcm")), frame: 0 },
            sop_instance_uid: None,
            sop_class_uid: None,
            transfer_syntax: None,
            instance_number: None,
            rows: 4,
            columns: 4,
            samples: 1,
            photometric: Photometric::Monochrome2,
            geometry: None,
            spacing_mm: None,
            thickness_mm: None,
            modality_lut: ModalityLut::IDENTITY,
            unit: String::new(),
            voi: Vec::new(),
            time_key: None,
        };
        Arc::new(Study {
            uid: "1".into(),
            patient: Patient::default(),
            description: String::new(),
            date: String::new(),
            series: vec![Series {
                uid: "1.1".into(),
                number: None,
                description: String::new(),
                modality: "MR".into(),
                body_part: String::new(),
                plane: Plane::Axial,
                slices: (0..positions * times).map(slice).collect(),
                times,
            }],
        })
    }

    fn slot(positions: usize, times: usize) -> Slot {
        let mut slot = Slot::default();
        slot.show(SeriesHandle { study: study(positions, times), index: 0 });
        slot
    }

    #[test]
    fn the_slice_in_view_comes_first_and_every_slice_once() {
        let mut slot = slot(7, 1);
        slot.go_to(2);
        assert_eq!(slot.direction, -1);
        let order: Vec<usize> = slot.positions_by_importance().collect();
        assert_eq!(order[..4], [2, 1, 0, 3]);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..7).collect::<Vec<_>>());
    }

    #[test]
    fn a_series_that_grows_keeps_the_chosen_slice_and_else_its_middle() {
        let mut slot = slot(3, 1);
        assert_eq!(slot.position, 1);
        slot.refresh(SeriesHandle { study: study(9, 1), index: 0 });
        assert_eq!(slot.position, 4);
        slot.step(1);
        slot.refresh(SeriesHandle { study: study(21, 1), index: 0 });
        assert_eq!(slot.position, 5);
    }

    #[test]
    fn stepping_stops_at_the_ends() {
        let mut slot = slot(5, 1);
        slot.step(-100);
        assert_eq!(slot.position, 0);
        slot.step(100);
        assert_eq!(slot.position, 4);
    }

    #[test]
    fn one_position_seen_several_times_is_scrolled_through() {
        let slot = slot(1, 19);
        assert_eq!((slot.positions(), slot.times(), slot.position), (19, 1, 9));
        assert_eq!(slot.sources().len(), 19);
    }

    #[test]
    fn times_are_a_second_axis() {
        let mut slot = slot(3, 2);
        slot.go_to(2);
        slot.time = 1;
        assert_eq!(slot.slice().map(|slice| slice.source.path.clone()), Some(PathBuf::from("5.dcm")));
        assert_eq!(slot.sources().len(), 3);
    }
}
