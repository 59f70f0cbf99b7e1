//! A synthetic knee: anatomy from geometric solids, sampled as three stacks of MR-like slices.

pub mod anatomy;
mod courses;
pub mod lesion;
pub mod render;
pub mod shape;
