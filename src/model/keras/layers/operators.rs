//! Arithmetic written into a network: `x / 127.5 - 1`.
//!
//! Keras 3 makes a layer of each function of `keras.ops` (`TrueDivide`), Keras 2 a `TFOpLambda` that names one of
//! TensorFlow's (`math.truediv`).

use super::{
    super::{config::Argument, fault::Fault, site::Site, tensor::At},
    Build,
    preprocessing::per_channel,
};
use crate::graph::ops::{Arithmetic, Binary, BinaryConstant};

/// The builder of a function of `keras.ops`.
pub(super) fn of_keras(class: &str) -> Option<Build> {
    match class {
        "Add" => Some(add),
        "Subtract" => Some(subtract),
        "Multiply" => Some(multiply),
        "TrueDivide" | "Divide" => Some(divide),
        _ => None,
    }
}

/// A function of TensorFlow.
pub(super) fn of_tensorflow(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    let arithmetic = match site.settings().text("function") {
        Some("math.add" | "__operators__.add") => Arithmetic::Add,
        Some("math.subtract") => Arithmetic::Sub,
        Some("math.multiply") => Arithmetic::Mul,
        Some("math.truediv" | "math.divide") => Arithmetic::Div,
        other => {
            let name = other.unwrap_or("without a name").to_owned();
            return Err(site.fault(format!("the function {name} is not known")));
        }
    };
    two(site, inputs, arithmetic)
}

pub(super) fn divide(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    two(site, inputs, Arithmetic::Div)
}

fn add(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    two(site, inputs, Arithmetic::Add)
}

fn subtract(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    two(site, inputs, Arithmetic::Sub)
}

fn multiply(site: &mut Site, inputs: &[At]) -> Result<At, Fault> {
    two(site, inputs, Arithmetic::Mul)
}

/// Two tensors, or a tensor and numbers.
fn two(site: &mut Site, inputs: &[At], arithmetic: Arithmetic) -> Result<At, Fault> {
    match (site.step.arguments.arguments.as_slice(), inputs) {
        ([Argument::Output(_), Argument::Output(_)], [a, b]) if a.order == b.order => {
            Ok(site.add(Binary(arithmetic), &[a, b])?.ordered(a.order.clone()))
        }
        ([Argument::Output(_), Argument::Numbers(numbers)], [input]) => {
            let constant = per_channel(site, input, numbers)?;
            Ok(site.add(BinaryConstant::new(arithmetic, constant, false), &[input])?.ordered(input.order.clone()))
        }
        ([Argument::Numbers(numbers), Argument::Output(_)], [input]) => {
            let constant = per_channel(site, input, numbers)?;
            Ok(site.add(BinaryConstant::new(arithmetic, constant, true), &[input])?.ordered(input.order.clone()))
        }
        _ => Err(site.fault("it takes two tensors, or a tensor and a number")),
    }
}
