//! `glassbox explain`: probabilities, maps and overlays of a study, on disk, with their provenance.

mod outputs;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use glassbox::display::Picture;
use glassbox::engine::compute::{self, Answer, Failure, Question};
use glassbox::engine::{DemoAndDisk, Outcome, Recipe, Scores, StackResult, UncertaintyResult};
use glassbox::explain;
use glassbox::export::{
    Explanation, FailedSource, ModelRecord, ProgramRecord, ResultRecord, StackRecord, TopClass, UncertaintyRecord,
    write_atomically,
};
use glassbox::graph::Control;
use glassbox::model::Model;
use glassbox::study::{self, Opened, Reader, Series, Slice, Storage};
use sha2::{Digest, Sha256};

use self::outputs::Outputs;
use super::{DONE, Outcome as Exit, PARTLY, RunOptions, print};

/// Classes listed under `top`.
const TOP: usize = 5;

/// Run a model and write probabilities, maps and overlays.
#[derive(Args)]
pub struct ExplainOptions {
    /// Files and folders to explain.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A model card, its folder, or the name of a listed model.
    #[arg(long, value_name = "CARD")]
    model: String,
    /// The folder that results are written to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Methods, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "gradcam")]
    method: Vec<String>,
    /// The target layer; the card's unless given.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// The class to explain, by number or name; the most probable one unless given.
    #[arg(long, value_name = "N|NAME")]
    class: Option<String>,
    /// A slice by its number in display order, from 0, or `all`.
    #[arg(long, value_name = "N|all", default_value = "all")]
    slice: String,
    /// Passes through a stochastic head.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    passes: u32,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the JSON to stdout too.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: RunOptions,
}

/// Explains what was asked for.
pub fn run(options: &ExplainOptions) -> Exit {
    let methods = methods(&options.method)?;
    let wanted_slice = match options.slice.as_str() {
        "all" => None,
        number => {
            Some(number.parse::<usize>().map_err(|_| format!("--slice takes a number or `all`, not `{number}`"))?)
        }
    };
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let card = super::models::find(&options.model, &options.run.models)?;
    let model = glassbox::engine::load(&card, &device).map_err(|error| error.to_string())?;
    let layer = options.layer.clone().unwrap_or_else(|| model.default_layer().to_owned());
    if model.graph.find(&layer).is_none() {
        return Err(format!("{} has no layer `{layer}`; `glassbox models show` lists them", model.card.name));
    }
    let class = options.class.as_deref().map(|text| class_index(&model, text)).transpose()?;

    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&options.paths, &storage, &|_| ControlFlow::Continue(()));
    std::fs::create_dir_all(&options.out)
        .map_err(|error| format!("Could not make the folder ({error}): {}", options.out.display()))?;
    let mut work = Work {
        options,
        model: &model,
        methods,
        layer: Arc::from(layer.as_str()),
        class,
        reader: Reader::new(Arc::clone(&storage)),
        storage,
        outputs: Outputs::new(&options.out),
        hashes: HashMap::new(),
        results: Vec::new(),
        stacks: Vec::new(),
        failed: failed_to_open(&opened, &options.paths),
    };
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    pool.install(|| work.explain(&opened, wanted_slice))?;
    work.finish()
}

/// Everything one call works on and what has come of it.
struct Work<'a> {
    options: &'a ExplainOptions,
    model: &'a Model,
    methods: Vec<&'static str>,
    layer: Arc<str>,
    class: Option<usize>,
    reader: Reader,
    storage: Arc<dyn Storage>,
    outputs: Outputs,
    /// SHA-256 by file: the frames of one file share it.
    hashes: HashMap<PathBuf, String>,
    results: Vec<ResultRecord>,
    stacks: Vec<StackRecord>,
    failed: Vec<FailedSource>,
}

impl Work<'_> {
    fn explain(&mut self, opened: &Opened, wanted_slice: Option<usize>) -> Result<(), String> {
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
            let class = self.class.or(stack_class);
            for (index, slice) in series.slices.iter().enumerate() {
                if wanted_slice.is_none_or(|wanted| wanted == index) {
                    self.explain_slice(series, series_number, index, slice, class)?;
                }
            }
            series_number += 1;
        }
        Ok(())
    }

    /// Runs a stack model over the whole series; gives the stack's most probable class.
    fn explain_stack(&mut self, series: &Series) -> Result<Option<usize>, String> {
        let control = Control::default();
        let mut features = Vec::with_capacity(series.slices.len());
        for slice in &series.slices {
            let computed = self.picture(slice).and_then(|picture| {
                compute::features(self.model, &picture, &control).map_err(|failure| sentence(&failure))
            });
            match computed {
                Ok(values) => features.push(Arc::new(values)),
                // The slice's own run names the reason; a stack with a hole would be another stack.
                Err(reason) => {
                    let source = self.source_name(slice);
                    let reason = format!("The stack can't be judged as a whole, a slice is missing: {reason}");
                    self.failed.push(FailedSource { source, reason });
                    return Ok(None);
                }
            }
        }
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
        let picture = match self.picture(slice) {
            Ok(picture) => picture,
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
        for map in &answers.maps {
            let stem = format!("series{series_number}_slice{index:03}");
            maps.push(self.outputs.map(&stem, map, &picture).map_err(|error| error.to_string())?);
        }
        self.failed.extend(answers.failed.into_iter().map(|reason| FailedSource { source: source.clone(), reason }));
        let sha256 = self.sha256(&slice.source.path);
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
            uncertainty: answers.uncertainty.as_deref().map(uncertainty_record),
            maps,
        });
        Ok(())
    }

    /// One forward run for the scores (which may name the class), one for the maps of that class.
    fn ask(&self, picture: &Picture, class: Option<usize>) -> Result<Answers, String> {
        let control = Control::default();
        let mut scores = None;
        let mut first = vec![Question::Scores];
        if self.model.stochastic.is_some() {
            first.push(Question::Uncertainty { passes: self.options.passes as usize, seed: self.options.seed });
        }
        let mut uncertainty = None;
        let mut failed = Vec::new();
        compute::slice(self.model, picture, &first, &control, &mut |_, answer| match answer {
            Answer::Done(Outcome::Scores(found)) => scores = Some(found),
            Answer::Done(Outcome::Uncertainty(found)) => uncertainty = Some(found),
            Answer::Done(_) | Answer::Interim(_) => {}
            Answer::Failed(reason) => failed.push(reason.to_string()),
        })
        .map_err(|failure| sentence(&failure))?;
        let scores = scores.ok_or_else(|| "The network gave no scores".to_owned())?;
        let top = top_classes(self.model, &scores.probabilities).first().map_or(0, |top| top.class);
        let class = class.unwrap_or(top);
        let questions: Vec<Question> =
            self.methods.iter().map(|method| Question::Map(self.recipe(method, class))).collect();
        let mut maps = Vec::new();
        compute::slice(self.model, picture, &questions, &control, &mut |_, answer| match answer {
            Answer::Done(Outcome::Map(map)) => maps.push(map),
            Answer::Done(_) | Answer::Interim(_) => {}
            Answer::Failed(reason) => failed.push(reason.to_string()),
        })
        .map_err(|failure| sentence(&failure))?;
        Ok(Answers { scores, uncertainty, maps, failed })
    }

    fn recipe(&self, method: &'static str, class: usize) -> Recipe {
        Recipe { seed: self.options.seed, ..Recipe::new(method, Arc::clone(&self.layer), class) }
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

    fn sha256(&mut self, path: &Path) -> String {
        if let Some(known) = self.hashes.get(path) {
            return known.clone();
        }
        // The file was read a moment ago; should it be gone now, an empty hash says that it can't be vouched for.
        let hash = self.storage.read(path).map(|bytes| hex(&Sha256::digest(&bytes))).unwrap_or_default();
        self.hashes.insert(path.to_owned(), hash.clone());
        hash
    }

    /// Writes `explanation.json` and says how it went.
    fn finish(self) -> Exit {
        if self.results.is_empty() {
            let reason = self.failed.first().map_or("nothing there is an image", |failed| failed.reason.as_str());
            return Err(format!("Nothing could be explained: {reason}"));
        }
        let code = if self.failed.is_empty() { DONE } else { PARTLY };
        let explanation = Explanation {
            program: ProgramRecord::this(),
            model: model_record(self.model)?,
            device: self.options.run.device.to_string(),
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
    scores: Arc<Scores>,
    uncertainty: Option<Arc<UncertaintyResult>>,
    maps: Vec<Arc<glassbox::engine::MapResult>>,
    failed: Vec<String>,
}

fn methods(names: &[String]) -> Result<Vec<&'static str>, String> {
    names
        .iter()
        .map(|name| {
            let known = || explain::METHODS.iter().map(|method| method.name()).collect::<Vec<_>>().join(", ");
            explain::find(name)
                .map(explain::Method::name)
                .ok_or_else(|| format!("`{name}` is not an explanation method; known are {}", known()))
        })
        .collect()
}

fn class_index(model: &Model, text: &str) -> Result<usize, String> {
    let by_name = model.classes.iter().position(|name| name == text);
    let by_number = || text.parse().ok().filter(|&class: &usize| class < model.classes.len());
    by_name.or_else(by_number).ok_or_else(|| {
        format!("{} has no class `{text}`; it has {} classes, numbered from 0", model.card.name, model.classes.len())
    })
}

fn failed_to_open(opened: &Opened, arguments: &[PathBuf]) -> Vec<FailedSource> {
    let named = |path: &Path| {
        let relative = arguments.iter().find_map(|argument| path.strip_prefix(argument).ok());
        relative.filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path).display().to_string()
    };
    let failed = opened.failed.iter();
    failed.map(|failure| FailedSource { source: named(&failure.path), reason: failure.reason.clone() }).collect()
}

fn top_classes(model: &Model, probabilities: &[f32]) -> Vec<TopClass> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    order
        .into_iter()
        .take(TOP)
        .map(|class| TopClass { class, name: model.classes[class].clone(), probability: probabilities[class] })
        .collect()
}

fn uncertainty_record(result: &UncertaintyResult) -> UncertaintyRecord {
    let summary = &result.summary;
    UncertaintyRecord {
        passes: result.passes,
        mean: summary.mean.clone(),
        std: summary.std.clone(),
        interval90: summary.interval90.clone(),
        entropy: summary.entropy,
        aleatoric: summary.aleatoric,
        epistemic: summary.epistemic,
    }
}

fn stack_record(series: &Series, result: StackResult) -> StackRecord {
    StackRecord {
        series: series.uid.clone(),
        logits: result.logits,
        probabilities: result.probabilities,
        shares: result.shares,
        winning_slice: result.winning_slice,
    }
}

fn model_record(model: &Model) -> Result<ModelRecord, String> {
    Ok(ModelRecord {
        name: model.card.name.clone(),
        version: model.card.version.clone(),
        sha256: model.weights_sha256.clone(),
        card_sha256: model.card_sha256.clone(),
        architecture: model.card.architecture.clone(),
        intended_use: model.card.intended_use.clone(),
        preprocessing: serde_json::to_value(&model.card.input).map_err(|error| error.to_string())?,
    })
}

fn summary(explanation: &Explanation, path: &Path) -> String {
    let mut lines = Vec::new();
    for result in &explanation.results {
        let top: Vec<String> =
            result.top.iter().take(3).map(|top| format!("{} {:.3}", top.name, top.probability)).collect();
        lines.push(format!("{} slice {}: {}", result.source, result.slice, top.join(", ")));
    }
    for failed in &explanation.failed {
        lines.push(format!("{}: {}", failed.source, failed.reason));
    }
    lines.push(format!("{}. Written to {}", explanation.model.intended_use, path.display()));
    lines.join("\n")
}

fn sentence(failure: &Failure) -> String {
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
