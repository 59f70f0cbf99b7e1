//! Model cards: `model.toml`, which says what a network expects and what its outputs mean.

mod aggregate;
mod classes;
mod dense;
mod input;
mod output;
pub(super) mod place;
mod uncertainty;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ModelError;

pub use aggregate::Aggregate;
pub(super) use classes::class_names;
pub use dense::DenseWeights;
pub use input::{FitMode, InputCard, Order, Resize, WindowMode};
pub use output::{Activation, Head, OutputCard, SliceReduction};
pub use uncertainty::{CheckedFile, DropoutCard, MemberCard, UncertaintyCard};

/// A model card. Every key is checked; an unknown one is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The model's name, for people.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// What the model tells apart, in a line. Default: empty.
    #[serde(default)]
    pub summary: String,
    /// Shown beside every result. Default: "Research. Not for diagnosis."
    #[serde(default = "intended_use")]
    pub intended_use: String,
    /// A name of the zoo.
    pub architecture: String,
    /// The weight file, relative to the card's folder.
    pub weights: String,
    /// The description of a Keras network (`model.to_json()`), relative to the card's folder, for a weight file that
    /// has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// SHA-256 of the weight file, 64 hexadecimal digits; checked when given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How large dense layers keep their weights on the CPU: `f32`, `f16` or `bf16`. Default: `f32`.
    ///
    /// 16 bits are half to read for layers that do little else. The model opens only where its logits for pictures made
    /// for this deviate by 1e-3 of the largest at most from those with `f32`.
    #[serde(default, skip_serializing_if = "DenseWeights::is_usual")]
    pub dense_weights: DenseWeights,
    /// The classes' names in the order of the outputs. Default: "class 0", "class 1", …
    ///
    /// A network with one output and `activation = "sigmoid"` may name two classes, the negative one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// A file with the classes' names instead of `classes`, relative to the card's folder: JSON as torchvision's
    /// `imagenet_class_index.json` (`{"0": ["n01440764", "tench"], …}`) or as a list, or text with a name a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes_file: Option<String>,
    /// What the network takes.
    pub input: InputCard,
    /// What the network gives.
    #[serde(default)]
    pub output: OutputCard,
    /// Which layers explanations start from.
    #[serde(default)]
    pub explain: ExplainCard,
    /// What is random in the network, and when an answer counts as indeterminate.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub uncertainty: UncertaintyCard,
}

/// `[explain]`: which layers explanations start from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainCard {
    /// The target layer to begin with. Default: the last spatial layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// Layers that the viewer offers first. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
}

/// A value that cannot be used: its key, what it is, what it may be.
type Refused = (&'static str, String, &'static str);

fn refuse(key: &'static str, found: String, expected: &'static str) -> Result<(), Refused> {
    Err((key, found, expected))
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_usual(card: &UncertaintyCard) -> bool {
    *card == UncertaintyCard::default()
}

fn intended_use() -> String {
    "Research. Not for diagnosis.".to_owned()
}

impl Card {
    /// The file name of a card in its folder.
    pub const FILE_NAME: &str = "model.toml";

    /// The card's file, where a path may name it or its folder.
    #[must_use]
    pub fn path_of(path: &Path) -> PathBuf {
        if path.is_dir() { path.join(Self::FILE_NAME) } else { path.to_owned() }
    }

    /// Parses and checks a card. `label` (its path, mostly) stands in error messages.
    ///
    /// # Errors
    /// [`ModelError::CardSyntax`] with line and key, or [`ModelError::CardValue`] with the key, what it is and what
    /// it may be.
    pub fn parse(text: &str, label: &str) -> Result<Self, ModelError> {
        let card: Self = toml::from_str(text).map_err(|error| {
            let reason = place::reason(text, &error);
            ModelError::CardSyntax { card: label.to_owned(), reason }
        })?;
        card.check().map_err(|(key, found, expected)| ModelError::CardValue {
            card: label.to_owned(),
            key: key.to_owned(),
            found,
            expected: expected.to_owned(),
        })?;
        Ok(card)
    }

    /// The first value that cannot be used.
    fn check(&self) -> Result<(), Refused> {
        for (key, text) in [
            ("name", &self.name),
            ("version", &self.version),
            ("architecture", &self.architecture),
            ("weights", &self.weights),
        ] {
            if text.trim().is_empty() {
                return refuse(key, "empty".to_owned(), "some text");
            }
        }
        if let Some(sha256) = &self.sha256
            && !is_sha256(sha256)
        {
            return refuse("sha256", format!("\"{sha256}\""), "64 hexadecimal digits");
        }
        if self.classes_file.is_some() && !self.classes.is_empty() {
            return refuse("classes_file", "given beside `classes`".to_owned(), "only one of the two");
        }
        self.input.check()?;
        if self.output.head == Head::Flipout && self.output.slices.is_some() {
            return refuse("output.head", "\"flipout\" in a stack model".to_owned(), "\"dense\"");
        }
        if self.output.aggregate.is_some() && self.output.slices.is_some() {
            return refuse("output.aggregate", "given beside `slices`".to_owned(), "only one of the two");
        }
        self.uncertainty.check(&self.output)
    }

    /// Mean and standard deviation of each channel, in the network's order.
    #[must_use]
    pub fn normalisation(&self) -> Vec<(f64, f64)> {
        let of = |values: &[f64], channel: usize, default: f64| {
            values.get(channel).or(values.first()).copied().unwrap_or(default)
        };
        (0..self.input.channels)
            .map(|channel| (of(&self.input.mean, channel, 0.0), of(&self.input.std, channel, 1.0)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
