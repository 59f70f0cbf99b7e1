//! The weights of a Keras file by layer.
//!
//! Two formats: HDF5 of Keras 2 and of `model.save("….h5")` names tensors by layer (`block1_conv1/kernel:0` in the
//! group `block1_conv1`, those of a nested network all in the nested network's group); `model.weights.h5` of Keras 3
//! numbers them by class of layer (`layers/conv2d_1/vars/0`).

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::{fault::Fault, h5::Hdf5, place::Place};
use crate::model::{Mismatch, Misshapen};

/// The most tensors of a file, and how deep networks may be nested in it.
const MOST_TENSORS: usize = 100_000;
const DEEPEST: usize = 16;

/// The most elements of a stand-in for a tensor that does not fit.
const LARGEST_STAND_IN: usize = 1 << 26;

/// State of random numbers, which inference has no use for.
const RANDOM_STATE: [&str; 2] = ["seed_generator_state", "StateVar"];

/// The tensors of a file, read when they are taken.
pub(super) struct Store {
    file: Hdf5,
    naming: Naming,
    tensors: Vec<Entry>,
    /// Which tensors lie in a group.
    groups: HashMap<String, Vec<usize>>,
    mismatch: Mismatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// By the names of layers.
    Layers,
    /// By class and number.
    Classes,
}

#[derive(Debug)]
struct Entry {
    /// The name in the group, without `:0`.
    name: String,
    /// The path in the file.
    path: String,
    shape: Vec<usize>,
    taken: bool,
}

/// One tensor of a layer: its number among the layer's tensors and its name, which differs between versions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    pub number: usize,
    pub names: &'a [&'a str],
}

impl Store {
    /// Lists the tensors of a file.
    pub fn open(file: Hdf5) -> Result<Self, String> {
        let mut store = Self {
            file,
            naming: Naming::Layers,
            tensors: Vec::new(),
            groups: HashMap::new(),
            mismatch: Mismatch::default(),
        };
        let prefix = if store.file.has_group("model_weights") { "model_weights" } else { "" };
        if let Some(layers) = store.file.texts(prefix, "layer_names")? {
            store.list_layers(prefix, &layers)?;
        } else if store.file.has_group("layers") {
            store.naming = Naming::Classes;
            store.list_classes("layers", 0)?;
        } else {
            return Err("it holds no weights of Keras (neither layer_names nor a group `layers`)".to_owned());
        }
        Ok(store)
    }

    fn list_layers(&mut self, prefix: &str, layers: &[String]) -> Result<(), String> {
        for layer in layers {
            let group = if prefix.is_empty() { layer.clone() } else { format!("{prefix}/{layer}") };
            for name in self.file.texts(&group, "weight_names")?.unwrap_or_default() {
                self.list(layer, name.clone(), format!("{group}/{name}"))?;
            }
        }
        Ok(())
    }

    fn list_classes(&mut self, group: &str, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("its groups are nested more than {DEEPEST} deep"));
        }
        for layer in self.file.groups(group)? {
            for part in self.file.groups(&format!("{group}/{layer}"))? {
                let path = format!("{group}/{layer}/{part}");
                match part.as_str() {
                    "vars" => {
                        for name in self.file.datasets(&path)? {
                            self.list(&path, name.clone(), format!("{path}/{name}"))?;
                        }
                    }
                    "layers" => self.list_classes(&path, depth + 1)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, group: &str, name: String, path: String) -> Result<(), String> {
        if self.tensors.len() >= MOST_TENSORS {
            return Err(format!("it names more than {MOST_TENSORS} tensors"));
        }
        let shape = self.file.shape(&path)?;
        let name = match name.rsplit_once(':') {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
            _ => name,
        };
        self.groups.entry(group.to_owned()).or_default().push(self.tensors.len());
        self.tensors.push(Entry { name, path, shape, taken: false });
        Ok(())
    }

    /// Whether the layer here has this tensor, and its shape.
    pub fn shape(&self, place: &Place, slot: Slot) -> Option<&[usize]> {
        self.find(place, slot).map(|index| self.tensors[index].shape.as_slice())
    }

    /// Hands over a tensor of a layer, on the CPU and in Keras's order of dimensions.
    ///
    /// Where it is missing or of another shape, that is recorded for [`Store::finish`] and zeros take its place, so
    /// that the rest can be checked as well.
    pub fn take(&mut self, place: &Place, slot: Slot, expected: &[usize]) -> Result<Tensor, Fault> {
        let name = match self.naming {
            Naming::Layers => format!("{}/{}", place.name(), slot.names[0]),
            Naming::Classes => format!("{}/{} ({}/{})", place.group(), slot.number, place.name(), slot.names[0]),
        };
        let Some(index) = self.find(place, slot) else {
            self.mismatch.missing.push(name);
            return self.stand_in(expected);
        };
        let entry = &mut self.tensors[index];
        entry.taken = true;
        if entry.shape != expected {
            let (found, expected_shape) = (entry.shape.clone(), expected.to_vec());
            self.mismatch.misshapen.push(Misshapen { name, found, expected: expected_shape });
            return self.stand_in(expected);
        }
        let values = self.file.values(&entry.path).map_err(Fault::File)?;
        if values.iter().any(|value| !value.is_finite()) {
            let reason = format!("{name} has values that are not finite; the training that made it diverged");
            return Err(Fault::File(reason));
        }
        Ok(Tensor::from_vec(values, expected, &Device::Cpu)?)
    }

    /// Says whether the network found what it needed and used all there was.
    pub fn finish(mut self) -> Result<(), Fault> {
        let left = self.tensors.iter().filter(|entry| !entry.taken);
        let left = left.filter(|entry| !RANDOM_STATE.iter().any(|state| last(&entry.name) == *state));
        self.mismatch.surplus = left.map(|entry| entry.path.clone()).collect();
        if self.mismatch.is_empty() { Ok(()) } else { Err(Fault::Mismatch(self.mismatch)) }
    }

    fn find(&self, place: &Place, slot: Slot) -> Option<usize> {
        let entry = |index: &&usize| &self.tensors[**index];
        if self.naming == Naming::Classes {
            let number = slot.number.to_string();
            return self.groups.get(&place.group())?.iter().find(|index| entry(index).name == number).copied();
        }
        let (layer, outer) = place.names.split_last()?;
        let group = self.groups.get(outer.first().unwrap_or(layer))?;
        let mut fitting: Vec<&usize> =
            group.iter().filter(|index| slot.names.contains(&last(&entry(index).name))).collect();
        // The tensors of a nested network all lie in its group; names of layers around them tell them apart.
        for depth in (0..place.names.len()).rev() {
            if fitting.len() <= 1 && (outer.is_empty() || depth + 1 < place.names.len()) {
                break;
            }
            let parents = format!("/{}/", place.names[depth..].join("/"));
            fitting.retain(|index| {
                let name = &entry(index).name;
                format!("/{name}").ends_with(&format!("{parents}{}", last(name)))
            });
        }
        match fitting.as_slice() {
            [one] => Some(**one),
            _ => None,
        }
    }

    /// Zeros that take no memory: one element with strides of 0.
    fn stand_in(&self, shape: &[usize]) -> Result<Tensor, Fault> {
        let elements = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
        if elements.is_none_or(|count| count > LARGEST_STAND_IN) {
            return Err(Fault::Mismatch(self.mismatch.clone()));
        }
        Ok(Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(shape)?)
    }
}

/// What stands after the last slash.
fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}
