//! Guided backpropagation.

use super::{About, rectifiers::Rectified};
use crate::graph::Rule;

/// Springenberg et al. 2015: the gradient, where each ReLU lets through only what is positive both ways:
/// `max(g, 0) · [x > 0]`.
pub(super) const GUIDED_BACKPROP: Rectified = Rectified {
    name: "guidedbackprop",
    label: "Guided backpropagation",
    about: About {
        shows: "Sharp outlines of what excites the layers on the way to the score.",
        cannot: "Which class it is for: its maps hardly change with the class, and resemble an edge filter (Adebayo et al. 2018).",
        costs: "One forward and one backward pass.",
        paper: "Springenberg et al. 2015",
    },
    rule: Rule::Guided,
};
