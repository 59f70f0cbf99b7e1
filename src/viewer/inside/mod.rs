//! A look inside the network: the channels of a layer over the slices, its filters, and what many images have in
//! common there.

pub mod atlas;
pub mod facts;
pub mod filter;
pub mod history;
pub mod images;
pub mod kernels;
pub mod legend;
pub mod overlay;
pub mod patch;
pub mod scatter;
pub mod sorted;
pub mod surveyed;

pub use facts::InsideFacts;
