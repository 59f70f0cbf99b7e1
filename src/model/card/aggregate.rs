//! How a network that judges single slices judges a stack of them.

use serde::{Deserialize, Serialize};

/// From the probabilities of the slices to that of the stack, class by class.
///
/// Only the mean keeps probabilities that sum to 1: the highest of each class over the slices are highest values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Aggregate {
    /// The mean over the slices.
    #[default]
    Mean,
    /// The highest of any slice.
    Max,
    /// The mean of so many slices, the highest; of all where there are fewer.
    Top(usize),
}

impl Aggregate {
    /// Joins the values of the slices; NaN without slices. Summed in `f64`.
    #[must_use]
    pub fn of(self, values: &[f32]) -> f32 {
        let mut sorted = values.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let count = match self {
            Self::Mean => sorted.len(),
            Self::Max => 1,
            Self::Top(count) => count,
        };
        sorted.truncate(count);
        let sum: f64 = sorted.iter().map(|value| f64::from(*value)).sum();
        (sum / sorted.len() as f64) as f32
    }

    /// What it is, in front of "slices".
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Mean => "mean over the slices".to_owned(),
            Self::Max => "highest of any slice".to_owned(),
            Self::Top(count) => format!("mean of the {count} highest slices"),
        }
    }
}

/// `aggregate` as TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"mean\", \"max\" or { top = N }")]
enum Value {
    Name(String),
    Top(Top),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Top {
    top: usize,
}

impl TryFrom<Value> for Aggregate {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Top(Top { top: 0 }) => Err("`top` is 0; expected a whole number above 0".to_owned()),
            Value::Top(Top { top }) => Ok(Self::Top(top)),
            Value::Name(name) if name == "mean" => Ok(Self::Mean),
            Value::Name(name) if name == "max" => Ok(Self::Max),
            Value::Name(name) => Err(format!("`{name}` is not known; expected \"mean\", \"max\" or {{ top = N }}")),
        }
    }
}

impl From<Aggregate> for Value {
    fn from(aggregate: Aggregate) -> Self {
        match aggregate {
            Aggregate::Mean => Self::Name("mean".to_owned()),
            Aggregate::Max => Self::Name("max".to_owned()),
            Aggregate::Top(top) => Self::Top(Top { top }),
        }
    }
}
