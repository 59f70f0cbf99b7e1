//! Which rectifiers follow the rule of guided backpropagation and deconvnet.

use super::{
    Settings,
    parameters::{Kind, Parameter},
};
use crate::graph::{Rule, Rules};

/// The choice, with the libraries' answer as default.
pub(super) const RECTIFIERS: Parameter = Parameter {
    name: "rectifiers",
    label: "Rectifiers",
    sentence: "Which ReLUs follow the rule: those that Captum and pytorch-grad-cam find, or also those that the network \
               calls as functions (the last of a DenseNet, all of GoogLeNet and Inception v3), as the papers have it.",
    kind: Kind::Choice {
        options: &[("modules", "Those that Captum finds"), ("all", "All, as in the papers")],
        default: "modules",
    },
};

/// The rules that the settings ask for.
pub(super) fn rules(settings: &Settings, rule: Rule) -> Rules {
    match settings.choice(&RECTIFIERS) {
        "all" => rule.into(),
        _ => Rules::modules_only(rule),
    }
}
