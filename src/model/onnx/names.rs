//! Names that people know from what exporters write: the modules of the source framework.
//!
//! | Exporter | In the file | Here |
//! |---|---|---|
//! | PyTorch, by `TorchScript` | node `/layer1/layer1.0/conv1/Conv` | `layer1.0.conv1` |
//! | PyTorch, by `torch.export` | scopes `['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']` | `layer1.0.conv1` |
//! | PyTorch before 1.13 | node `Conv_3` with the tensor `layer1.0.conv1.weight` | `layer1.0.conv1` |
//! | tf2onnx | node `StatefulPartitionedCall/vgg16/block1_conv1/Conv2D` | `block1_conv1.conv2d` |
//!
//! Where one module computes several nodes, each is named by its operation after the module's name, which then means
//! the last of them.

use std::collections::{HashMap, HashSet};

use super::proto::{GraphProto, NodeProto};

/// Where a node stands in the source framework.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// The module, with dots; empty for the network itself.
    module: String,
    /// What is computed there, in lower case.
    step: String,
}

/// A name for each node, no two the same.
pub(super) fn readable(graph: &GraphProto) -> Vec<String> {
    let tensors: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let prefix = common_prefix(graph);
    let is_layer = |node: &NodeProto| !matches!(node.op_type.as_str(), "Constant" | "Identity");
    let places: Vec<Place> = graph.node.iter().map(|node| place(node, &tensors, prefix)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut parents: HashSet<&str> = HashSet::new();
    for (node, place) in graph.node.iter().zip(&places) {
        if is_layer(node) {
            *counts.entry(&place.module).or_default() += 1;
        }
        parents.extend(place.module.match_indices('.').map(|(end, _)| &place.module[..end]));
    }
    // The graph's own input is called so.
    let mut taken = Taken::of(&["input".to_owned()]);
    places
        .iter()
        .map(|place| {
            let module = place.module.as_str();
            let is_leaf = counts.get(module) == Some(&1) && !parents.contains(module);
            taken.unique(if is_leaf && !module.is_empty() { module.to_owned() } else { place.within() })
        })
        .collect()
}

/// The names that are given away, each with the last number put after it.
#[derive(Debug, Default)]
pub(super) struct Taken(HashMap<String, usize>);

impl Taken {
    /// These names, of which no two are the same.
    pub fn of(names: &[String]) -> Self {
        Self(names.iter().map(|name| (name.clone(), 0)).collect())
    }

    /// The name itself, or with a number where it is taken.
    pub fn unique(&mut self, name: String) -> String {
        let Some(&last) = self.0.get(&name) else {
            self.0.insert(name.clone(), 0);
            return name;
        };
        let mut number = last + 1;
        let mut candidate = format!("{name}_{number}");
        while self.0.contains_key(&candidate) {
            number += 1;
            candidate = format!("{name}_{number}");
        }
        self.0.insert(name, number);
        self.0.insert(candidate.clone(), 0);
        candidate
    }
}

impl Place {
    /// The step in its module; where the module is named after the step, as `relu` with its `relu_1`, beside it.
    fn within(&self) -> String {
        let Self { module, step } = self;
        let (parent, last) = module.rsplit_once('.').unwrap_or(("", module));
        let same = step.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_');
        let module = if last.eq_ignore_ascii_case(same) { parent } else { module };
        if module.is_empty() { step.clone() } else { format!("{module}.{step}") }
    }
}

fn place(node: &NodeProto, tensors: &HashSet<&str>, prefix: usize) -> Place {
    if let Some(place) = from_scopes(node) {
        return place;
    }
    let op = node.op_type.to_lowercase();
    let parts: Vec<&str> = node.name.split('/').filter(|part| !part.is_empty()).collect();
    if node.name.contains('/') {
        let (step, modules) = parts.split_last().map_or((op.as_str(), &[][..]), |(step, modules)| (*step, modules));
        let modules = if node.name.starts_with('/') { modules } else { modules.get(prefix..).unwrap_or_default() };
        return Place { module: nested(modules), step: without_number(step).to_lowercase() };
    }
    let mut weights = node.input.iter().filter(|input| tensors.contains(input.as_str()));
    if let Some(module) = weights.find_map(|input| input.strip_suffix(".weight")) {
        return Place { module: module.to_owned(), step: op };
    }
    let own = [Some(&node.name), node.output.first()].into_iter().flatten().find(|name| !name.is_empty());
    Place { module: String::new(), step: own.map_or(op, |name| without_number(name).replace('/', ".")) }
}

/// `Conv2D__12` of tf2onnx is `Conv2D`.
fn without_number(step: &str) -> &str {
    match step.rsplit_once("__") {
        Some((name, number)) if !name.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => step,
    }
}

/// Scopes each of which may repeat the one before: `layer1`, `layer1.0`, `conv1` is `layer1.0.conv1`.
fn nested(scopes: &[&str]) -> String {
    let mut modules: Vec<&str> = Vec::new();
    for &scope in scopes {
        match modules.last_mut() {
            Some(last) if scope.strip_prefix(*last).is_some_and(|rest| rest.starts_with('.')) => *last = scope,
            _ => modules.push(scope),
        }
    }
    modules.join(".")
}

/// What `torch.export` writes beside a node: Python's list of the scopes' names, the last the node's own.
fn from_scopes(node: &NodeProto) -> Option<Place> {
    let entry = node.metadata_props.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes")?;
    let list = entry.value.strip_prefix('[')?.strip_suffix(']')?;
    let names: Vec<&str> = list.split(", ").map(|name| name.trim_matches(['\'', '"'])).collect();
    let (step, modules) = names.split_last()?;
    let module = modules.last().copied().unwrap_or_default();
    Some(Place { module: module.to_owned(), step: (*step).to_owned() })
}

/// How many leading parts all names with a path share that does not begin at the root: TensorFlow's function and model.
fn common_prefix(graph: &GraphProto) -> usize {
    let mut shared: Option<Vec<&str>> = None;
    for node in graph.node.iter().filter(|node| node.name.contains('/') && !node.name.starts_with('/')) {
        let parts: Vec<&str> = node.name.split('/').collect();
        let modules = &parts[..parts.len() - 1];
        let length = shared
            .as_ref()
            .map_or(modules.len(), |shared| shared.iter().zip(modules).take_while(|(one, other)| one == other).count());
        shared = Some(modules[..length].to_vec());
    }
    shared.map_or(0, |shared| shared.len())
}

#[cfg(test)]
mod tests {
    use super::{super::proto::StringStringEntryProto, *};

    fn names(nodes: &[(&str, &str)]) -> Vec<String> {
        let node = |&(name, op): &(&str, &str)| NodeProto {
            name: name.to_owned(),
            op_type: op.to_owned(),
            output: vec![format!("{name}_out")],
            ..NodeProto::default()
        };
        readable(&GraphProto { node: nodes.iter().map(node).collect(), ..GraphProto::default() })
    }

    #[test]
    fn modules_of_torch_are_named_as_in_torch() {
        let found = names(&[
            ("/conv1/Conv", "Conv"),
            ("/relu/Relu", "Relu"),
            ("/layer1/layer1.0/conv1/Conv", "Conv"),
            ("/layer1/layer1.0/relu/Relu", "Relu"),
            ("/layer1/layer1.0/Add", "Add"),
            ("/layer1/layer1.0/relu/Relu_1", "Relu"),
            ("/features/features.1/features.1.0/block/block.0/block.0.0/Conv", "Conv"),
            ("/Flatten", "Flatten"),
            ("/fc/Gemm", "Gemm"),
        ]);
        assert_eq!(
            found,
            [
                "conv1",
                "relu",
                "layer1.0.conv1",
                "layer1.0.relu",
                "layer1.0.add",
                "layer1.0.relu_1",
                "features.1.0.block.0.0",
                "flatten",
                "fc"
            ]
        );
    }

    #[test]
    fn scopes_and_tensors_name_modules_too() {
        let scopes = |names: &str, op: &str| NodeProto {
            name: "node_x".to_owned(),
            op_type: op.to_owned(),
            metadata_props: vec![StringStringEntryProto {
                key: "pkg.torch.onnx.name_scopes".to_owned(),
                value: names.to_owned(),
            }],
            ..NodeProto::default()
        };
        let mut old = NodeProto { name: "Conv_3".to_owned(), op_type: "Conv".to_owned(), ..NodeProto::default() };
        old.input = vec!["x".to_owned(), "features.3.weight".to_owned()];
        let tensor = super::super::proto::TensorProto { name: "features.3.weight".to_owned(), ..Default::default() };
        let node = vec![
            scopes("['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_1']", "Conv"),
            scopes("['', 'layer1', 'layer1.0', 'add_4']", "Add"),
            scopes("['', 'flatten']", "Reshape"),
            old,
        ];
        let found = readable(&GraphProto { node, initializer: vec![tensor], ..GraphProto::default() });
        assert_eq!(found, ["layer1.0.conv1", "layer1.0.add_4", "flatten", "features.3"]);
    }

    #[test]
    fn tensorflows_functions_are_left_out() {
        let found = names(&[
            ("StatefulPartitionedCall/vgg16/block1_conv1/Conv2D", "Conv"),
            ("StatefulPartitionedCall/vgg16/block1_conv1/Relu", "Relu"),
            ("StatefulPartitionedCall/vgg16/block1_pool/MaxPool", "MaxPool"),
            ("StatefulPartitionedCall/vgg16/fc/MatMul__12", "MatMul"),
            ("", "Relu"),
            ("", "Relu"),
        ]);
        assert_eq!(found[..4], ["block1_conv1.conv2d", "block1_conv1.relu", "block1_pool", "fc"]);
        assert_eq!(found[4..], ["_out", "_out_1"]);
    }
}
