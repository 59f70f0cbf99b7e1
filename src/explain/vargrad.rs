//! VarGrad.

use super::{
    About,
    noisy::{COSTS, Noisy, Statistic},
};

/// Adebayo et al. 2018: the variance of the gradients of noisy copies of the input, as in Captum's noise tunnel.
pub(super) const VARGRAD: Noisy = Noisy {
    label: "VarGrad",
    about: About {
        shows: "Where the gradient is unsteady: how much it varies between slightly noisy copies of the picture.",
        cannot: "Whether a pixel speaks for or against the class; a steady, strong gradient counts as nothing.",
        costs: COSTS,
        paper: "Adebayo et al. 2018",
    },
    statistic: Statistic::Variance,
};
