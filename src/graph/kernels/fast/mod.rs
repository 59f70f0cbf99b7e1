//! Convolutions and dense layers in `f32` on the CPU, as fast as the processor goes.
//!
//! Pictures lie with the channels last ([`image`]), so that neighbouring numbers are worked on together and pixels are
//! read where they lie. At the bottom is one product of a few rows with a panel of 32 columns ([`micro`]), written for
//! the instructions that the processor has ([`Isa`]); on top of it convolution by Winograd's algorithm ([`winograd`])
//! and directly ([`direct`]), and dense layers that wait for the memory ([`dense`]). [`Packed`] chooses between them for one layer and keeps its weights packed.

#![expect(
    unsafe_code,
    reason = "kernels write disjoint parts of one buffer from several threads, with instructions of the processor"
)]

pub(in crate::graph) mod dense;
mod direct;
mod image;
mod isa;
mod lane;
mod layout;
mod micro;
mod prepared;
#[cfg(test)]
mod tests;
mod winograd;

pub(in crate::graph) use isa::Isa;
pub(in crate::graph) use prepared::Packed;
