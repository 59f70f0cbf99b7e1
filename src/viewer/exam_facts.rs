//! What is known of the chosen exam: its models, and the table as far as it has come.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draws;
use super::facts::Held;
use super::gathered::Gathered;
use super::state::{ExamChoice, Explain, State};
use crate::engine::exam::{Cell, CellResult, Row, table, wants};
use crate::engine::{Engine, Key, ModelInfo, ModelPath, StackKey, Status, UncertaintyKey};
use crate::model::exam::{Judged, Member};

/// What is known of the chosen exam.
#[derive(Debug, Clone, Default)]
pub struct ExamFacts {
    /// The table, one row a task; empty while no exam is chosen.
    pub rows: Vec<Row>,
    models: HashMap<PathBuf, Held<ModelInfo>>,
    gathered: HashMap<(PathBuf, usize), Gathered>,
}

impl ExamFacts {
    /// Asks the engine about every cell.
    pub fn update(&mut self, engine: &Engine, explain: &Explain) {
        let Some(choice) = &explain.exam else {
            *self = Self::default();
            return;
        };
        let cards = choice.exam.cards();
        self.models.retain(|card, _| cards.contains(&card.as_path()));
        self.gathered.retain(|(card, _), _| cards.contains(&card.as_path()));
        for card in cards {
            let status = engine.model(&ModelPath(card.to_owned()));
            self.models.entry(card.to_owned()).or_default().update(status);
        }
        let Self { models, gathered, rows } = self;
        *rows = table(&choice.exam, |_, column, member, judged| {
            let mut cell = cell(engine, choice, models, gathered, column, member, judged);
            if let Cell::Ready(result) = &mut cell
                && let Some(key) = interval_key(explain, models, choice, column, member, result)
            {
                let drawn = engine.uncertainty(&key).ready();
                result.interval90 = drawn.and_then(|drawn| drawn.summary.interval90.get(result.class).copied());
            }
            cell
        });
    }

    /// A loaded model.
    #[must_use]
    pub fn model(&self, card: &Path) -> Option<&Arc<ModelInfo>> {
        self.models.get(card)?.current()
    }

    /// What the exam wants, the cell of the plane in view and the chosen task first.
    #[must_use]
    pub fn wants(&self, state: &State) -> Vec<Key> {
        let Some(choice) = &state.explain.exam else { return Vec::new() };
        let in_view = state.active().series().and_then(|series| choice.column_of(&series.uid));
        let sources: Vec<_> =
            choice.columns.iter().map(|column| column.series.is_some().then(|| column.sources.clone())).collect();
        let loaded = |card: &Path| self.model(card).map(Arc::as_ref);
        let mut wanted = wants(&choice.exam, (choice.task, in_view.unwrap_or(0)), &loaded, &sources);
        wanted.extend(self.intervals(&state.explain, choice));
        wanted
    }

    /// Draws on the slices that decided, of stochastic networks.
    fn intervals(&self, explain: &Explain, choice: &ExamChoice) -> Vec<Key> {
        let mut keys = Vec::new();
        for (task, row) in self.rows.iter().enumerate() {
            for (column, cell) in row.cells.iter().enumerate() {
                if let (Cell::Ready(result), Some((member, _))) = (cell, choice.exam.member(task, column)) {
                    let key = interval_key(explain, &self.models, choice, column, member, result);
                    keys.extend(key.map(Key::Uncertainty));
                }
            }
        }
        keys
    }
}

/// What is drawn for the interval of a cell's deciding slice; `None` where the network draws nothing.
fn interval_key(
    explain: &Explain,
    models: &HashMap<PathBuf, Held<ModelInfo>>,
    choice: &ExamChoice,
    column: usize,
    member: &Member,
    result: &CellResult,
) -> Option<UncertaintyKey> {
    let model = models.get(&member.card)?.current().filter(|model| model.stochastic && !model.stack)?;
    let source = choice.columns.get(column)?.sources.get(result.deciding_slice)?;
    Some(draws::band_key_of(explain, &model.id, source))
}

fn cell(
    engine: &Engine,
    choice: &ExamChoice,
    models: &HashMap<PathBuf, Held<ModelInfo>>,
    gathered: &mut HashMap<(PathBuf, usize), Gathered>,
    column: usize,
    member: &Member,
    judged: &Judged,
) -> Cell {
    let assigned = &choice.columns[column];
    if assigned.series.is_none() {
        return Cell::Missing(Arc::from(assigned.words.as_str()));
    }
    let total = assigned.sources.len();
    let held = models.get(&member.card);
    if let Some(reason) = held.and_then(|held| held.failure.as_ref()) {
        return Cell::Failed(Arc::clone(reason));
    }
    let Some(model) = held.and_then(Held::current) else { return Cell::Waiting { done: 0, total, so_far: None } };
    let task = &choice.exam.card.tasks[judged.task].name;
    let Some(class) = judged.class_index(task, &model.classes) else {
        return Cell::Failed(Arc::from(format!("{} has no class for the task \"{task}\"", model.card.name)));
    };
    if model.stack {
        let key = StackKey { model: model.id.clone(), sources: assigned.sources.clone() };
        return match engine.stack(&key) {
            Status::Ready(stack) => CellResult::of_stack(class, &stack)
                .map_or_else(|| Cell::Failed(Arc::from("The model gave no answer for its class")), Cell::Ready),
            Status::Failed(reason) => Cell::Failed(reason),
            Status::Pending { progress } => {
                Cell::Waiting { done: (progress * total as f32).round() as usize, total, so_far: None }
            }
            Status::NotRequested => Cell::Waiting { done: 0, total, so_far: None },
        };
    }
    let gathered = gathered.entry((member.card.clone(), column)).or_default();
    gathered.update(engine, model, &assigned.sources);
    let result = gathered.joined().and_then(|joined| CellResult::of_slices(class, joined));
    match result {
        Some(result) if gathered.is_whole() => Cell::Ready(result),
        so_far => Cell::Waiting { done: gathered.progress().0, total, so_far },
    }
}
