//! SmoothGrad.

use super::{
    About,
    noisy::{COSTS, Noisy, Statistic},
};

/// Smilkov et al. 2017: the mean of the signed gradients of noisy copies of the input, shown as the gradient is.
pub(super) const SMOOTHGRAD: Noisy = Noisy {
    label: "SmoothGrad",
    about: About {
        shows: "Which pixels the score depends on, with less speckle: the mean gradient of many slightly noisy copies.",
        cannot: "What the score is made of; with much noise it explains pictures that nobody has taken.",
        costs: COSTS,
        paper: "Smilkov et al. 2017",
    },
    statistic: Statistic::Mean,
};
