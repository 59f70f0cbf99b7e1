//! Methods that send the score back by a rule for rectifiers other than the derivative's, and which rectifiers follow it.

use super::{
    About, Ask, Attribution, ExplainError, Group, Method, Settings,
    attribution::Reading,
    parameters::{Kind, Parameter},
    pixels::{pixel_map, target_signal},
};
use crate::graph::{Graph, INPUT, Keep, NodeId, Rule, Rules};

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

/// What the class's score sends back to the pixels under a rule.
pub(super) struct Rectified {
    /// The name on the command line.
    pub name: &'static str,
    /// The name for people.
    pub label: &'static str,
    /// The method in plain words.
    pub about: About,
    /// What rectifiers do.
    pub rule: Rule,
}

impl Method for Rectified {
    fn name(&self) -> &'static str {
        self.name
    }

    fn label(&self) -> &'static str {
        self.label
    }

    fn group(&self) -> Group {
        Group::Deconvnet
    }

    fn about(&self) -> About {
        self.about
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[RECTIFIERS]
    }

    fn keeps(&self, _graph: &Graph, _layer: NodeId) -> Keep {
        Keep::nothing().gradients_to(INPUT)
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let field = target_signal(ask, rules(ask.settings, self.rule))?;
        pixel_map(self.name, ask, Reading::Magnitude, &field)
    }
}
