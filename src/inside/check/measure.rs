//! What is measured of the graph itself: its activation functions and its filters.

use candle_core::{Device, Tensor};

use super::super::InsideError;
use super::super::filters::{FilterKind, Filters, layers_with_filters, of_node};
use super::{FilterReport, Pair};
use crate::graph::{
    Control, Graph, Node,
    ops::{Function, Map, PRelu, Relu},
};

/// Filters with at least this cosine look alike.
pub(super) const ALIKE: f32 = 0.99;
/// Filters of fewer numbers are alike by chance.
const FEWEST_NUMBERS: usize = 9;
/// The most multiplications that comparing one layer's filters may take: seconds.
const MAX_PRODUCTS: usize = 1 << 35;
/// The most pairs that are written down of one layer.
const MAX_PAIRS: usize = 10_000;

/// What an activation layer does.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// The function's name.
    pub name: String,
    /// Whether it gives 0 for everything negative.
    pub rectifies: bool,
    /// Values at or beyond these are saturated: the function hardly answers to its input any more.
    pub limits: Option<(f32, f32)>,
}

/// What kind of activation layer a node is, if it is one.
#[must_use]
pub fn activation(node: &Node) -> Option<Activation> {
    /// How near to its asymptote a smooth function counts as saturated; its slope is a few hundredths there at most.
    const NEAR: f32 = 0.99;
    let named = |rectifies: bool, limits| Some(Activation { name: node.op.kind().to_owned(), rectifies, limits });
    if node.op_as::<Relu>().is_some() {
        return named(true, None);
    }
    if node.op_as::<PRelu>().is_some() {
        return named(false, None);
    }
    let &Map(function) = node.op_as::<Map>()?;
    match function {
        Function::Sigmoid => named(false, Some((1.0 - NEAR, NEAR))),
        Function::HardSigmoid { .. } => named(false, Some((0.0, 1.0))),
        Function::Tanh | Function::Softsign => named(false, Some((-NEAR, NEAR))),
        // A rectifier's zero is sparsity; its upper end alone is saturation.
        Function::Clip { max, .. } if function.is_rectifier() => {
            named(true, max.is_finite().then_some((f32::NEG_INFINITY, max as f32)))
        }
        Function::Clip { min, max } => {
            named(false, (min.is_finite() || max.is_finite()).then_some((min as f32, max as f32)))
        }
        Function::LeakyRelu { .. }
        | Function::Elu { .. }
        | Function::Selu
        | Function::Celu { .. }
        | Function::HardSwish
        | Function::Silu
        | Function::Gelu { .. }
        | Function::Softplus
        | Function::Mish => named(false, None),
        _ => None,
    }
}

/// The filters of all layers for an input of this shape, `[batch, channels, rows, columns]`.
///
/// # Errors
/// On cancellation, or when the tensor library fails.
pub fn measure_filters(graph: &Graph, input: &[usize], control: &Control) -> Result<Vec<FilterReport>, InsideError> {
    layers_with_filters(graph)
        .into_iter()
        .map(|node| {
            control.check()?;
            measure(&of_node(graph, node, input)?)
        })
        .collect()
}

fn measure(filters: &Filters) -> Result<FilterReport, InsideError> {
    let length = filters.inputs * filters.rows * filters.columns;
    let norms: Vec<f32> = (0..filters.outputs).map(|output| norm(filters.filter(output).unwrap_or_default())).collect();
    let zero = (0..filters.outputs).filter(|&output| norms[output] == 0.0).collect();
    let group = filters.outputs / filters.groups().max(1);
    let products = filters.outputs.saturating_mul(group).saturating_mul(length);
    let why_not = if length < FEWEST_NUMBERS {
        Some(format!("its filters of {length} numbers are too small to compare"))
    } else if group < 2 {
        Some("each filter looks at other channels than the rest".to_owned())
    } else if filters.outputs < filters.all_outputs || products > MAX_PRODUCTS {
        Some("it has too many filters to compare them all".to_owned())
    } else if norms.iter().any(|norm| !norm.is_finite()) {
        Some("its weights are not all finite".to_owned())
    } else {
        None
    };
    let duplicates = if why_not.is_none() { Some(alike(filters, &norms, group)?) } else { None };
    Ok(FilterReport {
        layer: filters.layer.clone(),
        shape: [filters.all_outputs, filters.inputs, filters.rows, filters.columns],
        first: filters.first,
        zero,
        duplicates,
        why_not,
        flatness: if filters.first && !matches!(filters.kind, FilterKind::Dense | FilterKind::DenseImage) {
            super::noise::flatness(filters)
        } else {
            Vec::new()
        },
    })
}

/// Pairs of filters that look alike, within groups of so many that look at the same channels.
fn alike(filters: &Filters, norms: &[f32], group: usize) -> Result<Vec<Pair>, InsideError> {
    let length = filters.inputs * filters.rows * filters.columns;
    let mut pairs = Vec::new();
    for start in (0..filters.outputs).step_by(group) {
        let unit: Vec<f32> = (start..start + group)
            .flat_map(|output| {
                let scale = if norms[output] > 0.0 { 1.0 / norms[output] } else { 0.0 };
                filters.filter(output).unwrap_or_default().iter().map(move |value| value * scale)
            })
            .collect();
        let unit = Tensor::from_vec(unit, (group, length), &Device::Cpu)?;
        let cosines = unit.matmul(&unit.t()?)?.to_vec2::<f32>()?;
        for (first, row) in cosines.iter().enumerate() {
            for (second, &cosine) in row.iter().enumerate().skip(first + 1) {
                if cosine >= ALIKE && pairs.len() < MAX_PAIRS {
                    pairs.push(Pair { first: start + first, second: start + second, cosine: cosine.min(1.0) });
                }
            }
        }
    }
    Ok(pairs)
}

fn norm(values: &[f32]) -> f32 {
    values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{GraphBuilder, INPUT, ops::Conv2d};

    fn network(values: Vec<f32>, groups: usize) -> Graph {
        let count = values.len();
        let outputs = count / 9;
        let weight = Tensor::from_vec(values, (outputs, 1, 3, 3), &Device::Cpu).unwrap();
        let mut builder = GraphBuilder::new();
        builder.add("conv", Conv2d::new(weight, None).unwrap().groups(groups), &[INPUT]);
        builder.finish().unwrap()
    }

    /// Four filters: the third is the first twice as strong, the last is zero, the second the first's negative.
    fn values() -> Vec<f32> {
        let first = [1.0, 2.0, -1.0, 0.5, 3.0, -2.0, 0.25, 1.0, -0.75];
        [first, first.map(|v: f32| -v), first.map(|v| 2.0 * v), [0.0; 9]].concat()
    }

    #[test]
    fn filters_alike_but_for_their_strength_are_found_and_opposite_and_zero_ones_are_not() {
        let found = measure_filters(&network(values(), 1), &[1, 1, 8, 8], &Control::default()).unwrap();
        let pairs = found[0].duplicates.clone().unwrap();
        assert_eq!(pairs.iter().map(|pair| (pair.first, pair.second)).collect::<Vec<_>>(), [(0, 2)]);
        assert!(pairs[0].cosine > 0.999_99 && found[0].zero == [3] && found[0].first);
    }

    #[test]
    fn filters_of_different_groups_are_not_compared() {
        let found = measure_filters(&network(values(), 4), &[1, 4, 8, 8], &Control::default()).unwrap();
        assert!(found[0].duplicates.is_none() && found[0].why_not.as_deref().unwrap().contains("other channels"));
        let found = measure_filters(&network(values(), 2), &[1, 2, 8, 8], &Control::default()).unwrap();
        assert_eq!(found[0].duplicates, Some(Vec::new()), "the two that are alike are in different groups");
    }

    #[test]
    fn weights_that_are_not_finite_are_said_and_cancelling_stops() {
        let mut broken = values();
        broken[4] = f32::NAN;
        let found = measure_filters(&network(broken, 1), &[1, 1, 8, 8], &Control::default()).unwrap();
        assert!(found[0].why_not.as_deref().unwrap().contains("finite"));
        let control = Control::default();
        control.cancel();
        let stopped = measure_filters(&network(values(), 1), &[1, 1, 8, 8], &control);
        assert!(matches!(stopped, Err(InsideError::Cancelled(_))));
    }
}
