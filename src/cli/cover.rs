//! `glassbox cover`: what a network says of an image in which boxes are covered, one at a time.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use glassbox::engine::compute::{Covering, Failure};
use glassbox::engine::{DemoAndDisk, Scores};
use glassbox::explain::Baseline;
use glassbox::graph::Control;
use glassbox::model::Model;
use glassbox::study::{self, Reader, Storage};
use serde::Serialize;

use super::{DONE, Outcome as Exit, RunOptions, Stop, print};

/// Cover boxes of an image, one at a time, and print what the network says before and after as JSON.
///
/// The answer is exact: only what a box changes in the network is computed anew (on a GPU the whole network).
#[derive(Args)]
pub struct CoverOptions {
    /// An image, or a folder with one series.
    path: PathBuf,
    /// The model: a card, its folder, or the name of a listed model.
    #[arg(long, value_name = "CARD")]
    model: String,
    /// Left, top, width and height in pixels of the image; can be given several times.
    #[arg(long = "box", value_name = "X,Y,W,H", required = true, value_parser = rectangle)]
    boxes: Vec<[f32; 4]>,
    /// What lies under the cover.
    #[arg(long, value_name = "FILL", default_value = "grey", value_parser = ["grey", "mean", "blur", "black", "zero"])]
    fill: String,
    /// The slice of the series, from 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    slice: usize,
    #[command(flatten)]
    pub(super) run: RunOptions,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    program: glassbox::export::ProgramRecord,
    model: String,
    model_sha256: String,
    source: String,
    slice: usize,
    fill: &'static str,
    classes: Vec<String>,
    before: Answer,
    boxes: Vec<Covered>,
}

#[derive(Serialize)]
struct Answer {
    logits: Vec<f32>,
    probabilities: Vec<f32>,
}

/// One box.
#[derive(Serialize)]
struct Covered {
    /// As asked for: left, top, width, height in pixels of the image.
    #[serde(rename = "box")]
    asked: [f32; 4],
    /// What the network saw covered, in the same unit: whole pixels of its input.
    #[serde(rename = "covered")]
    hidden: [f32; 4],
    #[serde(flatten)]
    after: Answer,
    /// Probabilities after minus before.
    change: Vec<f32>,
    /// The part of a whole run's multiplications that it took.
    share_of_products: f32,
}

/// Covers what was asked for.
pub fn run(options: &CoverOptions) -> Exit {
    let device = options.run.device.open().map_err(|error| error.to_string())?;
    let card = super::models::find(&options.model, &options.run.models)?;
    let model = glassbox::engine::load(&card, &device).map_err(|error| error.to_string())?;
    let baseline = Baseline::named(&options.fill).unwrap_or(Baseline::Grey);
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(std::slice::from_ref(&options.path), &storage, &|_| ControlFlow::Continue(()));
    let Some(series) = opened.studies.iter().flat_map(|study| &study.series).next() else {
        let none = || format!("There is no image in {}", options.path.display());
        let reason = opened.failed.first().map_or_else(none, |failure| failure.reason.clone());
        return Err(Stop::Fault(reason));
    };
    let Some(slice) = series.slices.get(options.slice) else {
        let count = series.slices.len();
        return Err(Stop::Usage(format!("--slice: the series has {count} slices, no slice {}", options.slice)));
    };
    let picture = Reader::new(storage).picture(slice).map_err(|error| error.to_string())?;
    let threads = options.run.threads.map_or(0, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    let report = pool.install(|| -> Result<Report, String> {
        let control = Control::default();
        let covering = Covering::begin(&model, &picture, &control).map_err(|failure| sentence(&failure))?;
        let boxes = options.boxes.iter().map(|asked| covered(&model, &covering, *asked, baseline, &control));
        Ok(Report {
            program: glassbox::export::ProgramRecord::this(),
            model: model.card.name.clone(),
            model_sha256: model.weights_sha256.clone(),
            source: slice.source.path.display().to_string(),
            slice: options.slice,
            fill: baseline.name(),
            classes: model.classes.clone(),
            before: Answer::of(covering.before()),
            boxes: boxes.collect::<Result<_, String>>()?,
        })
    })?;
    print(&serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?)?;
    Ok(DONE)
}

fn covered(
    model: &Model,
    covering: &Covering,
    asked: [f32; 4],
    baseline: Baseline,
    control: &Control,
) -> Result<Covered, String> {
    let [left, top, width, height] = asked;
    let fit = covering.fit();
    let area = fit
        .pixels_within([left, top, left + width, top + height])
        .ok_or_else(|| format!("The network sees nothing of the box {left},{top},{width},{height}"))?;
    let result = covering.cover(model, &area, baseline, control).map_err(|failure| sentence(&failure))?;
    let [left, top, right, bottom] = fit.slice_rectangle(&area);
    let pairs = result.after.probabilities.iter().zip(&result.before.probabilities);
    Ok(Covered {
        asked,
        hidden: [left, top, right - left, bottom - top],
        change: pairs.map(|(after, before)| after - before).collect(),
        after: Answer::of(&result.after),
        share_of_products: result.share,
    })
}

impl Answer {
    fn of(scores: &Scores) -> Self {
        Self { logits: scores.logits.clone(), probabilities: scores.probabilities.clone() }
    }
}

fn sentence(failure: &Failure) -> String {
    match failure {
        Failure::Because(reason) => reason.to_string(),
        Failure::Cancelled => "Cancelled".to_owned(),
    }
}

/// Four numbers, the last two above 0.
fn rectangle(text: &str) -> Result<[f32; 4], String> {
    let numbers: Vec<f32> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        &[x, y, width, height] if numbers.iter().all(|number| number.is_finite()) && width > 0.0 && height > 0.0 => {
            Ok([x, y, width, height])
        }
        _ => Err("it takes left, top, width and height as X,Y,W,H, with a width and height above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::rectangle;

    #[test]
    fn boxes_have_four_numbers_and_some_size() {
        assert_eq!(rectangle("1, 2.5,30,4"), Ok([1.0, 2.5, 30.0, 4.0]));
        for wrong in ["", "1,2,3", "1,2,0,4", "1,2,-3,4", "a,b,c,d", "1,2,3,4,5", "1,2,3,inf"] {
            assert!(rectangle(wrong).is_err(), "{wrong}");
        }
    }
}
