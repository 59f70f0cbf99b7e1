//! Kernels for the CPU over plain slices, parallel over channels. Generic over `f32` and `f64`, but for those in [`fast`].

pub(super) mod average;
pub(super) mod awake;
pub(super) mod binary;
pub(super) mod buffers;
pub(super) mod conv;
mod direct;
mod each;
pub(super) mod elementwise;
mod exponential;
pub(super) mod fast;
pub(super) mod join;
pub(super) mod map;
pub(super) mod max_pool;
pub(super) mod memory;
pub(super) mod mosaic;
pub(super) mod parts;
pub(super) mod resize;
pub(super) mod rows;
mod serve;

use candle_core::{Device, Result, Shape, Tensor, WithDType};

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
#[cfg(test)]
pub(crate) use serve::idle;
pub(in crate::graph) use serve::serve;

/// Lends the elements of a tensor on the CPU in row-major order.
pub(super) fn read<T: WithDType, R>(tensor: &Tensor, use_it: impl FnOnce(&[T]) -> Result<R>) -> Result<R> {
    memory::read_as(tensor, memory::Order::First, use_it)
}

/// A tensor on the CPU from its elements in row-major order.
pub(super) fn tensor<T: WithDType>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}
