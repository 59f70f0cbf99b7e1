//! Deconvnet of the class score.

use super::{About, rectifiers::Rectified};
use crate::graph::Rule;

/// Zeiler and Fergus 2014, from the class's score: what goes back is rectified at each ReLU, `max(g, 0)`, whatever the
/// ReLU let through on the way there; max pooling by its recorded switches.
pub(super) const DECONVNET: Rectified = Rectified {
    name: "deconvnet",
    label: "Deconvnet",
    about: About {
        shows: "What kind of picture would excite the class, placed by the pooling switches of this one.",
        cannot: "Where the class is: apart from the switches nothing on the way back knows this picture.",
        costs: "One forward and one backward pass.",
        paper: "Zeiler and Fergus 2014",
    },
    rule: Rule::Deconvnet,
};
