//! A network of the zoo with the formula's weights on one picture, and its reference vectors.

use std::{path::Path, sync::Arc};

use candle_core::{DType, Device, Tensor};
use glassbox::graph::{Control, Graph, INPUT, Keep, NodeId, Trace};

use crate::common::{formula, reference::Reference};

/// What is compared: one architecture's vectors.
pub struct Subject {
    /// The architecture, as `resnet18`.
    pub name: String,
    /// What PyTorch, pytorch-grad-cam and Captum give in float32.
    pub reference: Reference,
    /// Seed of the formula.
    pub seed: u64,
    /// The classes that maps are for; fields are for the first.
    pub classes: Vec<usize>,
    /// Role and name of the layers.
    pub roles: Vec<(String, String)>,
    /// The network's input in float32, `[1, 3, 224, 224]`.
    input: Tensor,
}

/// One run of the subject in one precision.
#[derive(Clone)]
pub struct Network {
    pub graph: Arc<Graph>,
    pub input: Tensor,
    /// Has the roles' outputs, the input, and what gradients to the input need.
    pub trace: Trace,
}

impl Subject {
    pub fn read(name: &str, reference: &Path, picture: &Path) -> Self {
        let reference = Reference::read(reference);
        let layers = reference.meta["layers"].as_object().unwrap();
        Self {
            name: name.to_owned(),
            seed: reference.meta["seed"].as_u64().unwrap(),
            classes: serde_json::from_value(reference.meta["top"].clone()).unwrap(),
            roles: layers.iter().map(|(role, layer)| (role.clone(), layer.as_str().unwrap().to_owned())).collect(),
            input: input(picture),
            reference,
        }
    }

    /// Runs the network in a precision.
    pub fn run(&self, precision: DType) -> Network {
        let graph = Arc::new(formula::graph(&self.name, &[], self.seed, precision));
        let keep = Keep::nothing().output_of(INPUT).gradients_to(INPUT);
        let keep = self.roles.iter().fold(keep, |keep, (_, layer)| keep.output_of(graph.find(layer).unwrap()));
        let input = self.input.to_dtype(precision).unwrap();
        let feeds = [(INPUT, input.clone())];
        let trace = graph.run(&feeds, graph.output(), &keep, &Control::default()).unwrap();
        Network { graph, input, trace }
    }
}

impl Network {
    /// The roles' nodes.
    pub fn nodes(&self, subject: &Subject) -> Vec<(String, NodeId)> {
        subject.roles.iter().map(|(role, layer)| (role.clone(), self.graph.find(layer).unwrap())).collect()
    }

    /// The seed of a class's gradient.
    pub fn seed(&self, class: usize) -> Tensor {
        let output = self.trace.target();
        let mut seed = vec![0.0_f32; output.elem_count()];
        seed[class] = 1.0;
        Tensor::from_vec(seed, output.shape(), &Device::Cpu).unwrap().to_dtype(output.dtype()).unwrap()
    }
}

/// The input of torchvision's networks from a picture of 224×224: `(x / 255 − mean) / std`, `[1, 3, 224, 224]`.
fn input(path: &Path) -> Tensor {
    let picture = image::open(path).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (224, 224), "the reference was made without resizing");
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let mut values = Vec::with_capacity(3 * 224 * 224);
    for channel in 0..3 {
        let normal = |value: u8| ((f64::from(value) / 255.0 - mean[channel]) / std[channel]) as f32;
        values.extend(picture.pixels().map(|pixel| normal(pixel.0[channel])));
    }
    Tensor::from_vec(values, (1, 3, 224, 224), &Device::Cpu).unwrap()
}

/// A tensor's elements, row-major.
pub fn elements(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}
