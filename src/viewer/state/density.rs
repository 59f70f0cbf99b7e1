//! How densities are drawn, and which image this one is held against.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Slot;
use crate::engine::{ModelId, UncertaintyKey, UncertaintyResult};
use crate::study::Source;

/// The user's choices about the density plot.
#[derive(Debug, Clone, Default)]
pub struct DensityView {
    /// The classes that are drawn; `None` = the two likeliest.
    pub classes: Option<BTreeSet<usize>>,
    /// Bars instead of a curve.
    pub histogram: bool,
    /// A tick for each pass beneath the curves.
    pub rug: bool,
    /// The kernel's standard deviation; `None` = Silverman's rule for each class.
    pub bandwidth: Option<f32>,
    /// The image that stays in the plot while others come into view.
    pub pinned: Option<Pinned>,
}

/// A distribution that stays in the plot.
#[derive(Debug, Clone)]
pub struct Pinned {
    /// What people call the image.
    pub name: String,
    /// What was sampled.
    pub key: UncertaintyKey,
    /// The draws there were when it was pinned: what is drawn once the image has been closed.
    pub result: Arc<UncertaintyResult>,
}

impl DensityView {
    /// Bandwidths one can choose.
    pub const BANDWIDTHS: std::ops::RangeInclusive<f32> = 0.002..=0.3;

    /// The classes that are drawn, the likeliest first.
    #[must_use]
    pub fn shown(&self, mean: &[f32]) -> Vec<usize> {
        /// So many unless others are chosen.
        const LIKELIEST: usize = 2;
        let mut order = likeliest_first(mean);
        match &self.classes {
            Some(chosen) => order.retain(|class| chosen.contains(class)),
            None => order.truncate(LIKELIEST),
        }
        order
    }

    /// The choice with a class of it switched; `shown` are the classes drawn now. The last one stays.
    #[must_use]
    pub fn switched(shown: &[usize], class: usize) -> BTreeSet<usize> {
        let mut chosen: BTreeSet<usize> = shown.iter().copied().collect();
        if !chosen.remove(&class) || chosen.is_empty() {
            chosen.insert(class);
        }
        chosen
    }

    /// The pinned image, if the same model has judged it.
    #[must_use]
    pub fn pinned_by(&self, model: &ModelId) -> Option<&Pinned> {
        self.pinned.as_ref().filter(|pinned| pinned.key.model == *model)
    }

    /// Whether the pinned image is this one.
    #[must_use]
    pub fn is_pinned(&self, model: &ModelId, source: &Source) -> bool {
        self.pinned_by(model).is_some_and(|pinned| pinned.key.source == *source)
    }
}

/// All classes, the one of the highest mean first.
#[must_use]
pub fn likeliest_first(mean: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..mean.len()).collect();
    order.sort_by(|a, b| mean[*b].total_cmp(&mean[*a]));
    order
}

/// What people call the image in view: the series, and which of its slices.
#[must_use]
pub fn name_of(slot: &Slot) -> String {
    let Some((series, slice)) = slot.series().zip(slot.slice()) else { return String::new() };
    let file = slice.source.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if series.description.is_empty() { file } else { series.description.clone() };
    match (slot.positions(), slot.times()) {
        (1, 1) => name,
        (_, 1) => format!("{name}, {} {}", slot.step_word().to_lowercase(), slot.position + 1),
        _ => format!("{name}, slice {}, time {}", slot.position + 1, slot.time + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_likeliest_classes_are_drawn_unless_others_are_chosen() {
        let mean = [0.1, 0.5, 0.05, 0.35];
        let mut view = DensityView::default();
        assert_eq!(view.shown(&mean), [1, 3]);
        view.classes = Some(DensityView::switched(&view.shown(&mean), 0));
        assert_eq!(view.shown(&mean), [1, 3, 0]);
        view.classes = Some(DensityView::switched(&view.shown(&mean), 1));
        assert_eq!(view.shown(&mean), [3, 0]);
        assert_eq!(view.shown(&[0.5]), [0], "of a model of one class");
        view.classes = Some(BTreeSet::from([3]));
        view.classes = Some(DensityView::switched(&view.shown(&mean), 3));
        assert_eq!(view.shown(&mean), [3], "the last one stays");
    }
}
