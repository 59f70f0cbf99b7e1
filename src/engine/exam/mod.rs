//! An exam over a study: which series each plane is, what is wanted in which order, and the table of answers.
//!
//! Pure functions; the viewer asks the [engine](super::Engine) in the order of [`wants`] and makes the table of what is
//! there, the command line runs one cell after the other.

mod matching;
mod order;
mod table;

pub use matching::{Match, matches};
pub use order::wants;
pub use table::{Cell, CellResult, Row, table};
