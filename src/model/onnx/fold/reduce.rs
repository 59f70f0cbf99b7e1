//! Reductions of constants.

use super::Fold;
use crate::model::onnx::{
    constant::{Constant, broadcast_indices},
    error::Result,
    layout,
    step::Step,
};

pub(super) static FOLDS: &[(&str, Fold)] = &[
    ("ReduceSum", |step| reduce(step, 0.0, |a, b| a + b, false)),
    ("ReduceMean", |step| reduce(step, 0.0, |a, b| a + b, true)),
    ("ReduceProd", |step| reduce(step, 1.0, |a, b| a * b, false)),
    ("ReduceMax", |step| reduce(step, f64::NEG_INFINITY, f64::max, false)),
    ("ReduceMin", |step| reduce(step, f64::INFINITY, f64::min, false)),
];

fn reduce(step: &Step, start: f64, join: fn(f64, f64) -> f64, mean: bool) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let dims = constant.dims();
    let (reduced, keep) = layout::reduced(step, dims.len())?;
    let kept: Vec<usize> = (0..dims.len()).map(|d| if reduced.contains(&d) { 1 } else { dims[d] }).collect();
    let mut values = vec![start; kept.iter().product()];
    let numbers: Vec<f64> = match constant {
        Constant::Int(ints) => ints.values.iter().map(|&value| value as f64).collect(),
        Constant::Float(_) => constant.floats()?.into_iter().map(f64::from).collect(),
    };
    for (number, place) in numbers.into_iter().zip(broadcast_indices(&kept, dims)) {
        values[place] = join(values[place], number);
    }
    if mean {
        let count: usize = reduced.iter().map(|&dimension| dims[dimension]).product();
        for value in &mut values {
            *value /= count as f64;
        }
    }
    let shape = if keep { kept } else { layout::without(dims, &reduced) };
    Ok(vec![match constant {
        Constant::Int(_) => Constant::ints_of(shape, values.into_iter().map(|value| value as i64).collect()),
        Constant::Float(_) => Constant::floats_of(shape, values.into_iter().map(|value| value as f32).collect())?,
    }])
}
