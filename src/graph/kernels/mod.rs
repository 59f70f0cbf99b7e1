//! Kernels for the CPU over plain slices, parallel over channels. Generic over `f32` and `f64`, but for those in [`fast`].

pub(super) mod average;
pub(super) mod binary;
pub(super) mod conv;
mod direct;
pub(super) mod elementwise;
mod exponential;
pub(super) mod fast;
pub(super) mod map;
pub(super) mod max_pool;
pub(super) mod mosaic;
pub(super) mod parts;
pub(super) mod resize;
pub(super) mod rows;

use candle_core::{Device, Result, Shape, Storage, Tensor, WithDType, bail};

/// How many elements one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// Calls a kernel that is generic over the element type.
macro_rules! for_float {
    ($tensor:expr, $kernel:ident($($argument:expr),* $(,)?)) => {
        match $tensor.dtype() {
            candle_core::DType::F32 => $kernel::<f32>($($argument),*),
            candle_core::DType::F64 => $kernel::<f64>($($argument),*),
            other => candle_core::bail!("{other:?} tensors are not supported"),
        }
    };
}
pub(super) use for_float;

/// Lends the elements of a tensor on the CPU in row-major order.
pub(super) fn read<T: WithDType, R>(tensor: &Tensor, use_it: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("a tensor that is not on the CPU was given to a CPU kernel") };
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("a contiguous tensor was expected") };
    use_it(&storage.as_slice::<T>()?[start..end])
}

/// A tensor on the CPU from its elements in row-major order.
pub(super) fn tensor<T: WithDType>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}
