//! What is measured on: a card's model, or an architecture with weights from a formula.

use std::path::PathBuf;

use candle_core::Device;
use glassbox::model::zoo::Architecture;
use glassbox::model::{Model, formula, zoo};
use safetensors::tensor::{Dtype, TensorView};

use super::super::Stop;

/// The set that is measured unless another is named, and what on each: all of it in a few minutes on two cores.
pub const USUAL: &[(&str, &[&str])] = &[
    ("squeezenet1_1", &["forward", "gradcam"]),
    ("resnet18", &["forward", "gradcam", "another-class", "gradient", "smoothgrad", "occlusion", "lime", "passes"]),
    ("resnet50", &["forward", "gradcam"]),
    ("densenet121", &["forward", "gradcam"]),
    ("vgg16", &["forward", "gradcam", "another-class", "gradient", "passes"]),
    ("mrnet", &["forward", "gradcam", "another-class"]),
];

/// Seed of the formula; any does.
const SEED: u64 = 1;

/// Of a Flipout layer: a standard deviation of about 0.007 for every weight.
const RHO: f32 = -5.0;

/// Where a network comes from.
pub enum Network {
    /// The path of a card.
    Card(PathBuf),
    /// An architecture with weights from a formula.
    Formula(&'static Architecture),
}

impl Network {
    /// The architecture of this name.
    pub fn formula(name: &str) -> Result<Self, Stop> {
        zoo::find(name).map(Self::Formula).ok_or_else(|| {
            let known: Vec<&str> = zoo::ZOO.iter().map(|architecture| architecture.name).collect();
            Stop::Usage(format!("--network: `{name}` is no architecture; known are {}", known.join(", ")))
        })
    }

    /// Loads or builds it; `classes` overrides the usual number of an architecture's.
    pub fn load(&self, classes: Option<usize>, device: &Device) -> Result<Model, String> {
        match self {
            Self::Card(path) => glassbox::engine::load(path, device).map_err(|error| error.to_string()),
            Self::Formula(architecture) => build(architecture, classes, device),
        }
    }
}

/// An architecture with weights from the formula. Where its last layer is dense and it is no stack, the weights of that
/// layer have a distribution, so that passes can be drawn; it runs with their means otherwise.
fn build(architecture: &Architecture, classes: Option<usize>, device: &Device) -> Result<Model, String> {
    let mut shapes = formula::shapes(architecture).map_err(|error| error.to_string())?;
    let last = formula::last_layer(architecture).map_err(|error| error.to_string())?.unwrap_or_default();
    let weight = format!("{last}.weight");
    if let Some(classes) = classes {
        for name in [&weight, &format!("{last}.bias")] {
            if let Some(first) = shapes.get_mut(name).and_then(|shape| shape.first_mut()) {
                *first = classes;
            }
        }
    }
    let is_random = !architecture.stack && shapes.get(&weight).is_some_and(|shape| shape.len() == 2);
    let mut tensors = formula::tensors(architecture, shapes, SEED);
    if is_random && let Some((shape, values)) = tensors.get(&weight) {
        let rho = (shape.clone(), vec![RHO; values.len()]);
        tensors.insert(format!("{last}.weight_rho"), rho);
    }
    let views = tensors.iter().map(|(name, (shape, values))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values));
        view.map(|view| (name.clone(), view)).map_err(|error| error.to_string())
    });
    let views = views.collect::<Result<Vec<_>, String>>()?;
    let bytes = safetensors::serialize(views, None).map_err(|error| error.to_string())?;
    drop(tensors);
    Model::from_parts(&card(architecture, is_random), &bytes, device).map_err(|error| error.to_string())
}

/// A card with the input that the family is usually given.
fn card(architecture: &Architecture, is_random: bool) -> String {
    let name = architecture.name;
    let (size, output) = match (architecture.stack, is_random) {
        (true, _) => (256, "activation = \"sigmoid\"\nslices = \"max\""),
        (false, true) => (usual_size(name), "head = \"flipout\""),
        (false, false) => (usual_size(name), ""),
    };
    format!(
        r#"name = "{name}"
version = "formula"
intended_use = "Measuring time. Its weights come from a formula and mean nothing."
architecture = "{name}"
weights = "formula"
[input]
size = [{size}, {size}]
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
[output]
{output}
"#
    )
}

fn usual_size(name: &str) -> usize {
    if name == "inception_v3" { 299 } else { 224 }
}
