//! Pictures of what is on the screen, with what is needed to make them again.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use egui::{ColorImage, Rect};

use super::facts::{Facts, SlotFacts};
use super::panels::status::RESEARCH_USE;
use super::state::State;
use super::window::words;

/// A picture asked for: which part of the window, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The part of the window, in points.
    pub area: Rect,
    /// The file.
    pub path: PathBuf,
    /// Text chunks of the PNG.
    pub provenance: Vec<(String, String)>,
}

/// Pictures on their way to their files.
pub struct Screenshots {
    sender: mpsc::Sender<Result<PathBuf, String>>,
    written: mpsc::Receiver<Result<PathBuf, String>>,
}

impl Default for Screenshots {
    fn default() -> Self {
        let (sender, written) = mpsc::channel();
        Self { sender, written }
    }
}

impl Screenshots {
    /// What has been written since the last call, or why not.
    pub fn written(&self) -> impl Iterator<Item = Result<PathBuf, String>> + '_ {
        self.written.try_iter()
    }

    /// Takes the picture with the next frame, cuts out the area, and writes it on a thread of its own.
    pub fn take(&self, ctx: &egui::Context, request: Request) {
        let (sender, wake) = (self.sender.clone(), ctx.clone());
        let pixels_per_point = ctx.pixels_per_point();
        let callback = egui::ScreenshotCallback::new(move |image: Arc<ColorImage>| {
            let failed = sender.clone();
            let thread = std::thread::Builder::new().name("glassbox-screenshot".to_owned()).spawn(move || {
                let result = write(&image, &request, pixels_per_point);
                // Nobody listens any more only when the window has been closed.
                let _ = sender.send(result);
                wake.request_repaint();
            });
            if let Err(error) = thread {
                let _ = failed.send(Err(format!("The picture could not be written: {error}")));
            }
        });
        ctx.send_viewport_cmd(egui::ViewportCommand::Screenshot(callback));
        ctx.request_repaint();
    }
}

fn write(image: &ColorImage, request: &Request, pixels_per_point: f32) -> Result<PathBuf, String> {
    let (rgba, width, height) = cut(image, request.area, pixels_per_point);
    if width == 0 || height == 0 {
        return Err("The viewport is empty: there is no picture to write".to_owned());
    }
    crate::export::png::write(&request.path, &rgba, width, height, &request.provenance)
        .map_err(|error| error.to_string())?;
    Ok(request.path.clone())
}

/// The pixels of an area of the window, row-major RGBA, with width and height.
fn cut(image: &ColorImage, area: Rect, pixels_per_point: f32) -> (Vec<u8>, usize, usize) {
    let [width, height] = image.size;
    let bound = |value: f32, limit: usize| ((value * pixels_per_point).round().max(0.0) as usize).min(limit);
    let (left, right) = (bound(area.left(), width), bound(area.right(), width));
    let (top, bottom) = (bound(area.top(), height), bound(area.bottom(), height));
    let mut rgba = Vec::with_capacity((right.saturating_sub(left)) * bottom.saturating_sub(top) * 4);
    for row in top..bottom {
        for pixel in &image.pixels[row * width + left..row * width + right.max(left)] {
            let [red, green, blue, _] = pixel.to_array();
            rgba.extend([red, green, blue, 255]);
        }
    }
    (rgba, right.saturating_sub(left), bottom.saturating_sub(top))
}

/// What made the picture, without the patient's name.
#[must_use]
pub fn provenance(state: &State, facts: &Facts) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            entries.push((key.to_owned(), value));
        }
    };
    add("Software", format!("Glassbox {}", env!("CARGO_PKG_VERSION")));
    add("Creation Time", chrono::Utc::now().to_rfc3339());
    add("Disclaimer", RESEARCH_USE.to_owned());
    if let Some(model) = &facts.model.value {
        add("Model", format!("{} {}", model.card.name, model.card.version));
        add("Architecture", model.card.architecture.clone());
        add("Model card SHA-256", model.card_sha256.clone());
        add("Weights SHA-256", model.weights_sha256.clone());
        add("Dense weights", model.narrow.as_ref().map_or_else(String::new, |narrow| narrow.kept_in.name().to_owned()));
        add("Method", state.explain.method.to_owned());
        let method = state.explain.method();
        let settings = state.explain.settings();
        for parameter in method.map_or(&[][..], |method| method.parameters()) {
            add(&format!("Parameter {}", parameter.name), settings.get(parameter).to_string());
        }
        if method.is_some_and(crate::explain::Method::needs_layer) {
            add("Layer", facts.layer.as_deref().unwrap_or_default().to_owned());
        }
        add("Opacity", state.explain.opacity.to_string());
        add("Threshold", state.explain.threshold.to_string());
        add("Scale", state.explain.scale.label().to_owned());
        if model.stochastic {
            add("Passes", state.explain.passes.to_string());
            if state.shown_maps().into_iter().any(super::state::Which::is_over_draws) {
                add("Map draws", state.explain.map_passes.to_string());
            }
            if state.shows(super::state::Content::Density) {
                let width = state.density.bandwidth.map_or("Silverman".to_owned(), |width| width.to_string());
                add("Bandwidth", width);
            }
        }
        if model.stochastic || method.is_some_and(crate::explain::Method::draws) {
            add("Seed", state.explain.seed.to_string());
        }
    }
    if let Some(choice) = &state.explain.exam {
        add("Exam", format!("{} {}", choice.exam.card.name, choice.exam.card.version));
        add("Exam card SHA-256", choice.exam.card_sha256.clone());
        for (card, row) in choice.exam.card.tasks.iter().zip(&facts.exam.rows) {
            let combined = row.combined.probability.map(|probability| probability.to_string()).unwrap_or_default();
            add(&format!("Combined {}", card.name), format!("{combined} {}", row.combined.words));
        }
    }
    add("Device", facts.activity.device.clone());
    for index in state.visible_slots() {
        let (slot, known) = (&state.slots[index], &facts.slots[index]);
        let Some((series, slice)) = slot.series().zip(slot.slice()) else { continue };
        let mut entry = |key: &str, value: String| add(&format!("{key} {}", index + 1), value);
        entry("Series", series.uid.clone());
        entry("SOP Instance UID", slice.sop_instance_uid.clone().unwrap_or_default());
        let name = slice.source.path.file_name().map(|name| name.to_string_lossy().into_owned());
        entry("File", name.unwrap_or_default());
        entry("Frame", slice.source.frame.to_string());
        entry("Slice", format!("{} of {}", slot.position + 1, slot.positions()));
        let voi = slot.voi.clone().or_else(|| known.picture.value.as_ref().map(|picture| picture.default_voi()));
        entry("Window", voi.map(|voi| words(&voi)).unwrap_or_default());
        if let Some((model, class)) = known.network.as_ref().map(|network| &network.model).zip(known.class) {
            entry("Class", model.classes.get(class).cloned().unwrap_or_default());
            if let Some(scores) = known.scores.current() {
                entry("Probability", scores.probabilities.get(class).map(ToString::to_string).unwrap_or_default());
            }
        }
        for which in state.shown_maps() {
            let map = known.map(which);
            let Some((key, result)) = map.key.as_ref().zip(map.current()) else { continue };
            let recipe = &key.recipe;
            let kind = which.label();
            entry(&format!("Map of {kind}: colour map"), {
                state.explain.colormap_for(result.attribution.reading).name.to_owned()
            });
            if let Some(other) = recipe.against {
                entry(&format!("Map of {kind}: against"), model_class(known, other));
            } else {
                entry(&format!("Map of {kind}: class"), model_class(known, recipe.class));
            }
            entry(&format!("Map of {kind}: layer"), result.attribution.layer.clone().unwrap_or_default());
            let (low, high) = map.range.unwrap_or_else(|| result.range());
            entry(&format!("Map of {kind}: range"), format!("{low} to {high}"));
        }
    }
    entries
}

fn model_class(known: &SlotFacts, class: usize) -> String {
    known.network.as_ref().and_then(|network| network.model.classes.get(class)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use egui::{Color32, Pos2};

    use super::*;

    #[test]
    fn the_area_is_cut_out_in_pixels() {
        let pixels = (0..6 * 4).map(|index| Color32::from_gray(index as u8)).collect();
        let image = ColorImage::new([6, 4], pixels);
        let area = Rect::from_min_max(Pos2::new(1.0, 0.5), Pos2::new(2.0, 9.0));
        let (rgba, width, height) = cut(&image, area, 2.0);
        assert_eq!((width, height), (2, 3));
        assert_eq!(rgba[..8], [8, 8, 8, 255, 9, 9, 9, 255]);
    }
}
