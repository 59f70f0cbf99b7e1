//! Constants: tensors of learned numbers, and the small integer tensors that shapes are computed with.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::error::{Fault, Result};

/// A tensor that does not depend on the picture.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    /// Numbers of any floating kind, as `f32` on the CPU.
    Float(Tensor),
    /// Integers and booleans.
    Int(Ints),
}

/// Integers with their shape; no dimension for a single one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ints {
    pub shape: Vec<usize>,
    pub values: Arc<[i64]>,
}

impl Constant {
    /// A list of integers in one dimension.
    pub fn list(values: Vec<i64>) -> Self {
        Self::ints_of(vec![values.len()], values)
    }

    /// Integers of this shape, which has as many places.
    pub fn ints_of(shape: Vec<usize>, values: Vec<i64>) -> Self {
        Self::Int(Ints { shape, values: values.into() })
    }

    /// Numbers of this shape.
    pub fn floats_of(shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        Ok(Self::Float(Tensor::from_vec(values, shape, &Device::Cpu)?))
    }

    pub fn dims(&self) -> &[usize] {
        match self {
            Self::Float(tensor) => tensor.dims(),
            Self::Int(ints) => &ints.shape,
        }
    }

    pub fn count(&self) -> usize {
        self.dims().iter().product()
    }

    /// All elements as integers.
    pub fn ints(&self) -> Result<Vec<i64>> {
        match self {
            Self::Int(ints) => Ok(ints.values.to_vec()),
            Self::Float(_) => Err(Fault::malformed("an input that must hold integers holds other numbers")),
        }
    }

    /// All elements as numbers.
    pub fn floats(&self) -> Result<Vec<f32>> {
        match self {
            Self::Float(tensor) => Ok(tensor.flatten_all()?.to_vec1()?),
            Self::Int(ints) => Ok(ints.values.iter().map(|&value| value as f32).collect()),
        }
    }

    /// The numbers as a tensor.
    pub fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Float(tensor) => Ok(tensor.clone()),
            Self::Int(ints) => Ok(Tensor::from_vec(self.floats()?, ints.shape.clone(), &Device::Cpu)?),
        }
    }

    /// The only number of a tensor with one element.
    pub fn scalar(&self) -> Option<f64> {
        if self.count() != 1 {
            return None;
        }
        match self {
            Self::Float(tensor) => tensor.flatten_all().ok()?.to_vec1::<f32>().ok()?.first().map(|&value| value.into()),
            Self::Int(ints) => ints.values.first().map(|&value| value as f64),
        }
    }

    /// A tensor of shape `shape` whose element `i` is element `source[i]` of this one.
    pub fn pick(&self, shape: Vec<usize>, source: &[usize]) -> Result<Self> {
        match self {
            Self::Int(ints) => Ok(Self::ints_of(shape, source.iter().map(|&index| ints.values[index]).collect())),
            Self::Float(_) => {
                let values = self.floats()?;
                Self::floats_of(shape, source.iter().map(|&index| values[index]).collect())
            }
        }
    }

    /// The same elements in another shape, which has as many places.
    pub fn reshaped(&self, shape: Vec<usize>) -> Result<Self> {
        if shape.iter().product::<usize>() != self.count() {
            return Err(Fault::malformed(format!("{:?} cannot take the shape {shape:?}", self.dims())));
        }
        match self {
            Self::Int(ints) => Ok(Self::Int(Ints { shape, values: Arc::clone(&ints.values) })),
            Self::Float(tensor) => Ok(Self::Float(tensor.reshape(shape)?)),
        }
    }

    /// Elements with a truth: everything but zero.
    pub fn truths(&self) -> Result<Vec<bool>> {
        match self {
            Self::Int(ints) => Ok(ints.values.iter().map(|&value| value != 0).collect()),
            Self::Float(_) => Ok(self.floats()?.into_iter().map(|value| value != 0.0).collect()),
        }
    }

    /// The tensor as an operation keeps it.
    pub fn on(&self, device: &Device) -> Result<Tensor> {
        Ok(self.tensor()?.to_dtype(DType::F32)?.contiguous()?.to_device(device)?)
    }
}

/// The shape that two shapes broadcast to, by NumPy's rule.
pub(super) fn broadcast(one: &[usize], other: &[usize]) -> Result<Vec<usize>> {
    let rank = one.len().max(other.len());
    let at = |shape: &[usize], dimension: usize| {
        (dimension + shape.len()).checked_sub(rank).map_or(1, |dimension| shape[dimension])
    };
    (0..rank)
        .map(|dimension| match (at(one, dimension), at(other, dimension)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => Err(Fault::malformed(format!("{one:?} and {other:?} do not broadcast"))),
        })
        .collect()
}

/// For each element of a tensor of shape `to`, the element of one of shape `from` that broadcasts to it.
pub(super) fn broadcast_indices(from: &[usize], to: &[usize]) -> Vec<usize> {
    let skipped = to.len() - from.len();
    let mut strides = vec![0; to.len()];
    let mut stride = 1;
    for dimension in (0..from.len()).rev() {
        strides[skipped + dimension] = if from[dimension] == 1 { 0 } else { stride };
        stride *= from[dimension];
    }
    strided(to, &strides, 0)
}

/// The places `offset + Σ index · stride` of all indices of a shape, row-major.
pub(super) fn strided(shape: &[usize], strides: &[usize], offset: usize) -> Vec<usize> {
    let mut places = vec![offset];
    for (&length, &stride) in shape.iter().zip(strides) {
        places = places.iter().flat_map(|&base| (0..length).map(move |index| base + index * stride)).collect();
    }
    places
}

/// The steps from one element to the next along each dimension of a row-major tensor.
pub(super) fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for dimension in (1..shape.len()).rev() {
        strides[dimension - 1] = strides[dimension] * shape[dimension];
    }
    strides
}

/// How many elements a shape has, if that can be held in memory at all.
pub(super) fn checked_count(shape: &[usize]) -> Result<usize> {
    shape
        .iter()
        .try_fold(1_usize, |count, &length| count.checked_mul(length.max(1)))
        .filter(|&count| count <= LARGEST_CONSTANT)
        .map(|_| shape.iter().product())
        .ok_or_else(|| Fault::malformed(format!("a constant of shape {shape:?} is too large")))
}

/// The largest number of elements that a constant may be blown up to by folding.
const LARGEST_CONSTANT: usize = 1 << 26;
