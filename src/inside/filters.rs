//! The filters of a layer: what each output channel looks for in each input channel.

use candle_core::{DType, Tensor};

use super::InsideError;
use crate::graph::{
    Graph, INPUT, Node, NodeId,
    ops::{Conv2d, ConvTranspose2d, Flatten, Linear, Reshape, Transpose},
};

/// The most numbers that are taken out of a network at once (256 MiB): the first dense layer of a VGG has more.
const MAX_VALUES: usize = 1 << 26;

/// Nodes that are gone back from a layer without filters to those whose output it works on.
const MAX_STEPS: usize = 8;

/// What kind of layer the filters are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterKind {
    /// A convolution; its channels are in so many groups that do not mix, and a filter has the input channels of its
    /// own group alone.
    Convolution {
        /// The number of groups; 1 for an ordinary convolution.
        groups: usize,
    },
    /// A transposed convolution, likewise.
    Transposed {
        /// The number of groups.
        groups: usize,
    },
    /// A dense layer behind a layer with rows and columns: each output has an image of weights for each channel.
    DenseImage,
    /// A dense layer over features: kernels of one place.
    Dense,
}

/// The learned weights of one layer, as they were trained (a batch normalisation behind them is not folded in).
#[derive(Debug, Clone, PartialEq)]
pub struct Filters {
    /// The layer that has them.
    pub layer: String,
    /// What kind of layer that is.
    pub kind: FilterKind,
    /// Output channels (or features) whose filters are here, from the first.
    pub outputs: usize,
    /// Output channels that the layer has; more than `outputs` where all would take too much memory.
    pub all_outputs: usize,
    /// Input channels of a filter.
    pub inputs: usize,
    /// Rows of a kernel.
    pub rows: usize,
    /// Columns of a kernel.
    pub columns: usize,
    /// Whether the layer takes the network's own input, so that three input channels are the colours.
    pub first: bool,
    /// `[output][input][row][column]`.
    pub values: Vec<f32>,
}

impl Filters {
    /// One kernel, `rows × columns`.
    #[must_use]
    pub fn kernel(&self, output: usize, input: usize) -> Option<&[f32]> {
        let size = self.rows * self.columns;
        let start = (output * self.inputs + input) * size;
        if input < self.inputs { self.values.get(start..start + size) } else { None }
    }

    /// All kernels of one output channel, `inputs × rows × columns`.
    #[must_use]
    pub fn filter(&self, output: usize) -> Option<&[f32]> {
        let size = self.inputs * self.rows * self.columns;
        self.values.get(output * size..(output + 1) * size)
    }

    /// How many groups of channels do not mix; 1 for a dense layer.
    #[must_use]
    pub fn groups(&self) -> usize {
        match self.kind {
            FilterKind::Convolution { groups } | FilterKind::Transposed { groups } => groups,
            FilterKind::Dense | FilterKind::DenseImage => 1,
        }
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.len() * size_of::<f32>() + size_of::<Self>()
    }
}

/// The filters of a layer, or of the one whose output it only rectifies, normalises, pools or passes on.
/// `input` is the shape of the network's input, `[batch, channels, rows, columns]`.
///
/// # Errors
/// [`InsideError::NoLayer`], [`InsideError::NoFilters`], or when the tensor library fails.
pub fn filters(graph: &Graph, layer: &str, input: &[usize]) -> Result<Filters, InsideError> {
    let asked = graph.find(layer).ok_or_else(|| InsideError::NoLayer { layer: layer.to_owned() })?;
    let node = filters_behind(graph, asked).ok_or_else(|| {
        let known = layers_with_filters(graph);
        let mut named: Vec<&str> = known.iter().take(4).map(|&node| graph.nodes()[node].name.as_str()).collect();
        if known.len() > named.len() {
            named.push("…");
        }
        InsideError::NoFilters { layer: layer.to_owned(), known: named.join(", ") }
    })?;
    of_node(graph, node, input)
}

/// The nodes that have filters, in the order of computation.
#[must_use]
pub fn layers_with_filters(graph: &Graph) -> Vec<NodeId> {
    (0..graph.nodes().len()).filter(|&node| weight(&graph.nodes()[node]).is_some()).collect()
}

/// The node itself if it has filters, else the one before it that makes its channels.
pub(super) fn filters_behind(graph: &Graph, node: NodeId) -> Option<NodeId> {
    let mut at = node;
    for _ in 0..MAX_STEPS {
        let here = &graph.nodes()[at];
        if weight(here).is_some() {
            return Some(at);
        }
        match here.inputs.as_slice() {
            [one] if passes_channels(here) => at = *one,
            _ => return None,
        }
    }
    None
}

/// Whether output channel `k` is made of input channel `k` alone.
fn passes_channels(node: &Node) -> bool {
    matches!(
        node.op.kind(),
        "ReLU"
            | "BatchNorm2d"
            | "Dropout"
            | "MaxPool2d"
            | "AvgPool2d"
            | "AdaptiveAvgPool2d"
            | "PReLU"
            | "InstanceNorm2d"
    ) || node.op_as::<crate::graph::ops::Map>().is_some()
}

/// A layer's weights and what they mean.
fn weight(node: &Node) -> Option<(FilterKind, &Tensor)> {
    if let Some(conv) = node.op_as::<Conv2d>() {
        return Some((FilterKind::Convolution { groups: conv.group_count() }, conv.weight()));
    }
    if let Some(conv) = node.op_as::<ConvTranspose2d>() {
        return Some((FilterKind::Transposed { groups: conv.group_count() }, conv.weight()));
    }
    if let Some(linear) = node.op_as::<Linear>() {
        return Some((FilterKind::Dense, linear.weight()));
    }
    // Layers that came later: by the usual name and layout of their weights.
    let weights = node.op.weights();
    let (_, weight) = weights.into_iter().find(|(name, _)| *name == "weight")?;
    match weight.rank() {
        4 => Some((FilterKind::Convolution { groups: 1 }, weight)),
        2 => Some((FilterKind::Dense, weight)),
        _ => None,
    }
}

/// The filters of a node that has some.
pub(super) fn of_node(graph: &Graph, node: NodeId, input: &[usize]) -> Result<Filters, InsideError> {
    let here = &graph.nodes()[node];
    let missing = || InsideError::NoFilters { layer: here.name.clone(), known: String::new() };
    let (kind, weight) = weight(here).ok_or_else(missing)?;
    let first = here.inputs == [INPUT];
    let layer = here.name.clone();
    match (kind, weight.dims()) {
        (FilterKind::Transposed { groups }, &[channels, per_group, rows, columns]) => {
            let (outputs, inputs) = (per_group * groups, channels / groups.max(1));
            // [group][input][output][places] → [group][output][input][places].
            let turned = weight.reshape((groups, inputs, per_group, rows * columns))?.transpose(1, 2)?.contiguous()?;
            let shape = [outputs, inputs, rows, columns];
            taken(layer, kind, &turned.reshape((outputs, inputs * rows * columns))?, shape, first)
        }
        (_, &[outputs, inputs, rows, columns]) => {
            let flat = weight.reshape((outputs, inputs * rows * columns))?;
            taken(layer, kind, &flat, [outputs, inputs, rows, columns], first)
        }
        (_, &[outputs, features]) => {
            let shapes = graph.shapes(input)?;
            match image_behind(graph, &shapes, here, features) {
                Some(Image { channels, rows, columns, channels_last }) => {
                    let limited = weight.narrow(0, 0, fitting(outputs, features))?;
                    let here = limited.dim(0)?;
                    let flat = if channels_last {
                        let turned = limited.reshape((here, rows * columns, channels))?.transpose(1, 2)?;
                        turned.contiguous()?.reshape((here, features))?
                    } else {
                        limited
                    };
                    let shape = [outputs, channels, rows, columns];
                    taken(layer, FilterKind::DenseImage, &flat, shape, first)
                }
                None => taken(layer, FilterKind::Dense, weight, [outputs, features, 1, 1], first),
            }
        }
        _ => Err(missing()),
    }
}

/// As many outputs as the memory allows, at least one.
fn fitting(outputs: usize, length: usize) -> usize {
    outputs.min((MAX_VALUES / length.max(1)).max(1))
}

/// The numbers of a matrix `[outputs, everything else]`, as many rows of it as the memory allows.
fn taken(
    layer: String,
    kind: FilterKind,
    matrix: &Tensor,
    [all_outputs, inputs, rows, columns]: [usize; 4],
    first: bool,
) -> Result<Filters, InsideError> {
    let outputs = fitting(all_outputs, inputs * rows * columns);
    let values = matrix.narrow(0, 0, outputs)?.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
    Ok(Filters { layer, kind, outputs, all_outputs, inputs, rows, columns, first, values })
}

/// The picture that features were before they were flattened.
struct Image {
    channels: usize,
    rows: usize,
    columns: usize,
    /// Whether the features go row, column, channel.
    channels_last: bool,
}

/// Goes back from a dense layer to the layer with rows and columns whose flattened output it takes.
fn image_behind(graph: &Graph, shapes: &[Vec<usize>], dense: &Node, features: usize) -> Option<Image> {
    let mut at = *dense.inputs.first()?;
    for _ in 0..MAX_STEPS {
        let node = &graph.nodes()[at];
        let &[before] = node.inputs.as_slice() else { return None };
        let is_flattening = node.op_as::<Flatten>().is_some() || node.op_as::<Reshape>().is_some();
        if is_flattening && let &[_, a, b, c] = shapes[before].as_slice() {
            let order = graph.nodes()[before].op_as::<Transpose>().map(|op| op.order.as_slice());
            let image = match order {
                Some([0, 2, 3, 1]) => Image { channels: c, rows: a, columns: b, channels_last: true },
                Some(_) => return None,
                None => Image { channels: a, rows: b, columns: c, channels_last: false },
            };
            // Features of one place each are no picture.
            let is_whole = a * b * c == features && shapes[at].last() == Some(&features);
            return (is_whole && image.rows * image.columns > 1).then_some(image);
        }
        if shapes[before] != shapes[at] {
            return None;
        }
        at = before;
    }
    None
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::graph::{GraphBuilder, ops::Dropout, ops::Relu};

    fn numbers(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        Tensor::from_vec((0..count).map(|n| n as f32).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_convolution_s_kernels_are_its_weights_also_from_the_rectifier_behind_it() {
        let mut builder = GraphBuilder::new();
        let conv = builder.add("conv", Conv2d::new(numbers(&[4, 3, 2, 2]), None).unwrap(), &[INPUT]);
        builder.add("relu", Relu, &[conv]);
        let graph = builder.finish().unwrap();
        let filters = filters(&graph, "relu", &[1, 3, 8, 8]).unwrap();
        assert_eq!((filters.layer.as_str(), filters.kind), ("conv", FilterKind::Convolution { groups: 1 }));
        assert_eq!((filters.outputs, filters.inputs, filters.rows, filters.columns, filters.first), (4, 3, 2, 2, true));
        assert_eq!(filters.kernel(1, 2).unwrap(), [20.0, 21.0, 22.0, 23.0]);
        assert_eq!(filters.filter(3).unwrap().len(), 12);
        assert!(filters.kernel(1, 3).is_none() && filters.kernel(4, 0).is_none());
    }

    #[test]
    fn groups_and_transposed_convolutions_keep_their_order() {
        let mut builder = GraphBuilder::new();
        let grouped = Conv2d::new(numbers(&[4, 1, 1, 1]), None).unwrap().groups(2);
        let grouped = builder.add("grouped", grouped, &[INPUT]);
        let transposed = ConvTranspose2d::new(numbers(&[4, 3, 1, 2]), None).unwrap().groups(2);
        builder.add("transposed", transposed, &[grouped]);
        let graph = builder.finish().unwrap();
        let found = filters(&graph, "grouped", &[1, 2, 4, 4]).unwrap();
        assert_eq!((found.kind, found.inputs, found.groups()), (FilterKind::Convolution { groups: 2 }, 1, 2));
        let found = filters(&graph, "transposed", &[1, 2, 4, 4]).unwrap();
        assert_eq!((found.outputs, found.inputs, found.rows, found.columns), (6, 2, 1, 2));
        // Weight [in, out/groups, 1, 2]: output 4 is the second of the group that takes inputs 2 and 3.
        assert_eq!(found.filter(4).unwrap(), [14.0, 15.0, 20.0, 21.0]);
    }

    #[test]
    fn dense_weights_become_images_in_either_order_of_the_features() {
        for channels_last in [false, true] {
            let mut builder = GraphBuilder::new();
            let mut at = builder.add("pool", Relu, &[INPUT]);
            if channels_last {
                at = builder.add("turn", Transpose { order: vec![0, 2, 3, 1] }, &[at]);
            }
            let flat = builder.add("flat", Flatten, &[at]);
            let flat = builder.add("drop", Dropout, &[flat]);
            let dense = builder.add("dense", Linear::new(numbers(&[2, 12]), None).unwrap(), &[flat]);
            builder.add("last", Linear::new(numbers(&[3, 2]), None).unwrap(), &[dense]);
            let graph = builder.finish().unwrap();
            let found = filters(&graph, "dense", &[1, 2, 2, 3]).unwrap();
            assert_eq!((found.kind, found.inputs, found.rows, found.columns), (FilterKind::DenseImage, 2, 2, 3));
            let expected =
                if channels_last { [13.0, 15.0, 17.0, 19.0, 21.0, 23.0] } else { [18.0, 19.0, 20.0, 21.0, 22.0, 23.0] };
            assert_eq!(found.kernel(1, 1).unwrap(), expected);
            let last = filters(&graph, "last", &[1, 2, 2, 3]).unwrap();
            assert_eq!((last.kind, last.inputs, last.rows), (FilterKind::Dense, 2, 1));
        }
    }

    #[test]
    fn a_layer_without_filters_names_those_that_have_some() {
        let mut builder = GraphBuilder::new();
        let relu = builder.add("relu", Relu, &[INPUT]);
        builder.add("conv", Conv2d::new(numbers(&[1, 1, 1, 1]), None).unwrap(), &[relu]);
        let graph = builder.finish().unwrap();
        let message = filters(&graph, "relu", &[1, 1, 4, 4]).unwrap_err().to_string();
        assert!(message.contains("`relu` has no filters") && message.ends_with("conv"), "{message}");
        assert!(filters(&graph, "nothing", &[1, 1, 4, 4]).unwrap_err().to_string().contains("no layer `nothing`"));
    }

    #[test]
    fn more_weights_than_memory_allows_are_cut_off_and_said() {
        assert_eq!((fitting(4096, 25_088), fitting(64, 147), fitting(3, usize::MAX)), (2674, 64, 1));
    }
}
