//! `glassbox models`: the cards that are there, or one model's layers.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use glassbox::engine::{self, DeviceChoice};
use glassbox::model::listing;

use super::{DONE, Outcome, model_dirs, print};

/// List the models, or one model's layers.
#[derive(Args)]
pub struct ModelsOptions {
    /// A folder with model cards, searched before the usual ones.
    #[arg(long, value_name = "DIR", global = true)]
    models: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    show: Option<Show>,
}

#[derive(Subcommand)]
enum Show {
    /// Print one model's layers: name, operation, output shape, parameters, multiply-accumulates.
    Show {
        /// A model card, its folder, or the name of a listed model.
        card: String,
    },
}

/// Prints the list or the layers.
pub fn run(options: &ModelsOptions) -> Outcome {
    match &options.show {
        None => {
            let catalogue = engine::catalogue(&model_dirs(&options.models));
            print(&if options.json {
                format!("{:#}", listing::catalogue_json(&catalogue))
            } else {
                listing::catalogue_text(&catalogue)
            })?;
        }
        Some(Show::Show { card }) => {
            let path = find(card, &options.models)?;
            let device = DeviceChoice::Cpu.open().map_err(|error| error.to_string())?;
            let model = engine::load(&path, &device).map_err(|error| error.to_string())?;
            print(&if options.json {
                format!("{:#}", listing::model_json(&model))
            } else {
                listing::model_text(&model)
            })?;
        }
    }
    Ok(DONE)
}

/// The card that `name` means: a path, or the name of a listed model.
pub fn find(name: &str, dirs: &[PathBuf]) -> Result<PathBuf, String> {
    let path = Path::new(name);
    if path.exists() || engine::is_demo(path) {
        return Ok(path.to_owned());
    }
    engine::catalogue(&model_dirs(dirs))
        .called(name)
        .map(|entry| entry.path.clone())
        .ok_or_else(|| format!("No model card is at or called `{name}`; `glassbox models` lists the known ones"))
}
