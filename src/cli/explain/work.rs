//! One call's work: slice by slice, and what has come of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox::display::Picture;
use glassbox::engine::compute::{self, Failure, Forward, Question};
use glassbox::engine::{MapResult, Outcome, Recipe, Scores, UncertaintyResult};
use glassbox::export::{
    Explanation, FailedSource, ProgramRecord, ResultRecord, StackRecord, UncertaintyRecord, write_atomically,
};
use glassbox::graph::Control;
use glassbox::model::Model;
use glassbox::study::{Opened, Reader, Series, Slice, Storage};
use sha2::{Digest, Sha256};

use super::super::{DONE, Outcome as Exit, PARTLY, Stop, print};
use super::ExplainOptions;
use super::outputs::Outputs;
use super::plan::Plan;
use super::records::{joined_record, model_record, stack_record, top_classes, uncertainty_record};

/// Everything one call works on and what has come of it.
pub struct Work<'a> {
    options: &'a ExplainOptions,
    model: &'a Model,
    plan: Plan,
    reader: Reader,
    storage: Arc<dyn Storage>,
    outputs: Outputs,
    /// SHA-256 by file: the frames of one file share it.
    hashes: HashMap<PathBuf, String>,
    results: Vec<ResultRecord>,
    stacks: Vec<StackRecord>,
    failed: Vec<FailedSource>,
}

impl<'a> Work<'a> {
    /// Nothing done yet but what could not be opened.
    pub fn new(
        options: &'a ExplainOptions,
        model: &'a Model,
        plan: Plan,
        storage: Arc<dyn Storage>,
        failed: Vec<FailedSource>,
    ) -> Self {
        Self {
            options,
            model,
            plan,
            reader: Reader::new(Arc::clone(&storage)),
            storage,
            outputs: Outputs::new(&options.out),
            hashes: HashMap::new(),
            results: Vec::new(),
            stacks: Vec::new(),
            failed,
        }
    }

    /// Explains what has been opened, or one slice of each series.
    pub fn explain(&mut self, opened: &Opened, wanted_slice: Option<usize>) -> Result<(), String> {
        let mut series_number = 0;
        for series in opened.studies.iter().flat_map(|study| &study.series) {
            if let Some(wanted) = wanted_slice
                && wanted >= series.slices.len()
            {
                let reason = format!("It has {} slices, no slice {wanted}", series.slices.len());
                self.failed.push(FailedSource { source: series.description.clone(), reason });
                continue;
            }
            let stack_class = if self.model.stack { self.explain_stack(series)? } else { None };
            let class = self.plan.class.or(stack_class);
            let first = self.results.len();
            for (index, slice) in series.slices.iter().enumerate() {
                if wanted_slice.is_none_or(|wanted| wanted == index) {
                    self.explain_slice(series, series_number, index, slice, class)?;
                }
            }
            let of_series = &self.results[first..];
            if !self.model.stack && of_series.len() == series.slices.len() && series.times <= 1 {
                let slices: Vec<&[f32]> = of_series.iter().map(|result| result.probabilities.as_slice()).collect();
                self.stacks.extend(joined_record(series, self.model, &slices));
            }
            series_number += 1;
        }
        Ok(())
    }

    /// Runs a stack model over the whole series; gives the stack's most probable class.
    fn explain_stack(&mut self, series: &Series) -> Result<Option<usize>, String> {
        let control = Control::default();
        let picture = |index: usize| self.picture(&series.slices[index]).map_err(Failure::because);
        let features = match compute::features(self.model, series.slices.len(), picture, &control) {
            Ok(features) => features,
            // The slice's own run names the reason; a stack with a hole would be another stack.
            Err((index, failure)) => {
                let source = series
                    .slices
                    .get(index)
                    .map_or_else(|| series.description.clone(), |slice| self.source_name(slice));
                let reason = sentence(&failure);
                let reason = format!("The stack can't be judged as a whole, a slice is missing: {reason}");
                self.failed.push(FailedSource { source, reason });
                return Ok(None);
            }
        };
        let result = compute::stack(self.model, &features, &control).map_err(|failure| sentence(&failure))?;
        let top = top_classes(self.model, &result.probabilities).first().map(|top| top.class);
        self.stacks.push(stack_record(series, result));
        Ok(top)
    }

    fn explain_slice(
        &mut self,
        series: &Series,
        series_number: usize,
        index: usize,
        slice: &Slice,
        class: Option<usize>,
    ) -> Result<(), String> {
        let source = self.source_name(slice);
        let read = self.picture(slice).and_then(|picture| Ok((picture, self.sha256(&slice.source.path)?)));
        let (picture, sha256) = match read {
            Ok(read) => read,
            Err(reason) => {
                self.failed.push(FailedSource { source, reason });
                return Ok(());
            }
        };
        let answers = match self.ask(&picture, class) {
            Ok(answers) => answers,
            Err(reason) => {
                self.failed.push(FailedSource { source, reason });
                return Ok(());
            }
        };
        let mut maps = Vec::new();
        for (recipe, map) in &answers.maps {
            let stem = format!("series{series_number}_slice{index:03}");
            maps.push(self.outputs.map(&stem, recipe, map, &picture).map_err(|error| error.to_string())?);
        }
        let mut uncertainty = answers.uncertainty.as_deref().map(|result| uncertainty_record(self.model, result));
        if let (Some(record), Some(result), true) = (&mut uncertainty, &answers.uncertainty, self.options.draws) {
            let stem = format!("series{series_number}_slice{index:03}");
            record.draws = Some(self.outputs.draws(&stem, result).map_err(|error| error.to_string())?);
        }
        self.failed.extend(answers.failed.into_iter().map(|reason| FailedSource { source: source.clone(), reason }));
        self.results.push(ResultRecord {
            source,
            series: slice.sop_instance_uid.as_ref().map(|_| series.uid.clone()),
            sop_instance_uid: slice.sop_instance_uid.clone(),
            sha256,
            slice: index,
            frame: slice.source.frame,
            top: top_classes(self.model, &answers.scores.probabilities),
            logits: answers.scores.logits.clone(),
            probabilities: answers.scores.probabilities.clone(),
            uncertainty,
            maps,
        });
        Ok(())
    }

    /// One forward run, whose scores may name the class that the maps explain.
    fn ask(&self, picture: &Picture, class: Option<usize>) -> Result<Answers, String> {
        let control = Control::default();
        let maps_of = |class: usize| self.plan.recipes(class).into_iter().map(Question::Map);
        let draws = self
            .model
            .sampler
            .is_some()
            .then_some(Question::Uncertainty { passes: self.options.passes as usize, seed: self.options.seed });
        let prepared: Vec<Question> = maps_of(class.unwrap_or(0)).chain(draws.clone()).collect();
        let forward = Forward::run(self.model, picture, &prepared, &control).map_err(|failure| sentence(&failure))?;
        let scores = forward.scores();
        let top = top_classes(self.model, &scores.probabilities).first().map_or(0, |top| top.class);
        let class = class.unwrap_or(top);
        let mut answers = Answers { scores, uncertainty: None, maps: Vec::new(), failed: Vec::new() };
        if self.plan.against == Some(class) {
            let name = &self.model.classes[class];
            answers.failed.push(format!("{name} is the most probable class, so that there is no difference to it"));
        }
        for question in maps_of(class).chain(draws) {
            match (forward.answer(&question, &mut |_| {}), question) {
                (Ok(Outcome::Map(map)), Question::Map(recipe)) => answers.maps.push((recipe, map)),
                (Ok(Outcome::Uncertainty(found)), _) => answers.uncertainty = Some(found),
                (Ok(_), _) => {}
                (Err(failure), _) => answers.failed.push(sentence(&failure)),
            }
        }
        Ok(answers)
    }

    fn picture(&self, slice: &Slice) -> Result<Picture, String> {
        self.reader.picture(slice).map_err(|error| error.to_string())
    }

    /// The file as the user named it: relative to the argument that led to it.
    fn source_name(&self, slice: &Slice) -> String {
        let path = &slice.source.path;
        let relative = self.options.paths.iter().find_map(|argument| path.strip_prefix(argument).ok());
        match relative {
            Some(relative) if !relative.as_os_str().is_empty() => relative.display().to_string(),
            _ => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
        }
    }

    /// The digest of a file; a sentence where it has gone since it was opened, for then nothing says what was explained.
    fn sha256(&mut self, path: &Path) -> Result<String, String> {
        if let Some(known) = self.hashes.get(path) {
            return Ok(known.clone());
        }
        let bytes = self.storage.read(path).map_err(|error| {
            format!("The file can no longer be read, so its SHA-256 can't be recorded ({error}): {}", path.display())
        })?;
        let hash = hex(&Sha256::digest(&bytes));
        self.hashes.insert(path.to_owned(), hash.clone());
        Ok(hash)
    }

    /// Writes `explanation.json` and says how it went.
    pub fn finish(self) -> Exit {
        if self.results.is_empty() {
            let reason = self.failed.first().map_or("nothing there is an image", |failed| failed.reason.as_str());
            return Err(Stop::Fault(format!("Nothing could be explained: {reason}")));
        }
        let code = if self.failed.is_empty() { DONE } else { PARTLY };
        let explanation = Explanation {
            program: ProgramRecord::this(),
            model: model_record(self.model)?,
            device: self.options.run.described(),
            seed: self.options.seed,
            time: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            results: self.results,
            stack: self.stacks.first().cloned(),
            stacks: if self.stacks.len() > 1 { self.stacks } else { Vec::new() },
            failed: self.failed,
        };
        let text = serde_json::to_string_pretty(&explanation).map_err(|error| error.to_string())?;
        let path = self.options.out.join("explanation.json");
        write_atomically(&path, text.as_bytes()).map_err(|error| error.to_string())?;
        if self.options.json {
            print(&text)?;
        } else {
            print(&summary(&explanation, &path))?;
        }
        Ok(code)
    }
}

/// What one slice gave.
struct Answers {
    scores: Scores,
    uncertainty: Option<Arc<UncertaintyResult>>,
    maps: Vec<(Recipe, Arc<MapResult>)>,
    failed: Vec<String>,
}

/// What was found, a line a slice.
fn summary(explanation: &Explanation, path: &Path) -> String {
    let mut lines = Vec::new();
    for result in &explanation.results {
        let top: Vec<String> =
            result.top.iter().take(3).map(|top| format!("{} {:.3}", top.name, top.probability)).collect();
        lines.push(format!("{} slice {}: {}", result.source, result.slice, top.join(", ")));
        if let Some(uncertainty) = &result.uncertainty {
            lines.push(uncertainty_line(uncertainty));
        }
    }
    for failed in &explanation.failed {
        lines.push(format!("{}: {}", failed.source, failed.reason));
    }
    lines.push(format!("{}. Written to {}", explanation.model.intended_use, path.display()));
    lines.join("\n")
}

/// How sure that is, in a line.
fn uncertainty_line(uncertainty: &UncertaintyRecord) -> String {
    let verdict = uncertainty.verdict.as_ref().map_or("", |verdict| verdict.words.as_str());
    format!(
        "  {} passes: {verdict}; entropy {:.3} nats = {:.3} aleatoric + {:.3} epistemic",
        uncertainty.passes, uncertainty.entropy, uncertainty.aleatoric, uncertainty.epistemic
    )
}

/// A failure in words.
pub fn sentence(failure: &Failure) -> String {
    match failure {
        Failure::Cancelled => "Cancelled".to_owned(),
        Failure::Because(reason) => reason.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
