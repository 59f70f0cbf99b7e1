//! Glassbox: a clinical viewer that opens the black box of medical image networks.
//!
//! The crate is laid out in rooms with dependencies that point one way only:
//! `viewer → engine → explain, uncertainty, inside → graph`, `model → graph, display`, `study → display`.
//! `ARCHITECTURE.md` is the map.

pub mod allocator;
pub mod demo;
pub mod display;
pub mod engine;
pub mod explain;
pub mod export;
pub mod graph;
mod guard;
pub mod inside;
pub mod model;
pub mod study;
pub mod uncertainty;
pub mod viewer;
