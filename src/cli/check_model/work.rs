//! One call's work: image by image, then the report.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox::engine::compute::survey::{self, Checking};
use glassbox::export::check::{CheckRecord, definitions, page};
use glassbox::export::{FailedSource, ProgramRecord, write_atomically};
use glassbox::graph::Control;
use glassbox::inside::check::Lesion;
use glassbox::inside::{Filters, Report, layers_with_filters};
use glassbox::model::{Fit, MOST_DEVIATION, Model, card::Order};
use glassbox::study::{Reader, Slice, Storage};
use sha2::{Digest, Sha256};

use super::super::explain::{model_record, sentence};
use super::super::{DONE, Outcome as Exit, PARTLY, Stop, print};
use super::narrow::Compared;
use super::{CheckOptions, text};

/// How large what is looked for is, as the user said.
#[derive(Clone, Copy)]
pub enum Size {
    /// In the patient.
    Millimetres(f64),
    /// In the image.
    Pixels(f64),
}

/// Everything one call works on and what has come of it.
pub struct Work<'a> {
    options: &'a CheckOptions,
    model: &'a Model,
    control: Control,
    checking: Checking,
    reader: Reader,
    storage: Arc<dyn Storage>,
    /// SHA-256 by file: the frames of one file share it.
    hashes: HashMap<PathBuf, String>,
    /// Over the hashes of the images that were run.
    inputs: Sha256,
    /// For each image that was run, input pixels a slice pixel, and slice pixels a millimetre where that is known.
    scales: Vec<(f64, Option<f64>)>,
    failed: Vec<FailedSource>,
    /// Where the model has weights of 16 bits: what they change.
    compared: Option<Compared>,
}

impl<'a> Work<'a> {
    /// Measures the filters; nothing has been run yet.
    pub fn begin(
        options: &'a CheckOptions,
        model: &'a Model,
        storage: Arc<dyn Storage>,
        failed: Vec<FailedSource>,
        wide: Option<Model>,
    ) -> Result<Self, Stop> {
        let control = Control::default();
        let checking = Checking::begin(model, &control).map_err(|failure| sentence(&failure))?;
        Ok(Self {
            options,
            model,
            control,
            checking,
            reader: Reader::new(Arc::clone(&storage)),
            storage,
            hashes: HashMap::new(),
            inputs: Sha256::new(),
            scales: Vec::new(),
            failed,
            compared: wide.map(Compared::new),
        })
    }

    /// Takes one image in, or notes why not.
    pub fn image(&mut self, slice: &Slice) {
        let ran = self.sha256(&slice.source.path).and_then(|hash| {
            let picture = self.reader.picture(slice).map_err(|error| error.to_string())?;
            if let Some(compared) = &mut self.compared {
                compared.image(self.model, &picture, &self.control)?;
            }
            let fit = self.checking.image(self.model, &picture, &self.control);
            Ok((hash, fit.map_err(|failure| sentence(&failure))?))
        });
        match ran {
            Ok((hash, fit)) => {
                self.inputs.update(hash.as_bytes());
                // The geometric mean of the two directions, as of their scales.
                let per_mm = slice.spacing_mm.map(|[down, across]| 1.0 / (down * across).sqrt());
                self.scales.push((scale(&fit), per_mm));
            }
            Err(reason) => self.failed.push(FailedSource { source: self.source_name(slice), reason }),
        }
    }

    /// Writes and prints what was found.
    pub fn finish(self, size: Option<Size>) -> Exit {
        if self.checking.inputs() == 0 {
            let reason = self.failed.first().map_or("nothing there is an image", |failed| failed.reason.as_str());
            return Err(Stop::Fault(format!("Nothing could be checked: {reason}")));
        }
        let lesion = size.map(|size| self.lesion(size)).transpose()?;
        let mut report: Report =
            self.checking.report(self.model, Vec::new()).map_err(|failure| sentence(&failure))?.for_lesion(lesion);
        if !self.options.layer.is_empty() {
            report = report.only(&self.options.layer);
        }
        let code = if self.failed.is_empty() { DONE } else { PARTLY };
        let record = CheckRecord {
            program: ProgramRecord::this(),
            model: model_record(self.model)?,
            classes: self.model.classes.clone(),
            device: self.options.run.described(),
            time: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            inputs_sha256: hex(&self.inputs.clone().finalize()),
            layers: self.options.layer.clone(),
            narrow: self.compared.as_ref().and_then(|compared| compared.record(self.model)),
            definitions: definitions(),
            report,
            failed: self.failed.clone(),
        };
        let json = serde_json::to_string_pretty(&record).map_err(|error| error.to_string())?;
        let written = self.options.out.as_deref().map(|folder| self.write(folder, &record, &json)).transpose()?;
        if self.options.json {
            print(&json)?;
        } else {
            print(&text::report(&record))?;
            if let Some(path) = written {
                print(&format!("Written to {} and check.json beside it.", path.display()))?;
            }
        }
        match &record.narrow {
            Some(narrow) if narrow.is_too_far() => Err(Stop::Fault(format!(
                "With weights in {} the logits of these images deviate by {:.1e} of the largest from those with f32, more \
                 than {MOST_DEVIATION:.0e}; take dense_weights out of the model card",
                narrow.of_model.kept_in.name(),
                narrow.deviation_here
            ))),
            _ => Ok(code),
        }
    }

    fn write(&self, folder: &Path, record: &CheckRecord, json: &str) -> Result<PathBuf, Stop> {
        let first = self.first_filters()?;
        let reversed = self.model.card.input.order == Order::Bgr;
        let html = page(record, first.as_ref().map(|first| (first, reversed))).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("Could not make the folder ({error}): {}", folder.display()))?;
        let path = folder.join("check.html");
        write_atomically(&folder.join("check.json"), json.as_bytes()).map_err(|error| error.to_string())?;
        write_atomically(&path, html.as_bytes()).map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// The filters that look at the image itself, if the report has them.
    fn first_filters(&self) -> Result<Option<Filters>, Stop> {
        let graph = &self.model.graph;
        let Some(&node) = layers_with_filters(graph).first() else { return Ok(None) };
        let name = &graph.nodes()[node].name;
        let filters = survey::filters(self.model, name).map_err(|failure| sentence(&failure))?;
        Ok(filters.first.then_some(filters))
    }

    /// The size in pixels of the network's input, in the median over the images.
    fn lesion(&self, size: Size) -> Result<Lesion, Stop> {
        let (mut pixels, mm): (Vec<f64>, _) = match size {
            Size::Pixels(px) => (self.scales.iter().map(|(scale, _)| px * scale).collect(), None),
            Size::Millimetres(mm) => {
                let known = self.scales.iter().filter_map(|(scale, per_mm)| Some(mm * (*per_mm)? * scale));
                (known.collect(), Some(mm))
            }
        };
        pixels.sort_by(f64::total_cmp);
        let Some(&input_px) = pixels.get(pixels.len() / 2) else {
            return Err(Stop::Fault(
                "--lesion-mm: none of the images says how large its pixels are; give the size in pixels with --lesion-px"
                    .to_owned(),
            ));
        };
        Ok(Lesion { input_px, mm })
    }

    /// The file as the user named it: relative to the argument that led to it.
    fn source_name(&self, slice: &Slice) -> String {
        let path = &slice.source.path;
        let relative = self.options.paths.iter().find_map(|argument| path.strip_prefix(argument).ok());
        match relative {
            Some(relative) if !relative.as_os_str().is_empty() => relative.display().to_string(),
            _ => {
                path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
            }
        }
    }

    fn sha256(&mut self, path: &Path) -> Result<String, String> {
        if let Some(known) = self.hashes.get(path) {
            return Ok(known.clone());
        }
        let bytes = self
            .storage
            .read(path)
            .map_err(|error| format!("It can no longer be read ({error}): {}", path.display()))?;
        let hash = hex(&Sha256::digest(&bytes));
        self.hashes.insert(path.to_owned(), hash.clone());
        Ok(hash)
    }
}

/// Input pixels a slice pixel: the geometric mean of rows and columns.
fn scale(fit: &Fit) -> f64 {
    let along = |axis: usize| fit.resized[axis] as f64 / fit.slice[axis] as f64;
    (along(0) * along(1)).sqrt()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
