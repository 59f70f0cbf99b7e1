//! A model from its card and weights.

use std::{fs, path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};

use super::{
    Card, Model, ModelError, Weights,
    card::{self, Activation, Head, SliceReduction},
    layers, zoo,
};
use crate::{
    graph::Graph,
    uncertainty::{FlipoutDense, StochasticHead},
};

impl Model {
    /// Loads a model from its card (`model.toml`, or the folder that holds it) onto a device.
    ///
    /// # Errors
    /// [`ModelError`] in one sentence: a file that cannot be read, a key of the card that cannot be used, a checksum
    /// that differs, weights that do not fit the architecture, classes that are more or fewer than the outputs.
    pub fn load(path: &Path, device: &Device) -> Result<Self, ModelError> {
        let path = Card::path_of(path);
        let label = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let mut card = Card::parse(&text, &label)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        if let Some(file) = &card.classes_file {
            let file = folder.join(file);
            let names = fs::read_to_string(&file).map_err(|source| ModelError::Read { path: file.clone(), source })?;
            card.classes = card::class_names(&names).map_err(|expected| ModelError::CardValue {
                card: label.clone(),
                key: "classes_file".to_owned(),
                found: format!("{} without class names", file.display()),
                expected,
            })?;
        }
        let weights_path = folder.join(&card.weights);
        let weights =
            fs::read(&weights_path).map_err(|source| ModelError::Read { path: weights_path.clone(), source })?;
        Parts { card, card_text: &text, card_label: &label, weights: &weights }
            .assemble(&weights_path.display().to_string(), device)
    }

    /// Makes a model from the text of its card and the bytes of its weight file, as those that are built in.
    ///
    /// # Errors
    /// As [`Model::load`]; besides, the card can name no `classes_file`.
    pub fn from_parts(card_toml: &str, weights: &[u8], device: &Device) -> Result<Self, ModelError> {
        const LABEL: &str = "built-in model card";
        let card = Card::parse(card_toml, LABEL)?;
        if let Some(file) = &card.classes_file {
            return Err(ModelError::CardValue {
                card: LABEL.to_owned(),
                key: "classes_file".to_owned(),
                found: format!("\"{file}\""),
                expected: "nothing, as a built-in model has no folder; use `classes`".to_owned(),
            });
        }
        let label = card.weights.clone();
        Parts { card, card_text: card_toml, card_label: LABEL, weights }.assemble(&label, device)
    }
}

/// What a model is made of. `card.classes` holds the names of a `classes_file` already.
struct Parts<'a> {
    card: Card,
    card_text: &'a str,
    card_label: &'a str,
    weights: &'a [u8],
}

impl Parts<'_> {
    fn assemble(self, weights_label: &str, device: &Device) -> Result<Model, ModelError> {
        let architecture = zoo::find(&self.card.architecture).ok_or_else(|| {
            let names: Vec<&str> = zoo::ZOO.iter().map(|architecture| architecture.name).collect();
            self.refuse("architecture", format!("\"{}\"", self.card.architecture), names.join(", "))
        })?;
        if self.card.output.slices == Some(SliceReduction::Max) && !architecture.stack {
            let found = format!("\"max\" for {}, which takes single pictures", architecture.name);
            return Err(self.refuse("output.slices", found, "nothing, or a stack architecture as mrnet".to_owned()));
        }
        let weights_sha256 = hex(&Sha256::digest(self.weights));
        if let Some(expected) = &self.card.sha256
            && !expected.eq_ignore_ascii_case(&weights_sha256)
        {
            let (weights, expected) = (weights_label.to_owned(), expected.to_ascii_lowercase());
            return Err(ModelError::Checksum { weights, found: weights_sha256, expected });
        }

        let mut weights = Weights::read(self.weights, weights_label, device)?;
        let notes = weights.notes().to_vec();
        let posterior = match self.card.output.head {
            Head::Dense => None,
            Head::Flipout => Some(Posterior::take(&mut weights)?),
        };
        let graph = (architecture.build)(&mut weights)?;
        weights.finish()?;

        let [rows, columns] = self.card.input.size;
        let batch = [1, self.card.input.channels, rows, columns];
        let shapes = graph.shapes(&batch).map_err(|error| {
            let expected = format!("a size and number of channels that {} takes: {error}", architecture.name);
            self.refuse("input", format!("{} × {rows} × {columns}", batch[1]), expected)
        })?;
        let outputs = shapes[graph.output()].last().copied().unwrap_or(0);
        let classes = self.classes(outputs)?;
        let stochastic = posterior.map(|posterior| posterior.head(&graph, weights_label)).transpose()?;
        let layers = layers::describe(&graph, &shapes);
        let default_layer = self.layer(&graph, &shapes)?;
        Ok(Model {
            card_sha256: hex(&Sha256::digest(self.card_text)),
            weights_sha256,
            graph: Arc::new(graph),
            device: device.clone(),
            stochastic,
            stack: architecture.stack,
            classes,
            notes,
            layers,
            default_layer,
            outputs,
            card: self.card,
        })
    }

    fn refuse(&self, key: &str, found: String, expected: String) -> ModelError {
        ModelError::CardValue { card: self.card_label.to_owned(), key: key.to_owned(), found, expected }
    }

    /// The classes' names, one for each output; one sigmoid output has a negative and a positive class, unless the
    /// card names one.
    fn classes(&self, outputs: usize) -> Result<Vec<String>, ModelError> {
        let named = self.card.classes.len();
        let binary = outputs == 1 && self.card.output.activation == Activation::Sigmoid;
        if named == 0 {
            let count = if binary { 2 } else { outputs };
            return Ok((0..count).map(|class| format!("class {class}")).collect());
        }
        if named == outputs || (binary && named == 2) {
            return Ok(self.card.classes.clone());
        }
        let key = if self.card.classes_file.is_some() { "classes_file" } else { "classes" };
        let expected = format!("{outputs}{}, as the weights have", if binary { " or 2" } else { "" });
        Err(self.refuse(key, format!("a list of {named} names"), expected))
    }

    /// The layer that explanations start from; the card's layers are checked.
    fn layer(&self, graph: &Graph, shapes: &[Vec<usize>]) -> Result<String, ModelError> {
        let explain = &self.card.explain;
        let wanted = explain.layer.iter().map(|name| ("explain.layer", name));
        for (key, name) in wanted.chain(explain.layers.iter().map(|name| ("explain.layers", name))) {
            if !graph.find(name).is_some_and(|node| layers::is_spatial(&shapes[node])) {
                let expected =
                    format!("a spatial layer of {}, as {}", self.card.architecture, layers::last(graph, shapes));
                return Err(self.refuse(key, format!("\"{name}\""), expected));
            }
        }
        Ok(explain.layer.clone().unwrap_or_else(|| layers::last(graph, shapes)))
    }
}

/// The tensors of a stochastic last layer.
struct Posterior {
    layer: String,
    dense: FlipoutDense,
}

impl Posterior {
    /// Takes `LAYER.weight_rho` and copies `LAYER.weight` and `LAYER.bias`, which the graph takes later.
    fn take(weights: &mut Weights) -> Result<Self, ModelError> {
        const SUFFIX: &str = ".weight_rho";
        let refuse = |weights: &Weights, reason: String| {
            Err(ModelError::WeightFile { weights: weights.label().to_owned(), reason })
        };
        let layers: Vec<String> =
            weights.names().iter().filter_map(|name| name.strip_suffix(SUFFIX)).map(str::to_owned).collect();
        let [layer] = layers.as_slice() else {
            let found = if layers.is_empty() { "no layer has one".to_owned() } else { layers.join(", ") };
            let reason = format!("a flipout head needs LAYER.weight_rho for the last layer and no other ({found})");
            return refuse(weights, reason);
        };
        let shape = weights.required_shape(&format!("{layer}.weight"), 2)?;
        let (outputs, inputs) = (shape[0], shape[1]);
        let rho = weights.take(&format!("{layer}{SUFFIX}"), &shape);
        let loc = weights.get(&format!("{layer}.weight")).map(values).transpose()?.unwrap_or_default();
        let bias = match weights.get(&format!("{layer}.bias")) {
            Some(bias) => values(bias)?,
            None => vec![0.0; outputs],
        };
        match FlipoutDense::new(inputs, outputs, loc, &values(&rho)?, bias) {
            Ok(dense) => Ok(Self { layer: layer.clone(), dense }),
            Err(error) => refuse(weights, format!("{layer}: {error}")),
        }
    }

    /// The head at its place, which is the graph's output.
    fn head(self, graph: &Graph, weights_label: &str) -> Result<StochasticHead, ModelError> {
        let output = &graph.nodes()[graph.output()];
        match (graph.find(&self.layer), output.inputs.as_slice()) {
            (Some(node), &[input]) if node == graph.output() && output.op.kind() == "Linear" => {
                Ok(StochasticHead { layer: self.layer, input, dense: self.dense })
            }
            _ => Err(ModelError::WeightFile {
                weights: weights_label.to_owned(),
                reason: format!(
                    "{} is stochastic, but only a dense last layer may be (here {}, {})",
                    self.layer,
                    output.name,
                    output.op.kind()
                ),
            }),
        }
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
