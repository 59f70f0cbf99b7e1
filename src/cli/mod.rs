//! Arguments in, exit code out: 0 done, 1 the input or the model is at fault, 2 wrong usage, 3 partly done.

mod bench;
mod check_model;
mod cover;
mod exam;
mod explain;
mod info;
mod methods;
mod models;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use glassbox::engine::{Config, DeviceChoice, ModelPath};
use glassbox::graph::Precision;
use glassbox::viewer::{self, ViewerOptions};

/// Everything was done.
const DONE: u8 = 0;
/// The input or the model is at fault.
const FAULT: u8 = 1;
/// The call itself is wrong.
const USAGE: u8 = 2;
/// Some of it was done; the JSON lists what failed.
const PARTLY: u8 = 3;

/// Bound of the viewer's pictures and results together.
const CACHE_BYTES: usize = 2 << 30;
/// Bound of what the viewer keeps on the graphics card.
const TEXTURE_BYTES: usize = 256 << 20;

/// A clinical viewer that opens the black box of medical image networks. Research use, not for diagnosis.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = false)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files and folders to open; none opens the embedded demo study.
    paths: Vec<PathBuf>,
    /// The model to begin with: a card, its folder, or the name of a listed model.
    #[arg(long, value_name = "CARD")]
    model: Option<String>,
    #[command(flatten)]
    run: RunOptions,
    /// Log frame times and the time to the first image.
    #[arg(long)]
    trace: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what this machine does with networks: forward runs, gradients, maps, passes.
    Bench(Box<bench::BenchOptions>),
    /// Check how a network was trained: dead and duplicate filters, noise, sparsity, saturation, receptive field.
    CheckModel(check_model::CheckOptions),
    /// Cover boxes of an image and print what the network says before and after.
    Cover(cover::CoverOptions),
    /// Run the models of an exam card over the planes of a study and print one table.
    Exam(exam::ExamOptions),
    /// Run a model and write probabilities, maps and overlays.
    Explain(Box<explain::ExplainOptions>),
    /// Print what is in files and folders as JSON.
    Info(info::InfoOptions),
    /// List the explanation methods with their parameters.
    Methods(methods::MethodsOptions),
    /// List the models, or one model's layers.
    Models(models::ModelsOptions),
}

/// Where models are and where they run.
#[derive(Args, Clone)]
struct RunOptions {
    /// A folder with model cards, searched before the usual ones.
    #[arg(long, value_name = "DIR")]
    models: Vec<PathBuf>,
    /// cpu, cuda, cuda:N or metal.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Threads for networks; all cores unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Plain sums everywhere on the CPU: slower, without the rounding of Winograd's algorithm.
    #[arg(long)]
    exact: bool,
}

impl RunOptions {
    /// Where and how networks run, as reports name it.
    fn described(&self) -> String {
        match self.precision() {
            Precision::Fast => self.device.to_string(),
            Precision::Exact => format!("{}, exact", self.device),
        }
    }

    /// How sums are computed.
    fn precision(&self) -> Precision {
        if self.exact { Precision::Exact } else { Precision::Fast }
    }
}

impl Arguments {
    /// How networks run, where the command runs any.
    fn run_options(&self) -> Option<&RunOptions> {
        match &self.command {
            Some(Command::Bench(options)) => Some(&options.run),
            Some(Command::Cover(options)) => Some(&options.run),
            Some(Command::Exam(options)) => Some(&options.run),
            Some(Command::CheckModel(options)) => Some(&options.run),
            Some(Command::Explain(options)) => Some(&options.run),
            Some(Command::Info(_) | Command::Methods(_) | Command::Models(_)) => None,
            None => Some(&self.run),
        }
    }
}

/// Why nothing was done, in one sentence for people.
enum Stop {
    /// The input or the model is at fault.
    Fault(String),
    /// The call itself is wrong.
    Usage(String),
}

impl From<String> for Stop {
    fn from(sentence: String) -> Self {
        Self::Fault(sentence)
    }
}

/// The exit code of what was done, or why nothing was.
type Outcome = Result<u8, Stop>;

/// Runs the program.
pub fn main() -> ExitCode {
    let started = Instant::now();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let arguments = Arguments::parse();
    if let Some(options) = arguments.run_options() {
        options.precision().make_default();
    }
    let outcome = match &arguments.command {
        Some(Command::Bench(options)) => bench::run(options),
        Some(Command::Exam(options)) => exam::run(options),
        Some(Command::CheckModel(options)) => check_model::run(options),
        Some(Command::Cover(options)) => cover::run(options),
        Some(Command::Explain(options)) => explain::run(options),
        Some(Command::Info(options)) => info::run(options),
        Some(Command::Methods(options)) => methods::run(options),
        Some(Command::Models(options)) => models::run(options),
        None => view(arguments, started),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            let (code, sentence) = match stop {
                Stop::Fault(sentence) => (FAULT, sentence),
                Stop::Usage(sentence) => (USAGE, sentence),
            };
            // Nothing can be done where stderr itself is closed.
            let _ = writeln!(io::stderr(), "glassbox: {sentence}");
            ExitCode::from(code)
        }
    }
}

fn view(arguments: Arguments, started: Instant) -> Outcome {
    let named = arguments.model.as_deref().map(|name| models::find(name, &arguments.run.models)).transpose()?;
    let engine = Config {
        device: arguments.run.device,
        threads: arguments.run.threads.map(usize::from),
        cache_bytes: CACHE_BYTES,
        model_dirs: model_dirs(&arguments.run.models),
        wake: Arc::new(|| {}),
    };
    let options = ViewerOptions {
        paths: arguments.paths,
        model: named.map(ModelPath),
        engine,
        texture_bytes: TEXTURE_BYTES,
        trace: arguments.trace,
        started,
    };
    viewer::run(options).map_err(|error| error.to_string())?;
    Ok(DONE)
}

/// The folders that model cards are looked for in, in order of precedence.
fn model_dirs(named: &[PathBuf]) -> Vec<PathBuf> {
    named.iter().cloned().chain(glassbox::model::Catalogue::default_folders()).collect()
}

/// Prints to stdout; a reader that has gone away (`| head`) ends the program's output, not the program.
fn print(text: &str) -> Result<(), String> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("Could not write to stdout: {error}")),
        _ => Ok(()),
    }
}
