//! A model's layers as a tree by module name, as far as its branches are open.

use std::collections::HashSet;

use crate::model::LayerInfo;

/// What a layer is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The map of methods that take a layer: it needs rows and columns.
    Map,
    /// The activation grid.
    Activations,
}

/// The open list of layers.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerTree {
    /// What has been typed to find a layer.
    pub filter: String,
    /// What the layer is chosen for.
    pub purpose: Purpose,
    /// Names of the modules whose layers are shown.
    pub open: HashSet<String>,
}

impl LayerTree {
    /// The list with the modules open that lead to a layer.
    #[must_use]
    pub fn leading_to(layer: &str, purpose: Purpose) -> Self {
        let open = layer.match_indices(SEPARATORS).map(|(end, _)| layer[..end].to_owned()).collect();
        Self { filter: String::new(), purpose, open }
    }
}

/// What stands between the names of a module and of what it contains: PyTorch's, ONNX's and Keras's.
const SEPARATORS: [char; 2] = ['.', '/'];

/// One line of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'a> {
    /// How deep it stands in the tree.
    pub depth: usize,
    /// The name beneath the module above; the whole name in a list of what was found.
    pub label: &'a str,
    /// The whole name of the layer, or of the module.
    pub name: &'a str,
    /// The layer; of a module, its last one.
    pub layer: &'a LayerInfo,
    /// For a module: how many layers it has, and whether they are shown.
    pub module: Option<(usize, bool)>,
    /// Whether this name can be chosen; the modules of some file formats have no output of their own name.
    pub can_be_named: bool,
    /// Numbers learned, of a module in all of it.
    pub parameters: usize,
    /// Multiplications and additions, of a module in all of it.
    pub macs: u64,
}

/// The lines of a tree: what matches the filter, or else every module whose parents are open.
#[must_use]
pub fn rows<'a>(layers: &'a [LayerInfo], tree: &LayerTree) -> Vec<Row<'a>> {
    let words: Vec<String> = tree.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
    if !words.is_empty() {
        let matches = |layer: &&LayerInfo| {
            let text = format!("{} {}", layer.name, layer.op).to_lowercase();
            words.iter().all(|word| text.contains(word.as_str()))
        };
        return layers.iter().filter(matches).map(|layer| leaf(layer, 0, &layer.name)).collect();
    }
    let mut rows = Vec::new();
    let all: Vec<&LayerInfo> = layers.iter().collect();
    branch(&all, 0, 0, &tree.open, &mut rows);
    rows
}

fn leaf<'a>(layer: &'a LayerInfo, depth: usize, label: &'a str) -> Row<'a> {
    Row {
        depth,
        label,
        name: &layer.name,
        layer,
        module: None,
        can_be_named: true,
        parameters: layer.parameters,
        macs: layer.macs,
    }
}

/// The lines of layers whose names share their first `start` bytes.
fn branch<'a>(layers: &[&'a LayerInfo], start: usize, depth: usize, open: &HashSet<String>, rows: &mut Vec<Row<'a>>) {
    // Modules in the order of their first layer; an inception block's branches take turns in the graph.
    let mut groups: Vec<(&str, Vec<&'a LayerInfo>)> = Vec::new();
    for layer in layers {
        let rest = &layer.name[start..];
        // A leading separator belongs to the first name.
        let end = rest.char_indices().skip(1).find(|(_, letter)| SEPARATORS.contains(letter));
        let first = end.map_or(rest, |(end, _)| &rest[..end]);
        match groups.iter_mut().find(|(name, _)| *name == first) {
            Some((_, members)) => members.push(layer),
            None => groups.push((first, vec![layer])),
        }
    }
    for (label, members) in groups {
        let (Some(&first), Some(&last)) = (members.first(), members.last()) else { continue };
        let end = start + label.len();
        if let [layer] = members[..] {
            rows.push(leaf(layer, depth, &layer.name[start..]));
            continue;
        }
        let name = &first.name[..end];
        let is_open = open.contains(name);
        let is_module = |layer: &&&LayerInfo| layer.name.len() == end || layer.name[end..].starts_with('.');
        rows.push(Row {
            depth,
            label,
            name,
            layer: last,
            module: Some((members.len(), is_open)),
            can_be_named: members.iter().filter(is_module).count() == members.len(),
            parameters: members.iter().map(|layer| layer.parameters).sum(),
            macs: members.iter().map(|layer| layer.macs).sum(),
        });
        if is_open {
            let (own, inner): (Vec<&LayerInfo>, Vec<&LayerInfo>) =
                members.iter().copied().partition(|layer| layer.name.len() <= end + 1);
            rows.extend(own.into_iter().map(|layer| leaf(layer, depth + 1, &layer.name[start..])));
            branch(&inner, end + 1, depth + 1, open, rows);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str) -> LayerInfo {
        LayerInfo {
            node: 1,
            name: name.to_owned(),
            op: "Conv2d",
            shape: vec![1, 2, 2],
            spatial: true,
            parameters: 10,
            macs: 100,
        }
    }

    fn lines(layers: &[LayerInfo], tree: &LayerTree) -> Vec<String> {
        rows(layers, tree).iter().map(|row| format!("{}{}", "  ".repeat(row.depth), row.label)).collect()
    }

    #[test]
    fn modules_open_one_by_one_and_add_up() {
        let layers: Vec<LayerInfo> =
            ["conv1", "layer1.0.conv1", "layer1.0.relu", "layer1.1.conv1", "layer1.1.relu", "fc"].map(layer).to_vec();
        let mut tree = LayerTree::leading_to("conv1", Purpose::Map);
        assert_eq!(lines(&layers, &tree), ["conv1", "layer1", "fc"]);
        let module = &rows(&layers, &tree)[1];
        assert_eq!((module.module, module.parameters, module.macs), (Some((4, false)), 40, 400));
        assert_eq!((module.name, module.layer.name.as_str()), ("layer1", "layer1.1.relu"));
        assert!(module.can_be_named);
        tree = LayerTree::leading_to("layer1.1.relu", Purpose::Map);
        assert_eq!(lines(&layers, &tree), ["conv1", "layer1", "  0", "  1", "    conv1", "    relu", "fc"]);
    }

    #[test]
    fn names_of_onnx_nodes_are_paths_too_but_their_modules_have_no_output() {
        let layers: Vec<LayerInfo> = ["/layer1/0/Conv", "/layer1/0/Relu", "/fc/Gemm"].map(layer).to_vec();
        let tree = LayerTree::leading_to("/layer1/0/Relu", Purpose::Map);
        assert_eq!(lines(&layers, &tree), ["/layer1", "  0", "    Conv", "    Relu", "/fc/Gemm"]);
        assert!(!rows(&layers, &tree)[0].can_be_named);
    }

    #[test]
    fn the_filter_finds_by_name_and_operation() {
        let layers: Vec<LayerInfo> = ["features.0", "features.3", "classifier.6"].map(layer).to_vec();
        let mut tree = LayerTree::leading_to("features.0", Purpose::Map);
        tree.filter = "conv FEAT".to_owned();
        assert_eq!(lines(&layers, &tree), ["features.0", "features.3"]);
        tree.filter = "nothing".to_owned();
        assert!(rows(&layers, &tree).is_empty());
    }
}
