//! Named tensors from weight files, handed to an architecture's builder one by one.

pub(super) mod elements;
mod heap;
mod pickle;
mod read;
mod safetensors;
#[cfg(test)]
mod tests;
mod torch;

use std::collections::{BTreeMap, HashMap};

use candle_core::{DType, Device, Tensor};

use super::error::{Mismatch, Misshapen, ModelError};

/// The tensors of a weight file by name, all `f32`.
///
/// A builder takes what it needs; what is missing, of the wrong shape or left over is collected, so that
/// [`Weights::finish`] can say everything at once.
#[derive(Debug, Clone)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
    label: String,
    device: Device,
    mismatch: Mismatch,
    notes: Vec<String>,
}

/// What a weight file holds: tensors as their shape and contiguous values, and what the reader has to say.
#[derive(Debug, Default)]
struct Contents {
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
    notes: Vec<String>,
}

impl Weights {
    /// Wraps tensors that are `f32` and on one device. `label` (a path, mostly) stands in error messages.
    #[must_use]
    pub fn from_tensors(tensors: HashMap<String, Tensor>, label: impl Into<String>) -> Self {
        let device = tensors.values().next().map_or(Device::Cpu, |tensor| tensor.device().clone());
        Self {
            tensors: tensors.into_iter().collect(),
            label: label.into(),
            device,
            mismatch: Mismatch::default(),
            notes: Vec::new(),
        }
    }

    /// Reads a weight file: `.safetensors`, or what `torch.save` wrote (zip or legacy). Which of them it is is
    /// decided by the content, not by the name.
    ///
    /// Numbers of other kinds become `f32`. Nothing in the file is executed: of pickles only plain data, ordered
    /// dictionaries and dense tensors are understood.
    ///
    /// # Errors
    /// [`ModelError::WeightFile`] when the file is damaged, of another kind, or no state dict;
    /// [`ModelError::Tensor`] when the device has no room.
    pub fn read(bytes: &[u8], label: impl Into<String>, device: &Device) -> Result<Self, ModelError> {
        let label = label.into();
        let contents = match read::contents(bytes) {
            Ok(contents) => contents,
            Err(reason) => return Err(ModelError::WeightFile { weights: label, reason }),
        };
        let mut tensors = HashMap::with_capacity(contents.tensors.len());
        for (name, (shape, values)) in contents.tensors {
            tensors.insert(name, Tensor::from_vec(values, shape, device)?);
        }
        Ok(Self { device: device.clone(), notes: contents.notes, ..Self::from_tensors(tensors, label) })
    }

    /// What the reader did that a user should know, one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Adds something that a user should know, a sentence.
    pub(in crate::model) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Gives tensors other names: those that `rule` has one for.
    pub(in crate::model) fn rename(&mut self, rule: &dyn Fn(&str) -> Option<String>) {
        let tensors = std::mem::take(&mut self.tensors);
        self.tensors = tensors.into_iter().map(|(name, tensor)| (rule(&name).unwrap_or(name), tensor)).collect();
    }

    /// Drops the tensors of a module that the architecture has no use for, and says whether there were any.
    pub(in crate::model) fn leave_out(&mut self, module: &str) -> bool {
        let before = self.tensors.len();
        self.tensors.retain(|name, _| name.strip_prefix(module).is_none_or(|rest| !rest.starts_with('.')));
        self.tensors.len() < before
    }

    /// Where the weights come from, for messages.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The shape of a tensor that has not been taken yet.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.get(name).map(|tensor| tensor.dims().to_vec())
    }

    /// The shape of a tensor that the architecture cannot do without, because its widths follow from it.
    ///
    /// # Errors
    /// [`ModelError::Mismatch`] when the tensor is missing, [`ModelError::WeightFile`] when it has another
    /// number of dimensions than `rank`.
    pub fn required_shape(&self, name: &str, rank: usize) -> Result<Vec<usize>, ModelError> {
        let Some(shape) = self.shape(name) else {
            let mismatch = Mismatch { missing: vec![name.to_owned()], ..Mismatch::default() };
            return Err(ModelError::Mismatch { weights: self.label.clone(), mismatch });
        };
        if shape.len() != rank {
            let reason = format!("{name} has shape {shape:?}, but {rank} dimensions are expected");
            return Err(ModelError::WeightFile { weights: self.label.clone(), reason });
        }
        Ok(shape)
    }

    /// A tensor that has not been taken yet, without taking it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The names that have not been taken yet, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    /// Hands over a tensor of the shape `expected`.
    ///
    /// Where it is missing or of another shape, that is recorded for [`Weights::finish`] and zeros of the
    /// shape `expected` are given instead, so that the builder can go on.
    #[must_use]
    pub fn take(&mut self, name: &str, expected: &[usize]) -> Tensor {
        let Some(tensor) = self.tensors.remove(name) else {
            self.mismatch.missing.push(name.to_owned());
            return self.zeros(expected);
        };
        self.checked(name, tensor, expected)
    }

    /// Like [`Weights::take`], but `None` without a complaint where the tensor is missing.
    #[must_use]
    pub fn take_optional(&mut self, name: &str, expected: &[usize]) -> Option<Tensor> {
        let tensor = self.tensors.remove(name)?;
        Some(self.checked(name, tensor, expected))
    }

    /// Says whether the builder found what it needed and used all there was.
    ///
    /// `num_batches_tracked`, a counter that batch normalisation keeps in training, may be left over.
    ///
    /// # Errors
    /// One [`ModelError::Mismatch`] with all that is missing, misshapen and left over, by name.
    pub fn finish(mut self) -> Result<(), ModelError> {
        self.mismatch.surplus =
            self.tensors.into_keys().filter(|name| !name.ends_with("num_batches_tracked")).collect();
        if self.mismatch.is_empty() {
            return Ok(());
        }
        Err(ModelError::Mismatch { weights: self.label, mismatch: self.mismatch })
    }

    fn checked(&mut self, name: &str, tensor: Tensor, expected: &[usize]) -> Tensor {
        if tensor.dims() == expected {
            return tensor;
        }
        let found = tensor.dims().to_vec();
        self.mismatch.misshapen.push(Misshapen { name: name.to_owned(), found, expected: expected.to_vec() });
        self.zeros(expected)
    }

    /// Zeros that take no memory whatever their shape: one element with strides of 0.
    fn zeros(&self, shape: &[usize]) -> Tensor {
        let zero = |device: &Device| Tensor::zeros((), DType::F32, device).and_then(|zero| zero.broadcast_as(shape));
        #[expect(clippy::expect_used, reason = "a scalar on the CPU can be made, and broadcast to any shape")]
        zero(&self.device).or_else(|_| zero(&Device::Cpu)).expect("a scalar can be broadcast to any shape")
    }
}
