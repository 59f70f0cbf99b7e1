//! Named tensors from weight files, handed to an architecture's builder one by one.

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
}

impl Weights {
    /// Wraps tensors that are `f32` and on one device. `label` (a path, mostly) stands in error messages.
    #[must_use]
    pub fn from_tensors(tensors: HashMap<String, Tensor>, label: impl Into<String>) -> Self {
        let device = tensors.values().next().map_or(Device::Cpu, |tensor| tensor.device().clone());
        Self { tensors: tensors.into_iter().collect(), label: label.into(), device, mismatch: Mismatch::default() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(entries: &[(&str, &[usize])]) -> Weights {
        let tensors = entries
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), Tensor::ones(*shape, DType::F32, &Device::Cpu).unwrap()))
            .collect();
        Weights::from_tensors(tensors, "test.safetensors")
    }

    #[test]
    fn everything_used_is_no_error() {
        let mut weights = weights(&[("a.weight", &[2, 3]), ("a.bias", &[2]), ("bn.num_batches_tracked", &[])]);
        assert_eq!(weights.take("a.weight", &[2, 3]).dims(), [2, 3]);
        assert!(weights.take_optional("a.bias", &[2]).is_some());
        assert!(weights.take_optional("b.bias", &[2]).is_none());
        weights.finish().unwrap();
    }

    #[test]
    fn one_error_names_every_difference() {
        let mut weights = weights(&[("a.weight", &[2, 3]), ("left.over", &[2])]);
        assert_eq!(weights.take("a.weight", &[4, 3]).dims(), [4, 3]);
        assert_eq!(weights.take("b.weight", &[7]).to_vec1::<f32>().unwrap(), [0.0; 7]);
        let message = weights.finish().unwrap_err().to_string();
        assert_eq!(
            message,
            "The weights do not fit the architecture: missing b.weight; a.weight with shape [2, 3] where [4, 3] is \
             expected; not part of the architecture: left.over: test.safetensors"
        );
    }

    #[test]
    fn a_missing_giant_takes_no_memory() {
        let mut weights = weights(&[]);
        assert_eq!(weights.take("giant", &[1 << 20, 1 << 20]).elem_count(), 1 << 40);
    }

    #[test]
    fn a_required_shape_names_what_is_missing_or_of_another_rank() {
        let weights = weights(&[("a.weight", &[2, 3])]);
        assert_eq!(weights.required_shape("a.weight", 2).unwrap(), [2, 3]);
        assert!(weights.required_shape("a.weight", 4).unwrap_err().to_string().contains("4 dimensions"));
        assert!(weights.required_shape("b.weight", 4).unwrap_err().to_string().contains("missing b.weight"));
    }
}
