//! Layers that join several tensors.

use candle_core::Tensor;

use super::super::{
    fault::Fault,
    site::Site,
    tensor::{At, Order},
};
use crate::graph::ops::{Add, Arithmetic, Binary, BinaryConstant, Concat};

pub(super) fn add(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let order = same_order(site, inputs)?;
    if inputs.iter().all(|input| input.shape == inputs[0].shape) {
        let all: Vec<&At> = inputs.iter().collect();
        return Ok(site.add(Add, &all)?.ordered(order));
    }
    fold(site, inputs, Arithmetic::Add, "")
}

pub(super) fn subtract(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    if inputs.len() != 2 {
        return Err(site.fault(format!("it takes 2 inputs, not {}", inputs.len())));
    }
    fold(site, inputs, Arithmetic::Sub, "")
}

pub(super) fn multiply(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    fold(site, inputs, Arithmetic::Mul, "")
}

pub(super) fn maximum(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    fold(site, inputs, Arithmetic::Max, "")
}

pub(super) fn minimum(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    fold(site, inputs, Arithmetic::Min, "")
}

/// The sum and a division: `LAYER.sum` and `LAYER.mean`.
pub(super) fn average(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let order = same_order(site, inputs)?;
    let all: Vec<&At> = inputs.iter().collect();
    let sum = if inputs.iter().all(|input| input.shape == inputs[0].shape) {
        site.add_part("sum", Add, &all)?
    } else {
        fold(site, inputs, Arithmetic::Add, "sum")?
    };
    let share = site.place(&Tensor::new(&[1.0 / inputs.len() as f32], site.shop.device)?)?;
    Ok(site.add_part("mean", BinaryConstant::new(Arithmetic::Mul, share, false), &[&sum])?.ordered(order))
}

/// One after the other: `LAYER.1`, `LAYER.2`, … and at last the node that bears the name.
fn fold(site: &mut Site, inputs: &[At], arithmetic: Arithmetic, part: &str) -> Result<At, Fault> {
    let order = same_order(site, inputs)?;
    let (first, rest) = inputs.split_first().ok_or_else(|| site.fault("it takes no input"))?;
    let mut at = first.clone();
    for (number, input) in rest.iter().enumerate() {
        let is_last = number + 1 == rest.len();
        at = match (is_last, rest.len(), part) {
            (true, 1, "") => site.add(Binary(arithmetic), &[&at, input])?,
            (true, _, part) if !part.is_empty() => site.add_part(part, Binary(arithmetic), &[&at, input])?,
            _ => site.add_part(&format!("{}", number + 1), Binary(arithmetic), &[&at, input])?,
        };
    }
    Ok(at.ordered(order))
}

/// The order of the features, which all inputs must have in common.
fn same_order(site: &Site, inputs: &[At]) -> Result<Order, Fault> {
    let Some((first, rest)) = inputs.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Err(site.fault("it takes at least 2 inputs"));
    };
    if rest.iter().any(|input| input.shape.len() != first.shape.len()) {
        return Err(site.fault("its inputs have different numbers of dimensions"));
    }
    if rest.iter().any(|input| input.order != first.order) {
        return Err(site.fault("its inputs are flattened from images of different shapes"));
    }
    Ok(first.order.clone())
}

pub(super) fn concatenate(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let (Some(first), true) = (inputs.first(), inputs.len() > 1) else {
        return Err(site.fault("it takes at least 2 inputs"));
    };
    let axis = match site.check(site.settings().integers("axis"))?.as_deref() {
        None => -1,
        Some(&[axis]) => axis,
        Some(axes) => return Err(site.fault(format!("`axis` is {axes:?}"))),
    };
    let dimension = site.check(first.dimension(axis))?;
    let parts: Vec<(usize, Order)> =
        inputs.iter().map(|input| (input.shape[1..].iter().product(), input.order.clone())).collect();
    let all: Vec<&At> = inputs.iter().collect();
    Ok(site.add(Concat { dimension }, &all)?.ordered(Order::joined(&parts)))
}
