//! Windows that radiologists reach for, by modality.

use super::{Picture, Voi};

/// A named way to choose a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Name in the interface.
    pub label: &'static str,
    /// How the window follows from the picture.
    pub rule: PresetRule,
}

/// How a [`Preset`] gives a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PresetRule {
    /// The first window of the file.
    File,
    /// This window, in Hounsfield units for CT.
    Window {
        /// Centre.
        centre: f64,
        /// Width.
        width: f64,
    },
    /// From one percentile of the picture's values to another.
    Percentiles {
        /// Black, 0 to 100.
        low: f64,
        /// White, 0 to 100.
        high: f64,
    },
}

impl Preset {
    /// The window for a picture.
    #[must_use]
    pub fn voi(&self, picture: &Picture) -> Voi {
        match self.rule {
            PresetRule::File => picture.default_voi(),
            PresetRule::Window { centre, width } => Voi::window(centre, width),
            PresetRule::Percentiles { low, high } => picture.percentile_voi(low, high),
        }
    }
}

/// The presets for a modality (DICOM's code: "CT", "MR"), in the order of the keys 1 to 9.
#[must_use]
pub fn presets(modality: &str) -> &'static [Preset] {
    if modality == "CT" { CT } else { AUTOMATIC }
}

const fn window(label: &'static str, centre: f64, width: f64) -> Preset {
    Preset { label, rule: PresetRule::Window { centre, width } }
}

const fn percentiles(label: &'static str, low: f64, high: f64) -> Preset {
    Preset { label, rule: PresetRule::Percentiles { low, high } }
}

const FILE: Preset = Preset { label: "As in the file", rule: PresetRule::File };

const CT: &[Preset] = &[
    FILE,
    window("Abdomen", 50.0, 400.0),
    window("Lung", -600.0, 1500.0),
    window("Mediastinum", 50.0, 350.0),
    window("Bone", 400.0, 1800.0),
    window("Brain", 40.0, 80.0),
    window("Stroke", 40.0, 40.0),
    window("Liver", 30.0, 150.0),
    window("Angiography", 300.0, 600.0),
    window("Subdural", 75.0, 215.0),
    window("Spine", 50.0, 250.0),
    window("Temporal bone", 600.0, 2800.0),
    percentiles("Full range", 0.0, 100.0),
];

const AUTOMATIC: &[Preset] = &[
    FILE,
    percentiles("Automatic", 1.0, 99.0),
    percentiles("Automatic, harder", 5.0, 95.0),
    percentiles("Bright parts", 50.0, 99.9),
    percentiles("Dark parts", 0.0, 75.0),
    percentiles("Full range", 0.0, 100.0),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::PictureKind;

    #[test]
    fn presets_give_windows() {
        let kind =
            PictureKind::Grey { values: vec![0.0, 10.0].into(), voi: vec![Voi::window(1.0, 2.0)], inverted: false };
        let picture = Picture::new(1, 2, kind);
        assert_eq!(presets("CT")[0].voi(&picture), Voi::window(1.0, 2.0));
        assert_eq!(presets("CT")[5].voi(&picture), Voi::window(40.0, 80.0));
        assert_eq!(presets("MR").last().map(|p| p.voi(&picture)), Some(Voi::range(0.0, 10.0)));
    }
}
