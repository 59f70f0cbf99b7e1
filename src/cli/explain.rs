//! `glassbox explain`: probabilities, maps and overlays of a study, on disk, with their provenance.

mod outputs;
mod plan;
mod records;
mod work;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glassbox::engine::DemoAndDisk;
use glassbox::explain::Subject;
use glassbox::model::Model;
use glassbox::study::{self, Storage};

use self::plan::Plan;
use self::work::Work;
use super::{Outcome as Exit, RunOptions, Stop};

pub(super) use plan::methods as chosen;
pub(super) use records::{failed_to_open, model_record};
pub(super) use work::sentence;

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
    /// Methods, separated by commas; `glassbox methods` lists them.
    #[arg(long, value_delimiter = ',', default_value = "gradcam")]
    method: Vec<String>,
    /// Sets a parameter of a method, as lime.samples=500; can be given several times.
    #[arg(long, value_name = "METHOD.PARAMETER=VALUE")]
    set: Vec<String>,
    /// Target layers, separated by commas, one map each; the card's layer unless given.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    layer: Vec<String>,
    /// Average the maps of the layers into one.
    #[arg(long, requires = "layer")]
    fuse: bool,
    /// The class to explain, by number or name; the most probable one unless given.
    #[arg(long, value_name = "N|NAME")]
    class: Option<String>,
    /// A class to hold the explained one against: its own map, and the difference of the two.
    #[arg(long, value_name = "N|NAME")]
    against: Option<String>,
    /// A slice by its number in display order, from 0, or `all`.
    #[arg(long, value_name = "N|all", default_value = "all")]
    slice: String,
    /// What maps are about, separated by commas: `class`; over draws of what is random the `mean` and `deviation` of the
    /// class's map; `unsureness`, what the draws disagree about.
    #[arg(long, value_name = "SUBJECT", value_delimiter = ',', default_value = "class",
          value_parser = ["class", "mean", "deviation", "unsureness"])]
    subject: Vec<String>,
    /// Draws for the maps of --subject; as many as --passes, but no more than 30, unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    map_passes: Option<u32>,
    /// Passes of what is random in the network.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    passes: u32,
    /// Write the probabilities of each pass too, as .npy, passes × classes.
    #[arg(long)]
    draws: bool,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the JSON to stdout too.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) run: RunOptions,
}

/// Explains what was asked for.
pub fn run(options: &ExplainOptions) -> Exit {
    let chosen = plan::methods(&options.method, &options.set)?;
    let wanted_slice = match options.slice.as_str() {
        "all" => None,
        number => Some(
            number
                .parse::<usize>()
                .map_err(|_| Stop::Usage(format!("--slice: it takes a number or `all`, not `{number}`")))?,
        ),
    };
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let card = super::models::find(&options.model, &options.run.models)?;
    let model = glassbox::engine::load(&card, &device).map_err(|error| error.to_string())?;
    let class_of = |text: &Option<String>| text.as_deref().map(|text| class_index(&model, text)).transpose();
    let plan = Plan {
        chosen,
        layers: Plan::layers(&model, &options.layer)?,
        fuse: options.fuse,
        class: class_of(&options.class)?,
        against: class_of(&options.against)?,
        seed: options.seed,
        subjects: subjects(options),
    };
    if plan.against.is_some() && plan.against == plan.class {
        return Err(Stop::Usage("--against: it takes another class than --class".to_owned()));
    }

    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&options.paths, &storage, &|_| ControlFlow::Continue(()));
    std::fs::create_dir_all(&options.out)
        .map_err(|error| format!("Could not make the folder ({error}): {}", options.out.display()))?;
    let mut work = Work::new(options, &model, plan, storage, failed_to_open(&opened, &options.paths));
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    pool.install(|| work.explain(&opened, wanted_slice))?;
    work.finish()
}

/// What the maps are about, each once.
fn subjects(options: &ExplainOptions) -> Vec<Subject> {
    /// Enough draws for a map that no longer changes to the eye.
    const DRAWS: u32 = 30;
    let passes = options.map_passes.unwrap_or_else(|| options.passes.min(DRAWS)) as usize;
    let mut subjects = Vec::new();
    for subject in options.subject.iter().filter_map(|name| Subject::of_name(name, passes)) {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    subjects
}

fn class_index(model: &Model, text: &str) -> Result<usize, String> {
    let by_name = model.classes.iter().position(|name| name == text);
    let by_number = || text.parse().ok().filter(|&class: &usize| class < model.classes.len());
    by_name.or_else(by_number).ok_or_else(|| {
        format!("{} has no class `{text}`; it has {} classes, numbered from 0", model.card.name, model.classes.len())
    })
}
