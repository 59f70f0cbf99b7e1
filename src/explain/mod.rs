//! Explanation methods, one file each, written against the graph and a trace of it.
//!
//! A method says what it [`keeps`](Method::keeps) of a run and computes an [`Attribution`] from the [`Trace`]; it
//! changes nothing and knows no architecture, only operations and names. The CAM family shares all but its channel
//! weights (`channels.rs`).

mod activations;
mod attribution;
mod cam;
mod channels;
mod error;
mod gradcam;
mod gradcam_plus_plus;
mod resize;

use std::sync::Arc;

pub use activations::{Activations, activations};
pub use attribution::Attribution;
pub use cam::class_map_layer;
pub use error::ExplainError;
pub use resize::bilinear;

use crate::graph::{Control, Graph, Keep, NodeId, Trace};

/// What is explained: the raw logit of a class, or its negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The class, counted from 0.
    pub class: usize,
    /// What the logit is multiplied by: 1, or −1 for the negative class of a sigmoid with one unit.
    pub sign: f32,
}

impl Target {
    /// The logit of a class.
    #[must_use]
    pub const fn class(class: usize) -> Self {
        Self { class, sign: 1.0 }
    }
}

/// The parameters of the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params {
    /// Which element of the batch is explained. In a stack network's run over several slices: where this slice made
    /// the stack's score.
    pub slice: usize,
}

/// One explanation method.
pub trait Method: Sync {
    /// The name on the command line and in exports, as `gradcam`.
    fn name(&self) -> &'static str;

    /// The name for people, as `Grad-CAM`.
    fn label(&self) -> &'static str;

    /// One sentence on what the map shows, with the paper.
    fn sentence(&self) -> &'static str;

    /// Whether the layer can be chosen; otherwise the method knows its own.
    fn needs_layer(&self) -> bool;

    /// Why the method cannot be used on this network; `Ok` where it can.
    ///
    /// # Errors
    /// [`ExplainError::Unsuitable`] with the reason.
    fn suits(&self, graph: &Graph) -> Result<(), ExplainError>;

    /// What a run to the graph's output has to keep for [`Method::compute`].
    fn keeps(&self, graph: &Graph, layer: NodeId) -> Keep;

    /// The map of `target` at `layer`.
    ///
    /// # Errors
    /// [`ExplainError`]: a layer without rows and columns, a class that there is not, a head that the method cannot
    /// explain, values that are not finite, a run that did not keep enough, or cancellation.
    fn compute(
        &self,
        graph: &Arc<Graph>,
        trace: &Trace,
        layer: NodeId,
        target: &Target,
        params: &Params,
        control: &Control,
    ) -> Result<Attribution, ExplainError>;
}

/// All methods, in the order in which they are offered.
pub static METHODS: &[&dyn Method] = &[&gradcam::GradCam, &gradcam_plus_plus::GradCamPlusPlus, &cam::Cam];

/// The method of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.name() == name)
}

#[cfg(test)]
mod tests;
