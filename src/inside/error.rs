//! What can go wrong while one looks inside a network: one clear sentence.

use crate::graph::{Cancelled, GraphError};

/// Something that cannot be said of a network's inside.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InsideError {
    /// The run did not keep the layer's output.
    #[error("The run did not keep the output of the layer `{layer}`")]
    NotKept {
        /// The layer's name.
        layer: String,
    },

    /// The layer's output has no channels in the usual place.
    #[error("The layer `{layer}` gives shape {shape:?}; channels are looked for in outputs of two or four dimensions")]
    Shape {
        /// The layer's name.
        layer: String,
        /// The output's shape, with its batch.
        shape: Vec<usize>,
    },

    /// The layer's output holds NaN or infinities.
    #[error(
        "The output of the layer `{layer}` is not finite; the weights or the input hold NaN, infinite or far too large \
         values"
    )]
    NotFinite {
        /// The layer's name.
        layer: String,
    },

    /// Two results that are to be taken together are of layers with different numbers of channels.
    #[error("One image gave {found} channels where the others gave {expected}")]
    Channels {
        /// Channels of the odd one.
        found: usize,
        /// Channels of the others.
        expected: usize,
    },

    /// There is no such layer.
    #[error("The network has no layer `{layer}`; `glassbox models show` lists them")]
    NoLayer {
        /// The name asked for.
        layer: String,
    },

    /// The layer has learned no kernels.
    #[error("The layer `{layer}` has no filters of its own; layers that have some are {known}")]
    NoFilters {
        /// The layer's name.
        layer: String,
        /// Names of a few layers that have filters.
        known: String,
    },

    /// The perplexity does not suit the number of images.
    #[error(
        "t-SNE with a perplexity of {perplexity} needs more than {} images, and there are {inputs}; {}",
        3 * perplexity,
        greatest_words(*inputs)
    )]
    Perplexity {
        /// The perplexity asked for.
        perplexity: u32,
        /// How many images there are.
        inputs: usize,
    },

    /// The codes to be embedded do not all have one length.
    #[error("The codes of the images have different lengths, {found} and {expected}")]
    CodeLength {
        /// Length of the odd one.
        found: usize,
        /// Length of the first.
        expected: usize,
    },

    /// A code holds NaN or infinities.
    #[error("The code of image {input} is not finite")]
    CodeNotFinite {
        /// The image's place in the list.
        input: usize,
    },

    /// The operating system gave no thread.
    #[error("Could not start a thread: {reason}")]
    Threads {
        /// What it said.
        reason: String,
    },

    /// The computation was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),

    /// The network could not be run or measured.
    #[error(transparent)]
    Graph(GraphError),

    /// The tensor library failed.
    #[error("The tensor library failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl From<GraphError> for InsideError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Graph(other),
        }
    }
}

/// What perplexity is possible, in words.
fn greatest_words(inputs: usize) -> String {
    match super::embedding::greatest_perplexity(inputs) {
        0 => "open at least four, or use PCA".to_owned(),
        most => format!("choose at most {most}"),
    }
}
