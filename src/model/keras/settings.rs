//! The arguments of one layer, read with checks.

use serde_json::{Map, Value};

/// The largest size that a layer may name: filters, kernels, steps.
const LARGEST: usize = 1 << 20;

/// The arguments of a layer by name. Each reader's error is the end of a sentence about the layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(Map<String, Value>);

impl Settings {
    /// Wraps a layer's `config`.
    pub fn new(config: Map<String, Value>) -> Self {
        Self(config)
    }

    /// An argument; one that is null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// A whole number of at least 1 that must be there.
    pub fn size(&self, key: &str) -> Result<usize, String> {
        let value = self.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
        size(value).filter(|&size| size > 0).ok_or_else(|| odd(key, value))
    }

    /// A whole number of at least 1.
    pub fn size_or(&self, key: &str, default: usize) -> Result<usize, String> {
        if self.get(key).is_some() { self.size(key) } else { Ok(default) }
    }

    /// Rows and columns, each at least 1: a list of two, or one number for both.
    pub fn pair(&self, key: &str) -> Result<Option<[usize; 2]>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match pair(value) {
            Some(pair) if !pair.contains(&0) => Ok(Some(pair)),
            _ => Err(odd(key, value)),
        }
    }

    /// Amounts before and after rows, and before and after columns, each 0 or more: `[[a, b], [c, d]]`, `[a, c]` or
    /// one number.
    pub fn borders(&self, key: &str) -> Result<[[usize; 2]; 2], String> {
        let value = self.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
        let borders = match value.as_array().map(Vec::as_slice) {
            Some([rows, columns]) => [rows, columns].map(pair),
            _ => [pair(value); 2],
        };
        match borders {
            [Some(rows), Some(columns)] => Ok([rows, columns]),
            _ => Err(odd(key, value)),
        }
    }

    /// A finite number.
    pub fn number(&self, key: &str, default: f64) -> Result<f64, String> {
        let Some(value) = self.get(key) else { return Ok(default) };
        number(value).ok_or_else(|| odd(key, value))
    }

    /// Finite numbers: a list (possibly within lists), or one alone.
    pub fn numbers(&self, key: &str) -> Result<Option<Vec<f64>>, String> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let mut numbers = Vec::new();
        if flatten(value, &mut numbers) { Ok(Some(numbers)) } else { Err(odd(key, value)) }
    }

    /// Whole numbers, possibly negative: a list, or one alone.
    pub fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, String> {
        let Some(numbers) = self.numbers(key)? else { return Ok(None) };
        let whole = |number: &f64| (number.fract() == 0.0 && number.abs() <= LARGEST as f64).then_some(*number as i64);
        let integers: Option<Vec<i64>> = numbers.iter().map(whole).collect();
        integers.map(Some).ok_or_else(|| format!("`{key}` is {numbers:?}"))
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Whether rows, columns and channels lie in the usual order.
    ///
    /// # Errors
    /// When channels come first.
    pub fn channels_last(&self) -> Result<(), String> {
        match self.text("data_format") {
            Some("channels_first") => {
                Err("its `data_format` is \"channels_first\"; save the model with channels last".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn odd(key: &str, value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(60).collect();
    format!("`{key}` is {short}")
}

fn size(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok().filter(|&size| size <= LARGEST)
}

fn pair(value: &Value) -> Option<[usize; 2]> {
    match value.as_array().map(Vec::as_slice) {
        Some([first, second]) => Some([size(first)?, size(second)?]),
        Some([one]) => Some([size(one)?; 2]),
        Some(_) => None,
        None => Some([size(value)?; 2]),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

fn flatten(value: &Value, numbers: &mut Vec<f64>) -> bool {
    match value {
        Value::Array(list) => list.iter().all(|item| flatten(item, numbers)),
        other => number(other).map(|number| numbers.push(number)).is_some(),
    }
}
