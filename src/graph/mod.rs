//! The layer graph: nodes named as in the source framework, forward runs and vector-Jacobian products.
//!
//! Knows neither studies nor the viewer. See `ARCHITECTURE.md` for how explanation methods stand on it.

mod control;

pub use control::{Cancelled, Control};
