//! CAM: class activation mapping.

use candle_core::{DType, Device};

use super::{
    About, Ask, Attribution, ExplainError, Group, Method,
    channels::{spatial_output, weighted_sum},
    target::check_class,
};
use crate::graph::{
    Graph, INPUT, Keep, NodeId,
    ops::{AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, Linear, Relu, SliceMax},
};

/// Zhou et al. 2016: `Σₖ wₖᶜ Aₖ` at what the global average pooling sees, where the head is linear; where a 1×1
/// convolution classifies before the pooling, as in SqueezeNet, its class map itself.
pub(super) struct Cam;

impl Method for Cam {
    fn name(&self) -> &'static str {
        "cam"
    }

    fn label(&self) -> &'static str {
        "CAM"
    }

    fn group(&self) -> Group {
        Group::Cam
    }

    fn about(&self) -> About {
        About {
            shows: "What each place adds to the score: the last layer's channels with the classifier's own weights.",
            cannot: "Any other layer, or a network whose head is not global average pooling and one dense layer.",
            costs: "One forward pass.",
            paper: "Zhou et al. 2016",
        }
    }

    fn needs_layer(&self) -> bool {
        false
    }

    fn suits(&self, graph: &Graph) -> Result<(), ExplainError> {
        class_map_layer(graph).map(|_| ())
    }

    fn keeps(&self, graph: &Graph, _layer: NodeId) -> Keep {
        head(graph).map_or_else(|_| Keep::nothing(), |head| Keep::nothing().output_of(head.layer))
    }

    fn compute(&self, ask: &Ask) -> Result<Attribution, ExplainError> {
        let target = ask.target;
        let head = head(ask.graph())?;
        let activations = spatial_output(ask.trace, head.layer, ask.slice)?;
        let weights = if let Some(linear) = head.linear {
            check_class(target, linear.weight().dim(0)?)?;
            linear.weight().get(target.class)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?
        } else {
            check_class(target, activations.channels)?;
            (0..activations.channels).map(|channel| f64::from(u8::from(channel == target.class))).collect()
        };
        let signed: Vec<f64> = weights.into_iter().map(|weight| weight * f64::from(target.sign)).collect();
        weighted_sum(self.name(), ask, head.layer, &activations, &signed)
    }
}

/// The layer whose channels CAM adds up.
///
/// # Errors
/// [`ExplainError::Unsuitable`] with the reason, where the network's head is not global average pooling and one
/// dense layer, nor global average pooling of a 1×1 classifier.
pub fn class_map_layer(graph: &Graph) -> Result<NodeId, ExplainError> {
    head(graph).map(|head| head.layer)
}

/// The end of a network that CAM can explain.
struct Head<'a> {
    /// What the global average pooling sees.
    layer: NodeId,
    /// The dense layer after it; without one the layer's channels are the classes.
    linear: Option<&'a Linear>,
}

/// Walks back from the output to the global average pooling.
fn head(graph: &Graph) -> Result<Head<'_>, ExplainError> {
    let unsuitable = |reason: String| {
        let reason = format!("{reason}; use Grad-CAM, which is the same where CAM is defined");
        ExplainError::Unsuitable { method: Cam.label(), reason }
    };
    let mut linear: Option<&Linear> = None;
    let mut id = graph.output();
    loop {
        let node = &graph.nodes()[id];
        let &[source] = node.inputs.as_slice() else {
            return Err(unsuitable(format!("`{}` ({}) stands before the logits", node.name, node.op.kind())));
        };
        if let Some(pool) = node.op_as::<AdaptiveAvgPool2d>() {
            if pool.size != AdaptiveAvgPool2d::GLOBAL.size {
                let [rows, columns] = pool.size;
                return Err(unsuitable(format!("`{}` pools to {rows}×{columns} places, not to one", node.name)));
            }
            if linear.is_none() && !classifies(graph, source) {
                return Err(unsuitable(format!("no classifier stands at the global pooling `{}`", node.name)));
            }
            return Ok(Head { layer: source, linear });
        }
        if let Some(dense) = node.op_as::<Linear>() {
            if linear.replace(dense).is_some() {
                return Err(unsuitable(format!(
                    "`{}` is one more dense layer between the pooling and the logits",
                    node.name
                )));
            }
        } else if node.op_as::<Flatten>().is_none()
            && node.op_as::<Dropout>().is_none()
            && node.op_as::<SliceMax>().is_none()
        {
            return Err(unsuitable(format!(
                "`{}` ({}) stands between the global pooling and the logits",
                node.name,
                node.op.kind()
            )));
        }
        id = source;
    }
}

/// Whether a node is a 1×1 convolution, with or without a rectifier and dropout after it.
fn classifies(graph: &Graph, mut id: NodeId) -> bool {
    loop {
        let node = &graph.nodes()[id];
        if let Some(conv) = node.op_as::<Conv2d>() {
            return conv.weight().dims()[2..] == [1, 1];
        }
        if id == INPUT || (node.op_as::<Relu>().is_none() && node.op_as::<Dropout>().is_none()) {
            return false;
        }
        id = node.inputs[0];
    }
}
