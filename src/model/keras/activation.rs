//! Activations, by name or as a layer: in `activation="relu"`, in `Activation` layers, and as layers of their own.

use serde_json::Value;

use super::{config::Dialect, settings::Settings};
use crate::graph::ops::Function;

/// An activation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// None.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// Any other function of one number.
    Map(Function),
    /// Over one of Keras's dimensions.
    Softmax { axis: i64 },
    /// Its logarithm.
    LogSoftmax { axis: i64 },
}

/// Reads an activation: a name, a function as an object, or a layer as an object.
pub(super) fn read(value: &Value, dialect: Dialect) -> Result<Kind, String> {
    let unknown = || {
        let text: String = value.to_string().chars().take(80).collect();
        format!("its activation {text} is not known")
    };
    match value {
        Value::String(name) => named(name, dialect).ok_or_else(unknown),
        Value::Object(object) => {
            let class = object.get("class_name").and_then(Value::as_str).ok_or_else(unknown)?;
            match object.get("config") {
                Some(Value::String(name)) => named(name, dialect).ok_or_else(unknown),
                Some(Value::Object(config)) if class != "function" => {
                    layer(class, &Settings::new(config.clone()), dialect)?.ok_or_else(unknown)
                }
                _ => Err(unknown()),
            }
        }
        _ => Err(unknown()),
    }
}

/// Keras's activation functions by name.
fn named(name: &str, dialect: Dialect) -> Option<Kind> {
    let sixth = 1.0 / 6.0;
    let function = match name {
        "linear" => return Some(Kind::Linear),
        "relu" => return Some(Kind::Relu),
        "softmax" => return Some(Kind::Softmax { axis: -1 }),
        "log_softmax" => return Some(Kind::LogSoftmax { axis: -1 }),
        "relu6" => Function::RELU6,
        "leaky_relu" => Function::LeakyRelu { slope: 0.2 },
        "elu" => Function::Elu { alpha: 1.0 },
        "celu" => Function::Celu { alpha: 1.0 },
        "selu" => Function::Selu,
        "sigmoid" => Function::Sigmoid,
        // Keras 3 changed what the name means.
        "hard_sigmoid" if dialect == Dialect::Three => Function::HardSigmoid { alpha: sixth, beta: 0.5 },
        "hard_sigmoid" => Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
        "hard_silu" | "hard_swish" => Function::HardSwish,
        "silu" | "swish" => Function::Silu,
        "gelu" => Function::Gelu { tanh: false },
        "tanh" => Function::Tanh,
        "softplus" => Function::Softplus,
        "softsign" => Function::Softsign,
        "mish" => Function::Mish,
        "exponential" => Function::Exp,
        _ => return None,
    };
    Some(Kind::Map(function))
}

/// A layer that is an activation and nothing else; `None` for other classes.
pub(super) fn layer(class: &str, settings: &Settings, dialect: Dialect) -> Result<Option<Kind>, String> {
    let kind = match class {
        "Activation" => match settings.get("activation") {
            Some(value) => read(value, dialect)?,
            None => return Err("`activation` is missing".to_owned()),
        },
        "ReLU" => relu(settings)?,
        // Keras 3 calls `negative_slope` what Keras 2 calls `alpha`.
        "LeakyReLU" => {
            let slope = settings.number("negative_slope", settings.number("alpha", 0.3)?)?;
            Kind::Map(Function::LeakyRelu { slope })
        }
        "ELU" => Kind::Map(Function::Elu { alpha: settings.number("alpha", 1.0)? }),
        "Softmax" => match settings.integers("axis")?.as_deref() {
            None => Kind::Softmax { axis: -1 },
            Some(&[axis]) => Kind::Softmax { axis },
            Some(axes) => return Err(format!("it is a softmax over several axes, {axes:?}")),
        },
        _ => return Ok(None),
    };
    Ok(Some(kind))
}

/// `ReLU(max_value, negative_slope, threshold)`.
fn relu(settings: &Settings) -> Result<Kind, String> {
    let slope = settings.number("negative_slope", 0.0)?;
    let threshold = settings.number("threshold", 0.0)?;
    if threshold != 0.0 {
        return Err(format!("its threshold is {threshold}; only 0 is supported"));
    }
    match (settings.get("max_value").is_some(), slope == 0.0) {
        (false, true) => Ok(Kind::Relu),
        (false, false) => Ok(Kind::Map(Function::LeakyRelu { slope })),
        (true, true) => Ok(Kind::Map(Function::Clip { min: 0.0, max: settings.number("max_value", 0.0)? })),
        (true, false) => Err("it has both a largest value and a slope below 0".to_owned()),
    }
}
