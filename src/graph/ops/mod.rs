//! The operations, one file a family.
//!
//! On the CPU those that matter for speed run on the kernels of `graph::kernels`; on other devices they are
//! composed from tensor operations. Both are tested against each other, on the CPU.

mod average;
mod batch_norm;
mod binary;
mod broadcast;
mod conv;
mod conv_transpose;
mod function;
mod join;
mod layout;
mod linear;
mod local_response;
mod map;
mod matmul;
mod max_pool;
mod norm;
mod pad;
mod prelu;
mod reduce;
mod relu;
mod resize;
mod rows;
mod shape;
mod slice;
mod slice_max;
mod softmax;
mod windows;

pub use average::{AdaptiveAvgPool2d, AvgPool2d};
pub use batch_norm::BatchNorm2d;
pub use binary::{Arithmetic, Binary, BinaryConstant};
pub(super) use broadcast::Broadcast;
pub use conv::Conv2d;
pub(super) use conv::Sizes;
pub use conv_transpose::ConvTranspose2d;
pub use function::Function;
pub use join::{Add, Concat};
pub use layout::{Dropout, Flatten, Input};
pub use linear::{Linear, NarrowError};
pub use local_response::LocalResponseNorm;
pub use map::Map;
pub use matmul::MatMul;
pub use max_pool::MaxPool2d;
pub use norm::{GroupNorm, InstanceNorm2d, LayerNorm};
pub use pad::{Pad, PadMode};
pub use prelu::PRelu;
pub use reduce::{GlobalMaxPool, Reduce, Reduction};
pub use relu::Relu;
pub(super) use resize::Taps;
pub use resize::{Coordinates, Resize, ResizeMode, ResizeTo, Rounding};
pub use shape::{DepthMode, DepthToSpace, Expand, Reshape, Transpose};
pub use slice::Slice;
pub use slice_max::{SliceMax, winning_slices};
pub use softmax::{LogSoftmax, Softmax};
pub(super) use windows::{Window, inside};

/// The only input's shape, or the reason why it is not one with elements in it.
fn only<'a>(inputs: &[&'a [usize]]) -> Result<&'a [usize], String> {
    let [input] = inputs else { return Err(format!("it takes 1 input, not {}", inputs.len())) };
    if input.contains(&0) {
        return Err("no dimension may be 0".to_owned());
    }
    Ok(input)
}

/// The only input's shape, or the reason why it is not one of `rank` dimensions.
fn single<'a>(inputs: &[&'a [usize]], rank: usize) -> Result<&'a [usize], String> {
    let input = only(inputs)?;
    if input.len() != rank {
        return Err(format!("it takes {rank} dimensions, not {}", input.len()));
    }
    Ok(input)
}

/// How many elements a shape has.
fn count(shape: &[usize]) -> u64 {
    shape.iter().map(|&length| length as u64).product()
}

/// A shape `[batch, channels, rows, columns]`.
fn image_shape(inputs: &[&[usize]]) -> Result<[usize; 4], String> {
    let input = single(inputs, 4)?;
    Ok([input[0], input[1], input[2], input[3]])
}

#[cfg(test)]
pub(in crate::graph) mod tests;
