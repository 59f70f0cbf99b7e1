//! Arithmetic on constants: integers as integers, everything else in `f32`.

use super::Fold;
use crate::model::onnx::{
    constant::{Constant, broadcast, broadcast_indices, checked_count},
    error::{Fault, Result},
    step::Step,
};

pub(super) static FOLDS: &[(&str, Fold)] = &[
    ("Add", |step| binary(step, |a, b| Some(a.wrapping_add(b)), |a, b| a + b)),
    ("Sub", |step| binary(step, |a, b| Some(a.wrapping_sub(b)), |a, b| a - b)),
    ("Mul", |step| binary(step, |a, b| Some(a.wrapping_mul(b)), |a, b| a * b)),
    ("Div", |step| binary(step, i64::checked_div, |a, b| a / b)),
    ("Mod", modulo),
    ("Pow", |step| binary(step, power, f32::powf)),
    ("Max", |step| binary(step, |a, b| Some(a.max(b)), f32::max)),
    ("Min", |step| binary(step, |a, b| Some(a.min(b)), f32::min)),
    ("Equal", |step| compare(step, |a, b| a == b)),
    ("Less", |step| compare(step, |a, b| a < b)),
    ("LessOrEqual", |step| compare(step, |a, b| a <= b)),
    ("Greater", |step| compare(step, |a, b| a > b)),
    ("GreaterOrEqual", |step| compare(step, |a, b| a >= b)),
    ("And", |step| logic(step, |a, b| a && b)),
    ("Or", |step| logic(step, |a, b| a || b)),
    ("Xor", |step| logic(step, |a, b| a != b)),
    ("Not", not),
    ("Where", choose),
    ("Neg", |step| unary(step, i64::checked_neg, |x| -x)),
    ("Abs", |step| unary(step, i64::checked_abs, f32::abs)),
    ("Floor", |step| unary(step, Some, f32::floor)),
    ("Ceil", |step| unary(step, Some, f32::ceil)),
    ("Round", |step| unary(step, Some, f32::round_ties_even)),
    ("Sign", |step| unary(step, |x| Some(x.signum()), |x| if x == 0.0 { 0.0 } else { x.signum() })),
    ("Sqrt", |step| unary(step, |_| None, f32::sqrt)),
    ("Exp", |step| unary(step, |_| None, f32::exp)),
    ("Log", |step| unary(step, |_| None, f32::ln)),
    ("Reciprocal", |step| unary(step, |_| None, f32::recip)),
];

fn power(base: i64, exponent: i64) -> Option<i64> {
    base.checked_pow(u32::try_from(exponent).ok()?)
}

/// Both inputs stretched over each other: the shape, and for each element the two places.
fn stretch(a: &Constant, b: &Constant) -> Result<(Vec<usize>, Vec<usize>, Vec<usize>)> {
    let shape = broadcast(a.dims(), b.dims())?;
    checked_count(&shape)?;
    let (left, right) = (broadcast_indices(a.dims(), &shape), broadcast_indices(b.dims(), &shape));
    Ok((shape, left, right))
}

/// Folds over all inputs, of which `Max` and `Min` may have more than two.
fn binary(step: &Step, ints: fn(i64, i64) -> Option<i64>, floats: fn(f32, f32) -> f32) -> Result<Vec<Constant>> {
    let mut result = step.constant(0)?.clone();
    for which in 1..step.inputs.len() {
        result = pairwise(&result, step.constant(which)?, ints, floats)?;
    }
    Ok(vec![result])
}

fn pairwise(
    a: &Constant,
    b: &Constant,
    ints: impl Fn(i64, i64) -> Option<i64>,
    floats: impl Fn(f32, f32) -> f32,
) -> Result<Constant> {
    let (shape, left, right) = stretch(a, b)?;
    let places = left.into_iter().zip(right);
    if let (Constant::Int(a), Constant::Int(b)) = (a, b) {
        let values: Option<Vec<i64>> = places.map(|(i, j)| ints(a.values[i], b.values[j])).collect();
        let values = values.ok_or_else(|| Fault::malformed("it has no result for these integers"))?;
        return Ok(Constant::ints_of(shape, values));
    }
    let (a, b) = (a.floats()?, b.floats()?);
    Constant::floats_of(shape, places.map(|(i, j)| floats(a[i], b[j])).collect())
}

fn modulo(step: &Step) -> Result<Vec<Constant>> {
    // `fmod` has the sign of the dividend as in C, otherwise it is the divisor's as in Python.
    let result = if step.flag("fmod") {
        pairwise(step.constant(0)?, step.constant(1)?, i64::checked_rem, |a, b| a % b)
    } else {
        let floor = |a: i64, b: i64| {
            a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        };
        pairwise(step.constant(0)?, step.constant(1)?, floor, |a, b| a - (a / b).floor() * b)
    };
    Ok(vec![result?])
}

fn truths(shape: Vec<usize>, values: impl Iterator<Item = bool>) -> Constant {
    Constant::ints_of(shape, values.map(i64::from).collect())
}

fn compare(step: &Step, holds: fn(f64, f64) -> bool) -> Result<Vec<Constant>> {
    let (a, b) = (step.constant(0)?, step.constant(1)?);
    let (shape, left, right) = stretch(a, b)?;
    let numbers = |constant: &Constant| -> Result<Vec<f64>> {
        Ok(match constant {
            Constant::Int(ints) => ints.values.iter().map(|&value| value as f64).collect(),
            Constant::Float(_) => constant.floats()?.into_iter().map(f64::from).collect(),
        })
    };
    let (a, b) = (numbers(a)?, numbers(b)?);
    Ok(vec![truths(shape, left.into_iter().zip(right).map(|(i, j)| holds(a[i], b[j])))])
}

fn logic(step: &Step, holds: fn(bool, bool) -> bool) -> Result<Vec<Constant>> {
    let (a, b) = (step.constant(0)?, step.constant(1)?);
    let (shape, left, right) = stretch(a, b)?;
    let (a, b) = (a.truths()?, b.truths()?);
    Ok(vec![truths(shape, left.into_iter().zip(right).map(|(i, j)| holds(a[i], b[j])))])
}

fn not(step: &Step) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    Ok(vec![truths(constant.dims().to_vec(), constant.truths()?.into_iter().map(|value| !value))])
}

fn choose(step: &Step) -> Result<Vec<Constant>> {
    let (condition, yes, no) = (step.constant(0)?, step.constant(1)?, step.constant(2)?);
    let shape = broadcast(condition.dims(), &broadcast(yes.dims(), no.dims())?)?;
    checked_count(&shape)?;
    let stretched = |constant: &Constant| constant.pick(shape.clone(), &broadcast_indices(constant.dims(), &shape));
    let condition = stretched(condition)?.truths()?;
    let (yes, no) = (stretched(yes)?, stretched(no)?);
    if let (Constant::Int(yes), Constant::Int(no)) = (&yes, &no) {
        let both = yes.values.iter().zip(no.values.iter());
        let values = condition.iter().zip(both).map(|(&condition, (&yes, &no))| if condition { yes } else { no });
        return Ok(vec![Constant::ints_of(shape.clone(), values.collect())]);
    }
    let both = yes.floats()?.into_iter().zip(no.floats()?);
    let values = condition.iter().zip(both).map(|(&condition, (yes, no))| if condition { yes } else { no }).collect();
    Ok(vec![Constant::floats_of(shape.clone(), values)?])
}

/// `ints` gives nothing where a function's result is no integer.
fn unary(step: &Step, ints: fn(i64) -> Option<i64>, floats: fn(f32) -> f32) -> Result<Vec<Constant>> {
    let constant = step.constant(0)?;
    let shape = constant.dims().to_vec();
    if let Constant::Int(values) = constant {
        let values: Option<Vec<i64>> = values.values.iter().map(|&value| ints(value)).collect();
        let values = values.ok_or_else(|| Fault::malformed("it has no result for these integers"))?;
        return Ok(vec![Constant::ints_of(shape, values)]);
    }
    Ok(vec![Constant::floats_of(shape, constant.floats()?.into_iter().map(floats).collect())?])
}
