//! What a network does over many images: one run an image, whose small summaries are then taken together.
//!
//! One summary of an image serves every kind of survey of the layer, so that another count or projection costs no run.

use std::sync::Arc;

use super::super::key::SurveyKind;
use super::super::outcome::SurveyResult;
use super::{Failure, Forward};
use crate::display::Picture;
use crate::graph::{Control, Keep, NodeId};
use crate::inside::check::{FilterReport, Tally, measure_filters};
use crate::inside::{
    self, ActivityTally, Embedding, Filters, InsideError, LayerSummary, ReceptiveField, Report, Skipped, StrongestTally,
};
use crate::model::{Fit, Model};

/// One image at one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSummary {
    /// The layer's channels.
    pub layer: LayerSummary,
    /// Between slice pixels and input pixels.
    pub fit: Fit,
    /// The class with the greatest probability.
    pub predicted: usize,
    /// That class's probability.
    pub confidence: f32,
}

/// What has become of an image: its summary, or why there is none.
pub type Seen = Result<Arc<ImageSummary>, Arc<str>>;

impl ImageSummary {
    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.layer.bytes() + size_of::<Self>()
    }
}

/// The node of a layer.
///
/// # Errors
/// When the model has no such layer.
pub fn node(model: &Model, layer: &str) -> Result<NodeId, Failure> {
    model.graph.find(layer).ok_or_else(|| Failure::because(format!("{} has no layer `{layer}`", model.card.name)))
}

/// The shape of the network's input, with a batch of one.
#[must_use]
pub fn input_shape(model: &Model) -> [usize; 4] {
    let [rows, columns] = model.card.input.size;
    [1, model.card.input.channels, rows, columns]
}

/// Runs one image and sums up a layer; a stack model takes it as a stack of one.
///
/// # Errors
/// When the image can't be run or the layer's output can't be summed up, or on cancellation.
pub fn image(model: &Model, picture: &Picture, layer: &str, control: &Control) -> Result<ImageSummary, Failure> {
    let node = node(model, layer)?;
    let forward = Forward::keeping(model, picture, &Keep::nothing().output_of(node), control)?;
    let layer = LayerSummary::of(&forward.trace, node, 0, None).map_err(inside_failure)?;
    let (predicted, confidence) = top(&forward.scores().probabilities);
    Ok(ImageSummary { layer, fit: forward.fit, predicted, confidence })
}

/// Takes the images of a survey together: `seen` has what became of each, by its place in the list, as far as they have
/// been run. `interim` is given results that are still forming. Not for a check, which has a tally of its own.
///
/// # Errors
/// When no image could be taken into account, the layer is not there, or what is asked can't be had of so few images;
/// on cancellation.
pub fn together(
    model: &Model,
    layer: &str,
    kind: SurveyKind,
    seen: &[(usize, Seen)],
    control: &Control,
    interim: &mut (dyn FnMut(SurveyResult) + Send),
) -> Result<SurveyResult, Failure> {
    let node = node(model, layer)?;
    let mut images = Vec::new();
    let mut skipped = Vec::new();
    for (input, seen) in seen {
        match seen {
            Ok(image) => images.push((*input, image)),
            Err(reason) => skipped.push(Skipped { input: *input, reason: reason.to_string() }),
        }
    }
    if let (true, Some(first)) = (images.is_empty(), skipped.first()) {
        return Err(Failure::Because(Arc::from(format!("No image could be taken into account: {}", first.reason))));
    }
    match kind {
        SurveyKind::Activity => {
            let mut tally = ActivityTally::default();
            for (_, image) in &images {
                tally.add(&image.layer).map_err(inside_failure)?;
            }
            let mut activity = tally.activity(layer);
            activity.skipped = skipped;
            Ok(SurveyResult::Activity(activity))
        }
        SurveyKind::Strongest { count } => {
            let mut tally = StrongestTally::new(count);
            for (input, image) in &images {
                tally.add(*input, &image.layer).map_err(inside_failure)?;
            }
            let field = ReceptiveField::of(&model.graph, node, &input_shape(model))?;
            let of_input = |input: usize| images.binary_search_by_key(&input, |(index, _)| *index).ok();
            let mut strongest = tally.strongest(layer, field.clone(), |input, unit| {
                let (_, image) = images.get(of_input(input)?)?;
                patch(field.as_ref()?, unit, &image.fit)
            });
            strongest.skipped = skipped;
            Ok(SurveyResult::Strongest(strongest))
        }
        SurveyKind::Embedding { by, seed } => {
            let codes: Vec<Vec<f32>> = images.iter().map(|(_, image)| image.layer.code()).collect();
            let embedding = |plane: inside::Plane| Embedding {
                layer: layer.to_owned(),
                points: plane.points,
                inputs: images.iter().map(|(input, _)| *input).collect(),
                predicted: images.iter().map(|(_, image)| image.predicted).collect(),
                confidence: images.iter().map(|(_, image)| image.confidence).collect(),
                explained: plane.explained,
                skipped: skipped.clone(),
            };
            let formed = &mut |plane| interim(SurveyResult::Embedding(embedding(plane)));
            let plane = inside::project(&codes, by, seed, control, formed).map_err(inside_failure)?;
            Ok(SurveyResult::Embedding(embedding(plane)))
        }
        SurveyKind::Check => Err(Failure::because("A check looks at all layers, not at one")),
    }
}

/// What a unit sees of an image, as `x0, y0, x1, y1` in slice pixels; what lies outside the slice (in the padding of the
/// network's input) is cut off. `None` when nothing is left.
#[must_use]
pub fn patch(field: &ReceptiveField, unit: (usize, usize), fit: &Fit) -> Option<[f32; 4]> {
    let [left, top, right, bottom] = field.corners(unit)?;
    let (left, top) = fit.slice_from_input((left, top));
    let (right, bottom) = fit.slice_from_input((right, bottom));
    let within = |at: f64, length: usize| at.clamp(-0.5, length as f64 - 0.5) as f32;
    let [rows, columns] = fit.slice;
    let patch = [within(left, columns), within(top, rows), within(right, columns), within(bottom, rows)];
    (patch[2] > patch[0] && patch[3] > patch[1]).then_some(patch)
}

/// The filters of a layer.
///
/// # Errors
/// When the layer is not there or has no filters.
pub fn filters(model: &Model, layer: &str) -> Result<Filters, Failure> {
    inside::filters(&model.graph, layer, &input_shape(model)).map_err(inside_failure)
}

/// A network check under way.
#[derive(Debug, Clone)]
pub struct Checking {
    tally: Tally,
    filters: Vec<FilterReport>,
}

impl Checking {
    /// Measures the filters; no image has been run yet.
    ///
    /// # Errors
    /// When the network can't be measured, or on cancellation.
    pub fn begin(model: &Model, control: &Control) -> Result<Self, Failure> {
        let shape = input_shape(model);
        let tally = Tally::new(&model.graph, &shape).map_err(inside_failure)?;
        let filters = measure_filters(&model.graph, &shape, control).map_err(inside_failure)?;
        Ok(Self { tally, filters })
    }

    /// Runs one image; gives where it lies in the network's input. When it can't be taken into account the check stays
    /// as it was.
    ///
    /// # Errors
    /// When the image can't be run or an activation is not finite, or on cancellation.
    pub fn image(&mut self, model: &Model, picture: &Picture, control: &Control) -> Result<Fit, Failure> {
        let forward = Forward::keeping(model, picture, &self.tally.keeps(), control)?;
        let probabilities = forward.scores().probabilities;
        self.tally.add(&forward.trace, 0, &probabilities).map_err(inside_failure)?;
        Ok(forward.fit)
    }

    /// How many images have been taken into account.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.tally.inputs()
    }

    /// What has been found so far.
    ///
    /// # Errors
    /// When the model is another one.
    pub fn report(&self, model: &Model, skipped: Vec<Skipped>) -> Result<Report, Failure> {
        let report = self.tally.report(&model.graph, self.filters.clone()).map_err(inside_failure)?;
        Ok(Report { skipped, ..report })
    }
}

/// The greatest of the probabilities and whose it is; the first of equal ones.
fn top(probabilities: &[f32]) -> (usize, f32) {
    let best =
        (1..probabilities.len()).fold(0, |best, k| if probabilities[k] > probabilities[best] { k } else { best });
    (best, probabilities.get(best).copied().unwrap_or(0.0))
}

fn inside_failure(error: InsideError) -> Failure {
    match error {
        InsideError::Cancelled(_) => Failure::Cancelled,
        other => Failure::because(other),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::graph::{GraphBuilder, INPUT, ops::Conv2d};
    use crate::model::card::FitMode;

    /// The field of a 3 × 3 convolution with stride 2 and padding 1 on 8 × 8 pixels.
    fn field() -> ReceptiveField {
        let weight = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let mut builder = GraphBuilder::new();
        let conv = Conv2d::new(weight, None).unwrap().stride([2, 2]).padding([1, 1]);
        builder.add("conv", conv, &[INPUT]);
        ReceptiveField::of(&builder.finish().unwrap(), 1, &[1, 1, 8, 8]).unwrap().unwrap()
    }

    #[test]
    fn a_patch_lies_on_the_slice_where_the_unit_looks() {
        let field = field();
        // The input is the slice itself: rows 1 to 3, columns 3 to 5.
        let same = Fit::new(FitMode::Stretch, [8, 8], [8, 8]);
        assert_eq!(patch(&field, (1, 2), &same), Some([2.5, 0.5, 5.5, 3.5]));
        assert_eq!(patch(&field, (0, 0), &same), Some([-0.5, -0.5, 1.5, 1.5]), "the padding is no pixel");
        // Twice as large and stretched: 16 rows, 4 columns.
        let stretched = Fit::new(FitMode::Stretch, [16, 4], [8, 8]);
        assert_eq!(patch(&field, (1, 2), &stretched), Some([1.0, 1.5, 2.5, 7.5]));
        // Three rows of black above and below: the first units see nothing of the slice.
        let padded = Fit::new(FitMode::Pad, [2, 8], [8, 8]);
        assert_eq!((padded.shift, patch(&field, (0, 0), &padded)), ([3, 0], None));
        assert_eq!(patch(&field, (2, 2), &padded), Some([2.5, -0.5, 5.5, 1.5]));
        assert_eq!(patch(&field, (9, 0), &same), None, "there is no such unit");
    }

    #[test]
    fn the_first_of_equal_probabilities_is_the_top() {
        assert_eq!((top(&[0.2, 0.4, 0.4]), top(&[])), ((1, 0.4), (0, 0.0)));
    }
}
