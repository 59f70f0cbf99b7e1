//! What is asked of the network, and how its maps are coloured.

use std::sync::Arc;

use crate::display::colormap::Colormap;
use crate::engine::{ModelPath, Recipe};
use crate::explain::Settings;

/// What the colours of a map are scaled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scale {
    /// One scale over the whole stack: a slice with nothing looks like nothing.
    Stack,
    /// Each slice by itself.
    Slice,
}

impl Scale {
    /// The words of the legend.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Stack => "common scale over the stack",
            Self::Slice => "scale per slice",
        }
    }
}

/// The user's choices.
#[derive(Debug, Clone)]
pub struct Explain {
    /// The model; `None` until one is chosen or there is one to choose.
    pub model: Option<ModelPath>,
    /// Registry name of the method.
    pub method: &'static str,
    /// Its parameters.
    pub settings: Settings,
    /// The layer; `None` = the model's default.
    pub layer: Option<Arc<str>>,
    /// The explained class; `None` = the strongest.
    pub class: Option<usize>,
    /// Whether maps are laid over pictures.
    pub overlay_on: bool,
    /// 0 = invisible, 1 = only the map is visible.
    pub opacity: f32,
    /// Below this part of the scale nothing is drawn, 0 ..= 1.
    pub threshold: f32,
    /// Colours of maps.
    pub colormap: &'static Colormap,
    /// What the colours are scaled to.
    pub scale: Scale,
    /// Passes through a stochastic head.
    pub passes: usize,
    /// Seed of its draws.
    pub seed: u64,
    /// Whether the channels of the activation grid share one scale.
    pub channels_share_scale: bool,
}

impl Explain {
    /// How the map of a class is made at a layer.
    #[must_use]
    pub fn recipe(&self, layer: Arc<str>, class: usize) -> Recipe {
        Recipe { settings: self.settings.clone(), seed: self.seed, ..Recipe::new(self.method, layer, class) }
    }

    /// The choices a session starts with.
    #[must_use]
    pub fn new(colormap: &'static Colormap, method: &'static str) -> Self {
        Self {
            model: None,
            method,
            settings: Settings::DEFAULT,
            layer: None,
            class: None,
            overlay_on: true,
            opacity: 0.5,
            threshold: 0.15,
            colormap,
            scale: Scale::Stack,
            passes: 100,
            seed: 1,
            channels_share_scale: false,
        }
    }
}
