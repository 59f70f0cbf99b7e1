//! Channels that hardly ever fire.

use super::finding::{counted, listed, percent};
use super::tally::NEARLY_DEAD;
use super::{Check, Finding, Report, Severity};

/// From this share of nearly dead channels on a layer needs attention.
const MANY: f32 = 0.2;

/// Channels that were active at fewer than one place in a thousand.
pub(super) struct NearlyDead;

impl Check for NearlyDead {
    fn name(&self) -> &'static str {
        "nearly_dead"
    }

    fn title(&self) -> &'static str {
        "Nearly dead channels"
    }

    fn definition(&self) -> &'static str {
        "A channel is nearly dead when it was above 0 somewhere, but at fewer than 0.1 % of all places of all images. It \
         is not judged where fewer than 1000 places were seen."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        let layers = report.layers.iter().filter(|layer| !layer.nearly_dead.is_empty());
        layers
            .map(|layer| {
                let (count, all) = (layer.nearly_dead.len(), layer.channels());
                let share = count as f32 / all.max(1) as f32;
                Finding {
                    kind: self.name(),
                    severity: if share >= MANY { Severity::Attention } else { Severity::Notice },
                    layer: Some(layer.layer.clone()),
                    channels: layer.nearly_dead.clone(),
                    what: format!(
                        "{count} of {} ({}) of {}{} {} active at fewer than {} of the places: {}.",
                        counted(all, "channel"),
                        percent(share),
                        layer.layer,
                        layer.of_filters(),
                        if count == 1 { "was" } else { "were" },
                        percent(NEARLY_DEAD),
                        listed(&layer.nearly_dead),
                    ),
                    rule: format!(
                        "Above 0 somewhere, but at fewer than {} of the {} places of a channel. Notice from one channel \
                         on, attention from {} of a layer's channels.",
                        percent(NEARLY_DEAD),
                        layer.positions,
                        percent(MANY)
                    ),
                    advice: "Look at the images that do excite them (strongest images): a channel for something rare is \
                             fine, one for a few odd images is a sign of overfitting. Otherwise as for dead channels: a \
                             lower learning rate, rectifiers that cannot die, or fewer filters; channels that hardly fire \
                             can often be removed without loss."
                        .to_owned(),
                    source: "Hu et al. 2016, Network Trimming (average percentage of zeros); Lu et al. 2019, Dying ReLU \
                             and Initialization."
                        .to_owned(),
                }
            })
            .collect()
    }
}
