//! The table of an exam: task × plane × probability, and the combined answers.

use std::sync::Arc;

use super::super::compute::Aggregated;
use super::super::outcome::StackResult;
use crate::model::exam::{self, Combined, Exam, Judged, Member, Part};

/// What a model says of a task on a plane.
#[derive(Debug, Clone, PartialEq)]
pub struct CellResult {
    /// The model's class for the task.
    pub class: usize,
    /// Probability of the class for the whole stack.
    pub probability: f32,
    /// Its logit, where the network has one for the whole stack.
    pub logit: Option<f32>,
    /// The slice that decides: the one with the largest share, or with the highest probability of its own.
    pub deciding_slice: usize,
    /// Of a stochastic network that judges slices alone: the central 90 % interval on the deciding slice. The passes of
    /// different slices draw their weights apart, so they say nothing of an interval for the whole stack.
    pub interval90: Option<[f32; 2]>,
}

impl CellResult {
    /// From a network that takes the whole stack; `None` where it has no such class.
    #[must_use]
    pub fn of_stack(class: usize, stack: &StackResult) -> Option<Self> {
        // Of one sigmoid with two classes there is one logit, that of the second.
        let output = if stack.logits.len() == 1 { 0 } else { class };
        Some(Self {
            class,
            probability: stack.probabilities.get(class).copied()?,
            logit: stack
                .logits
                .get(output)
                .copied()
                .filter(|_| stack.logits.len() > 1 || class + 1 == stack.probabilities.len()),
            deciding_slice: stack.deciding_slice.get(output).copied()?,
            interval90: None,
        })
    }

    /// From a network that judges each slice alone; `None` where it has no such class.
    #[must_use]
    pub fn of_slices(class: usize, slices: &Aggregated) -> Option<Self> {
        Some(Self {
            class,
            probability: slices.probabilities.get(class).copied()?,
            logit: None,
            deciding_slice: slices.deciding_slice.get(class).copied()?,
            interval90: None,
        })
    }
}

/// One cell of the table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No model of the exam judges this task on this plane.
    Absent,
    /// The study has no such series.
    Missing(Arc<str>),
    /// It is being computed: so many slices are done; what they say so far, where that can be told.
    Waiting {
        /// Slices that are done.
        done: usize,
        /// Slices of the series.
        total: usize,
        /// The answer of those that are done.
        so_far: Option<CellResult>,
    },
    /// The answer.
    Ready(CellResult),
    /// There is none; one sentence for people.
    Failed(Arc<str>),
}

impl Cell {
    /// The answer, whole or so far.
    #[must_use]
    pub fn result(&self) -> Option<&CellResult> {
        match self {
            Self::Ready(result) => Some(result),
            Self::Waiting { so_far, .. } => so_far.as_ref(),
            _ => None,
        }
    }

    fn part(&self) -> Option<Part> {
        match self {
            Self::Absent => None,
            Self::Missing(_) | Self::Failed(_) => Some(Part::Missing),
            Self::Waiting { .. } => Some(Part::Pending),
            Self::Ready(result) => Some(Part::Is(f64::from(result.probability))),
        }
    }
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// One a column of the exam.
    pub cells: Vec<Cell>,
    /// The combined answer; its `missing` are columns.
    pub combined: Combined,
}

/// Makes the table, one row a task, of what `cell` knows of each model, task and column.
pub fn table(exam: &Exam, mut cell: impl FnMut(usize, usize, &Member, &Judged) -> Cell) -> Vec<Row> {
    let tasks = exam.card.tasks.iter().enumerate();
    let row = |(task, card)| {
        let columns = 0..exam.columns.len();
        let cells: Vec<Cell> = columns
            .map(|column| match exam.member(task, column) {
                Some((member, judged)) => cell(task, column, member, judged),
                None => Cell::Absent,
            })
            .collect();
        let judged: Vec<(usize, Part)> =
            cells.iter().enumerate().filter_map(|(column, cell)| Some((column, cell.part()?))).collect();
        let parts: Vec<(&str, Part)> =
            judged.iter().map(|&(column, part)| (exam.columns[column].name.as_str(), part)).collect();
        let mut combined = exam::combine(card, &parts);
        for missing in &mut combined.missing {
            *missing = judged[*missing].0;
        }
        Row { cells, combined }
    };
    tasks.map(row).collect()
}
