//! `glassbox info`: what is in files and folders.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glassbox::engine::DemoAndDisk;
use glassbox::study::{self, Reader, Storage, report};

use super::{DONE, FAULT, Outcome, PARTLY, print};

/// Print what is in files and folders as JSON.
#[derive(Args)]
pub struct InfoOptions {
    /// Files and folders, recursively.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Decode each file and add shape, min, max, mean and a hash of its stored values.
    #[arg(long)]
    pixels: bool,
    /// Include the patient's name and ID.
    #[arg(long)]
    identity: bool,
}

/// Opens the paths and prints the report.
pub fn run(options: &InfoOptions) -> Outcome {
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&options.paths, &storage, &|_| ControlFlow::Continue(()));
    let reader = Reader::new(storage);
    let report = report::info(&opened, &reader, options.pixels, options.identity);
    let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
    print(&text)?;
    Ok(match (opened.studies.is_empty(), opened.failed.is_empty()) {
        (_, true) => DONE,
        (false, false) => PARTLY,
        (true, false) => FAULT,
    })
}
