//! What is random in a network: layers with posteriors, dropout where the card says, the members of an ensemble.

use std::{fs, path::Path, sync::Arc};

use super::super::{
    Card, ModelError,
    card::DropoutCard,
    source::{Built, Request, Source},
};
use crate::{
    graph::{
        Graph, NodeId,
        ops::{Conv2d, Linear},
    },
    uncertainty::{FlipoutDense, Member, Noise, Sampler, UncertaintyError, WeightPosterior},
};

/// Builds the other networks of an ensemble from the files that the card names, relative to its folder.
pub(super) fn others(request: &Request, source: Source, folder: Option<&Path>) -> Result<Vec<Built>, ModelError> {
    let mut others = Vec::new();
    for member in &request.card.uncertainty.ensemble {
        let (weights, sha256) = member.parts();
        let Some(folder) = folder else {
            let expected = "nothing, as a built-in model has no folder".to_owned();
            return Err(request.refuse("uncertainty.ensemble", format!("\"{weights}\""), expected));
        };
        let path = folder.join(weights);
        let bytes = fs::read(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
        let card = Card { weights: weights.to_owned(), sha256: sha256.map(str::to_owned), ..request.card.clone() };
        let label = path.display().to_string();
        let own = Request { card: &card, bytes: &bytes, label: &label, folder: path.parent(), ..*request };
        others.push(source.build(&own)?);
    }
    Ok(others)
}

/// A network of which the sampler is made.
pub(super) struct Network<'a> {
    pub graph: &'a Arc<Graph>,
    pub posteriors: &'a [WeightPosterior],
}

/// The sampler of a model; `None` where nothing is random. Stacks and segmentations have none.
pub(super) fn sampler(
    request: &Request,
    networks: &[Network],
    head: Option<FlipoutDense>,
    (stack, segmentation): (bool, bool),
) -> Result<Option<Arc<Sampler>>, ModelError> {
    let card = &request.card.uncertainty;
    if stack || segmentation {
        let kind = if stack { "a stack model" } else { "a model that classifies each pixel" };
        let asked =
            [("uncertainty.dropout", card.dropout.is_empty()), ("uncertainty.ensemble", card.ensemble.is_empty())];
        return match asked.into_iter().find(|(_, is_empty)| !is_empty) {
            Some((key, _)) => Err(request.refuse(key, format!("given in {kind}"), "nothing".to_owned())),
            None => Ok(None),
        };
    }
    let mut members = Vec::with_capacity(networks.len());
    for network in networks {
        let mut noise = Vec::new();
        for posterior in network.posteriors {
            let Some(node) = weighted(network.graph, &posterior.layer) else {
                let reason = format!(
                    "{} has a distribution over its weights, but is no dense layer or convolution of this network",
                    posterior.layer
                );
                return Err(ModelError::WeightFile { weights: request.label.to_owned(), reason });
            };
            let (std, bias_std) = (posterior.std.clone(), posterior.bias_std.clone());
            noise.push((node, Noise::Weights { std, bias_std }));
        }
        for DropoutCard { layer, rate } in &card.dropout {
            let Some(node) = network.graph.find(layer).filter(|&node| node > 0) else {
                let expected = format!("a layer of {}; `glassbox models show` lists them", request.card.architecture);
                return Err(request.refuse("uncertainty.dropout", format!("\"{layer}\""), expected));
            };
            if node == network.graph.output() {
                let expected = "a layer before the logits".to_owned();
                return Err(request.refuse("uncertainty.dropout", format!("\"{layer}\", the last layer"), expected));
            }
            if noise.iter().any(|(other, _)| *other == node) {
                let expected = "each layer once, and none whose weights have a distribution".to_owned();
                return Err(request.refuse("uncertainty.dropout", format!("\"{layer}\""), expected));
            }
            noise.push((node, Noise::Dropout { rate: *rate }));
        }
        members.push(Member { graph: Arc::clone(network.graph), noise });
    }
    Ok(Sampler::new(members, head).map_err(|error| named(request, error))?.map(Arc::new))
}

/// The dense layer or convolution of this name, behind which its activation may stand.
pub(super) fn weighted(graph: &Graph, layer: &str) -> Option<NodeId> {
    let mut id = graph.find(layer)?;
    loop {
        let node = &graph.nodes()[id];
        if node.op_as::<Linear>().is_some() || node.op_as::<Conv2d>().is_some() {
            return Some(id);
        }
        let &[source] = node.inputs.as_slice() else { return None };
        if !graph.nodes()[source].name.starts_with(layer) {
            return None;
        }
        id = source;
    }
}

/// An error of the sampler as one about the key or the file that led to it.
fn named(request: &Request, error: UncertaintyError) -> ModelError {
    match error {
        UncertaintyError::Member { member, difference } => {
            let files = &request.card.uncertainty.ensemble;
            let file = member.checked_sub(1).and_then(|index| files.get(index)).map_or("", |file| file.parts().0);
            let expected = "weight files of one and the same network".to_owned();
            request.refuse("uncertainty.ensemble", format!("\"{file}\": {difference}"), expected)
        }
        other => ModelError::WeightFile { weights: request.label.to_owned(), reason: other.to_string() },
    }
}

/// What is random, in words for people: "Flipout in `fc`", "dropout in `a`, `b`", "an ensemble of 3 networks".
pub(super) fn words(card: &Card, posteriors: &[WeightPosterior]) -> String {
    let listed = |names: Vec<&str>| match names.as_slice() {
        [] => String::new(),
        names if names.len() <= 3 => names.join(", "),
        names => format!("{} and {} more layers", names[0], names.len() - 1),
    };
    let mut parts = Vec::new();
    if !posteriors.is_empty() {
        parts.push(format!("Flipout in {}", listed(posteriors.iter().map(|found| found.layer.as_str()).collect())));
    }
    let dropout = &card.uncertainty.dropout;
    if !dropout.is_empty() {
        parts.push(format!("dropout in {}", listed(dropout.iter().map(|dropout| dropout.layer.as_str()).collect())));
    }
    if !card.uncertainty.ensemble.is_empty() {
        parts.push(format!("an ensemble of {} networks", card.uncertainty.ensemble.len() + 1));
    }
    parts.join("; ")
}
