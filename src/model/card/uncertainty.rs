//! `[uncertainty]`: what is random in the network.

use serde::{Deserialize, Serialize};

use super::{Head, OutputCard, Refused, is_sha256, refuse};
use crate::uncertainty::VerdictRule;

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
    pub(super) fn check(&self, output: &OutputCard) -> Result<(), Refused> {
        const DROPOUT: &str = "uncertainty.dropout";
        const ENSEMBLE: &str = "uncertainty.ensemble";
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
