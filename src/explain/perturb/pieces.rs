//! Superpixels of the explained input, hidden and shown.

use std::sync::Arc;

use super::super::{
    Ask, Attribution, ExplainError, Fact, Reading, Segments,
    parameters::{Kind, Parameter, Value},
    superpixel::{self, Pixels, Quickshift, Slic, Superpixels},
};
use super::{Baseline, Runs, baseline::colour_of_each};
use crate::graph::GraphError;

/// How much position counts against colour in SLIC: scikit-image's default.
const COMPACTNESS: f64 = 10.0;

/// Which algorithm makes the superpixels.
pub(in crate::explain) const SUPERPIXELS: Parameter = Parameter {
    name: "superpixels",
    label: "Superpixels",
    sentence: "How the picture is cut: quickshift follows the picture, SLIC makes pieces of about the same size.",
    kind: Kind::Choice { options: &[("quickshift", "Quickshift"), ("slic", "SLIC")], default: "quickshift" },
};

/// How many superpixels SLIC makes.
pub(in crate::explain) const SEGMENTS: Parameter = Parameter {
    name: "segments",
    label: "Number of SLIC superpixels",
    sentence: "About how many pieces SLIC makes; quickshift finds its own number.",
    kind: Kind::Integer { min: 2, max: 500, default: 50 },
};

/// How coarse quickshift is.
pub(in crate::explain) const KERNEL: Parameter = Parameter {
    name: "kernel",
    label: "Quickshift kernel",
    sentence: "The wider (in pixels of network input), the fewer and larger quickshift's pieces.",
    kind: Kind::Real { min: 1.0, max: 16.0, default: 4.0 },
};

/// What is put in place of hidden superpixels.
pub(in crate::explain) const HIDDEN: Parameter = Parameter {
    name: "baseline",
    label: "In place of what is hidden",
    sentence: "What the network sees where a superpixel is hidden.",
    kind: Kind::Choice {
        options: &[
            ("mean", "Mean colour of the superpixel"),
            ("grey", "Grey"),
            ("black", "Black"),
            ("blur", "The picture, blurred"),
            ("zero", "0 in network input"),
        ],
        default: "mean",
    },
};

/// A first look at what superpixels are worth: few runs of few pieces.
pub(in crate::explain) const QUICK: &[(&str, Value)] =
    &[("samples", Value::Integer(150)), ("superpixels", Value::Choice("slic")), ("segments", Value::Integer(25))];

/// The superpixels that the settings ask for, of the explained input as an 8-bit picture.
///
/// # Errors
/// [`ExplainError::NotKept`], [`ExplainError::NoSlice`], [`ExplainError::NotFinite`] for the input, or cancellation.
pub(in crate::explain) fn superpixels(ask: &Ask) -> Result<Superpixels, ExplainError> {
    let picture = Pixels::of_input(ask.space, &ask.input()?)?;
    let settings = ask.settings;
    let found = if settings.choice(&SUPERPIXELS) == "slic" {
        let slic = Slic { segments: settings.count(&SEGMENTS), compactness: COMPACTNESS };
        superpixel::slic(&picture, slic, ask.control)
    } else {
        let quickshift = Quickshift { kernel: settings.real(&KERNEL), ..Quickshift::LIME };
        superpixel::quickshift(&picture, quickshift, ask.control)
    };
    Ok(found.map_err(GraphError::from)?)
}

/// The explained input in superpixels, each of which can be hidden.
pub(in crate::explain) struct Scene<'a> {
    ask: &'a Ask<'a>,
    /// The network on changed inputs.
    pub runs: Runs<'a>,
    superpixels: &'a Superpixels,
    /// The input with everything hidden.
    hidden: Vec<f32>,
}

impl<'a> Scene<'a> {
    /// The explained input with the superpixels given.
    ///
    /// # Errors
    /// [`ExplainError::NotKept`], [`ExplainError::NoSlice`], [`ExplainError::NotFinite`] for the input,
    /// [`ExplainError::Superpixels`] where they are not the input's.
    pub fn new(ask: &'a Ask<'a>, superpixels: &'a Superpixels) -> Result<Self, ExplainError> {
        let runs = Runs::new(ask)?;
        let (found, expected) = ([superpixels.rows, superpixels.columns], [runs.rows, runs.columns]);
        if found != expected || superpixels.labels.len() != runs.places() {
            return Err(ExplainError::Superpixels { found, expected });
        }
        let hidden = match Baseline::named(ask.settings.choice(&HIDDEN)) {
            // The same name means the superpixel's own mean here.
            None | Some(Baseline::Mean) => colour_of_each(runs.original(), &superpixels.labels, superpixels.count),
            Some(baseline) => baseline.field(ask)?,
        };
        Ok(Self { ask, runs, superpixels, hidden })
    }

    /// Hides the superpixels that are not visible in a copy of the original.
    pub fn hide(&self, visible: &[bool], values: &mut [f32]) {
        let labels = &self.superpixels.labels;
        let stays: Vec<bool> = labels.iter().map(|&label| visible[label as usize]).collect();
        let planes = values.chunks_exact_mut(labels.len()).zip(self.hidden.chunks_exact(labels.len()));
        for (plane, hidden) in planes {
            for ((value, &hidden), &stays) in plane.iter_mut().zip(hidden).zip(&stays) {
                *value = if stays { *value } else { hidden };
            }
        }
    }

    /// The input with everything hidden, `channels × rows × columns`.
    pub fn empty(&self) -> &[f32] {
        &self.hidden
    }

    /// The map that gives each superpixel its weight.
    ///
    /// # Errors
    /// [`ExplainError::NotFinite`] when a weight is not.
    pub fn map(&self, method: &'static str, weights: &[f64], facts: Vec<Fact>) -> Result<Attribution, ExplainError> {
        if weights.iter().any(|weight| !weight.is_finite()) {
            return Err(ExplainError::NotFinite { layer: "input".to_owned() });
        }
        let Superpixels { rows, columns, labels, .. } = self.superpixels;
        Ok(Attribution {
            method,
            reading: Reading::Signed,
            layer: None,
            class: self.ask.target.class,
            channels: 1,
            rows: *rows,
            columns: *columns,
            values: labels.iter().map(|&label| weights[label as usize] as f32).collect(),
            facts,
            segments: Some(Arc::new(Segments { labels: labels.clone(), weights: weights.to_vec() })),
        })
    }
}
