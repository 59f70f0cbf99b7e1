//! Screenshots, sheets and raw maps on disk, each with its provenance; a file is whole or absent.

mod atomic;
pub mod check;
mod exam;
pub mod npy;
pub mod png;
mod provenance;

pub use atomic::{ExportError, write_atomically};
pub use exam::{
    AnswerRecord, CellRecord, CombinedRecord, ExamRecord, ExamReport, ExamStudyRecord, PlaneRecord, TaskRecord,
};
pub use provenance::{
    ExactRecord, Explanation, FailedSource, MapRecord, ModelRecord, ProgramRecord, ResultRecord, SegmentsRecord,
    StackRecord, TopClass, UncertaintyRecord, VerdictRecord,
};
