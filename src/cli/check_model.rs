//! `glassbox check-model`: what weights and activations over many images say about how a network was trained, as a
//! table, as JSON and as a page.

mod narrow;
mod text;
mod work;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glassbox::engine::DemoAndDisk;
use glassbox::model::Model;
use glassbox::study::{self, Storage};

use self::work::{Size, Work};
use super::{Outcome as Exit, RunOptions, Stop};

/// Check how a network was trained: dead and duplicate filters, noise, sparsity, saturation, receptive field.
#[derive(Args)]
pub struct CheckOptions {
    /// Files and folders with images of the kind that the network is for.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A model card, its folder, or the name of a listed model.
    #[arg(long, value_name = "CARD")]
    model: String,
    /// Layers or modules to report on, separated by commas; all unless given.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    layer: Vec<String>,
    /// Diameter in millimetres of what the network looks for; the images must have a pixel spacing.
    #[arg(long, value_name = "MM", conflicts_with = "lesion_px", value_parser = positive)]
    lesion_mm: Option<f64>,
    /// Diameter in pixels of the images of what the network looks for.
    #[arg(long, value_name = "PIXELS", value_parser = positive)]
    lesion_px: Option<f64>,
    /// A folder that check.json and check.html are written to; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) run: RunOptions,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("it takes a number above 0".to_owned()),
    }
}

/// Checks the model on everything that can be opened.
pub fn run(options: &CheckOptions) -> Exit {
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let card = super::models::find(&options.model, &options.run.models)?;
    let model = glassbox::engine::load(&card, &device).map_err(|error| error.to_string())?;
    if let Some(unknown) = options.layer.iter().find(|layer| model.graph.find(layer).is_none()) {
        return Err(Stop::Fault(format!(
            "{} has no layer `{unknown}`; `glassbox models show` lists them",
            model.card.name
        )));
    }
    let wide = match &model.narrow {
        Some(_) => Some(Model::load_wide(&card, &device).map_err(|error| error.to_string())?),
        None => None,
    };
    let size = match (options.lesion_mm, options.lesion_px) {
        (Some(mm), _) => Some(Size::Millimetres(mm)),
        (None, Some(px)) => Some(Size::Pixels(px)),
        (None, None) => None,
    };
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&options.paths, &storage, &|_| ControlFlow::Continue(()));
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    pool.install(|| {
        let mut work =
            Work::begin(options, &model, storage, super::explain::failed_to_open(&opened, &options.paths), wide)?;
        for slice in opened.studies.iter().flat_map(|study| &study.series).flat_map(|series| &series.slices) {
            work.image(slice);
        }
        work.finish(size)
    })
}
