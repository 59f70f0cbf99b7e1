//! Model cards: `model.toml`, which says what a network expects and what its outputs mean.

mod aggregate;
pub(super) mod place;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use crate::uncertainty::VerdictRule;

pub use aggregate::Aggregate;

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

/// `[input]`: from a slice to the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputCard {
    /// Rows and columns.
    pub size: [usize; 2],
    /// 3 (a grey slice is repeated) or 1 (a colour picture becomes luma). Default: 3.
    #[serde(default = "three")]
    pub channels: usize,
    /// How the slice's shape becomes the input's. Default: stretch.
    #[serde(default)]
    pub fit: FitMode,
    /// How pixels are resampled. Default: bilinear.
    #[serde(default)]
    pub resize: Resize,
    /// The order of the colours. Default: rgb.
    #[serde(default)]
    pub order: Order,
    /// Values are divided by it. Default: 255.
    #[serde(default = "scale")]
    pub scale: f64,
    /// Subtracted after scaling, per channel in the network's order, or once for all. Default: 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f64>,
    /// Divided by after the mean, per channel in the network's order, or once for all. Default: 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<f64>,
    /// What becomes of grey values. Default: study.
    #[serde(default)]
    pub window: WindowMode,
}

/// How the slice's shape becomes that of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FitMode {
    /// Both axes to the input's size; the aspect changes.
    #[default]
    Stretch,
    /// The aspect is kept, the rest is black.
    Pad,
    /// The aspect is kept, the centre is cut out.
    Crop,
}

/// How pixels are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Pillow's antialiased bilinear; nothing where the size fits.
    #[default]
    Bilinear,
}

/// The order of the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// What becomes of the values of a grey slice; `scale`, `mean` and `std` follow.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "WindowValue", into = "WindowValue")]
pub enum WindowMode {
    /// The slice's own VOI window or table to 0..255, in 8 bits, as the screen shows it (MONOCHROME1 inverted).
    #[default]
    Study,
    /// `((value − centre) / width + 0.5) · 255`, limited to 0..255 (MONOCHROME1 inverted).
    Fixed {
        /// In the unit of the modality LUT.
        centre: f64,
        /// In the unit of the modality LUT, above 0.
        width: f64,
    },
    /// The slice's least value to 0, its greatest to 255 (MONOCHROME1 inverted).
    MinMax,
    /// Values through the modality LUT as they are; MONOCHROME1 is not inverted.
    Raw,
}

/// `window` as TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"study\", \"minmax\", \"raw\" or [centre, width]")]
enum WindowValue {
    Name(String),
    Pair([f64; 2]),
}

impl TryFrom<WindowValue> for WindowMode {
    type Error = String;

    fn try_from(value: WindowValue) -> Result<Self, String> {
        match value {
            WindowValue::Pair([centre, width]) => Ok(Self::Fixed { centre, width }),
            WindowValue::Name(name) => match name.as_str() {
                "study" => Ok(Self::Study),
                "minmax" => Ok(Self::MinMax),
                "raw" => Ok(Self::Raw),
                _ => Err(format!("`window` is \"{name}\"; expected \"study\", \"minmax\", \"raw\" or [centre, width]")),
            },
        }
    }
}

impl From<WindowMode> for WindowValue {
    fn from(mode: WindowMode) -> Self {
        match mode {
            WindowMode::Study => Self::Name("study".to_owned()),
            WindowMode::MinMax => Self::Name("minmax".to_owned()),
            WindowMode::Raw => Self::Name("raw".to_owned()),
            WindowMode::Fixed { centre, width } => Self::Pair([centre, width]),
        }
    }
}

/// `[output]`: what the network's outputs mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputCard {
    /// From logits to probabilities. Default: softmax.
    #[serde(default)]
    pub activation: Activation,
    /// What is stochastic. Default: dense, which is nothing.
    #[serde(default)]
    pub head: Head,
    /// How the slices of a stack are joined; only for stack models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<SliceReduction>,
    /// How a network that judges single slices judges a stack: applied to the slices' probabilities. Default: mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
}

/// From logits to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The classes exclude each other.
    #[default]
    Softmax,
    /// Each output for itself; with one output, the probability of the positive class.
    Sigmoid,
    /// The outputs as they are.
    None,
}

/// What of a network is stochastic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// Ordinary weights.
    #[default]
    Dense,
    /// A normal distribution over each weight of some dense layers or convolutions, mostly the last (Flipout; Wen et
    /// al., 2018): the weight file has `LAYER.weight_rho` beside `LAYER.weight`.
    Flipout,
    /// Dropout that stays on, where `[uncertainty] dropout` says (Gal and Ghahramani, 2016).
    Dropout,
}

/// How the slices of a stack become one result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SliceReduction {
    /// Maximum over the slices of each pooled feature, then linear (MRNet; Bien et al., 2018).
    Max,
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

/// `[uncertainty]`: what is random in the network beside the posteriors in its weight file, and when an answer counts as
/// indeterminate.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UncertaintyCard {
    /// Layers behind which dropout stays on (Gal and Ghahramani 2016). Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropout: Vec<DropoutCard>,
    /// Further weight files of the same network, relative to the card's folder: with `weights` they are an ensemble, each
    /// a pass. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ensemble: Vec<MemberCard>,
    /// When an answer counts as indeterminate. Default: `overlap90`.
    #[serde(default)]
    pub indeterminate: VerdictRule,
}

/// Where dropout stays on and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropoutCard {
    /// The layer whose outputs are dropped; mostly a dropout layer of the network itself.
    pub layer: String,
    /// The probability with which each is, above 0 and below 1.
    pub rate: f32,
}

/// A further weight file of an ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a file name or { weights = \"…\", sha256 = \"…\" }")]
pub enum MemberCard {
    /// Its name.
    File(String),
    /// Its name with its checksum.
    Checked(CheckedFile),
}

/// A weight file with its checksum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckedFile {
    /// The file's name.
    pub weights: String,
    /// Its SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

impl MemberCard {
    /// The file's name, and its checksum where the card has one.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self {
            Self::File(weights) => (weights, None),
            Self::Checked(file) => (&file.weights, Some(&file.sha256)),
        }
    }
}

impl UncertaintyCard {
    /// The most further weight files.
    const MOST_FILES: usize = 63;

    /// The first value that cannot be used.
    fn check(&self, output: &OutputCard) -> Result<(), (&'static str, String, &'static str)> {
        const DROPOUT: &str = "uncertainty.dropout";
        const ENSEMBLE: &str = "uncertainty.ensemble";
        let refuse = |key, found: String, expected| Err((key, found, expected));
        if output.head == Head::Dropout && self.dropout.is_empty() {
            let expected = "a list that says where and how much, as [{ layer = \"classifier.0\", rate = 0.5 }]";
            return refuse(DROPOUT, "missing beside head = \"dropout\"".to_owned(), expected);
        }
        for DropoutCard { layer, rate } in &self.dropout {
            if layer.trim().is_empty() {
                return refuse(DROPOUT, "a layer without a name".to_owned(), "the name of a layer");
            }
            if !(*rate > 0.0 && *rate < 1.0) {
                return refuse(DROPOUT, format!("a rate of {rate}"), "a rate above 0 and below 1");
            }
        }
        if self.ensemble.len() > Self::MOST_FILES {
            return refuse(ENSEMBLE, format!("a list of {}", self.ensemble.len()), "at most 63 further files");
        }
        for member in &self.ensemble {
            let (weights, sha256) = member.parts();
            if weights.trim().is_empty() {
                return refuse(ENSEMBLE, "an empty name".to_owned(), "the name of a weight file");
            }
            if sha256.is_some_and(|sha256| !is_sha256(sha256)) {
                return refuse(ENSEMBLE, format!("a checksum \"{}\"", sha256.unwrap_or("")), "64 hexadecimal digits");
            }
        }
        if output.slices.is_some() {
            for (key, is_empty) in [(DROPOUT, self.dropout.is_empty()), (ENSEMBLE, self.ensemble.is_empty())] {
                if !is_empty {
                    return refuse(key, "given in a stack model".to_owned(), "nothing");
                }
            }
        }
        Ok(())
    }
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

fn three() -> usize {
    3
}

fn scale() -> f64 {
    255.0
}

/// The largest side of an input that a card may ask for.
const LARGEST_SIDE: usize = 8192;

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

    /// The first value that cannot be used: its key, what it is, what it may be.
    fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        let refuse = |key, found: String, expected| Err((key, found, expected));
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
        let input = &self.input;
        if input.size.iter().any(|side| !(1..=LARGEST_SIDE).contains(side)) {
            return refuse("input.size", format!("{:?}", input.size), "[rows, columns], each 1 to 8192");
        }
        if !matches!(input.channels, 1 | 3) {
            return refuse("input.channels", input.channels.to_string(), "1 or 3");
        }
        if !(input.scale.is_finite() && input.scale > 0.0) {
            return refuse("input.scale", input.scale.to_string(), "a number above 0");
        }
        for (key, values) in [("input.mean", &input.mean), ("input.std", &input.std)] {
            if values.len() > 1 && values.len() != input.channels {
                let found = format!("a list of {}", values.len());
                return refuse(key, found, "a list with a number for each channel, or with one for all");
            }
            if values.iter().any(|value| !value.is_finite()) {
                return refuse(key, format!("{values:?}"), "finite numbers");
            }
        }
        if input.std.iter().any(|&value| value <= 0.0) {
            return refuse("input.std", format!("{:?}", input.std), "numbers above 0");
        }
        if let WindowMode::Fixed { centre, width } = input.window
            && !(centre.is_finite() && width.is_finite() && width > 0.0)
        {
            return refuse("input.window", format!("[{centre}, {width}]"), "[centre, width] with a width above 0");
        }
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

/// The classes' names in a `classes_file`. The error says what is wrong.
pub(super) fn class_names(text: &str) -> Result<Vec<String>, String> {
    use serde_json::Value;

    let name = |value: &Value| match value {
        Value::String(name) => Some(name.clone()),
        Value::Array(parts) => parts.last().and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let names: Option<Vec<String>> = match serde_json::from_str(text) {
        Ok(Value::Array(list)) => list.iter().map(name).collect(),
        Ok(Value::Object(map)) => (0..map.len()).map(|index| name(map.get(&index.to_string())?)).collect(),
        Ok(_) => None,
        Err(_) if text.trim_start().starts_with(['{', '[']) => None,
        Err(_) => Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()),
    };
    match names {
        Some(names) if !names.is_empty() => Ok(names),
        _ => Err("a file with JSON {\"0\": [\"id\", \"name\"], …}, a JSON list, or a name a line".to_owned()),
    }
}

#[cfg(test)]
mod tests;
