//! The file as a whole: which version, which nodes are needed, in which order.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use prost::Message;

use super::{
    error::OnnxError,
    proto::{GraphProto, ModelProto, NodeProto},
};

/// The first and the last version of the operators that are read.
const OPSETS: (i64, i64) = (7, 23);

/// The graph and the version of the default operators.
pub(super) fn parse(bytes: &[u8]) -> Result<(GraphProto, i64), OnnxError> {
    let model = ModelProto::decode(bytes).map_err(|error| OnnxError::Damaged(error.to_string()))?;
    let graph = model.graph.ok_or_else(|| OnnxError::Damaged("there is no graph in it".to_owned()))?;
    let is_default = |domain: &str| matches!(domain, "" | "ai.onnx");
    let opset = model.opset_import.iter().find(|set| is_default(&set.domain)).map(|set| set.version);
    let opset = opset.ok_or_else(|| OnnxError::Damaged("it does not say which operators it uses".to_owned()))?;
    if !(OPSETS.0..=OPSETS.1).contains(&opset) {
        return Err(OnnxError::Opset { found: opset, read: OPSETS });
    }
    Ok((graph, opset))
}

/// What a node is called in messages: its name, else what it gives.
pub(super) fn called(node: &NodeProto) -> String {
    let output = || node.output.iter().find(|output| !output.is_empty());
    let name = if node.name.is_empty() { output() } else { Some(&node.name) };
    name.map_or_else(|| format!("a {} without a name", node.op_type), Clone::clone)
}

/// The nodes that the value `output` comes from, in an order in which each has its inputs. `given` are the values that
/// no node computes.
pub(super) fn order(graph: &GraphProto, output: &str, given: &HashSet<&str>) -> Result<Vec<usize>, OnnxError> {
    let mut giver: HashMap<&str, usize> = HashMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for value in node.output.iter().filter(|value| !value.is_empty()) {
            giver.insert(value, index);
        }
    }
    let absent = |node: Option<&NodeProto>, value: &str| OnnxError::Absent {
        node: node.map_or_else(|| "the output".to_owned(), called),
        value: value.to_owned(),
    };

    // Backwards from the output: what is needed, and how many of its inputs each node waits for.
    let mut waits: HashMap<usize, usize> = HashMap::new();
    let mut takers: HashMap<usize, Vec<usize>> = HashMap::new();
    let last = *giver.get(output).ok_or_else(|| absent(None, output))?;
    let mut open = vec![last];
    let mut seen = HashSet::from([last]);
    while let Some(index) = open.pop() {
        let node = &graph.node[index];
        waits.insert(index, 0);
        for value in node.input.iter().filter(|value| !value.is_empty() && !given.contains(value.as_str())) {
            let source = *giver.get(value.as_str()).ok_or_else(|| absent(Some(node), value))?;
            *waits.entry(index).or_default() += 1;
            takers.entry(source).or_default().push(index);
            if seen.insert(source) {
                open.push(source);
            }
        }
    }

    // Forwards, the first in the file first.
    let mut ready: BinaryHeap<Reverse<usize>> =
        waits.iter().filter(|&(_, &count)| count == 0).map(|(&index, _)| Reverse(index)).collect();
    let mut order = Vec::with_capacity(waits.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &taker in takers.get(&index).into_iter().flatten() {
            if let Some(count) = waits.get_mut(&taker) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(taker));
                }
            }
        }
    }
    match waits.iter().filter(|&(_, &count)| count > 0).map(|(&index, _)| index).min() {
        Some(index) => Err(OnnxError::Cycle { node: called(&graph.node[index]) }),
        None => Ok(order),
    }
}
