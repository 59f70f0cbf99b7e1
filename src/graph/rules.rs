//! Which rule the rectifiers of a graph follow on the way back.

use super::{Node, op::Rule};

/// A rule for rectifiers that are modules in the source framework, and one for those called as functions.
///
/// The literature knows no such difference, so one [`Rule`] for all is what guided backpropagation and deconvnet mean.
/// But Captum and pytorch-grad-cam replace modules only: `F.relu` keeps the plain gradient there, which leaves of their
/// guided backpropagation of a `GoogLeNet` or an Inception v3 the gradient itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Rules {
    /// For modules, as `nn.ReLU`.
    pub modules: Rule,
    /// For functions, as `F.relu`.
    pub functional: Rule,
}

impl Rules {
    /// The rule for modules, the plain gradient for functions: what Captum and pytorch-grad-cam compute.
    #[must_use]
    pub const fn modules_only(rule: Rule) -> Self {
        Self { modules: rule, functional: Rule::Gradient }
    }

    /// The rule that this node follows.
    pub(super) fn of(self, node: &Node) -> Rule {
        if node.functional { self.functional } else { self.modules }
    }
}

impl From<Rule> for Rules {
    fn from(rule: Rule) -> Self {
        Self { modules: rule, functional: rule }
    }
}
