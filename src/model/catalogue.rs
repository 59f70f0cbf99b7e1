//! Which models there are.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Card, Exam, ExamCard, ModelError, source::Source};

/// The model cards found in some folders.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// Sorted by folder, in the order of the folders scanned.
    pub entries: Vec<Entry>,
    /// Exam cards, likewise.
    pub exams: Vec<ExamEntry>,
}

/// One folder with an `exam.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExamEntry {
    /// The card's file.
    pub path: PathBuf,
    /// The card's name; the folder's where the card cannot be read.
    pub name: String,
    /// The card's summary; empty where the card cannot be used.
    pub summary: String,
    /// The exam with its models, or why it cannot be used, in a sentence.
    pub exam: Result<Arc<Exam>, String>,
}

impl ExamEntry {
    /// The entry of what became of a card.
    #[must_use]
    pub fn new(path: PathBuf, exam: Result<Exam, super::ExamError>) -> Self {
        match exam {
            Ok(exam) => {
                let (name, summary) = (exam.card.name.clone(), exam.card.summary.clone());
                Self { path, name, summary, exam: Ok(Arc::new(exam)) }
            }
            Err(error) => {
                let folder = path.parent().and_then(Path::file_name);
                let name = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Self { path, name, summary: String::new(), exam: Err(error.to_string()) }
            }
        }
    }
}

/// One folder with a `model.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The card's file.
    pub path: PathBuf,
    /// The card's name; the folder's where the card cannot be read.
    pub name: String,
    /// The card's summary; empty where the card cannot be read.
    pub summary: String,
    /// The card, if it can be read.
    pub card: Option<Card>,
    /// Why the model cannot be used, in a sentence.
    pub problem: Option<String>,
}

impl Catalogue {
    /// Reads the cards in each of the folders and in their sub-folders. A folder that is absent is passed over, a card
    /// found twice is listed once, and a bad one is listed with its reason. Weights are not opened.
    ///
    /// Exam cards are left out: see [`Catalogue::scan_exams`].
    #[must_use]
    pub fn scan(folders: &[PathBuf]) -> Self {
        let mut catalogue = Self::default();
        for folder in folders {
            for card in cards_in(folder, Card::FILE_NAME) {
                if !catalogue.entries.iter().any(|known| is_same(&known.path, &card)) {
                    catalogue.entries.push(Entry::read(card));
                }
            }
        }
        catalogue
    }

    /// Reads the exam cards in each of the folders and in their sub-folders, whose models are those listed here.
    pub fn scan_exams(&mut self, folders: &[PathBuf]) {
        for folder in folders {
            for card in cards_in(folder, ExamCard::FILE_NAME) {
                if !self.exams.iter().any(|known| is_same(&known.path, &card)) {
                    let exam = Exam::load(&card, self);
                    self.exams.push(ExamEntry::new(card, exam));
                }
            }
        }
    }

    /// The model that a name means: a card's own name, that of its folder, its path, or `demo:NAME` with or without
    /// the `demo:`.
    #[must_use]
    pub fn called(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| is_called(&entry.path, &entry.name, name))
    }

    /// The exam that a name means, likewise.
    #[must_use]
    pub fn exam_called(&self, name: &str) -> Option<&ExamEntry> {
        self.exams.iter().find(|entry| is_called(&entry.path, &entry.name, name))
    }

    /// Where models are looked for: `models` beside the program and, for a program run by cargo, in the package's
    /// folder; then `models` in the user's data folder.
    #[must_use]
    pub fn default_folders() -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if let Ok(program) = std::env::current_exe() {
            folders.extend(program.parent().map(|folder| folder.join("models")));
        }
        if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR") {
            folders.push(Path::new(&package).join("models"));
        }
        if let Some(project) = directories::ProjectDirs::from("", "", "glassbox") {
            folders.push(project.data_dir().join("models"));
        }
        folders
    }
}

impl Entry {
    fn read(path: PathBuf) -> Self {
        match card_at(&path) {
            Ok((card, problem)) => {
                let (name, summary) = (card.name.clone(), card.summary.clone());
                Self { path, name, summary, card: Some(card), problem }
            }
            Err(error) => {
                let folder = path.parent().and_then(Path::file_name);
                let name = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Self { path, name, summary: String::new(), card: None, problem: Some(error.to_string()) }
            }
        }
    }
}

/// The card, and what stands against using it although it is valid.
fn card_at(path: &Path) -> Result<(Card, Option<String>), ModelError> {
    let text = fs::read_to_string(path).map_err(|source| ModelError::Read { path: path.to_owned(), source })?;
    let card = Card::parse(&text, &path.display().to_string())?;
    let weights = path.with_file_name("").join(&card.weights);
    let problem = if Source::find(&card.architecture).is_none() {
        Some(format!("The architecture \"{}\" is not known: {}", card.architecture, path.display()))
    } else if !weights.is_file() {
        Some(format!("The weights are not there: {}", weights.display()))
    } else {
        None
    };
    Ok((card, problem))
}

/// The cards in a folder and in its sub-folders, in order.
fn cards_in(folder: &Path, file_name: &str) -> Vec<PathBuf> {
    let mut cards = vec![folder.join(file_name)];
    if let Ok(children) = fs::read_dir(folder) {
        cards.extend(children.flatten().map(|child| child.path().join(file_name)));
    }
    cards.retain(|card| card.is_file());
    cards.sort();
    cards
}

fn is_called(path: &Path, own: &str, name: &str) -> bool {
    let text = path.to_string_lossy();
    let folder = path.parent().and_then(Path::file_name);
    own == name
        || folder.is_some_and(|folder| folder == name)
        || text == name
        || text.strip_prefix("demo:") == Some(name)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
