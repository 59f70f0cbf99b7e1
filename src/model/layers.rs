//! The layers of a network as people see them.

use serde::Serialize;

use crate::graph::{Graph, INPUT, NodeId, ops::Transpose};

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
    let turned = channels_last(graph);
    let nodes = graph.nodes().iter().zip(shapes).enumerate().skip(INPUT + 1);
    nodes
        .map(|(node, (layer, shape))| LayerInfo {
            node,
            name: layer.name.clone(),
            op: layer.op.kind(),
            shape: shape[1..].to_vec(),
            spatial: is_spatial(shape) && !turned[node],
            parameters: layer.op.parameters(),
            macs: layer.op.macs(&layer.inputs.iter().map(|&input| shapes[input].as_slice()).collect::<Vec<_>>(), shape),
        })
        .collect()
}

/// For each node, whether its channels come last: between the changes of order around what networks compute so.
fn channels_last(graph: &Graph) -> Vec<bool> {
    let mut turned: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        turned.push(match node.op_as::<Transpose>().map(|op| op.order.as_slice()) {
            Some([0, 2, 3, 1]) => true,
            Some([0, 3, 1, 2]) => false,
            _ => node.inputs.iter().any(|&source| turned[source]),
        });
    }
    turned
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
    let turned = channels_last(graph);
    let has_linear = nodes.iter().any(|node| node.op.kind() == "Linear");
    let is_target = |node: &NodeId| {
        let op = nodes[*node].op.kind();
        let is_idle = op == "ReLU" && nodes[*node].inputs.iter().all(|&input| nodes[input].op.kind() == "ReLU");
        let is_class_map = !has_linear && shapes[*node].get(1).copied() == classes;
        is_spatial(&shapes[*node])
            && !turned[*node]
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::{Weights, zoo};

    #[test]
    fn the_default_layer_is_the_one_that_people_choose() {
        for (architecture, layer) in [
            ("alexnet", "features.12"),
            ("vgg16", "features.30"),
            ("resnet50", "layer4"),
            ("squeezenet1_1", "features.12"),
            ("densenet121", "features.norm5"),
            ("densenet201", "features.norm5"),
            ("googlenet", "inception5b"),
            ("inception_v3", "Mixed_7c"),
            ("mobilenet_v2", "features.18"),
            ("mobilenet_v3_small", "features.12"),
            ("mobilenet_v3_large", "features.16"),
            ("efficientnet_b0", "features.8"),
            ("efficientnet_b4", "features.8"),
            ("mrnet", "pretrained_model.12"),
        ] {
            let mut weights = Weights::from_tensors(HashMap::new(), "usual widths");
            let graph = (zoo::find(architecture).unwrap().build)(&mut weights).unwrap();
            let shapes = graph.shapes(&[1, 3, 224, 224]).unwrap();
            assert_eq!(last(&graph, &shapes), layer, "{architecture}");
        }
    }

    #[test]
    fn multiply_accumulates_are_those_of_the_literature() {
        // torchvision's `_ops` of the pretrained weights, in units of 10⁹ and rounded.
        for (architecture, size, giga) in [
            ("resnet18", 224, 1.814),
            ("resnet50", 224, 4.089),
            ("vgg16", 224, 15.47),
            ("densenet121", 224, 2.834),
            ("googlenet", 224, 1.498),
            ("inception_v3", 299, 5.713),
            ("mobilenet_v2", 224, 0.301),
            ("mobilenet_v3_large", 224, 0.217),
            ("efficientnet_b0", 224, 0.386),
        ] {
            let mut weights = Weights::from_tensors(HashMap::new(), "usual widths");
            let graph = (zoo::find(architecture).unwrap().build)(&mut weights).unwrap();
            let shapes = graph.shapes(&[1, 3, size, size]).unwrap();
            let macs: u64 = describe(&graph, &shapes).iter().map(|layer| layer.macs).sum();
            let found = macs as f64 / 1e9;
            assert!((found - giga).abs() < 0.006 * giga, "{architecture}: {found} where {giga} is known");
        }
    }
}
