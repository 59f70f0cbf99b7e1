//! What is asked of the network, and how its maps are coloured.

use std::collections::HashMap;
use std::sync::Arc;

use super::{ExamChoice, Which};
use crate::display::colormap::Colormap;
use crate::engine::{Key, ModelId, ModelPath, Recipe};
use crate::explain::{self, Evidence, Method, Reading, Region, Segments, Settings, Subject};
use crate::study::Source;
use crate::viewer::region::{Outline, Stroke};

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

/// How much of a map of superpixels is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Superpixels {
    /// So many, from the most decisive on.
    pub count: usize,
    /// Of these.
    pub evidence: Evidence,
}

impl Superpixels {
    /// The superpixels that are shown, the most decisive first.
    #[must_use]
    pub fn of(self, segments: &Segments) -> Vec<usize> {
        let mut shown = segments.evidence(self.evidence);
        shown.truncate(self.count);
        shown
    }
}

/// What a recipe is made from beside the user's choices.
#[derive(Debug, Clone)]
pub struct Aim<'a> {
    /// The model's own layer, which methods that take none have in their recipe.
    pub default_layer: &'a Arc<str>,
    /// The chosen layer.
    pub layer: &'a Arc<str>,
    /// An early, a middle and a late layer, where the network has three.
    pub stages: Option<&'a [Arc<str>; 3]>,
    /// The explained class.
    pub class: usize,
    /// The class it is held against.
    pub other: Option<usize>,
    /// Whether the network's weights are drawn anew in each run.
    pub stochastic: bool,
    /// For segmentations: where the logits are summed.
    pub region: Region,
}

/// The user's choices.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone)]
pub struct Explain {
    /// The model; `None` until one is chosen or there is one to choose.
    pub model: Option<ModelPath>,
    /// The exam, whose models take the place of the one model; `None` while none is chosen.
    pub exam: Option<ExamChoice>,
    /// Registry name of the method.
    pub method: &'static str,
    /// The parameters of each method that any have been set of.
    pub settings: HashMap<&'static str, Settings>,
    /// The layer; `None` = the model's default.
    pub layer: Option<Arc<str>>,
    /// The layer of the activation grid; `None` = that of the map.
    pub activation_layer: Option<Arc<str>>,
    /// The explained class; `None` = the strongest.
    pub class: Option<usize>,
    /// The class it is held against; `None` = the strongest of the others.
    pub against: Option<usize>,
    /// Drawn regions, for segmentation networks.
    pub regions: HashMap<Source, Arc<Outline>>,
    /// How regions are drawn.
    pub stroke: Stroke,
    /// Whether maps are laid over pictures.
    pub overlay_on: bool,
    /// 0 = invisible, 1 = only the map is visible.
    pub opacity: f32,
    /// Below this part of the scale nothing is drawn, 0 ..= 1; of maps with a sign, below this part of the magnitude.
    pub threshold: f32,
    /// Colours of maps without a sign.
    pub colormap: &'static Colormap,
    /// Colours of maps with a sign.
    pub signed_colormap: &'static Colormap,
    /// What the colours are scaled to.
    pub scale: Scale,
    /// How much is shown of maps of superpixels.
    pub superpixels: Superpixels,
    /// Passes through a stochastic head.
    pub passes: usize,
    /// Draws of the weights that maps over draws are made from.
    pub map_passes: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Whether the channels of the activation grid share one scale.
    pub channels_share_scale: bool,
    /// Whether the grid shows what channels have seen instead of their activations.
    pub shows_seen: bool,
    /// Whether all that a channel has seen is shown, or what its strongest unit has.
    pub whole_channels: bool,
    /// Whether a costly method explains every slice and not only the one in view.
    pub all_slices: bool,
    /// Whether the user has stopped what was computed; nothing runs until something new is asked for.
    pub paused: bool,
}

impl Explain {
    /// The choices a session starts with.
    #[must_use]
    pub fn new(colormap: &'static Colormap, method: &'static str) -> Self {
        Self {
            model: None,
            exam: None,
            method,
            settings: HashMap::new(),
            layer: None,
            activation_layer: None,
            class: None,
            against: None,
            regions: HashMap::new(),
            stroke: Stroke::Rectangle,
            overlay_on: true,
            opacity: 0.5,
            threshold: 0.15,
            colormap,
            signed_colormap: Colormap::default_of(true),
            scale: Scale::Stack,
            superpixels: Superpixels { count: 10, evidence: Evidence::Both },
            passes: 100,
            map_passes: 30,
            seed: 1,
            channels_share_scale: false,
            shows_seen: false,
            whole_channels: false,
            all_slices: false,
            paused: false,
        }
    }

    /// The chosen method.
    #[must_use]
    pub fn method(&self) -> Option<&'static dyn Method> {
        explain::find(self.method)
    }

    /// Whether the chosen method takes so long that only the slice in view is explained unasked.
    #[must_use]
    pub fn is_costly(&self) -> bool {
        self.method().is_some_and(Method::is_costly)
    }

    /// What has been set of the chosen method.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.get(self.method).cloned().unwrap_or_default()
    }

    /// The colours for a kind of map.
    #[must_use]
    pub fn colormap_for(&self, reading: Reading) -> &'static Colormap {
        if reading == Reading::Signed { self.signed_colormap } else { self.colormap }
    }

    /// What is asked for a grid of what the strongest channels of a layer have seen.
    #[must_use]
    pub fn seen(&self, model: &ModelId, source: &Source, layer: &Arc<str>) -> Key {
        /// Channels in the grid.
        const COUNT: usize = 16;
        let (model, source, layer) = (model.clone(), source.clone(), Arc::clone(layer));
        Key::FeatureMaps { model, source, layer, count: COUNT, whole: self.whole_channels }
    }

    /// How a map is made; `None` where there is no such map: no other class, no layers to compare.
    #[must_use]
    pub fn recipe(&self, which: Which, aim: &Aim) -> Option<Recipe> {
        let method = self.method()?;
        let needs_layer = method.needs_layer();
        let layer = if needs_layer { aim.layer } else { aim.default_layer };
        let own = Recipe {
            region: aim.region.clone(),
            settings: self.settings(),
            // The same for every seed where nothing is drawn, so that another seed makes nothing anew.
            seed: if method.draws() { self.seed } else { 0 },
            ..Recipe::new(self.method, Arc::clone(layer), aim.class)
        };
        let stages = aim.stages.filter(|_| needs_layer);
        // What is drawn is repeated with the same seed, whether the method itself draws or not.
        let over_draws = |subject| aim.stochastic.then(|| Recipe { subject, seed: self.seed, ..own.clone() });
        let passes = self.map_passes;
        Some(match which {
            Which::Class => own,
            Which::Other => Recipe { class: aim.other?, ..own },
            Which::Difference => Recipe { against: Some(aim.other?), ..own },
            Which::Early => Recipe { layer: Arc::clone(&stages?[0]), ..own },
            Which::Middle => Recipe { layer: Arc::clone(&stages?[1]), ..own },
            Which::Late => Recipe { layer: Arc::clone(&stages?[2]), ..own },
            Which::Fused => {
                let [early, middle, late] = stages?.clone();
                Recipe { layer: late, fused: Arc::from([early, middle]), ..own }
            }
            Which::Mean => over_draws(Subject::Mean { passes })?,
            Which::Deviation => over_draws(Subject::Deviation { passes })?,
            Which::Unsureness => over_draws(Subject::Unsureness { passes })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::colormap::COLORMAPS;

    fn layer(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[test]
    fn every_map_has_its_recipe_or_none() {
        let explain = Explain::new(&COLORMAPS[0], "gradcam");
        let (default, chosen, stages) = (layer("z"), layer("m"), [layer("a"), layer("m"), layer("z")]);
        let aim = Aim {
            default_layer: &default,
            layer: &chosen,
            stages: Some(&stages),
            class: 3,
            other: Some(5),
            stochastic: true,
            region: Region::Predicted,
        };
        let recipe = |which| explain.recipe(which, &aim).unwrap();
        assert_eq!((&*recipe(Which::Class).layer, recipe(Which::Class).class), ("m", 3));
        assert_eq!((recipe(Which::Other).class, recipe(Which::Other).against), (5, None));
        assert_eq!((recipe(Which::Difference).class, recipe(Which::Difference).against), (3, Some(5)));
        assert_eq!(&*recipe(Which::Early).layer, "a");
        assert_eq!((&*recipe(Which::Fused).layer, recipe(Which::Fused).fused.len()), ("z", 2));
        let (mean, deviation) = (recipe(Which::Mean), recipe(Which::Deviation));
        assert_eq!((mean.class, &*mean.layer, mean.subject), (3, "m", Subject::Mean { passes: explain.map_passes }));
        assert_ne!(mean, deviation);
        assert_eq!(mean.seed, explain.seed, "Grad-CAM draws nothing, but the weights are drawn");
        assert_eq!(recipe(Which::Class).subject, Subject::Class);
        let alone = Aim { other: None, stages: None, stochastic: false, ..aim.clone() };
        for which in [
            Which::Other,
            Which::Difference,
            Which::Middle,
            Which::Fused,
            Which::Mean,
            Which::Deviation,
            Which::Unsureness,
        ] {
            assert!(explain.recipe(which, &alone).is_none(), "{which:?}");
        }
        // A method that knows its own layer is not computed again for another one.
        let cam = Explain::new(&COLORMAPS[0], "cam");
        assert_eq!(&*cam.recipe(Which::Class, &aim).unwrap().layer, "z");
        assert!(cam.recipe(Which::Early, &aim).is_none());
    }
}
