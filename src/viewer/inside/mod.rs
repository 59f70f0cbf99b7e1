//! A look inside the network: the channels of a layer over the slices, sorted, found by number, followed.

pub mod atlas;
pub mod facts;
pub mod filter;
pub mod history;
pub mod legend;
pub mod overlay;
pub mod sorted;

pub use facts::InsideFacts;
