//! Models by path: cards on disk, and the embedded demo models under `demo:`.

use std::path::{Path, PathBuf};

use candle_core::Device;

use crate::demo::{self, Embedded};
use crate::model::{Card, Catalogue, Entry, Exam, ExamEntry, Model, ModelError};

/// What paths into the embedded demo begin with.
const DEMO: &str = "demo:";

/// Whether a path leads into the embedded demo instead of the disk.
#[must_use]
pub fn is_demo(path: &Path) -> bool {
    path.starts_with(DEMO) || path.to_str().is_some_and(|text| text.starts_with(DEMO))
}

/// All known models: the embedded ones, then those in `folders`. A bad card is listed with its reason; a copy of an
/// embedded card (the `models` folder of the sources) is not listed twice.
#[must_use]
pub fn catalogue(folders: &[PathBuf]) -> Catalogue {
    let mut entries: Vec<Entry> = demo::models().iter().map(entry).collect();
    let found = Catalogue::scan(folders).entries;
    let is_copy = |other: &Entry| other.card.is_some() && entries.iter().any(|embedded| embedded.card == other.card);
    let others: Vec<Entry> = found.into_iter().filter(|other| !is_copy(other)).collect();
    entries.extend(others);
    let mut catalogue = Catalogue { entries, exams: Vec::new() };
    catalogue.exams = demo::exams().iter().map(|(name, card)| exam_entry(name, card, &catalogue)).collect();
    let embedded = catalogue.exams.len();
    catalogue.scan_exams(folders);
    let copies: Vec<bool> = catalogue
        .exams
        .iter()
        .enumerate()
        .map(|(at, exam)| at >= embedded && catalogue.exams[..embedded].iter().any(|known| is_copy_of(exam, known)))
        .collect();
    let mut copies = copies.into_iter();
    catalogue.exams.retain(|_| copies.next() != Some(true));
    catalogue
}

fn exam_entry(name: &str, card: &str, catalogue: &Catalogue) -> ExamEntry {
    let path = PathBuf::from(format!("{DEMO}{name}"));
    let exam = Exam::from_text(card, &path, catalogue);
    ExamEntry::new(path, exam)
}

fn is_copy_of(exam: &ExamEntry, embedded: &ExamEntry) -> bool {
    matches!((&exam.exam, &embedded.exam), (Ok(one), Ok(other)) if one.card == other.card)
}

fn entry(model: &Embedded) -> Entry {
    let path = path(model);
    match Card::parse(model.card, &path.display().to_string()) {
        Ok(card) => {
            Entry { path, name: card.name.clone(), summary: card.summary.clone(), card: Some(card), problem: None }
        }
        Err(error) => Entry {
            path,
            name: model.name.to_owned(),
            summary: String::new(),
            card: None,
            problem: Some(error.to_string()),
        },
    }
}

/// Loads an embedded model (`demo:NAME`) or a card from disk.
///
/// # Errors
/// What is wrong with the card, the weights, or how they fit each other.
pub fn load(card: &Path, device: &Device) -> Result<Model, ModelError> {
    match demo::models().iter().find(|model| path(model) == card) {
        Some(model) => Model::from_parts(model.card, model.weights, device),
        None => Model::load(card, device),
    }
}

fn path(model: &Embedded) -> PathBuf {
    PathBuf::from(format!("{DEMO}{}", model.name))
}
