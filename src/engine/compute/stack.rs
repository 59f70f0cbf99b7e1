//! What a network says of a whole stack: one that takes the maximum over the slices, and one that judges each slice
//! alone.

use std::sync::Arc;

use candle_core::Tensor;

use super::super::outcome::StackResult;
use super::{Failure, KeptLayers, finite_logits, slices_at_once, values};
use crate::display::Picture;
use crate::graph::ops::SliceMax;
use crate::graph::{Control, INPUT, Keep, NodeId, Rule};
use crate::model::Model;
use crate::model::card::Aggregate;

/// What a stack model's maximum sees of each of `count` slices, which `picture` gives one by one; as many run at once as
/// the model's layers gain from.
///
/// # Errors
/// A slice that can't be had, else the first that can't be run, with the reason; or on cancellation.
pub fn features(
    model: &Model,
    count: usize,
    mut picture: impl FnMut(usize) -> Result<Picture, Failure>,
    control: &Control,
) -> Result<Vec<Arc<Vec<f32>>>, (usize, Failure)> {
    let at_once = slices_at_once(model).map_err(|failure| (0, failure))?;
    let mut features = Vec::with_capacity(count);
    for first in (0..count).step_by(at_once) {
        let mut inputs = Vec::with_capacity(at_once);
        for index in first..(first + at_once).min(count) {
            let input = picture(index).and_then(|picture| model.input(&picture).map_err(Failure::because));
            inputs.push(input.map_err(|failure| (index, failure))?.tensor);
        }
        let batch = |inputs: &[Tensor]| features_of(model, &Tensor::cat(inputs, 0)?, control);
        match batch(&inputs) {
            Ok(found) => features.extend(found),
            Err(Failure::Cancelled) => return Err((first, Failure::Cancelled)),
            // Which of them it was shows when each runs alone.
            Err(together) => {
                let alone =
                    |(place, input)| batch(std::slice::from_ref(input)).err().map(|alone| (first + place, alone));
                return Err(inputs.iter().enumerate().find_map(alone).unwrap_or((first, together)));
            }
        }
    }
    Ok(features)
}

/// What a stack model's maximum sees of several slices: their network inputs as one batch,
/// `[slices, channels, rows, columns]`.
///
/// # Errors
/// When the slices can't be run, or on cancellation.
pub fn features_of(model: &Model, inputs: &Tensor, control: &Control) -> Result<Vec<Arc<Vec<f32>>>, Failure> {
    let node = stack_features(model).ok_or_else(|| not_a_stack(model))?;
    let trace = model.graph.run(&[(INPUT, inputs.clone())], node, &Keep::nothing(), control)?;
    let slices = trace.target().dim(0)?;
    let all = values(trace.target())?;
    let width = (all.len() / slices.max(1)).max(1);
    Ok(all.chunks_exact(width).map(|slice| Arc::new(slice.to_vec())).collect())
}

/// A stack network from the features of its slices ([`slice()`](super::slice()), [`features`]): the maximum over them
/// and the head.
///
/// Each feature's contribution to a logit, gradient × value, goes to the slice that won the maximum. The head behind
/// the maximum is linear, so the contributions sum to the logit minus its bias (Bien et al. 2018, MRNet). What leaving
/// a slice out changes is exact and needs no run of the trunk: the maximum over the other slices goes through the head.
///
/// # Errors
/// When the model is none for stacks, the features differ in length, or on cancellation.
pub fn stack(model: &Model, features: &[Arc<Vec<f32>>], control: &Control) -> Result<StackResult, Failure> {
    let maximum = slice_max(model).ok_or_else(|| not_a_stack(model))?;
    let (slices, width) = (features.len(), features.first().map_or(0, |first| first.len()));
    if slices == 0 || width == 0 || features.iter().any(|other| other.len() != width) {
        return Err(Failure::because("The slices of the stack gave features of different lengths"));
    }
    let best = Best::of(features, width);
    let graph = &model.graph;
    let pooled = Tensor::from_slice(&best.value, (1, width), &model.device)?;
    let keep = Keep::nothing().gradients_to(maximum);
    let trace = graph.run(&[(maximum, pooled)], graph.output(), &keep, control)?;
    let logits = finite_logits(model, trace.target())?;

    let mut shares = Vec::with_capacity(logits.len());
    for output in 0..logits.len() {
        let mut seed = vec![0.0_f32; logits.len()];
        seed[output] = 1.0;
        let seed = Tensor::from_vec(seed, trace.target().shape(), &model.device)?;
        let gradient = values(&trace.vjp(graph.output(), &seed, maximum, Rule::Gradient, control)?)?;
        let mut share = vec![0.0_f64; slices];
        for (k, &winner) in best.slice.iter().enumerate() {
            share[winner] += f64::from(gradient[k]) * f64::from(best.value[k]);
        }
        shares.push(share.into_iter().map(|value| value as f32).collect::<Vec<f32>>());
    }
    let deciding_slice = shares.iter().map(|share| first_largest(share)).collect();
    let alone: Vec<f32> = features.iter().flat_map(|slice| slice.iter().copied()).collect();
    let per_slice = heads(model, maximum, alone, slices, control)?;
    let left_out = if slices == 1 {
        vec![Vec::new(); logits.len()]
    } else {
        let without: Vec<f32> = (0..slices).flat_map(|slice| best.without(slice)).collect();
        let without = heads(model, maximum, without, slices, control)?;
        (0..logits.len()).map(|class| without.iter().map(|other| other[class] - logits[class]).collect()).collect()
    };
    Ok(StackResult {
        probabilities: model.probabilities(&logits),
        per_slice: per_slice.iter().map(|logits| model.probabilities(logits)).collect(),
        logits,
        shares,
        left_out,
        deciding_slice,
        winning_slice: best.slice,
    })
}

/// The largest and the second largest value of each feature over the slices.
struct Best {
    /// The first slice with the largest value, as PyTorch's argmax has it.
    slice: Vec<usize>,
    /// The largest value.
    value: Vec<f32>,
    /// The largest value of the other slices; −∞ where there are none.
    second: Vec<f32>,
}

/// Whether a value takes the maximum from another: NaN does from all, so that it is seen in the logits.
fn wins(challenger: f32, best: f32) -> bool {
    challenger > best || (challenger.is_nan() && !best.is_nan())
}

impl Best {
    fn of(features: &[Arc<Vec<f32>>], width: usize) -> Self {
        let mut best =
            Self { slice: vec![0; width], value: features[0].to_vec(), second: vec![f32::NEG_INFINITY; width] };
        for (index, slice) in features.iter().enumerate().skip(1) {
            for (k, &value) in slice.iter().enumerate() {
                if wins(value, best.value[k]) {
                    (best.second[k], best.value[k], best.slice[k]) = (best.value[k], value, index);
                } else if wins(value, best.second[k]) {
                    best.second[k] = value;
                }
            }
        }
        best
    }

    /// The maximum over all slices but one.
    fn without(&self, slice: usize) -> impl Iterator<Item = f32> + use<'_> {
        (0..self.value.len()).map(move |k| if self.slice[k] == slice { self.second[k] } else { self.value[k] })
    }
}

/// The head's logits for several rows of pooled features at once.
fn heads(
    model: &Model,
    maximum: NodeId,
    pooled: Vec<f32>,
    rows: usize,
    control: &Control,
) -> Result<Vec<Vec<f32>>, Failure> {
    let width = pooled.len() / rows.max(1);
    let pooled = Tensor::from_vec(pooled, (rows, width), &model.device)?;
    let trace = model.graph.run(&[(maximum, pooled)], model.graph.output(), &Keep::nothing(), control)?;
    let logits = finite_logits(model, trace.target())?;
    Ok(logits.chunks_exact((logits.len() / rows.max(1)).max(1)).map(<[f32]>::to_vec).collect())
}

/// What a network that judges each slice alone says of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregated {
    /// One a class, by the card's rule; with a rule other than the mean they need not sum to 1.
    pub probabilities: Vec<f32>,
    /// For each class the slice with the highest probability, by its place among those given.
    pub deciding_slice: Vec<usize>,
}

/// Joins the probabilities of slices (one row a slice) class by class; `None` without slices.
#[must_use]
pub fn aggregate(rule: Aggregate, slices: &[&[f32]]) -> Option<Aggregated> {
    let classes = slices.first()?.len();
    let of_class = |class: usize| slices.iter().filter_map(|row| row.get(class).copied()).collect::<Vec<f32>>();
    let per_class: Vec<Vec<f32>> = (0..classes).map(of_class).collect();
    Some(Aggregated {
        probabilities: per_class.iter().map(|values| rule.of(values)).collect(),
        deciding_slice: per_class.iter().map(|values| first_largest(values)).collect(),
    })
}

/// The place of the first largest value; 0 for none.
fn first_largest(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// What a stack model's maximum sees of a slice, from what is kept of it.
///
/// # Errors
/// When the device fails.
pub fn kept_features(model: &Model, kept: &KeptLayers) -> Result<Option<Vec<f32>>, Failure> {
    kept.stack_features(model).map(values).transpose()
}

/// The node whose output the maximum over the slices sees; `None` where the model is none for stacks.
#[must_use]
pub fn stack_features(model: &Model) -> Option<NodeId> {
    let maximum = slice_max(model)?;
    model.graph.nodes()[maximum].inputs.first().copied()
}

/// The node that takes the maximum over the slices.
pub(super) fn slice_max(model: &Model) -> Option<NodeId> {
    model.graph.nodes().iter().position(|node| node.op_as::<SliceMax>().is_some())
}

pub(super) fn not_a_stack(model: &Model) -> Failure {
    Failure::because(format!("{} is no stack model: it judges each slice alone", model.card.name))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::demo;

    fn knee() -> Model {
        let embedded = demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
        Model::from_parts(embedded.card, embedded.weights, &Device::Cpu).unwrap()
    }

    /// Features of `slices` slices, repeatable, with ties and with values below 0.
    fn made_up(model: &Model, slices: usize) -> Vec<Arc<Vec<f32>>> {
        let layer = &model.layers()[stack_features(model).unwrap()];
        let width: usize = layer.shape.iter().product();
        let value = |slice: usize, k: usize| ((slice * 7919 + k * 104_729) % 23) as f32 / 8.0 - 0.5;
        (0..slices).map(|slice| Arc::new((0..width).map(|k| value(slice, k)).collect())).collect()
    }

    fn run(model: &Model, features: &[Arc<Vec<f32>>]) -> StackResult {
        stack(model, features, &Control::default()).unwrap()
    }

    /// Float32 sums of some hundred products of about 1.
    const TOLERANCE: f32 = 1e-5;

    #[test]
    fn shares_of_the_slices_sum_to_the_logit_minus_the_bias() {
        let model = knee();
        let features = made_up(&model, 9);
        let result = run(&model, &features);
        let nothing = vec![Arc::new(vec![0.0; features[0].len()])];
        let bias = run(&model, &nothing).logits;
        for (class, bias) in bias.iter().enumerate() {
            let sum: f32 = result.shares[class].iter().sum();
            let logit = result.logits[class];
            assert!((sum + bias - logit).abs() <= TOLERANCE * logit.abs().max(1.0), "class {class}");
            let most = result.deciding_slice[class];
            assert!(result.shares[class].iter().all(|share| *share <= result.shares[class][most]));
        }
    }

    #[test]
    fn leaving_a_slice_out_is_what_a_stack_without_it_says() {
        let model = knee();
        let features = made_up(&model, 7);
        let whole = run(&model, &features);
        for left_out in 0..features.len() {
            let mut others = features.clone();
            others.remove(left_out);
            let without = run(&model, &others);
            for class in 0..model.outputs() {
                let brute = without.logits[class] - whole.logits[class];
                let found = whole.left_out[class][left_out];
                assert!((found - brute).abs() <= TOLERANCE * brute.abs().max(1.0), "{found} {brute}");
            }
        }
    }

    #[test]
    fn a_slice_that_wins_nothing_has_no_share_and_is_not_missed() {
        let model = knee();
        let mut features = made_up(&model, 4);
        let below = features[0].iter().map(|value| value - 100.0).collect();
        features.push(Arc::new(below));
        let result = run(&model, &features);
        assert!(!result.winning_slice.contains(&4));
        for class in 0..model.outputs() {
            assert_eq!((result.shares[class][4], result.left_out[class][4]), (0.0, 0.0));
        }
    }

    #[test]
    fn a_value_that_is_no_number_is_an_error_on_whichever_slice() {
        let model = knee();
        for slice in 0..3 {
            let mut features = made_up(&model, 3);
            let mut spoilt = features[slice].to_vec();
            spoilt[1] = f32::NAN;
            features[slice] = Arc::new(spoilt);
            assert!(stack(&model, &features, &Control::default()).is_err(), "slice {slice}");
        }
    }

    #[test]
    fn a_stack_of_one_slice_has_nothing_to_leave_out() {
        let model = knee();
        let result = run(&model, &made_up(&model, 1));
        assert!(result.left_out.iter().all(Vec::is_empty) && result.left_out.len() == model.outputs());
        assert!(result.winning_slice.iter().all(|slice| *slice == 0));
        assert!(result.per_slice[0] == result.probabilities);
        assert!(stack(&model, &[], &Control::default()).is_err());
    }

    #[test]
    fn slices_judged_alone_are_joined_as_the_card_says() {
        let slices: [&[f32]; 4] = [&[0.25, 0.75], &[0.5, 0.5], &[1.0, 0.0], &[0.25, 0.75]];
        let of = |rule| aggregate(rule, &slices).unwrap().probabilities;
        assert_eq!(of(Aggregate::Mean), [0.5, 0.5]);
        assert_eq!(of(Aggregate::Max), [1.0, 0.75]);
        assert_eq!(of(Aggregate::Top(2)), [0.75, 0.75]);
        assert_eq!(of(Aggregate::Top(9)), [0.5, 0.5], "of fewer slices all");
        assert_eq!(aggregate(Aggregate::Mean, &slices).unwrap().deciding_slice, [2, 0]);
        assert_eq!(aggregate(Aggregate::Mean, &[]), None);
    }
}
