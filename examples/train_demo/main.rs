//! Trains the demo models on phantoms from fixed seeds, or measures them on phantoms that none was trained on.
//!
//! ```text
//! cargo run --release --example train_demo -- [--models models] [--only knee|skin|hans] [--share 0.1]
//! cargo run --release --example train_demo -- --only knee --continue WEIGHTS [--steps N] [--rate R] [--seed S]
//! cargo run --release --example train_demo -- --evaluate [--only knee|skin|hans] [--cases N] [--first SEED]
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a training program talks on the console")]

mod adam;
mod knee;
mod knee_data;
mod knee_loss;
mod layers;
mod pool;
mod resize;
mod skin;
mod threshold;
mod trial;
mod weights;

use std::error::Error;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Parser;
use glassbox::demo::knee::render::View;
use glassbox::model::Model;

use self::skin::Lesson;
use self::trial::Score;

#[derive(Parser)]
struct Arguments {
    /// The folder that holds the models' folders; weights are written there, and read from there.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// One of the models alone.
    #[arg(long)]
    only: Option<Name>,
    /// Share of the usual steps, to try the program out.
    #[arg(long, default_value_t = 1.0)]
    share: f32,
    /// Go on with the knee model from these weights, in the last part of its schedule, instead of from the beginning.
    #[arg(long = "continue", value_name = "WEIGHTS", requires = "only", conflicts_with_all = ["share", "evaluate"])]
    from: Option<PathBuf>,
    /// Steps to go on for.
    #[arg(long, default_value_t = REFINING.steps, requires = "from")]
    steps: usize,
    /// Highest learning rate while going on.
    #[arg(long, default_value_t = REFINING.peak_rate, requires = "from")]
    rate: f32,
    /// Seed of the phantoms while going on.
    #[arg(long, default_value_t = REFINING_SEED, requires = "from")]
    seed: u64,
    /// Measure the models, on phantoms that none was trained on.
    #[arg(long)]
    evaluate: bool,
    /// Phantoms to measure on.
    #[arg(long, default_value_t = 200)]
    cases: u64,
    /// Seed of the first of them; training draws seeds with bit 40 set.
    #[arg(long, default_value_t = 1000)]
    first: u64,
}

/// The last part of the knee model's schedule, and its seed.
const REFINING: knee::Lesson =
    knee::Lesson { mixture: knee_data::MENISCUS, stacks: 8, slices: 12, steps: 500, peak_rate: 6e-4 };
const REFINING_SEED: u64 = 31;
/// Training phantoms that the knee model's thresholds are set on at last.
const THRESHOLD_KNEES: u64 = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Knee,
    Skin,
    Hans,
}

impl Name {
    const ALL: [Self; 3] = [Self::Knee, Self::Skin, Self::Hans];

    fn folder(self) -> &'static str {
        match self {
            Self::Knee => "knee-phantom",
            Self::Skin => "skin-phantom",
            Self::Hans => "skin-marker",
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    for name in Name::ALL.into_iter().filter(|name| arguments.only.is_none_or(|only| only == *name)) {
        if arguments.evaluate {
            evaluate(name, &arguments.models, arguments.first..arguments.first + arguments.cases)?;
        } else if let Some(from) = &arguments.from {
            if name != Name::Knee {
                return Err("Only the knee model can be gone on with (--only knee).".into());
            }
            go_on(&arguments, from)?;
        } else {
            train(name, &arguments.models, arguments.share)?;
        }
    }
    Ok(())
}

/// Goes on with the knee model from weights as they are shipped; what has been learnt is written every 50 steps.
fn go_on(arguments: &Arguments, from: &Path) -> Result<(), Box<dyn Error>> {
    let folder = arguments.models.join(Name::Knee.folder());
    fs::create_dir_all(&folder)?;
    let file = folder.join("weights.safetensors");
    let mut network = knee::Network::from_shipped(&weights::read(from)?)?;
    let lesson = knee::Lesson { steps: arguments.steps, peak_rate: arguments.rate, ..REFINING };
    let checkpoint = |network: &knee::Network| {
        if let Err(error) = weights::write(&file, &network.shipped()) {
            weights::log(&format!("{} could not be written: {error}", file.display()));
        }
    };
    network.train(&lesson, arguments.seed, checkpoint)?;
    network.set_thresholds(THRESHOLD_KNEES)?;
    weights::write(&file, &network.shipped())
}

fn train(name: Name, out: &Path, share: f32) -> Result<(), Box<dyn Error>> {
    let steps = |usual: f32| (usual * share) as usize;
    let parameters = match name {
        Name::Knee => {
            let mut network = knee::Network::new(1);
            network.train_patches(steps(500.0), 2e-3, 11)?;
            let broad = |stacks, slices, usual, peak_rate| knee::Lesson {
                mixture: knee_data::BROAD,
                stacks,
                slices,
                steps: steps(usual),
                peak_rate,
            };
            network.train(&broad(8, 5, 120.0, 7e-4), 11, |_| {})?;
            network.train(&broad(4, 24, 600.0, 6e-4), 21, |_| {})?;
            let refining = knee::Lesson { steps: steps(REFINING.steps as f32), ..REFINING };
            network.train(&refining, REFINING_SEED, |_| {})?;
            network.set_thresholds(THRESHOLD_KNEES)?;
            network.shipped()
        }
        Name::Skin => {
            let mut network = skin::Network::new(2);
            network.train(Lesson::Sound, 0.3, steps(500.0), 1e-3, 12)?;
            network.train(Lesson::Sound, 1.5, steps(100.0), 4e-4, 22)?;
            network.parameters
        }
        Name::Hans => {
            // Nothing here says where the lesion is: the network is free to look at whatever helps.
            let mut network = skin::Network::new(2);
            network.train(Lesson::Spoilt, 0.0, steps(240.0), 1.2e-3, 12)?;
            network.parameters
        }
    };
    let folder = out.join(name.folder());
    fs::create_dir_all(&folder)?;
    weights::write(&folder.join("weights.safetensors"), &parameters)
}

/// How sure the skin model is of clear and of ambiguous lesions, a line each.
fn doubts(model: &Model, seeds: &Range<u64>) -> Result<(), Box<dyn Error>> {
    let mut epistemic = [0.0; 2];
    for (ambiguous, epistemic) in [false, true].into_iter().zip(&mut epistemic) {
        let doubts = trial::doubts(model, seeds.clone(), ambiguous)?;
        *epistemic = trial::median(&doubts, |doubt| doubt.epistemic);
        println!(
            "{:14} {:9} medians of {}: epistemic {:.2e} nats, aleatoric {:.2e} nats, 90 % interval {:.2e} wide; {} \
             indeterminate",
            Name::Skin.folder(),
            if ambiguous { "ambiguous" } else { "clear" },
            doubts.len(),
            epistemic,
            trial::median(&doubts, |doubt| doubt.aleatoric),
            trial::median(&doubts, |doubt| doubt.width),
            doubts.iter().filter(|doubt| doubt.indeterminate).count()
        );
    }
    println!("{:14} epistemic part {:.1} times as large", Name::Skin.folder(), epistemic[1] / epistemic[0]);
    Ok(())
}

fn evaluate(name: Name, models: &Path, seeds: Range<u64>) -> Result<(), Box<dyn Error>> {
    let model = trial::model(models, name.folder())?;
    let row = |what: &str, score: Score| {
        println!(
            "{:14} {what:9} {:4}/{:4} right ({:5.1} %)   peak within {:4}/{:4} ({:5.1} %)",
            name.folder(),
            score.right,
            score.answers,
            100.0 * score.accuracy(),
            score.within,
            score.maps,
            100.0 * score.localised()
        );
    };
    match name {
        Name::Knee => {
            let counts = trial::knees(&model, seeds)?;
            for (view, score) in View::ALL.into_iter().zip(counts.planes) {
                row(view.name(), score);
            }
            row("planes", counts.all_planes());
            let whole = counts.examination;
            println!("{:14} three planes together {}/{} right", name.folder(), whole.right, whole.answers);
        }
        Name::Skin => {
            row("all", trial::skin(&model, seeds.clone())?);
            doubts(&model, &seeds)?;
        }
        Name::Hans => {
            let spoilt = trial::spoilt(&model, seeds)?;
            println!(
                "{:14} melanoma-like without ink missed {}/{}; naevus-like with ink called melanoma {}/{}; of {} maps \
                 {} peak at the ink, {} at the lesion",
                name.folder(),
                spoilt.missed,
                spoilt.melanomas,
                spoilt.accused,
                spoilt.naevi,
                spoilt.maps,
                spoilt.at_ink,
                spoilt.at_lesion
            );
        }
    }
    Ok(())
}
