//! The description of a network: the JSON of Keras 2 and of Keras 3.
//!
//! The two differ in how layers say where their inputs come from (`["conv1", 0, 0, {}]` against
//! `{"class_name": "__keras_tensor__", …}`), in a few keys and in one activation.

use serde_json::{Map, Value};

use super::settings::Settings;

/// A network, or a network within one.
#[derive(Debug)]
pub(super) struct Network {
    /// Its layers, in the order of the file.
    pub layers: Vec<Layer>,
    /// Where a functional network begins and ends; a sequential one has none.
    pub ends: Option<Ends>,
    /// The shape of the input without its batch, where the file says it: rows, columns, channels.
    pub input: Option<Vec<Option<usize>>>,
    /// Which Keras wrote it.
    pub dialect: Dialect,
}

/// Which Keras wrote a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Keras 2 (`tf.keras` up to TensorFlow 2.15, and `tf_keras`).
    Two,
    /// Keras 3.
    Three,
}

/// The inputs and outputs of a functional network.
#[derive(Debug)]
pub(super) struct Ends {
    pub inputs: Vec<Reference>,
    pub outputs: Vec<Reference>,
}

/// One layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// The class, as `Conv2D`.
    pub class: String,
    /// The name, as `block5_conv3`.
    pub name: String,
    /// Its arguments.
    pub settings: Settings,
    /// How it is applied in a functional network, once for each time.
    pub calls: Vec<Call>,
    /// The network that it is, if it is one.
    pub network: Option<Network>,
    /// Whether this is one of the functions of `keras.ops`, which has no place among the weights.
    pub is_function: bool,
}

/// One application of a layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    /// What the layer is applied to, in order.
    pub arguments: Vec<Argument>,
}

/// One thing that a layer is applied to.
#[derive(Debug, Clone)]
pub(super) enum Argument {
    /// The output of a layer.
    Output(Reference),
    /// Numbers.
    Numbers(Vec<f64>),
}

/// An output of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The layer's name.
    pub layer: String,
    /// Which application of the layer.
    pub call: usize,
    /// Which of its outputs.
    pub output: usize,
}

impl Call {
    /// The outputs of other layers among the arguments.
    pub fn inputs(&self) -> impl Iterator<Item = &Reference> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Output(reference) => Some(reference),
            Argument::Numbers(_) => None,
        })
    }

    /// Whether there are numbers among the arguments.
    fn has_numbers(&self) -> bool {
        self.arguments.iter().any(|argument| matches!(argument, Argument::Numbers(_)))
    }
}

/// Classes of networks that list their layers.
const NETWORKS: [&str; 3] = ["Sequential", "Functional", "Model"];

/// Reads the description of a whole network. The error says what is wrong and what to do.
pub(super) fn read(value: &Value) -> Result<Network, String> {
    let class = text(value, "class_name").ok_or("the description names no class of the network")?;
    if !NETWORKS.contains(&class) {
        return Err(format!(
            "the network is of the class {class}, which does not describe its layers; only sequential and functional \
             models do"
        ));
    }
    network(value, class)
}

fn network(value: &Value, class: &str) -> Result<Network, String> {
    let config = value.get("config").ok_or("the description of a network lacks `config`")?;
    // Keras before 2.2.3 wrote the layers of a sequential network without anything around them.
    let list = config.as_array().or_else(|| config.get("layers").and_then(Value::as_array));
    let list = list.ok_or("the description of a network lists no layers")?;
    let layers = list.iter().map(layer).collect::<Result<Vec<_>, _>>()?;
    for (index, layer) in layers.iter().enumerate() {
        if layers[..index].iter().any(|other| other.name == layer.name) {
            return Err(format!("two layers are named {}", layer.name));
        }
    }
    let ends = if class == "Sequential" {
        None
    } else {
        Some(Ends { inputs: references(config, "input_layers")?, outputs: references(config, "output_layers")? })
    };
    let is_three = list.iter().any(|layer| {
        let config = layer.get("config");
        config.and_then(|config| config.get("dtype")).is_some_and(Value::is_object)
            || config.and_then(|config| config.get("batch_shape")).is_some()
    });
    let dialect = if is_three { Dialect::Three } else { Dialect::Two };
    Ok(Network { input: input_shape(value, config, list), layers, ends, dialect })
}

fn layer(value: &Value) -> Result<Layer, String> {
    let class = text(value, "class_name").ok_or("a layer names no class")?.to_owned();
    let empty = Value::Object(Map::new());
    let config = value.get("config").unwrap_or(&empty);
    let name = text(config, "name").or_else(|| text(value, "name"));
    let name = name.ok_or_else(|| format!("a layer of the class {class} has no name"))?.to_owned();
    let network = if NETWORKS.contains(&class.as_str()) { Some(network(value, &class)?) } else { None };
    let calls: Vec<Call> = match value.get("inbound_nodes").and_then(Value::as_array) {
        Some(nodes) => nodes.iter().map(call).collect(),
        None => Vec::new(),
    };
    // HDF5 files of Keras 3 do not say where a class is from; no layer is applied to numbers.
    let is_function = match text(value, "module") {
        Some(module) => module.contains(".ops"),
        None => calls.iter().any(Call::has_numbers),
    };
    let settings = Settings::new(config.as_object().cloned().unwrap_or_default());
    Ok(Layer { class, name, settings, calls, network, is_function })
}

/// The shape of the input, from the input layer or from what the network was built with.
fn input_shape(value: &Value, config: &Value, layers: &[Value]) -> Option<Vec<Option<usize>>> {
    let of_layers = layers.iter().take(1).filter_map(|layer| layer.get("config"));
    let keys = ["batch_shape", "batch_input_shape"];
    let mut candidates: Vec<Option<&Value>> =
        of_layers.flat_map(|config| keys.iter().map(move |key| config.get(key))).collect();
    candidates.push(config.get("build_input_shape"));
    candidates.push(value.get("build_config").and_then(|config| config.get("input_shape")));
    let shape = candidates.into_iter().flatten().find_map(Value::as_array)?;
    let size = |size: &Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
    Some(shape.iter().skip(1).map(size).collect())
}

/// One application: a list of references in Keras 2, an object with `args` and `kwargs` in Keras 3.
fn call(value: &Value) -> Call {
    let mut arguments = Vec::new();
    match value {
        Value::Object(node) => {
            for part in ["args", "kwargs"] {
                if let Some(part) = node.get(part) {
                    collect(part, &mut arguments);
                }
            }
        }
        other => collect(other, &mut arguments),
    }
    Call { arguments }
}

/// All references and numbers in a value, in order.
fn collect(value: &Value, arguments: &mut Vec<Argument>) {
    if let Some(reference) = reference(value) {
        arguments.push(Argument::Output(reference));
        // In Keras 2 further arguments follow in the same list.
        if let Some(more) = value.as_array().and_then(|list| list.get(3)) {
            collect(more, arguments);
        }
        return;
    }
    match value {
        Value::Number(number) => arguments.extend(number.as_f64().map(|number| Argument::Numbers(vec![number]))),
        Value::Array(list) => match list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>() {
            Some(numbers) if !numbers.is_empty() => arguments.push(Argument::Numbers(numbers)),
            _ => list.iter().for_each(|item| collect(item, arguments)),
        },
        Value::Object(map) => map.values().for_each(|item| collect(item, arguments)),
        _ => {}
    }
}

/// The references under a key: a list of them, or one alone.
fn references(config: &Value, key: &str) -> Result<Vec<Reference>, String> {
    let value = config.get(key).ok_or_else(|| format!("the description of a functional network lacks `{key}`"))?;
    if let Some(one) = reference(value) {
        return Ok(vec![one]);
    }
    let mut found = Vec::new();
    collect(value, &mut found);
    Ok(Call { arguments: found }.inputs().cloned().collect())
}

/// `["conv1", 0, 0]`, or `{"class_name": "__keras_tensor__", "config": {"keras_history": ["conv1", 0, 0]}}`.
fn reference(value: &Value) -> Option<Reference> {
    let list = match value {
        Value::Array(list) => list,
        Value::Object(_) if text(value, "class_name") == Some("__keras_tensor__") => {
            value.get("config")?.get("keras_history")?.as_array()?
        }
        _ => return None,
    };
    let [layer, call, output, ..] = list.as_slice() else { return None };
    let index = |value: &Value| usize::try_from(value.as_u64()?).ok();
    Some(Reference { layer: layer.as_str()?.to_owned(), call: index(call)?, output: index(output)? })
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}
