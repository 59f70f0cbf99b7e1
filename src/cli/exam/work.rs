//! One call's work: study by study, plane by plane.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use glassbox::engine::compute::{self, Aggregated, Answer, Failure, Question};
use glassbox::engine::exam::{Cell, CellResult, Match, Row, matches, table};
use glassbox::engine::{self, Outcome, StackResult};
use glassbox::export::{
    AnswerRecord, CellRecord, CombinedRecord, ExamStudyRecord, FailedSource, ModelRecord, PlaneRecord, TaskRecord,
};
use glassbox::graph::Control;
use glassbox::model::exam::{Combine, Exam};
use glassbox::model::{Model, ModelError};
use glassbox::study::{Reader, Series, Storage, Study};

use super::super::explain::{model_record, sentence};

/// Passes for the interval on a deciding slice.
const PASSES: usize = 100;
/// Seed of these passes.
const SEED: u64 = 1;

/// What one model said of one series.
enum Judgement {
    Stack(StackResult),
    Slices(Aggregated, Vec<Vec<f32>>),
}

/// Everything one call works on and what has come of it.
pub struct Work<'a> {
    exam: &'a Exam,
    device: &'a Device,
    reader: Reader,
    /// By card, each with its place in `models`.
    loaded: HashMap<PathBuf, (usize, Model)>,
    /// The models that answered, for the report.
    pub models: Vec<ModelRecord>,
    /// One a study with at least one plane of the exam.
    pub studies: Vec<ExamStudyRecord>,
    /// What failed, studies without any plane of the exam among them.
    pub failed: Vec<FailedSource>,
}

impl<'a> Work<'a> {
    /// Nothing done yet but what could not be opened.
    pub fn new(exam: &'a Exam, device: &'a Device, storage: Arc<dyn Storage>, failed: Vec<FailedSource>) -> Self {
        let reader = Reader::new(storage);
        let (loaded, models, studies) = (HashMap::new(), Vec::new(), Vec::new());
        Self { exam, device, reader, loaded, models, studies, failed }
    }

    /// Whether every plane of every study was there and judged, and every row has its combined answer.
    pub fn is_complete(&self) -> bool {
        let is_whole = |study: &ExamStudyRecord| {
            study.missing.is_empty() && study.tasks.iter().all(|task| task.combined.probability.is_some())
        };
        self.failed.is_empty() && self.studies.iter().all(is_whole)
    }

    /// Runs the exam on a study; one without any of its planes is listed among what failed.
    pub fn judge(&mut self, study: &Study) -> Result<(), String> {
        let exam = self.exam;
        let found = matches(exam, study);
        if found.iter().all(|one| one.series.is_none()) {
            let name = if study.description.is_empty() { &study.uid } else { &study.description };
            let reasons: Vec<&str> = found.iter().map(|one| one.words.as_str()).collect();
            self.failed.push(FailedSource { source: name.clone(), reason: reasons.join("; ") });
            return Ok(());
        }
        let mut judged: HashMap<(usize, PathBuf), Result<Judgement, String>> = HashMap::new();
        let mut answers = Vec::new();
        for member in &exam.members {
            let key = (member.column, member.card.clone());
            let Some(series) = found[member.column].series.map(|at| &study.series[at]) else { continue };
            if judged.contains_key(&key) {
                continue;
            }
            self.load(&member.card)?;
            let column = &exam.columns[member.column].name;
            let result = self.run(&member.card, series);
            match &result {
                Ok(judgement) => answers.push(self.answer(column, &member.card, judgement)),
                Err(reason) => self
                    .failed
                    .push(FailedSource { source: format!("{column}: {}", series.description), reason: reason.clone() }),
            }
            judged.insert(key, result);
        }
        let rows = table(exam, |_, column, member, asked| {
            let Some((_, model)) = self.loaded.get(&member.card) else {
                return Cell::Missing(Arc::from(found[column].words.as_str()));
            };
            let task = &exam.card.tasks[asked.task].name;
            let Some(class) = asked.class_index(task, &model.classes) else {
                return Cell::Failed(Arc::from(format!("{} has no class for the task \"{task}\"", model.card.name)));
            };
            let result = match judged.get(&(column, member.card.clone())) {
                None => return Cell::Missing(Arc::from(found[column].words.as_str())),
                Some(Err(reason)) => return Cell::Failed(Arc::from(reason.as_str())),
                Some(Ok(Judgement::Stack(stack))) => CellResult::of_stack(class, stack),
                Some(Ok(Judgement::Slices(slices, _))) => CellResult::of_slices(class, slices).map(|mut result| {
                    let series = found[column].series.map(|at| &study.series[at]);
                    result.interval90 = series.and_then(|series| self.interval(model, series, &result));
                    result
                }),
            };
            result.map_or_else(|| Cell::Failed(Arc::from("The model gave no answer for its class")), Cell::Ready)
        });
        for (row, task) in rows.iter().zip(&exam.card.tasks) {
            for cell in &row.cells {
                // A model that fails as a whole is in the list already.
                if let Cell::Failed(reason) = cell
                    && !self.failed.iter().any(|failed| failed.reason == **reason)
                {
                    self.failed.push(FailedSource { source: task.name.clone(), reason: reason.to_string() });
                }
            }
        }
        let missing = exam.columns.iter().zip(&found).filter(|(_, one)| one.series.is_none());
        self.studies.push(ExamStudyRecord {
            study: study.uid.clone(),
            missing: missing.map(|(column, _)| column.name.clone()).collect(),
            planes: exam.columns.iter().zip(&found).map(|(column, one)| plane(&column.name, one, study)).collect(),
            answers,
            tasks: rows.iter().enumerate().map(|(task, row)| self.task(task, row)).collect(),
        });
        Ok(())
    }

    fn load(&mut self, card: &Path) -> Result<(), String> {
        if !self.loaded.contains_key(card) {
            let model = engine::load(card, self.device).map_err(|error: ModelError| error.to_string())?;
            self.loaded.insert(card.to_owned(), (self.models.len(), model));
            self.models.push(model_record(&self.loaded[card].1)?);
        }
        Ok(())
    }

    /// One model over one series.
    fn run(&self, card: &Path, series: &Series) -> Result<Judgement, String> {
        let (_, model) = &self.loaded[card];
        let control = Control::default();
        let picture = |index: usize| self.reader.picture(&series.slices[index]).map_err(Failure::because);
        // A stack with a hole would be another stack.
        let hole = |(index, failure): (usize, Failure)| {
            format!("Slice {} can't be judged, so the stack can't: {}", index + 1, sentence(&failure))
        };
        if model.stack {
            let features = compute::features(model, series.positions(), picture, &control).map_err(hole)?;
            return compute::stack(model, &features, &control).map(Judgement::Stack).map_err(|f| sentence(&f));
        }
        let judged = |index| picture(index).and_then(|picture| scores(model, &picture, &control));
        let judged = (0..series.positions()).map(|index| judged(index).map_err(|failure| hole((index, failure))));
        let probabilities = judged.collect::<Result<Vec<_>, _>>()?;
        let rows: Vec<&[f32]> = probabilities.iter().map(Vec::as_slice).collect();
        let joined = compute::aggregate(model.card.output.aggregate.unwrap_or_default(), &rows);
        joined.map(|joined| Judgement::Slices(joined, probabilities)).ok_or_else(|| "It has no slices".to_owned())
    }

    /// The 90 % interval of a class on the slice that decided; `None` of a network that draws nothing. The slice has
    /// been judged before, so that its picture can be read.
    fn interval(&self, model: &Model, series: &Series, result: &CellResult) -> Option<[f32; 2]> {
        model.stochastic.as_ref()?;
        let picture = self.reader.picture(series.slices.get(result.deciding_slice)?).ok()?;
        let question = Question::Uncertainty { passes: PASSES, seed: SEED };
        let mut found = None;
        let ran = compute::slice(model, &picture, &[question], &Control::default(), &mut |_, answer| {
            if let Answer::Done(Outcome::Uncertainty(drawn)) = answer {
                found = drawn.summary.interval90.get(result.class).copied();
            }
        });
        ran.ok().and(found)
    }

    fn answer(&self, column: &str, card: &Path, judgement: &Judgement) -> AnswerRecord {
        let (index, model) = &self.loaded[card];
        let (plane, classes) = (column.to_owned(), model.classes.clone());
        match judgement {
            Judgement::Stack(stack) => AnswerRecord {
                plane,
                model: *index,
                classes,
                logits: stack.logits.clone(),
                probabilities: stack.probabilities.clone(),
                aggregate: None,
                shares: stack.shares.clone(),
                left_out: stack.left_out.clone(),
                per_slice: stack.per_slice.clone(),
            },
            Judgement::Slices(joined, per_slice) => AnswerRecord {
                plane,
                model: *index,
                classes,
                logits: Vec::new(),
                probabilities: joined.probabilities.clone(),
                aggregate: Some(model.card.output.aggregate.unwrap_or_default().words()),
                shares: Vec::new(),
                left_out: Vec::new(),
                per_slice: per_slice.clone(),
            },
        }
    }

    fn task(&self, task: usize, row: &Row) -> TaskRecord {
        let exam = self.exam;
        let name = |column: &usize| exam.columns[*column].name.clone();
        let cell = |(column, cell): (usize, &Cell)| {
            let (member, _) = exam.member(task, column)?;
            let result = cell.result();
            let reason = match cell {
                Cell::Missing(reason) | Cell::Failed(reason) => Some(reason.to_string()),
                _ => None,
            };
            Some(CellRecord {
                plane: name(&column),
                model: self.loaded.get(&member.card).map(|(index, _)| *index),
                class: result.map(|result| result.class),
                probability: result.map(|result| result.probability),
                logit: result.and_then(|result| result.logit),
                deciding_slice: result.map(|result| result.deciding_slice),
                interval90: result.and_then(|result| result.interval90),
                reason,
            })
        };
        let card = &exam.card.tasks[task];
        let rule = if card.combine == Combine::Mean { "mean" } else { "logistic" };
        TaskRecord {
            name: card.name.clone(),
            planes: row.cells.iter().enumerate().filter_map(cell).collect(),
            combined: CombinedRecord {
                rule: rule.to_owned(),
                probability: row.combined.probability,
                missing: row.combined.missing.iter().map(name).collect(),
                words: row.combined.words.clone(),
            },
        }
    }
}

fn plane(name: &str, found: &Match, study: &Study) -> PlaneRecord {
    let series = found.series.map(|at| &study.series[at]);
    PlaneRecord {
        name: name.to_owned(),
        series: series.map(|series| series.uid.clone()),
        description: series.map(|series| series.description.clone()),
        slices: series.map_or(0, Series::positions),
        others: found.others.iter().map(|&at| study.series[at].uid.clone()).collect(),
        why: found.words.clone(),
    }
}

/// Probabilities of one slice.
fn scores(model: &Model, picture: &glassbox::display::Picture, control: &Control) -> Result<Vec<f32>, Failure> {
    let mut found = Err(Failure::because("The model gave no answer"));
    compute::slice(model, picture, &[Question::Scores], control, &mut |_, answer| match answer {
        Answer::Done(Outcome::Scores(scores)) => found = Ok(scores.probabilities.clone()),
        Answer::Failed(reason) => found = Err(Failure::Because(reason)),
        _ => {}
    })?;
    found
}
