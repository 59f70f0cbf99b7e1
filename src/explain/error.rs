//! Why there is no map: one clear sentence.

use crate::graph::GraphError;

/// An explanation that cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The method does not apply to this network.
    #[error("{method} cannot explain this network: {reason}")]
    Unsuitable {
        /// The method's name for people.
        method: &'static str,
        /// Which part of the network stands in the way, and what to use instead.
        reason: String,
    },

    /// The layer has no rows and columns.
    #[error("The layer `{layer}` gives shape {shape:?}, which has no rows and columns; choose a convolutional layer")]
    NotSpatial {
        /// The layer's name.
        layer: String,
        /// Its output's shape.
        shape: Vec<usize>,
    },

    /// There is no such class.
    #[error("There is no class {class}; the network has {classes}, counted from 0")]
    NoClass {
        /// The class asked for.
        class: usize,
        /// How many there are.
        classes: usize,
    },

    /// The layer has no such channel.
    #[error("The layer `{layer}` has no channel {channel}; it has {channels}, counted from 0")]
    NoChannel {
        /// The layer's name.
        layer: String,
        /// The channel asked for.
        channel: usize,
        /// How many there are.
        channels: usize,
    },

    /// There is no such slice in the run.
    #[error("There is no slice {slice} in this run of {slices}, counted from 0")]
    NoSlice {
        /// The slice asked for.
        slice: usize,
        /// How many there are.
        slices: usize,
    },

    /// A segmentation's region holds no pixel.
    #[error(
        "No pixel is predicted to be of class {class} or lies in the drawn region; draw a region or choose another class"
    )]
    EmptyRegion {
        /// The class asked for.
        class: usize,
    },

    /// The method's parameters do not go together, or not with this picture.
    #[error("{method} cannot be computed so: {reason}")]
    Settings {
        /// The method's name for people.
        method: &'static str,
        /// What does not go together, and what to set instead.
        reason: String,
    },

    /// Superpixels of another picture.
    #[error(
        "The superpixels are those of a picture of {found:?} rows and columns; the network's input has {expected:?}"
    )]
    Superpixels {
        /// Rows and columns of the superpixels.
        found: [usize; 2],
        /// Rows and columns of the input.
        expected: [usize; 2],
    },

    /// The run did not keep the layer's output.
    #[error("The run did not keep the output of the layer `{layer}`; ask for it with the method's `keeps`")]
    NotKept {
        /// The layer's name.
        layer: String,
    },

    /// The run was not for the graph's output.
    #[error("The run ended at the layer `{target}`; explanations need a run to the network's output")]
    NotLogits {
        /// The node that the run was for.
        target: String,
    },

    /// The map holds NaN or infinities.
    #[error(
        "The map at the layer `{layer}` is not finite; the weights or the input hold NaN, infinite or far too large \
         values"
    )]
    NotFinite {
        /// The layer's name.
        layer: String,
    },

    /// The graph could not be differentiated.
    #[error(transparent)]
    Graph(#[from] GraphError),

    /// The tensor library failed.
    #[error("The tensor library failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
