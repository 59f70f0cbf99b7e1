//! An exam with its models found.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{ExamCard, ExamError, PlaneChoice};
use crate::model::{Card, Catalogue, source::hex};

/// An exam card whose models are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Exam {
    /// The card's file, or `demo:NAME`.
    pub path: PathBuf,
    /// The card.
    pub card: ExamCard,
    /// SHA-256 of the card's text, lower-case hexadecimal.
    pub card_sha256: String,
    /// The series that are looked at: the columns of the table, in the order of the card.
    pub columns: Vec<Column>,
    /// The models, in the order of the card.
    pub members: Vec<Member>,
}

/// A series that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name: mostly the plane.
    pub name: String,
    /// Its plane.
    pub plane: PlaneChoice,
    /// What its description must be like.
    pub description: Option<String>,
}

/// A model of the exam.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its card: a file or `demo:NAME`.
    pub card: PathBuf,
    /// The column that it judges.
    pub column: usize,
    /// What it is asked.
    pub judged: Vec<Judged>,
}

/// A task that a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The task, by its place on the card.
    pub task: usize,
    /// The class that the card names for it.
    pub class: Option<String>,
}

impl Judged {
    /// The model's class for the task: the named one, else the one of the task's name, else of two classes the
    /// second, else the only one. `None` where the model has no such class.
    #[must_use]
    pub fn class_index(&self, task: &str, classes: &[String]) -> Option<usize> {
        let called = |name: &str| classes.iter().position(|class| class == name);
        match &self.class {
            Some(name) => called(name),
            None => called(task).or(match classes.len() {
                1 => Some(0),
                2 => Some(1),
                _ => None,
            }),
        }
    }
}

impl Exam {
    /// Reads an exam card (`exam.toml`, or the folder that holds it) and finds its models: relative to the card's
    /// folder, or in the catalogue by name.
    ///
    /// # Errors
    /// [`ExamError`] in one sentence: a file that cannot be read, a key that cannot be used, a model that is not there,
    /// a class that a model does not have.
    pub fn load(path: &Path, catalogue: &Catalogue) -> Result<Self, ExamError> {
        let path = if path.is_dir() { path.join(ExamCard::FILE_NAME) } else { path.to_owned() };
        let text = fs::read_to_string(&path).map_err(|source| ExamError::Read { path: path.clone(), source })?;
        Self::from_text(&text, &path, catalogue)
    }

    /// As [`Exam::load`], from a text already read; `path` is where it is from.
    ///
    /// # Errors
    /// As [`Exam::load`].
    pub fn from_text(text: &str, path: &Path, catalogue: &Catalogue) -> Result<Self, ExamError> {
        let label = path.display().to_string();
        let card = ExamCard::parse(text, &label)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut columns: Vec<Column> = Vec::new();
        let mut members = Vec::with_capacity(card.models.len());
        for (index, member) in card.models.iter().enumerate() {
            let refuse = |key: &str, found: String, expected: String| ExamError::Value {
                card: label.clone(),
                key: format!("`{key}` of model {}", index + 1),
                found,
                expected,
            };
            let (path, model) = find(&member.card, folder, catalogue).map_err(|problem| {
                refuse("card", format!("\"{}\"", member.card), format!("a model that can be used ({problem})"))
            })?;
            let column = columns.iter().position(|column| column.name == member.column()).unwrap_or_else(|| {
                columns.push(Column {
                    name: member.column().to_owned(),
                    plane: member.plane,
                    description: member.description.clone(),
                });
                columns.len() - 1
            });
            let mut judged = Vec::new();
            for (name, class) in member.asked() {
                // The names were checked with the card.
                let Some(task) = card.tasks.iter().position(|task| task.name == name) else { continue };
                let asked = Judged { task, class: class.map(str::to_owned) };
                // A card may leave its classes to a file or to their numbers; then the loaded model tells.
                if !model.classes.is_empty() && asked.class_index(name, &model.classes).is_none() {
                    let key = if member.task.is_some() { "class" } else { "tasks" };
                    let found = class.map_or_else(|| "missing".to_owned(), |class| format!("\"{class}\""));
                    let known: Vec<String> = model.classes.iter().map(|class| format!("\"{class}\"")).collect();
                    return Err(refuse(key, found, format!("a class of {}: {}", model.name, known.join(", "))));
                }
                judged.push(asked);
            }
            members.push(Member { card: path, column, judged });
        }
        let card_sha256 = hex(&Sha256::digest(text));
        Ok(Self { path: path.to_owned(), card, card_sha256, columns, members })
    }

    /// The model that judges a task on a column, with what it is asked.
    #[must_use]
    pub fn member(&self, task: usize, column: usize) -> Option<(&Member, &Judged)> {
        self.members.iter().filter(|member| member.column == column).find_map(|member| {
            let judged = member.judged.iter().find(|judged| judged.task == task)?;
            Some((member, judged))
        })
    }

    /// The models' cards, each once, in the order of the card.
    #[must_use]
    pub fn cards(&self) -> Vec<&Path> {
        let mut cards: Vec<&Path> = Vec::new();
        for member in &self.members {
            if !cards.contains(&member.card.as_path()) {
                cards.push(&member.card);
            }
        }
        cards
    }
}

/// The model's card and where it is; a reason in a few words where there is none.
fn find(name: &str, folder: &Path, catalogue: &Catalogue) -> Result<(PathBuf, Card), String> {
    let file = Card::path_of(&folder.join(name));
    if file.is_file() {
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let card = Card::parse(&text, &file.display().to_string()).map_err(|error| error.to_string())?;
        return Ok((file, card));
    }
    let entry = catalogue.called(name).ok_or("there is no such card and no listed model of this name")?;
    match (&entry.card, &entry.problem) {
        (Some(card), None) => Ok((entry.path.clone(), card.clone())),
        (_, problem) => Err(problem.clone().unwrap_or_else(|| "its card can't be read".to_owned())),
    }
}
