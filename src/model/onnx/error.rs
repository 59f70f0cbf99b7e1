//! What can go wrong with an ONNX file: one clear sentence each, naming the node.

/// An ONNX file that cannot be used. Each text ends the sentence "The ONNX file cannot be used: …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no protocol buffer of an ONNX model.
    #[error("it is damaged or not an ONNX file ({0})")]
    Damaged(String),

    /// The version of the operators is not one that is read.
    #[error("its operators are of opset {found}; {} to {} are read", .read.0, .read.1)]
    Opset {
        /// The file's version of the default operators.
        found: i64,
        /// The first and the last version that are read.
        read: (i64, i64),
    },

    /// The file's graph takes something else than one picture.
    #[error("its input {0}")]
    Input(String),

    /// A constant cannot be read.
    #[error("its tensor `{tensor}` {reason}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// What is wrong, as the end of a sentence.
        reason: String,
    },

    /// A node takes a value that nothing gives.
    #[error("its node `{node}` takes `{value}`, which no node, input or tensor of the file gives")]
    Absent {
        /// The node's name in the file.
        node: String,
        /// The value's name.
        value: String,
    },

    /// Nodes wait for each other.
    #[error("its node `{node}` depends on its own output")]
    Cycle {
        /// The node's name in the file.
        node: String,
    },

    /// A node's operation is not one that is known here.
    #[error("its node `{node}` computes {domain}{op} (opset {opset}), an operation that Glassbox does not know")]
    UnknownOp {
        /// The node's name in the file.
        node: String,
        /// The operation's domain and a colon, or nothing for the default one.
        domain: String,
        /// The operation.
        op: String,
        /// The version of the operators.
        opset: i64,
    },

    /// A node's parameters or inputs cannot be used.
    #[error("its node `{node}` ({op}, opset {opset}) {reason}")]
    Node {
        /// The node's name in the file.
        node: String,
        /// The operation.
        op: String,
        /// The version of the operators.
        opset: i64,
        /// What is wrong, as the end of a sentence.
        reason: String,
    },

    /// The outputs are not scores of classes.
    #[error("its output {0}")]
    Output(String),
}

/// Why a node cannot be imported, as the end of a sentence that begins with the node.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The file may be right, but this is not computed here.
    #[error("is not supported with {0}")]
    Unsupported(String),
    /// The file is wrong.
    #[error("is malformed: {0}")]
    Malformed(String),
    /// The operation is not known.
    #[error("is not known")]
    Unknown,
    /// The tensor library failed.
    #[error("failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl Fault {
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }

    pub fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed(what.into())
    }
}

/// What an importer of a node gives.
pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;
