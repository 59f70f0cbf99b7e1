//! Keras models: HDF5 and `.keras` files, from whose description and weights a graph is built.
//!
//! Keras's images are rows × columns × channels, the graph's channels × rows × columns: kernels, flattened features,
//! axes and paddings are turned on the way, so that the numbers that come out are TensorFlow's.

mod activation;
mod archive;
mod config;
mod fault;
mod h5;
mod layers;
mod padding;
mod place;
mod plan;
mod settings;
mod site;
mod store;
mod tail;
mod tensor;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, fs};

use candle_core::Device;
use serde_json::Value;

use self::{
    config::Network,
    fault::Fault,
    plan::{INPUT_STEP, Plan},
    site::{Found, Site, Workshop},
    store::Store,
    tensor::{At, Order},
};
use super::{
    Card, ModelError,
    card::Head,
    source::{Built, Request},
};
use crate::{
    graph::{Graph, GraphBuilder, ops::Linear},
    uncertainty::{FlipoutDense, StochasticHead, WeightPosterior},
};

/// Builds the network of a Keras file.
///
/// # Errors
/// [`ModelError::WeightFile`] when the file is damaged or describes no network that can be built,
/// [`ModelError::Layer`] for a layer that is not known or is used in a way that is not supported,
/// [`ModelError::CardValue`] when card and file contradict each other, [`ModelError::Mismatch`] with all tensors that
/// are missing, misshapen or left over.
pub(super) fn build(request: &Request) -> Result<Built, ModelError> {
    let named = |fault: Fault| fault.named(request.label, request.card_label);
    let config = described(request)?;
    let sha256 = request.checksum(config.iter().map(String::as_bytes))?;
    let imported = import(request.bytes, config.as_deref(), request.card, request.device).map_err(named)?;
    let Imported { graph, stochastic, posteriors, notes } = imported;
    Ok(Built { graph, stack: false, stochastic, posteriors, notes, sha256 })
}

/// The text of the file that the card names as the network's description.
fn described(request: &Request) -> Result<Option<String>, ModelError> {
    let Some(config) = &request.card.config else { return Ok(None) };
    let Some(folder) = request.folder else {
        let expected = "nothing, as a built-in model has no folder".to_owned();
        return Err(request.refuse("config", format!("\"{config}\""), expected));
    };
    let path = folder.join(config);
    fs::read_to_string(&path).map(Some).map_err(|source| ModelError::Read { path, source })
}

/// A network from a Keras file.
struct Imported {
    graph: Graph,
    stochastic: Option<StochasticHead>,
    posteriors: Vec<WeightPosterior>,
    notes: Vec<String>,
}

fn import(bytes: &[u8], config: Option<&str>, card: &Card, device: &Device) -> Result<Imported, Fault> {
    let contents = archive::read(bytes).map_err(Fault::File)?;
    let described = description(contents.config, config)?;
    let network = config::read(&described).map_err(Fault::File)?;
    let input = input(&network, card)?;
    let plan = Plan::of(&network)?;
    let cut = tail::cut(&plan, card.output.activation)?;
    let store = Store::open(contents.weights).map_err(Fault::File)?;
    let mut shop = Workshop { graph: GraphBuilder::new(), store, device, notes: Vec::new(), posteriors: Vec::new() };

    let mut outputs: HashMap<usize, At> = HashMap::from([(INPUT_STEP, input)]);
    let mut names: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, step) in plan.steps() {
        let inputs: Vec<At> = step.inputs.iter().filter_map(|source| outputs.get(source).cloned()).collect();
        let mut site = Site { shop: &mut shop, step, is_cut: cut == Some(number) };
        let Some(build) = layers::find(&step.layer.class, step.layer.is_function) else {
            return Err(site.fault("this class of layers is not known"));
        };
        let mut at = build(&mut site, &inputs)?;
        if number == plan.output && at.order != Order::Keras {
            at = layers::in_keras_order(&mut site, &at)?;
        }
        let name = site.name();
        shop.graph.alias(name, at.node);
        if let Some(last) = step.place.names.last() {
            names.entry(last).or_default().push(at.node);
        }
        outputs.insert(number, at);
    }
    let Workshop { mut graph, store, notes, posteriors, .. } = shop;
    store.finish()?;
    // `block5_conv3` finds `vgg16.block5_conv3` where no other layer has the name.
    for (name, nodes) in names {
        if let [node] = nodes.as_slice() {
            graph.alias(name, *node);
        }
    }
    if let Some(output) = outputs.get(&plan.output)
        && !matches!(output.shape.len(), 2 | 4)
    {
        let reason = format!(
            "the network's output has the shape {:?}; expected one number a class, or an image of classes",
            output.keras_shape()
        );
        return Err(Fault::File(reason));
    }
    let graph = graph.finish().map_err(|error| Fault::File(error.to_string()))?;
    let stochastic = head(&graph, &posteriors, card)?;
    let posteriors = posteriors.into_iter().map(|found| found.posterior).collect();
    Ok(Imported { graph, stochastic, posteriors, notes })
}

/// The description of the network: the file's own, or the card's.
fn description(own: Option<Value>, given: Option<&str>) -> Result<Value, Fault> {
    match (own, given) {
        (Some(own), None) => Ok(own),
        (None, Some(given)) => archive::parse(given, "the description of the network").map_err(Fault::File),
        (Some(_), Some(_)) => Err(Fault::Card {
            key: "config",
            found: "given".to_owned(),
            expected: "nothing, as the weight file describes its network itself".to_owned(),
        }),
        (None, None) => Err(Fault::File(
            "it holds weights without a description of the network; save the whole model with \
             `model.save(\"model.keras\")`, or write `model.to_json()` to a file and name it as `config` on the card"
                .to_owned(),
        )),
    }
}

/// The input, once card and file agree on it.
fn input(network: &Network, card: &Card) -> Result<At, Fault> {
    let (size, channels) = (card.input.size, card.input.channels);
    if let Some(shape) = &network.input {
        let &[rows, columns, depth] = shape.as_slice() else {
            let reason = format!("the network takes a tensor of {} dimensions, not an image", shape.len());
            return Err(Fault::File(reason));
        };
        let fixed = [rows.unwrap_or(size[0]), columns.unwrap_or(size[1])];
        if fixed != size {
            return Err(Fault::Card {
                key: "input.size",
                found: format!("{size:?}"),
                expected: format!("{fixed:?}, which the network was built for"),
            });
        }
        if let Some(depth) = depth
            && depth != channels
        {
            return Err(Fault::Card {
                key: "input.channels",
                found: channels.to_string(),
                expected: format!("{depth}, as the network takes"),
            });
        }
    }
    Ok(site::input(channels, size))
}

/// The stochastic head, if the network ends with a dense layer whose weights have a distribution.
fn head(graph: &Graph, posteriors: &[Found], card: &Card) -> Result<Option<StochasticHead>, Fault> {
    let output = graph.output();
    let last = posteriors
        .iter()
        .find(|found| found.output.node == output && graph.nodes()[output].op_as::<Linear>().is_some());
    let Some((found, dense)) = last.and_then(|found| Some((found, found.dense.as_ref()?))) else {
        if card.output.head == Head::Flipout && posteriors.is_empty() {
            return Err(Fault::Card {
                key: "output.head",
                found: "\"flipout\"".to_owned(),
                expected: "\"dense\", as no layer of the network has weights with a distribution".to_owned(),
            });
        }
        return Ok(None);
    };
    let (outputs, inputs) = dense.loc.dims2()?;
    let values = |tensor: &candle_core::Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let bias = match &dense.bias {
        Some(bias) => values(bias)?,
        None => vec![0.0; outputs],
    };
    let layer = found.posterior.layer.clone();
    match FlipoutDense::new(inputs, outputs, values(&dense.loc)?, &values(&dense.rho)?, bias) {
        Ok(dense) => Ok(Some(StochasticHead { layer, input: found.input.node, dense })),
        Err(error) => Err(Fault::File(format!("{layer}: {error}"))),
    }
}
