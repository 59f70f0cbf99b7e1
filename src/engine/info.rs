//! A loaded model as the viewer shows it.

use std::sync::Arc;

use super::key::{ModelId, ModelPath};
use super::outcome::ModelInfo;
use crate::explain::METHODS;
use crate::model::{LayerInfo, Model};

/// What the viewer has to know of a model.
pub fn info(path: &ModelPath, model: &Model) -> ModelInfo {
    let unsuitable = METHODS.iter().filter_map(|method| {
        let error = method.suits(&model.graph).err()?;
        Some((method.name(), Arc::from(error.to_string())))
    });
    // The further files of an ensemble are weights too.
    let contents = [&model.card_sha256, &model.weights_sha256].into_iter().chain(&model.ensemble_sha256);
    let id = contents.map(String::as_str).collect::<Vec<_>>().join(":");
    ModelInfo {
        id: ModelId(Arc::from(id)),
        path: path.clone(),
        card: model.card.clone(),
        card_sha256: model.card_sha256.clone(),
        weights_sha256: model.weights_sha256.clone(),
        layers: model.layers().to_vec(),
        default_layer: model.default_layer().to_owned(),
        stack: model.stack,
        segmentation: model.segmentation,
        stochastic: model.sampler.is_some(),
        randomness: model.randomness.clone(),
        narrow: model.narrow.clone(),
        most_passes: model.sampler.as_ref().map(|sampler| sampler.passes(usize::MAX)),
        classes: model.classes.clone(),
        unsuitable: unsuitable.collect(),
        stages: stages(model),
    }
}

fn stages(model: &Model) -> Option<[Arc<str>; 3]> {
    let offered = &model.card.explain.layers;
    let names: Vec<&str> = if offered.len() >= 3 {
        offered.iter().map(String::as_str).collect()
    } else {
        let last = model.graph.find(model.default_layer())?;
        one_a_resolution(model.layers(), model.default_layer(), last)
    };
    first_middle_last(&names).map(|stages| stages.map(Arc::from))
}

/// The last layer of each resolution up to the node `last`, which goes by the name `default`.
fn one_a_resolution<'a>(layers: &'a [LayerInfo], default: &'a str, last: usize) -> Vec<&'a str> {
    let spatial: Vec<&LayerInfo> = layers.iter().filter(|layer| layer.spatial && layer.node <= last).collect();
    let ends = spatial.iter().enumerate().filter(|(index, layer)| {
        let next = spatial.get(index + 1);
        next.is_none_or(|next| next.shape.get(1..) != layer.shape.get(1..))
    });
    let mut names: Vec<&str> = ends.map(|(_, layer)| layer.name.as_str()).collect();
    names.pop();
    names.push(default);
    if names.len() < 3 {
        // One resolution all through: evenly chosen layers.
        names = spatial.iter().map(|layer| layer.name.as_str()).filter(|name| *name != default).collect();
        names.push(default);
    }
    names
}

fn first_middle_last<'a>(names: &[&'a str]) -> Option<[&'a str; 3]> {
    let (&first, &last) = (names.first()?, names.last()?);
    (names.len() >= 3).then(|| [first, names[names.len() / 2], last])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(node: usize, name: &str, side: usize) -> LayerInfo {
        LayerInfo {
            node,
            name: name.to_owned(),
            op: "ReLU",
            shape: vec![8, side, side],
            spatial: side > 1,
            parameters: 0,
            macs: 0,
        }
    }

    #[test]
    fn stages_are_the_first_a_middle_and_the_last_resolution() {
        let layers = [
            layer(1, "conv1", 112),
            layer(2, "relu1", 112),
            layer(3, "pool", 56),
            layer(4, "layer1", 56),
            layer(5, "layer2", 28),
            layer(6, "layer3", 14),
            layer(7, "layer4.relu", 7),
            layer(8, "avgpool", 1),
        ];
        let names = one_a_resolution(&layers, "layer4", 7);
        assert_eq!(names, ["relu1", "layer1", "layer2", "layer3", "layer4"]);
        assert_eq!(first_middle_last(&names), Some(["relu1", "layer2", "layer4"]));
    }

    #[test]
    fn a_network_of_one_resolution_has_stages_too_unless_it_is_too_short() {
        let layers = [layer(1, "a", 28), layer(2, "b", 28), layer(3, "c", 28), layer(4, "d", 28)];
        assert_eq!(first_middle_last(&one_a_resolution(&layers, "d", 4)), Some(["a", "c", "d"]));
        assert_eq!(first_middle_last(&one_a_resolution(&layers[..2], "b", 2)), None);
    }
}
