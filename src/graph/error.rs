//! What can go wrong while a graph is built or run: one clear sentence, naming node, operation and shapes.

use super::control::Cancelled;

/// A graph that cannot be built, run or differentiated as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The nodes do not make a graph.
    #[error("The network's layers do not fit together: {reason}")]
    Build {
        /// Which node, and what is wrong.
        reason: String,
    },

    /// An operation cannot take inputs of these shapes.
    #[error("The layer `{node}` ({op}) cannot take an input of shape {}: {reason}", shapes_text(.inputs))]
    Shape {
        /// The node's name.
        node: String,
        /// The operation.
        op: &'static str,
        /// The shapes of its inputs.
        inputs: Vec<Vec<usize>>,
        /// What the operation expects.
        reason: String,
    },

    /// The tensor library failed in an operation (out of memory, for one).
    #[error("The layer `{node}` ({op}) failed on an input of shape {}: {source}", shapes_text(.inputs))]
    Compute {
        /// The node's name.
        node: String,
        /// The operation.
        op: &'static str,
        /// The shapes of its inputs.
        inputs: Vec<Vec<usize>>,
        /// The tensor library's error.
        source: Box<candle_core::Error>,
    },

    /// No tensor was fed to a node that the target depends on.
    #[error("The layer `{target}` depends on `{node}`, which was given no value")]
    Unfed {
        /// The node without a value.
        node: String,
        /// The node asked for.
        target: String,
    },

    /// The graph has no such node.
    #[error("The network has no layer {node}; it has {count} layers")]
    NoNode {
        /// The number asked for.
        node: usize,
        /// How many nodes there are.
        count: usize,
    },

    /// The result is NaN or infinite.
    #[error(
        "The output of the layer `{node}` is not a finite number; the weights or the input hold NaN, infinite or far \
         too large values"
    )]
    NotFinite {
        /// The node's name.
        node: String,
    },

    /// A vector-Jacobian product was asked for that the run did not keep the values for.
    #[error("The run did not keep what the gradient needs at the layer `{node}`; ask for it with `Keep::gradients_to`")]
    NotKept {
        /// The node's name.
        node: String,
    },

    /// The weights given to the output of a layer do not have its shape.
    #[error("The gradient's seed has shape {seed:?}, but the output of the layer `{node}` has {expected:?}")]
    Seed {
        /// The node's name.
        node: String,
        /// The seed's shape.
        seed: Vec<usize>,
        /// The output's shape.
        expected: Vec<usize>,
    },

    /// The output asked for does not depend on the node.
    #[error("The layer `{from}` does not depend on `{to}`, so there is no gradient from one to the other")]
    NoPath {
        /// The later node.
        from: String,
        /// The earlier node.
        to: String,
    },

    /// A rectangle of other pixels does not fit the picture that it is put on.
    #[error("The changed part does not fit the picture: {reason}")]
    Patch {
        /// What was found and what was expected.
        reason: String,
    },

    /// The computation was asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// `[1, 3, 224, 224] and [1, 64, 56, 56]`.
fn shapes_text(shapes: &[Vec<usize>]) -> String {
    let texts: Vec<String> = shapes.iter().map(|shape| format!("{shape:?}")).collect();
    texts.join(" and ")
}
