//! The layers of a network as people see them.

use serde::Serialize;

use crate::graph::{Graph, INPUT, NodeId};

/// One layer of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerInfo {
    /// The node in the graph.
    pub node: NodeId,
    /// The name in the source framework.
    pub name: String,
    /// The operation.
    pub op: &'static str,
    /// `[channels, rows, columns]` or `[features]`, for an input of the card's size.
    pub shape: Vec<usize>,
    /// Whether there is a map: rows and columns, more than one cell.
    pub spatial: bool,
    /// How many numbers the layer has learned.
    pub parameters: usize,
    /// Multiply-accumulates for one picture, of convolutions and matrix products alone, as is usual.
    pub macs: u64,
}

/// All layers but the input, in the order of computation. `shapes` are those of the nodes, with their batch.
pub(super) fn describe(graph: &Graph, shapes: &[Vec<usize>]) -> Vec<LayerInfo> {
    let nodes = graph.nodes().iter().zip(shapes).enumerate().skip(INPUT + 1);
    nodes
        .map(|(node, (layer, shape))| LayerInfo {
            node,
            name: layer.name.clone(),
            op: layer.op.kind(),
            shape: shape[1..].to_vec(),
            spatial: is_spatial(shape),
            parameters: layer.op.parameters(),
            macs: layer.op.macs(&layer.inputs.iter().map(|&input| shapes[input].as_slice()).collect::<Vec<_>>(), shape),
        })
        .collect()
}

/// Whether an output `[batch, channels, rows, columns]` has more than one cell.
pub(super) fn is_spatial(shape: &[usize]) -> bool {
    matches!(shape, [_, _, rows, columns] if rows * columns > 1)
}

/// The last spatial layer: neither average pooling and dropout before the head, nor a rectifier of what has been
/// rectified, nor the class map of a network whose classifier is a 1×1 convolution. A module that ends there gives its name (`layer4` for `layer4.1.relu2`).
pub(super) fn last(graph: &Graph, shapes: &[Vec<usize>]) -> String {
    let nodes = graph.nodes();
    let classes = shapes[graph.output()].get(1).copied();
    let has_linear = nodes.iter().any(|node| node.op.kind() == "Linear");
    let is_target = |node: &NodeId| {
        let op = nodes[*node].op.kind();
        let is_idle = op == "ReLU" && nodes[*node].inputs.iter().all(|&input| nodes[input].op.kind() == "ReLU");
        let is_class_map = !has_linear && shapes[*node].get(1).copied() == classes;
        is_spatial(&shapes[*node])
            && !is_idle
            && !is_class_map
            && !matches!(op, "AvgPool2d" | "AdaptiveAvgPool2d" | "Dropout" | "Transpose")
    };
    let node = (INPUT + 1..nodes.len()).rev().find(is_target).unwrap_or(INPUT);
    let name = &nodes[node].name;
    let is_block = |prefix: &&str| {
        let within = nodes.iter().filter(|node| node.name.starts_with(&format!("{prefix}."))).count();
        graph.find(prefix) == Some(node) && within * 2 < nodes.len()
    };
    let mut prefixes = name.match_indices('.').map(|(end, _)| &name[..end]);
    prefixes.find(is_block).unwrap_or(name).to_owned()
}

/// The last layer of the coarsest resolution, a segmentation's bottleneck, where its channels hold most of the picture
/// (Vinogradova et al. 2020).
pub(super) fn deepest(graph: &Graph, shapes: &[Vec<usize>]) -> String {
    let cells = |node: NodeId| shapes[node][2..].iter().product::<usize>();
    let spatial: Vec<NodeId> = (INPUT + 1..graph.output()).filter(|&node| is_spatial(&shapes[node])).collect();
    let coarsest = spatial.iter().map(|&node| cells(node)).min();
    let node = spatial.into_iter().rev().find(|&node| Some(cells(node)) == coarsest).unwrap_or(INPUT);
    graph.nodes()[node].name.clone()
}
