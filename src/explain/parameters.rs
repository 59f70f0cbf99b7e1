//! Parameters of methods: what can be set, to what, and what has been.

use std::hash::{Hash, Hasher};

/// A number or choice that changes what a method computes.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name on the command line and in exports, as `samples`.
    pub name: &'static str,
    /// The name for people.
    pub label: &'static str,
    /// One sentence on what it does.
    pub sentence: &'static str,
    /// What it can be.
    pub kind: Kind,
}

/// What a parameter can be. Both ends of a range are allowed.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
        /// Unless set.
        default: i64,
    },
    /// A number.
    Real {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// Unless set.
        default: f64,
    },
    /// One of several.
    Choice {
        /// Name on the command line and label for people.
        options: &'static [(&'static str, &'static str)],
        /// The name that holds unless set.
        default: &'static str,
    },
}

/// The value of a parameter.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Real`].
    Real(f64),
    /// Of [`Kind::Choice`]: the option's name.
    Choice(&'static str),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            // Keys of results: the same bits, so that equality and hash agree.
            (Self::Real(a), Self::Real(b)) => a.to_bits() == b.to_bits(),
            (Self::Choice(a), Self::Choice(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Integer(value) => value.hash(state),
            Self::Real(value) => value.to_bits().hash(state),
            Self::Choice(name) => name.hash(state),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Choice(name) => f.write_str(name),
        }
    }
}

impl Parameter {
    /// The value that holds unless another is set.
    #[must_use]
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Integer { default, .. } => Value::Integer(default),
            Kind::Real { default, .. } => Value::Real(default),
            Kind::Choice { default, .. } => Value::Choice(default),
        }
    }

    /// A value from text, in range.
    ///
    /// # Errors
    /// What is expected, as the end of a sentence.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let expected = || match self.kind {
            Kind::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Kind::Real { min, max, .. } => format!("a number from {min} to {max}"),
            Kind::Choice { options, .. } => options.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
        };
        let value = match self.kind {
            Kind::Integer { .. } => text.parse().ok().map(Value::Integer),
            Kind::Real { .. } => text.parse().ok().map(Value::Real),
            Kind::Choice { options, .. } => {
                options.iter().find(|(name, _)| *name == text).map(|(name, _)| Value::Choice(name))
            }
        };
        value.filter(|value| self.allows(*value)).ok_or_else(expected)
    }

    /// Whether the value is of this kind and in range.
    #[must_use]
    pub fn allows(&self, value: Value) -> bool {
        match (self.kind, value) {
            (Kind::Integer { min, max, .. }, Value::Integer(value)) => (min..=max).contains(&value),
            (Kind::Real { min, max, .. }, Value::Real(value)) => (min..=max).contains(&value),
            (Kind::Choice { options, .. }, Value::Choice(value)) => options.iter().any(|(name, _)| *name == value),
            _ => false,
        }
    }
}

/// Several values under one name, as `quick`.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name for people.
    pub label: &'static str,
    /// One sentence on when to use it.
    pub sentence: &'static str,
    /// Parameter and value; all others are at their default.
    pub values: &'static [(&'static str, Value)],
}

/// What has been set of one method's parameters; what hasn't is at its default. Equal settings compute the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Settings(Vec<(&'static str, Value)>);

impl Settings {
    /// Everything at its default.
    pub const DEFAULT: Self = Self(Vec::new());

    /// The settings of a preset.
    #[must_use]
    pub fn of(preset: &Preset, parameters: &[Parameter]) -> Self {
        let mut settings = Self::default();
        for &(name, value) in preset.values {
            if let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) {
                settings.set(parameter, value);
            }
        }
        settings
    }

    /// Sets a parameter, unless the value is out of its range; the default is not stored.
    pub fn set(&mut self, parameter: &Parameter, value: Value) {
        if !parameter.allows(value) {
            return;
        }
        self.0.retain(|(name, _)| *name != parameter.name);
        if value != parameter.default() {
            self.0.push((parameter.name, value));
            self.0.sort_by_key(|(name, _)| *name);
        }
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, parameter: &Parameter) -> Value {
        let set = self.0.iter().find(|(name, _)| *name == parameter.name);
        set.map_or_else(|| parameter.default(), |(_, value)| *value)
    }

    /// The value of a [`Kind::Integer`]; 0 for other kinds.
    #[must_use]
    pub fn integer(&self, parameter: &Parameter) -> i64 {
        if let Value::Integer(value) = self.get(parameter) { value } else { 0 }
    }

    /// The value of a [`Kind::Integer`] that cannot be negative, as a count.
    #[must_use]
    pub fn count(&self, parameter: &Parameter) -> usize {
        usize::try_from(self.integer(parameter)).unwrap_or(0)
    }

    /// The value of a [`Kind::Real`]; 0 for other kinds.
    #[must_use]
    pub fn real(&self, parameter: &Parameter) -> f64 {
        if let Value::Real(value) = self.get(parameter) { value } else { 0.0 }
    }

    /// The name of the option chosen of a [`Kind::Choice`]; empty for other kinds.
    #[must_use]
    pub fn choice(&self, parameter: &Parameter) -> &'static str {
        if let Value::Choice(name) = self.get(parameter) { name } else { "" }
    }

    /// What has been set, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLES: Parameter = Parameter {
        name: "samples",
        label: "Samples",
        sentence: "How many.",
        kind: Kind::Integer { min: 1, max: 100, default: 25 },
    };
    const BASELINE: Parameter = Parameter {
        name: "baseline",
        label: "Baseline",
        sentence: "What is put in place.",
        kind: Kind::Choice { options: &[("grey", "Grey"), ("blur", "Blurred")], default: "grey" },
    };

    #[test]
    fn defaults_are_not_stored_and_nothing_out_of_range_is() {
        let mut settings = Settings::default();
        settings.set(&SAMPLES, Value::Integer(101));
        settings.set(&SAMPLES, Value::Real(3.0));
        settings.set(&SAMPLES, Value::Integer(25));
        assert_eq!(settings, Settings::DEFAULT);
        settings.set(&SAMPLES, Value::Integer(3));
        settings.set(&BASELINE, Value::Choice("blur"));
        assert_eq!((settings.count(&SAMPLES), settings.choice(&BASELINE)), (3, "blur"));
        settings.set(&SAMPLES, SAMPLES.default());
        settings.set(&BASELINE, BASELINE.default());
        assert_eq!(settings, Settings::DEFAULT);
    }

    #[test]
    fn text_is_a_value_in_range_or_an_expectation() {
        assert_eq!(SAMPLES.parse("7"), Ok(Value::Integer(7)));
        assert_eq!(SAMPLES.parse("700").unwrap_err(), "a whole number from 1 to 100");
        assert_eq!(BASELINE.parse("black").unwrap_err(), "grey, blur");
    }
}
