//! `glassbox bench`: what this machine does with networks, as a table and JSON; or one piece of work on demand, for
//! scripts that alternate it with another program's.

mod demand;
mod load;
mod machine;
mod measure;
mod networks;
mod opening;
mod subject;
mod text;
mod work;

use std::path::PathBuf;

use clap::Args;
use glassbox::engine::DeviceChoice;
use serde::Serialize;

use self::machine::Machine;
use self::measure::{Repeat, Row};
use self::networks::Network;
use self::subject::{Given, Subject};
use self::work::Work;
use super::{DONE, Outcome as Exit, PARTLY, RunOptions, Stop, print};

/// Measure what this machine does with networks: forward runs, gradients, maps, passes.
///
/// Without a model a set of usual networks is built with weights from a formula; nothing is downloaded. Each piece of
/// work runs once unmeasured, then as often as fits into two seconds (--repeat says otherwise). The time is the
/// network's and the method's alone: reading the image and loading the model are not in it, except for `passes`, which
/// takes the way from the picture to the finished distribution, and `another-class`, the map of one more class of an image
/// that has been run.
///
/// With --on-demand one piece of work is made ready, which is told by a line of JSON; from then on each line on stdin
/// runs it once and is answered by a line {"milliseconds": …, "others": …}, so that a script can alternate with another
/// program. The end of stdin ends it.
#[derive(Args)]
pub struct BenchOptions {
    /// A model card, its folder, or the name of a listed model.
    #[arg(long, value_name = "CARD", conflicts_with = "network")]
    model: Option<String>,
    /// Architectures with weights from a formula, separated by commas; a set of usual ones unless given.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    network: Vec<String>,
    /// What is measured, separated by commas: `forward`, `passes` (of what is random), `another-class` (CAM or Grad-CAM of
    /// one more class of an image that has been run), `stack` (a stack's logits and a CAM or Grad-CAM of each slice, slices
    /// together), or methods as `glassbox methods` lists them; for a stack network a method explains each slice alone.
    #[arg(long, value_name = "WORK", value_delimiter = ',')]
    work: Vec<String>,
    /// Sets a parameter of a method, as lime.samples=500; can be given several times.
    #[arg(long, value_name = "METHOD.PARAMETER=VALUE", requires = "work")]
    set: Vec<String>,
    /// An image, or a folder with the slices of a stack; an embedded one unless given.
    #[arg(long, value_name = "PATH")]
    image: Option<PathBuf>,
    /// The layer of maps that have one; the card's unless given.
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// The class of maps, by number; the most probable one unless given.
    #[arg(long, value_name = "N")]
    class: Option<usize>,
    /// Rows and columns of the network's input; the card's unless given.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=16_384))]
    size: Option<u32>,
    /// Slices of a stack network, or images that other networks are given together; 24 and 1 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    slices: Option<u32>,
    /// Passes of what is random in the network.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    passes: u32,
    /// Classes of the networks with weights from a formula; the usual number unless given.
    #[arg(long, value_name = "N", conflicts_with = "model",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    classes: Option<u32>,
    /// Measured runs of each piece of work; as many as take two seconds, at least three, unless given. What takes longer
    /// than three seconds is then run once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: Option<u32>,
    /// Make one piece of work ready and run it once for each line on stdin.
    #[arg(long)]
    on_demand: bool,
    /// Write what the first run gave (logits, raw map, probabilities of the passes) as .npy, to hold it against another
    /// program's; takes one network and one piece of work.
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
    /// Measure instead how fast a file or folder is opened and every slice of it decoded, and what memory that takes.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["model", "network", "work", "image", "on_demand", "result"])]
    open: Option<PathBuf>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) run: RunOptions,
}

/// Everything one call measured.
#[derive(Serialize)]
struct Report {
    program: glassbox::export::ProgramRecord,
    machine: Machine,
    rows: Vec<Row>,
    /// What could not be measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<Failed>,
    /// Cores that others used on average over all rows; absent where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<f64>,
}

/// A piece of work that a network can't do.
#[derive(Serialize)]
struct Failed {
    network: String,
    work: &'static str,
    reason: String,
}

/// A network and what is measured on it.
type Plan = Vec<(Network, Vec<Work>)>;

/// Measures what was asked for.
pub fn run(options: &BenchOptions) -> Exit {
    if let Some(path) = &options.open {
        return opening::run(path, options.json);
    }
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let plan = plan(options)?;
    let count: usize = plan.iter().map(|(_, works)| works.len().max(1)).sum();
    if options.on_demand && (count != 1 || plan[0].1.len() != 1) {
        return Err(Stop::Usage("--on-demand: it takes one network or model and one --work".to_owned()));
    }
    if options.result.is_some() && (count != 1 || plan[0].1.len() != 1) {
        return Err(Stop::Usage("--result: it takes one network or model and one --work".to_owned()));
    }
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    let machine = Machine::here(options.run.device, pool.current_num_threads());
    pool.install(|| {
        if options.on_demand {
            let Some((network, works)) = plan.into_iter().next() else { return Ok(DONE) };
            let subject = Subject::new(&network, options, &device)?;
            return demand::serve(&subject, &works[0], options.result.as_deref());
        }
        measure(options, plan, machine, &device)
    })
}

/// Measures row by row and prints each as soon as it is there.
fn measure(options: &BenchOptions, plan: Plan, machine: Machine, device: &candle_core::Device) -> Exit {
    let repeat = options.repeat.map_or(Repeat::Usual, |count| Repeat::Count(count as usize));
    if !options.json {
        print(&text::heading(&machine))?;
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut failed: Vec<Failed> = Vec::new();
    for (network, works) in plan {
        let subject = Subject::new(&network, options, device)?;
        let works = if works.is_empty() { Work::usual(&subject.model) } else { works };
        for work in &works {
            let (row, given) = match measure::row(&subject, work, repeat) {
                Ok(measured) => measured,
                Err(reason) => {
                    let network = subject.model.card.name.clone();
                    failed.push(Failed { network, work: work.name(), reason });
                    continue;
                }
            };
            if let Some(path) = &options.result {
                write(path, &given)?;
            }
            if !options.json {
                print(&text::line(&row))?;
            }
            rows.push(row);
        }
    }
    if rows.is_empty() {
        let reason = failed.first().map_or("nothing was asked for", |failed| failed.reason.as_str());
        return Err(Stop::Fault(format!("Nothing could be measured: {reason}")));
    }
    let others = mean_of_others(&rows);
    let code = if failed.is_empty() { DONE } else { PARTLY };
    if options.json {
        let report = Report { program: glassbox::export::ProgramRecord::this(), machine, rows, failed, others };
        print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?)?;
    } else {
        for Failed { network, work, reason } in &failed {
            print(&format!("{network} {work}: {reason}"))?;
        }
        print(&text::ending(&machine, others, options.model.is_none()))?;
    }
    Ok(code)
}

/// What others used of the machine, each row by the time it took.
fn mean_of_others(rows: &[Row]) -> Option<f64> {
    let known: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((row.others?, row.seconds))).collect();
    let seconds: f64 = known.iter().map(|(_, seconds)| seconds).sum();
    (seconds > 0.0).then(|| known.iter().map(|(others, seconds)| others * seconds).sum::<f64>() / seconds)
}

/// Which networks, and what on each. An empty list of works is what is usual for the model.
fn plan(options: &BenchOptions) -> Result<Plan, Stop> {
    let works = work::named(options)?;
    if let Some(name) = &options.model {
        let card = super::models::find(name, &options.run.models)?;
        return Ok(vec![(Network::Card(card), works)]);
    }
    if options.network.is_empty() && !options.on_demand {
        let usual = networks::USUAL.iter().map(|&(name, usual)| {
            let own = if works.is_empty() {
                usual.iter().filter_map(|name| Work::find(name)).collect()
            } else {
                works.clone()
            };
            Ok((Network::formula(name)?, own))
        });
        return usual.collect();
    }
    options.network.iter().map(|name| Ok((Network::formula(name)?, works.clone()))).collect()
}

/// Writes what a run gave.
fn write(path: &std::path::Path, given: &Given) -> Result<(), String> {
    glassbox::export::npy::write(path, &given.shape, &given.values).map_err(|error| error.to_string())
}

/// How the device is named in reports.
fn device_name(device: DeviceChoice) -> String {
    device.to_string()
}
