//! Window presets and changes of the window by hand.

use crate::display::{self, Picture, Preset, PresetRule, Voi, VoiFunction};
use crate::study::{Series, Slice};

/// A named window.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The name in menus.
    pub name: String,
    /// The rule by which the window follows from the picture.
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    OfFile(Voi),
    Preset(Preset),
}

impl Choice {
    /// The window for a picture; `None` = the file's first.
    #[must_use]
    pub fn voi(&self, picture: &Picture) -> Option<Voi> {
        match &self.rule {
            Rule::OfFile(voi) => Some(voi.clone()),
            Rule::Preset(Preset { rule: PresetRule::File, .. }) => None,
            Rule::Preset(preset) => Some(preset.voi(picture)),
        }
    }

    /// Centre and width where they are the same for all pictures.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.rule {
            Rule::OfFile(voi) => words(voi),
            Rule::Preset(Preset { rule: PresetRule::Window { centre, width }, .. }) => {
                format!("C {}  W {}", number(*centre), number(*width))
            }
            Rule::Preset(_) => String::new(),
        }
    }
}

/// The windows offered for a slice: the file's own, its others, and those that are customary for the modality.
/// The first nine have the keys 1 to 9.
#[must_use]
pub fn choices(series: &Series, slice: &Slice) -> Vec<Choice> {
    let others = slice.voi.iter().enumerate().skip(1).map(|(index, voi)| Choice {
        name: voi.explanation().map_or_else(|| format!("Window {} of the file", index + 1), str::to_owned),
        rule: Rule::OfFile(voi.clone()),
    });
    let modality = if slice.unit == "HU" { "CT" } else { &series.modality };
    let mut choices: Vec<Choice> = display::presets(modality)
        .iter()
        .map(|preset| Choice { name: preset.label.to_owned(), rule: Rule::Preset(*preset) })
        .collect();
    let after_own = 1.min(choices.len());
    choices.splice(after_own..after_own, others);
    choices
}

/// The window after a drag by `delta_points`: to the right is wider, downwards is a higher centre (darker).
#[must_use]
pub fn dragged(picture: &Picture, current: &Voi, delta_points: egui::Vec2) -> Voi {
    let (low, high) = picture.range();
    let range = f64::from(high - low).max(1e-6);
    let (centre, width, function) = match current {
        Voi::Window { centre, width, function, .. } => (*centre, *width, *function),
        // A table has no width: the drag starts from the whole range.
        Voi::Table { .. } => (f64::from(low) + range / 2.0, range, VoiFunction::Linear),
    };
    // Fine where the window is narrow, coarse where it is wide.
    let step = width.clamp(range / 200.0, range * 2.0) / 300.0;
    Voi::Window {
        centre: centre + f64::from(delta_points.y) * step,
        width: (width + f64::from(delta_points.x) * step).max(range / 4096.0),
        function,
        explanation: None,
    }
}

/// The window in words ("C 40 W 400"), or the table's name.
#[must_use]
pub fn words(voi: &Voi) -> String {
    match voi {
        Voi::Window { centre, width, .. } => format!("C {}  W {}", number(*centre), number(*width)),
        Voi::Table { explanation, .. } => format!("LUT {}", explanation.as_deref().unwrap_or("of the file")),
    }
}

/// A number as short as its size allows.
#[must_use]
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        let decimals = if size >= 100.0 || value.fract() == 0.0 { 0 } else { (2 - size.log10().floor() as i32).max(0) };
        format!("{value:.*}", decimals.min(5) as usize)
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (40.0, "40"),
            (0.0, "0"),
            (123.4, "123"),
            (12.34, "12.3"),
            (0.1234, "0.123"),
            (-7.5, "-7.50"),
            (1e-7, "1.00e-7"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn windows_are_told_in_words() {
        assert_eq!(words(&Voi::window(40.0, 400.0)), "C 40  W 400");
    }
}
