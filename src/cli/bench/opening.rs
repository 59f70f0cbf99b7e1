//! How fast a folder is opened, through the engine as the viewer uses it.

use std::path::Path;
use std::time::{Duration, Instant};

use glassbox::engine::{Config, Engine, Library, SourceList, Status};
use serde::Serialize;

use super::machine::peak_memory;
use crate::cli::{DONE, Outcome as Exit, PARTLY, Stop, print};

/// Between two looks at how far the engine has come.
const LOOK: Duration = Duration::from_micros(200);

/// What opening took, each time from the moment the folder was asked for.
#[derive(Serialize)]
struct Opening {
    /// Slices found.
    slices: usize,
    /// Of these, slices that could not be decoded.
    failed: usize,
    /// Until the picture in view was there, decoded.
    first_ms: f64,
    /// Until every file had been looked at and the series were sorted.
    found_ms: f64,
    /// Until every slice was decoded.
    all_ms: f64,
    /// What the decoded slices take.
    pixel_bytes: usize,
    /// By how much the most memory that the program ever had exceeds what it had before; absent where the system does
    /// not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    growth_bytes: Option<u64>,
}

/// Opens the path, waits until every slice is decoded, and prints how long that took.
pub fn run(path: &Path, json: bool) -> Exit {
    let before = peak_memory();
    // Everything stays.
    let config = Config { threads: Some(1), cache_bytes: usize::MAX / 2, ..Config::default() };
    let engine = Engine::start(config).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    engine.open(vec![path.to_owned()]);
    let opening = measure(&engine, begun)?;
    let opening = Opening { growth_bytes: peak_memory().zip(before).map(|(after, before)| after - before), ..opening };
    if json {
        print(&serde_json::to_string(&opening).map_err(|error| error.to_string())?)?;
    } else {
        print(&words(&opening))?;
    }
    Ok(if opening.failed == 0 { DONE } else { PARTLY })
}

fn measure(engine: &Engine, begun: Instant) -> Result<Opening, Stop> {
    let (mut first, mut found, mut generation) = (None, None, None);
    let mut slices = SourceList::default();
    let (mut there, mut failed, mut pixel_bytes) = (0, 0, 0);
    loop {
        let library = engine.library();
        if generation != Some(library.generation) {
            generation = Some(library.generation);
            let is_whole = library.opening.is_none() && library.generation > 0;
            if is_whole {
                found.get_or_insert_with(|| begun.elapsed());
                // What is counted are the slices in their final order.
                (slices, there, failed, pixel_bytes) = (library.sources().cloned().collect(), 0, 0, 0);
                if slices.is_empty() {
                    return Err(Stop::Fault("There is no image in it that can be read".to_owned()));
                }
            }
            let in_view = series_in_view(&library);
            if let Some(source) = in_view.get(in_view.len() / 2) {
                engine.want_pictures(vec![source.clone()]);
                let around = if is_whole { slices.clone() } else { in_view.clone() };
                engine.look_ahead(&[(around, in_view.len() / 2)]);
            }
        }
        if first.is_none() {
            let in_view = series_in_view(&library);
            if in_view.get(in_view.len() / 2).is_some_and(|source| matches!(engine.picture(source), Status::Ready(_))) {
                first = Some(begun.elapsed());
            }
        }
        while let Some(source) = slices.get(there) {
            match engine.picture(source) {
                Status::Ready(picture) => pixel_bytes += picture.bytes(),
                Status::Failed(_) => failed += 1,
                Status::Pending { .. } | Status::NotRequested => break,
            }
            there += 1;
        }
        if let (Some(found), true) = (found, there == slices.len()) {
            let all = begun.elapsed();
            let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
            return Ok(Opening {
                slices: there,
                failed,
                first_ms: milliseconds(first.unwrap_or(all)),
                found_ms: milliseconds(found),
                all_ms: milliseconds(all),
                pixel_bytes,
                growth_bytes: None,
            });
        }
        std::thread::sleep(LOOK);
    }
}

/// The slices of the series that the viewer would show: the first.
fn series_in_view(library: &Library) -> SourceList {
    let series = library.studies.iter().flat_map(|study| &study.series).next();
    series.map(|series| series.slices.iter().map(|slice| slice.source.clone()).collect()).unwrap_or_default()
}

fn words(opening: &Opening) -> String {
    let Opening { slices, failed, first_ms, found_ms, all_ms, pixel_bytes, growth_bytes } = opening;
    let memory = growth_bytes.map_or(String::new(), |growth| {
        format!(", memory {:.2} times the pixels", growth as f64 / (*pixel_bytes).max(1) as f64)
    });
    format!(
        "{slices} slices ({failed} could not be decoded): the one in view after {first_ms:.0} ms, all files found \
         after {found_ms:.0} ms, all decoded after {all_ms:.0} ms, {:.0} slices a second{memory}",
        *slices as f64 / (all_ms / 1e3)
    )
}
