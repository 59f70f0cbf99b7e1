//! Convolutions and dense layers in `f32` on the CPU, as fast as the processor goes.
//!
//! Pictures lie with the channels last ([`image`]), so that neighbouring numbers are worked on together and pixels are
//! read where they lie. At the bottom is one product of a few rows with a panel of 32 columns ([`micro`]), written for
//! the instructions that the processor has ([`Isa`]); on top of it convolution by Winograd's algorithm ([`winograd`],
//! in steps over [`phases`]) and directly ([`direct`]), either into a maximum pooling some pictures or row by row
//! ([`pooled`]), and dense layers that wait for the memory ([`dense`]). [`Packed`] chooses between them for one layer and
//! keeps its weights packed.

#![expect(
    unsafe_code,
    reason = "kernels write disjoint parts of one buffer from several threads, with instructions of the processor"
)]
#![expect(
    clippy::inline_always,
    clippy::needless_range_loop,
    reason = "closures and functions that are not inlined would be compiled for the processor's least instructions"
)]

mod after;
pub(in crate::graph) mod dense;
mod depthwise;
mod direct;
mod fold;
mod image;
mod isa;
mod lane;
mod largest;
mod layout;
mod micro;
mod normal;
mod phases;
mod pooled;
mod prepared;
mod reach;
#[cfg(test)]
mod tests;
mod winners;
mod winograd;

use image::View;
pub(in crate::graph) use isa::Isa;
use largest::{Windows, largest};
pub(in crate::graph) use layout::{Edges, to_last};
pub(in crate::graph) use normal::{Normal, Part, normalise};
pub(in crate::graph) use prepared::{Beside, Extras, Packed, Prepared, edges_of};
pub(in crate::graph) use reach::{Reach, Rows};
pub(in crate::graph) use winners::{put_back, winners};

/// Channels last, `[batch, rows, columns, channels]` → `[batch, channels, rows, columns]`.
pub(in crate::graph) fn to_first(values: &[f32], sizes: [usize; 4], out: &mut [f32]) {
    layout::to_first(View::new(values, sizes), out);
}
