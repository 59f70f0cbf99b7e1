//! `glassbox exam`: several models over the planes of a study, and one table.

mod text;
mod work;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use glassbox::engine::{self, DemoAndDisk};
use glassbox::export::{ExamRecord, ExamReport, ProgramRecord, write_atomically};
use glassbox::model::Exam;
use glassbox::study::{self, Storage};

use self::work::Work;
use super::explain::failed_to_open;
use super::{DONE, Outcome as Exit, PARTLY, RunOptions, Stop, model_dirs, print};

/// Run the models of an exam card over the planes of a study and print one table.
#[derive(Args)]
pub struct ExamOptions {
    /// Files and folders of the study.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// An exam card, its folder, or the name of a listed exam.
    #[arg(long, value_name = "EXAM")]
    card: String,
    /// A folder that exam.json is written to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) run: RunOptions,
}

/// Runs the exam on every study that has one of its planes.
pub fn run(options: &ExamOptions) -> Exit {
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let exam = find(&options.card, &options.run.models)?;
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&options.paths, &storage, &|_| ControlFlow::Continue(()));
    let mut work = Work::new(&exam, &device, storage, failed_to_open(&opened, &options.paths));
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    pool.install(|| opened.studies.iter().try_for_each(|study| work.judge(study)))?;

    let is_complete = work.is_complete();
    let report = ExamReport {
        program: ProgramRecord::this(),
        exam: ExamRecord {
            name: exam.card.name.clone(),
            version: exam.card.version.clone(),
            intended_use: exam.card.intended_use.clone(),
            card_sha256: exam.card_sha256.clone(),
        },
        models: work.models,
        device: options.run.described(),
        time: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        studies: work.studies,
        failed: work.failed,
    };
    if report.studies.iter().all(|study| study.answers.is_empty()) {
        let first = report.failed.first().map(|failed| failed.reason.clone());
        let reason = first.unwrap_or_else(|| "nothing there is an image".to_owned());
        return Err(Stop::Fault(format!("Nothing could be judged: {reason}")));
    }
    let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("Could not make the folder ({error}): {}", folder.display()))?;
        write_atomically(&folder.join("exam.json"), json.as_bytes()).map_err(|error| error.to_string())?;
    }
    print(if options.json { json } else { text::table(&exam, &report) }.as_str())?;
    Ok(if is_complete { DONE } else { PARTLY })
}

/// The exam that `name` means: a path, or the name of a listed exam.
pub fn find(name: &str, dirs: &[PathBuf]) -> Result<Arc<Exam>, String> {
    let catalogue = engine::catalogue(&model_dirs(dirs));
    let path = Path::new(name);
    if path.exists() {
        return Exam::load(path, &catalogue).map(Arc::new).map_err(|error| error.to_string());
    }
    let entry = catalogue
        .exam_called(name)
        .ok_or_else(|| format!("No exam card is at or called `{name}`; `glassbox models` lists the known ones"))?;
    entry.exam.clone()
}
