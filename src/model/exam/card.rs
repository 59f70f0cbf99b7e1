//! What an exam card says, read and checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ExamError;
use crate::model::card::place;

/// An exam card. Every key is checked; an unknown one is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExamCard {
    /// The exam's name, for people.
    pub name: String,
    /// The exam's version.
    pub version: String,
    /// What the exam looks for, in a line. Default: empty.
    #[serde(default)]
    pub summary: String,
    /// Shown beside every result. Default: "Research. Not for diagnosis."
    #[serde(default = "intended_use")]
    pub intended_use: String,
    /// What is looked for: the rows of the table.
    #[serde(rename = "task")]
    pub tasks: Vec<TaskCard>,
    /// The models: each judges one plane.
    #[serde(rename = "model")]
    pub models: Vec<MemberCard>,
}

/// `[[task]]`: something that is looked for, and how the planes' answers become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskCard {
    /// Its name, for people ("ACL tear").
    pub name: String,
    /// How the planes' probabilities are combined. Default: mean.
    #[serde(default)]
    pub combine: Combine,
    /// Only for the logistic regression: the weight of each plane's probability, by the plane's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// Only for the logistic regression: what is added to the weighted sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intercept: Option<f64>,
    /// What becomes of the combination when a plane is missing. Default: leave-out with a mean, refuse with a
    /// logistic regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
}

impl TaskCard {
    /// What becomes of the combination when a plane is missing, the default where the card says nothing.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.missing.unwrap_or(match self.combine {
            Combine::Mean => Missing::LeaveOut,
            Combine::Logistic => Missing::Refuse,
        })
    }
}

/// How the probabilities of the planes become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Combine {
    /// Their mean.
    #[default]
    Mean,
    /// `sigmoid(Σ weight · probability + intercept)`, as the three planes of MRNet (Bien et al., 2018).
    Logistic,
}

/// What becomes of the combination when a plane is missing. The result says in each case which planes were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// The mean of the planes that are there. Only with a mean.
    LeaveOut,
    /// No combined result.
    Refuse,
    /// The plain mean of the planes that are there takes the regression's place. Only with a logistic regression.
    Mean,
}

/// `[[model]]`: a model, the plane it judges, and what it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberCard {
    /// The model's card: a path relative to the exam card, or the name of a listed model, or `demo:NAME`.
    pub card: String,
    /// The plane of the series that the model judges. Default: any.
    #[serde(default)]
    pub plane: PlaneChoice,
    /// The name of the column. Default: the plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the series' description must contain, without regard to case; with `*` a pattern for the whole of it.
    /// Default: anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The one task that the model is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The model's class that speaks for `task`. Default: the class of the task's name, else of two classes the
    /// second, else the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// For a model with several tasks, instead of `task` and `class`: the class for each task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, String>,
}

impl MemberCard {
    /// The name of its column.
    #[must_use]
    pub fn column(&self) -> &str {
        self.name.as_deref().unwrap_or(self.plane.word())
    }

    /// The names of its tasks, each with the class that the card names for it.
    pub fn asked(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let one = self.task.as_deref().map(|task| (task, self.class.as_deref()));
        one.into_iter().chain(self.tasks.iter().map(|(task, class)| (task.as_str(), Some(class.as_str()))))
    }
}

/// The plane of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaneChoice {
    /// Across the body.
    Axial,
    /// Along the body, facing front.
    Coronal,
    /// Along the body, facing a side.
    Sagittal,
    /// Whichever.
    #[default]
    Any,
}

impl PlaneChoice {
    /// The word in cards and on screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
            Self::Any => "any",
        }
    }
}

fn intended_use() -> String {
    "Research. Not for diagnosis.".to_owned()
}

/// A value that cannot be used: its key, what it is, what it may be.
type Refusal = (String, String, String);

fn refuse(key: String, found: impl Into<String>, expected: impl Into<String>) -> Result<(), Refusal> {
    Err((key, found.into(), expected.into()))
}

impl ExamCard {
    /// The file name of an exam card in its folder.
    pub const FILE_NAME: &str = "exam.toml";

    /// Parses and checks a card. `label` (its path, mostly) stands in error messages.
    ///
    /// # Errors
    /// [`ExamError::Syntax`] with line and key, or [`ExamError::Value`] with the key, what it is and what it may be.
    pub fn parse(text: &str, label: &str) -> Result<Self, ExamError> {
        let card: Self = toml::from_str(text)
            .map_err(|error| ExamError::Syntax { card: label.to_owned(), reason: place::reason(text, &error) })?;
        let value = |(key, found, expected)| ExamError::Value { card: label.to_owned(), key, found, expected };
        card.check().map_err(value)?;
        Ok(card)
    }

    fn check(&self) -> Result<(), Refusal> {
        for (key, text) in [("name", &self.name), ("version", &self.version)] {
            if text.trim().is_empty() {
                return refuse(format!("`{key}`"), "empty", "some text");
            }
        }
        if self.tasks.is_empty() || self.models.is_empty() {
            let key = if self.tasks.is_empty() { "`task`" } else { "`model`" };
            return refuse(key.to_owned(), "an empty list", "at least one");
        }
        for (index, task) in self.tasks.iter().enumerate() {
            if task.name.trim().is_empty() {
                return refuse(format!("`name` of task {}", index + 1), "empty", "some text");
            }
            if self.tasks[..index].iter().any(|other| other.name == task.name) {
                let key = format!("`name` of task {}", index + 1);
                return refuse(key, format!("\"{}\" again", task.name), "a name of its own");
            }
        }
        for (index, member) in self.models.iter().enumerate() {
            self.check_member(index, member)?;
        }
        self.tasks.iter().try_for_each(|task| self.check_task(task))
    }

    fn check_member(&self, index: usize, member: &MemberCard) -> Result<(), Refusal> {
        let key = |name: &str| format!("`{name}` of model {}", index + 1);
        if member.card.trim().is_empty() {
            return refuse(key("card"), "empty", "a model card, or the name of a listed model");
        }
        match (&member.task, member.tasks.is_empty()) {
            (None, true) => return refuse(key("task"), "missing", "the name of a task, or a table `tasks`"),
            (Some(_), false) => return refuse(key("tasks"), "given beside `task`", "only one of the two"),
            (None, false) if member.class.is_some() => {
                return refuse(key("class"), "given beside `tasks`", "the class of each task within `tasks`");
            }
            _ => {}
        }
        for (task, _) in member.asked() {
            if !self.tasks.iter().any(|known| known.name == task) {
                let known: Vec<String> = self.tasks.iter().map(|task| format!("\"{}\"", task.name)).collect();
                let key = key(if member.task.is_some() { "task" } else { "tasks" });
                return refuse(key, format!("\"{task}\""), format!("the name of a task: {}", known.join(", ")));
            }
        }
        for (at, other) in
            self.models[..index].iter().enumerate().filter(|(_, other)| other.column() == member.column())
        {
            if other.plane != member.plane || other.description != member.description {
                let found =
                    format!("\"{}\", the name of model {}, which looks at another series", member.column(), at + 1);
                return refuse(key("name"), found, "a name of its own");
            }
            if let Some((task, _)) = member.asked().find(|(task, _)| other.asked().any(|(known, _)| known == *task)) {
                let found = format!("\"{task}\" on {}, which model {} judges already", member.column(), at + 1);
                return refuse(key("task"), found, "another task, or another `name` for the column");
            }
        }
        Ok(())
    }

    fn check_task(&self, task: &TaskCard) -> Result<(), Refusal> {
        let key = |name: &str| format!("`{name}` of the task \"{}\"", task.name);
        let judges = |member: &&MemberCard| member.asked().any(|(asked, _)| asked == task.name);
        let columns: Vec<&str> = self.models.iter().filter(judges).map(MemberCard::column).collect();
        if columns.is_empty() {
            return refuse(key("name"), "that of no model's task", "a task that at least one model judges");
        }
        match (task.combine, task.missing) {
            (Combine::Mean, Some(Missing::Mean)) => {
                return refuse(key("missing"), "\"mean\" with a mean", "\"leave-out\" or \"refuse\"");
            }
            (Combine::Logistic, Some(Missing::LeaveOut)) => {
                let found = "\"leave-out\" with a logistic regression, whose weights belong together";
                return refuse(key("missing"), found, "\"refuse\" or \"mean\"");
            }
            _ => {}
        }
        if task.combine == Combine::Mean {
            let surplus = [("weights", !task.weights.is_empty()), ("intercept", task.intercept.is_some())];
            return match surplus.into_iter().find(|(_, given)| *given) {
                Some((name, _)) => refuse(key(name), "given with a mean", "nothing, or `combine = \"logistic\"`"),
                None => Ok(()),
            };
        }
        if !task.intercept.is_some_and(f64::is_finite) {
            let found = task.intercept.map_or("missing".to_owned(), |value| value.to_string());
            return refuse(key("intercept"), found, "a number, as the regression has it");
        }
        let named: Vec<&str> = task.weights.keys().map(String::as_str).collect();
        let mut expected = columns;
        expected.sort_unstable();
        if named != expected || task.weights.values().any(|weight| !weight.is_finite()) {
            let found = format!("{:?}", task.weights).replace('"', "");
            return refuse(key("weights"), found, format!("a number for each of {}", expected.join(", ")));
        }
        Ok(())
    }
}
