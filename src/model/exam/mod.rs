//! Exam cards: `exam.toml`, several models over the planes of one study and how their answers combine.
//!
//! An exam is a table. Its rows are the tasks (what is looked for), its columns the planes (which series is looked
//! at); each cell is one model's answer, and each row ends in a combined one.

mod card;
mod combine;
mod error;
mod resolve;
#[cfg(test)]
mod tests;

pub use card::{Combine, ExamCard, MemberCard, Missing, PlaneChoice, TaskCard};
pub use combine::{Combined, Part, combine};
pub use error::ExamError;
pub use resolve::{Column, Exam, Judged, Member};
