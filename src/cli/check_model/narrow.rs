//! What weights of 16 bits change on the images of the check: both networks run each of them.

use std::sync::Arc;

use glassbox::display::Picture;
use glassbox::engine::compute::{Forward, Question};
use glassbox::engine::{Outcome, Recipe, Scores};
use glassbox::export::check::NarrowRecord;
use glassbox::graph::Control;
use glassbox::model::{Deviation, MOST_DEVIATION, Model};

use super::super::explain::sentence;

/// A model with weights of 16 bits beside the same with 32.
pub struct Compared {
    wide: Model,
    logits: Deviation,
    /// The greatest difference of a map as a part of the map's maximum.
    maps: f64,
}

/// One network's answer on one image.
struct Answer {
    logits: Vec<f32>,
    /// Whose map it is.
    class: usize,
    map: Vec<f32>,
}

impl Compared {
    /// Nothing has been run yet.
    pub fn new(wide: Model) -> Self {
        Self { wide, logits: Deviation::default(), maps: 0.0 }
    }

    /// Runs an image through both.
    pub fn image(&mut self, model: &Model, picture: &Picture, control: &Control) -> Result<(), String> {
        let wide = answer(&self.wide, picture, None, control)?;
        let narrow = answer(model, picture, Some(wide.class), control)?;
        self.logits.add(&wide.logits, &narrow.logits);
        let mut maps = Deviation::default();
        maps.add(&wide.map, &narrow.map);
        self.maps = self.maps.max(maps.relative());
        Ok(())
    }

    /// What has come out, for a model that has such weights.
    pub fn record(&self, model: &Model) -> Option<NarrowRecord> {
        Some(NarrowRecord {
            of_model: model.narrow.clone()?,
            deviation_here: self.logits.relative(),
            most_deviation: MOST_DEVIATION,
            map_layer: model.default_layer().to_owned(),
            map_deviation_here: self.maps,
        })
    }
}

/// The logits, and Grad-CAM of a class (of the most probable unless given) at the model's own layer.
fn answer(model: &Model, picture: &Picture, class: Option<usize>, control: &Control) -> Result<Answer, String> {
    let question = |class: usize| Question::Map(Recipe::new("gradcam", Arc::from(model.default_layer()), class));
    let run = Forward::run(model, picture, &[question(0)], control).map_err(|failure| sentence(&failure))?;
    let Scores { logits, probabilities } = run.scores();
    let class = class.unwrap_or_else(|| most_probable(&probabilities));
    match run.answer(&question(class), &mut |_| {}).map_err(|failure| sentence(&failure))? {
        Outcome::Map(map) => Ok(Answer { logits, class, map: map.attribution.values.clone() }),
        _ => Err("A map was asked for, and something else came".to_owned()),
    }
}

/// The most probable class; the first of equal ones.
fn most_probable(probabilities: &[f32]) -> usize {
    (0..probabilities.len()).rev().max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(0)
}
