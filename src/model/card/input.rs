//! `[input]`: from a slice to the network's input.

use serde::{Deserialize, Serialize};

use super::{Refused, refuse};

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

impl InputCard {
    /// The first value that cannot be used.
    pub(super) fn check(&self) -> Result<(), Refused> {
        if self.size.iter().any(|side| !(1..=LARGEST_SIDE).contains(side)) {
            return refuse("input.size", format!("{:?}", self.size), "[rows, columns], each 1 to 8192");
        }
        if !matches!(self.channels, 1 | 3) {
            return refuse("input.channels", self.channels.to_string(), "1 or 3");
        }
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return refuse("input.scale", self.scale.to_string(), "a number above 0");
        }
        for (key, values) in [("input.mean", &self.mean), ("input.std", &self.std)] {
            if values.len() > 1 && values.len() != self.channels {
                let found = format!("a list of {}", values.len());
                return refuse(key, found, "a list with a number for each channel, or with one for all");
            }
            if values.iter().any(|value| !value.is_finite()) {
                return refuse(key, format!("{values:?}"), "finite numbers");
            }
        }
        if self.std.iter().any(|&value| value <= 0.0) {
            return refuse("input.std", format!("{:?}", self.std), "numbers above 0");
        }
        if let WindowMode::Fixed { centre, width } = self.window
            && !(centre.is_finite() && width.is_finite() && width > 0.0)
        {
            return refuse("input.window", format!("[{centre}, {width}]"), "[centre, width] with a width above 0");
        }
        Ok(())
    }
}

fn three() -> usize {
    3
}

fn scale() -> f64 {
    255.0
}

/// The largest side of an input that a card may ask for.
const LARGEST_SIDE: usize = 8192;

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
