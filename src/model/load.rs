//! A model from its card and weights.

mod random;

use std::{fs, path::Path, sync::Arc};

use candle_core::Device;
use sha2::{Digest, Sha256};

use super::{
    Card, Model, ModelError,
    card::{self, Activation, DenseWeights, SliceReduction},
    layers,
    narrow::Narrowing,
    source::{Built, Request, Source, hex},
};
use crate::{
    graph::{Graph, NodeId},
    uncertainty::WeightPosterior,
};

impl Model {
    /// Loads a model from its card (`model.toml`, or the folder that holds it) onto a device.
    ///
    /// # Errors
    /// [`ModelError`] in one sentence: a file that cannot be read, a key of the card that cannot be used, a checksum
    /// that differs, weights that do not fit the architecture, classes that are more or fewer than the outputs.
    pub fn load(path: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::load_as(path, device, None)
    }

    /// The same with all weights in `f32`, whatever the card says of dense layers: what 16 bits are compared with.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_wide(path: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::load_as(path, device, Some(DenseWeights::F32))
    }

    fn load_as(path: &Path, device: &Device, dense: Option<DenseWeights>) -> Result<Self, ModelError> {
        let path = Card::path_of(path);
        let label = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let mut card = Card::parse(&text, &label)?;
        card.dense_weights = dense.unwrap_or(card.dense_weights);
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
        let bytes =
            fs::read(&weights_path).map_err(|source| ModelError::Read { path: weights_path.clone(), source })?;
        let of_card = Some(folder);
        Parts { card, card_text: &text, card_label: &label, bytes: &bytes, folder: weights_path.parent(), of_card }
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
        Parts { card, card_text: card_toml, card_label: LABEL, bytes: weights, folder: None, of_card: None }
            .assemble(&label, device)
    }
}

/// What a model is made of. `card.classes` holds the names of a `classes_file` already.
struct Parts<'a> {
    card: Card,
    card_text: &'a str,
    card_label: &'a str,
    bytes: &'a [u8],
    /// The folder of the weight file, if it is in one.
    folder: Option<&'a Path>,
    /// The folder of the card, if it is in one.
    of_card: Option<&'a Path>,
}

impl Parts<'_> {
    fn assemble(self, weights_label: &str, device: &Device) -> Result<Model, ModelError> {
        let Self { card, card_label, bytes, folder, .. } = &self;
        let request = Request { card, card_label, bytes, label: weights_label, folder: *folder, device };
        let source = Source::find(&card.architecture).ok_or_else(|| {
            request.refuse("architecture", format!("\"{}\"", card.architecture), Source::names().join(", "))
        })?;
        let built = source.build(&request)?;
        let others = random::others(&request, source, self.of_card)?;
        self.complete(built, others, weights_label, device)
    }

    /// The model around a network that has been built.
    fn complete(
        self,
        built: Built,
        others: Vec<Built>,
        weights_label: &str,
        device: &Device,
    ) -> Result<Model, ModelError> {
        let Self { card, card_label, bytes, folder, .. } = &self;
        let request = Request { card, card_label, bytes, label: weights_label, folder: *folder, device };
        let Built { graph, stack, stochastic, posteriors, mut notes, sha256 } = built;
        if card.output.slices == Some(SliceReduction::Max) && !stack {
            let found = format!("\"max\" for {}, which takes single pictures", card.architecture);
            return Err(request.refuse("output.slices", found, "nothing, or a stack architecture as mrnet".to_owned()));
        }

        let [rows, columns] = card.input.size;
        let batch = [1, card.input.channels, rows, columns];
        let shapes = graph.shapes(&batch).map_err(|error| {
            let expected = format!("a size and number of channels that {} takes: {error}", card.architecture);
            request.refuse("input", format!("{} × {rows} × {columns}", batch[1]), expected)
        })?;
        // `[batch, classes]`, or `[batch, classes, rows, columns]` where each pixel is classified.
        let outputs = shapes[graph.output()].get(1).copied().unwrap_or(0);
        let segmentation = shapes[graph.output()].len() == 4;
        let classes = classes(&request, outputs)?;
        let layers = layers::describe(&graph, &shapes);
        let default_layer = default_layer(&request, &graph, &shapes)?;
        let ensemble_sha256 = others.iter().map(|built| built.sha256.clone()).collect();
        let mut narrowing = Narrowing::begin(&request, &graph, &mut notes);
        let mut shared = |graph: Graph, posteriors: &[WeightPosterior], file: &str| {
            let drawn: Vec<NodeId> =
                posteriors.iter().filter_map(|posterior| random::weighted(&graph, &posterior.layer)).collect();
            let graph = Arc::new(graph);
            match &mut narrowing {
                Some(narrowing) => narrowing.narrow(graph, &drawn, file),
                None => Ok(graph),
            }
        };
        let graph = shared(graph, &posteriors, &card.weights)?;
        let members = card.uncertainty.ensemble.iter().map(|member| member.parts().0);
        let others = others
            .into_iter()
            .zip(members)
            .map(|(built, file)| Ok((shared(built.graph, &built.posteriors, file)?, built.posteriors)))
            .collect::<Result<Vec<(Arc<Graph>, Vec<WeightPosterior>)>, ModelError>>()?;
        let narrow = narrowing.and_then(|narrowing| narrowing.finish(&mut notes));
        let networks: Vec<random::Network> = [random::Network { graph: &graph, posteriors: &posteriors }]
            .into_iter()
            .chain(others.iter().map(|(graph, posteriors)| random::Network { graph, posteriors }))
            .collect();
        let head = stochastic.as_ref().map(|head| head.dense.clone());
        let sampler = random::sampler(&request, &networks, head, (stack, segmentation))?;
        let randomness = sampler.as_ref().map(|_| random::words(card, &posteriors));
        if sampler.is_none() && !posteriors.is_empty() {
            notes.push(format!(
                "The weights of these layers have a distribution, but the network computes with their means: {}.",
                posteriors.iter().map(|posterior| posterior.layer.as_str()).collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(Model {
            card_sha256: hex(&Sha256::digest(self.card_text)),
            weights_sha256: sha256,
            graph,
            device: device.clone(),
            stochastic,
            posteriors,
            sampler,
            randomness,
            ensemble_sha256,
            narrow,
            stack,
            segmentation,
            classes,
            notes,
            layers,
            default_layer,
            outputs,
            card: self.card,
        })
    }
}

/// The classes' names, one for each output; one sigmoid output has a negative and a positive class, unless the
/// card names one.
fn classes(request: &Request, outputs: usize) -> Result<Vec<String>, ModelError> {
    let named = request.card.classes.len();
    let binary = outputs == 1 && request.card.output.activation == Activation::Sigmoid;
    if named == 0 {
        let count = if binary { 2 } else { outputs };
        return Ok((0..count).map(|class| format!("class {class}")).collect());
    }
    if named == outputs || (binary && named == 2) {
        return Ok(request.card.classes.clone());
    }
    let key = if request.card.classes_file.is_some() { "classes_file" } else { "classes" };
    let expected = format!("{outputs}{}, as the weights have", if binary { " or 2" } else { "" });
    Err(request.refuse(key, format!("a list of {named} names"), expected))
}

/// The layer that explanations start from; the card's layers are checked.
fn default_layer(request: &Request, graph: &Graph, shapes: &[Vec<usize>]) -> Result<String, ModelError> {
    let explain = &request.card.explain;
    let wanted = explain.layer.iter().map(|name| ("explain.layer", name));
    for (key, name) in wanted.chain(explain.layers.iter().map(|name| ("explain.layers", name))) {
        if !graph.find(name).is_some_and(|node| layers::is_spatial(&shapes[node])) {
            let expected =
                format!("a spatial layer of {}, as {}", request.card.architecture, layers::last(graph, shapes));
            return Err(request.refuse(key, format!("\"{name}\""), expected));
        }
    }
    // The last layer of a segmentation is the answer itself, so that its map would say nothing beyond it.
    let is_segmentation = shapes[graph.output()].len() == 4;
    let usual = if is_segmentation { layers::deepest } else { layers::last };
    Ok(explain.layer.clone().unwrap_or_else(|| usual(graph, shapes)))
}

#[cfg(test)]
mod tests;
