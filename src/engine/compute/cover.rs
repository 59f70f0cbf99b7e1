//! Boxes covered on a slice.

use std::sync::Arc;

use super::super::outcome::{CoverResult, Scores};
use super::{Failure, explain_failure, segmentation};
use crate::display::Picture;
use crate::explain::{Area, Baseline, Cover};
use crate::graph::Control;
use crate::model::{Fit, Model};

/// The activations of one slice that are kept at most; beyond, each box is a whole run.
const MOST_BYTES: usize = 1 << 30;

/// A slice that has been run for boxes to be covered on it.
#[derive(Debug)]
pub struct Covering {
    cover: Cover,
    fit: Fit,
    before: Arc<Scores>,
}

impl Covering {
    /// Runs the slice.
    ///
    /// # Errors
    /// When it can't be run, or on cancellation.
    pub fn begin(model: &Model, picture: &Picture, control: &Control) -> Result<Self, Failure> {
        let input = model.input(picture).map_err(Failure::because)?;
        let cover = Cover::new(&model.graph, &input.tensor, model.space(), MOST_BYTES, control);
        let cover = cover.map_err(explain_failure)?;
        let before = Arc::new(scores(model, cover.before().map_err(explain_failure)?));
        Ok(Self { cover, fit: input.fit, before })
    }

    /// Between slice pixels and the network's input.
    #[must_use]
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// What the network says of the slice as it is.
    #[must_use]
    pub fn before(&self) -> &Scores {
        &self.before
    }

    /// What the network says with a box covered, which is given in pixels of network input.
    ///
    /// # Errors
    /// When the box is not inside, or on cancellation.
    pub fn cover(
        &self,
        model: &Model,
        area: &Area,
        baseline: Baseline,
        control: &Control,
    ) -> Result<CoverResult, Failure> {
        let after = self.cover.after(area, baseline, control).map_err(explain_failure)?;
        Ok(CoverResult {
            area: area.clone(),
            baseline,
            fill: self.cover.fill(baseline).map_err(explain_failure)?,
            before: Arc::clone(&self.before),
            after: scores(model, after),
            share: self.cover.share(area).map_err(explain_failure)? as f32,
        })
    }

    /// Bytes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cover.bytes()
    }
}

fn scores(model: &Model, output: Vec<f32>) -> Scores {
    if model.segmentation {
        return segmentation::scores(model, &output);
    }
    let probabilities = model.probabilities(&output);
    Scores { logits: output, probabilities }
}
