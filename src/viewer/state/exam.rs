//! The exam that is chosen: which series its planes are, and which task is looked at.

use std::sync::Arc;

use super::SeriesHandle;
use crate::engine::SourceList;
use crate::engine::exam::matches;
use crate::model::exam::{Exam, Judged, Member};
use crate::study::{Plane, Series, Study};

/// The exam that is chosen.
#[derive(Debug, Clone)]
pub struct ExamChoice {
    /// The exam.
    pub exam: Arc<Exam>,
    /// The task that is explained, by its place on the card.
    pub task: usize,
    /// The series of each column.
    pub columns: Vec<Assigned>,
    /// Series UIDs that the user has chosen for columns.
    by_hand: Vec<Option<String>>,
}

/// The series of one column.
#[derive(Debug, Clone, Default)]
pub struct Assigned {
    /// The series; `None` where the study has none.
    pub series: Option<SeriesHandle>,
    /// Its slices.
    pub sources: SourceList,
    /// Why this one, or why none.
    pub words: String,
}

impl Assigned {
    /// The series' UID.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        Some(self.series.as_ref()?.series()?.uid.as_str())
    }
}

impl ExamChoice {
    /// An exam over a study, its first task.
    #[must_use]
    pub fn new(exam: Arc<Exam>, study: Option<&Arc<Study>>) -> Self {
        let columns = vec![Assigned::default(); exam.columns.len()];
        let mut choice = Self { by_hand: vec![None; exam.columns.len()], exam, task: 0, columns };
        choice.follow(study);
        choice
    }

    /// Matches the columns to the series of the study in view.
    pub fn follow(&mut self, study: Option<&Arc<Study>>) {
        let Some(study) = study else {
            self.columns.fill(Assigned::default());
            return;
        };
        let found = matches(&self.exam, study);
        for ((column, found), by_hand) in self.columns.iter_mut().zip(found).zip(&self.by_hand) {
            let chosen = by_hand.as_ref().and_then(|uid| study.series.iter().position(|series| series.uid == *uid));
            let words = if chosen.is_some() { "Chosen by hand".to_owned() } else { found.words };
            let series = chosen.or(found.series).map(|index| SeriesHandle { study: Arc::clone(study), index });
            let sources = series.as_ref().and_then(SeriesHandle::series).map(|series| {
                series.slices.iter().take(series.positions()).map(|slice| slice.source.clone()).collect::<Vec<_>>()
            });
            *column = Assigned { series, sources: sources.unwrap_or_default().into(), words };
        }
    }

    /// Makes a series a column's; `None` lets the card decide again.
    pub fn assign(&mut self, column: usize, series: Option<String>, study: Option<&Arc<Study>>) {
        if let Some(by_hand) = self.by_hand.get_mut(column) {
            *by_hand = series;
            self.follow(study);
        }
    }

    /// Whether the user has chosen a column's series.
    #[must_use]
    pub fn is_by_hand(&self, column: usize) -> bool {
        self.by_hand.get(column).is_some_and(Option::is_some)
    }

    /// The column that a series is.
    #[must_use]
    pub fn column_of(&self, series_uid: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.uid() == Some(series_uid))
    }

    /// The first column that a series could be by its plane.
    #[must_use]
    pub fn column_for(&self, series: &Series) -> Option<usize> {
        let plane = match series.likely_plane() {
            Plane::Axial => "axial",
            Plane::Coronal => "coronal",
            Plane::Sagittal => "sagittal",
            Plane::Oblique | Plane::Unknown => return None,
        };
        self.exam.columns.iter().position(|column| column.plane.word() == plane)
    }

    /// The model that explains a series for the chosen task, with what it is asked: that of its column, else that of
    /// its plane, else the task's first.
    #[must_use]
    pub fn member_for(&self, series: Option<&Series>) -> Option<(&Member, &Judged)> {
        let column = series.and_then(|series| self.column_of(&series.uid).or_else(|| self.column_for(series)));
        let of_column = |column| self.exam.member(self.task, column);
        column.and_then(of_column).or_else(|| (0..self.columns.len()).find_map(of_column))
    }

    /// Whether one of the exam's series lies in a plane.
    #[must_use]
    pub fn has(&self, plane: Plane) -> bool {
        let series = self.columns.iter().filter_map(|column| column.series.as_ref()?.series());
        series.into_iter().any(|series| series.likely_plane() == plane)
    }

    /// How many columns have a series.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.columns.iter().filter(|column| column.series.is_some()).count()
    }
}
