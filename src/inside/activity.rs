//! What a layer's channels do over everything seen so far.

use super::{InsideError, LayerSummary, Skipped};

/// One channel over all images.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ChannelActivity {
    /// Mean over all places of all images.
    pub mean: f32,
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
    /// The share of places with a value above 0, 0 ..= 1.
    pub active: f32,
    /// The share of places at the limits of the activation function, 0 ..= 1; 0 where it has none.
    pub saturated: f32,
}

impl ChannelActivity {
    /// Whether the channel was 0 at every place of every image.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.min == 0.0 && self.max == 0.0
    }

    /// Whether the channel had one and the same value everywhere, as a dead one does behind a normalisation.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.min == self.max
    }
}

/// A layer over all images.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerActivity {
    /// The layer's name.
    pub layer: String,
    /// How many images are in it.
    pub inputs: usize,
    /// One a channel; empty before the first image.
    pub channels: Vec<ChannelActivity>,
    /// Images that could not be taken into account.
    pub skipped: Vec<Skipped>,
}

impl LayerActivity {
    /// The channels that were 0 everywhere on everything seen so far.
    #[must_use]
    pub fn dead(&self) -> Vec<usize> {
        self.which(ChannelActivity::is_dead)
    }

    /// The channels that are not dead but active at less than this share of the places.
    #[must_use]
    pub fn nearly_dead(&self, share: f32) -> Vec<usize> {
        self.which(|channel| !channel.is_dead() && channel.active < share)
    }

    /// The share of places, over all channels, that are not above 0; `None` before the first image.
    #[must_use]
    pub fn sparsity(&self) -> Option<f32> {
        self.mean_of(|channel| channel.active).map(|active| (1.0 - active) as f32)
    }

    /// The share of places, over all channels, at the limits of the activation function; `None` before the first image.
    #[must_use]
    pub fn saturation(&self) -> Option<f32> {
        self.mean_of(|channel| channel.saturated).map(|share| share as f32)
    }

    fn which(&self, is: impl Fn(&ChannelActivity) -> bool) -> Vec<usize> {
        self.channels.iter().enumerate().filter(|(_, channel)| is(channel)).map(|(index, _)| index).collect()
    }

    fn mean_of(&self, value: impl Fn(&ChannelActivity) -> f32) -> Option<f64> {
        let sum: f64 = self.channels.iter().map(|channel| f64::from(value(channel))).sum();
        (!self.channels.is_empty()).then(|| sum / self.channels.len() as f64)
    }
}

/// Adds up a layer image by image. Counts, minima and maxima are exact; the sums are in double precision, so that the
/// order of the images matters only in their rounding.
#[derive(Debug, Clone, Default)]
pub struct ActivityTally {
    inputs: usize,
    places: u64,
    channels: Vec<Totals>,
}

#[derive(Debug, Clone, Copy)]
struct Totals {
    sum: f64,
    least: f32,
    greatest: f32,
    active: u64,
    saturated: u64,
}

impl ActivityTally {
    /// Takes one more image in.
    ///
    /// # Errors
    /// [`InsideError::Channels`] when it has another number of channels than those before; the tally stays as it was.
    pub fn add(&mut self, image: &LayerSummary) -> Result<(), InsideError> {
        if self.inputs == 0 {
            let nothing =
                Totals { sum: 0.0, least: f32::INFINITY, greatest: f32::NEG_INFINITY, active: 0, saturated: 0 };
            self.channels = vec![nothing; image.channels.len()];
        }
        if self.channels.len() != image.channels.len() {
            return Err(InsideError::Channels { found: image.channels.len(), expected: self.channels.len() });
        }
        self.inputs += 1;
        self.places += image.places() as u64;
        for (totals, channel) in self.channels.iter_mut().zip(&image.channels) {
            totals.sum += channel.sum;
            totals.least = totals.least.min(channel.least);
            totals.greatest = totals.greatest.max(channel.greatest);
            totals.active += u64::from(channel.active);
            totals.saturated += u64::from(channel.saturated);
        }
        Ok(())
    }

    /// How many images are in it.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.channels.len() * size_of::<Totals>() + size_of::<Self>()
    }

    /// What has been seen so far.
    #[must_use]
    pub fn activity(&self, layer: &str) -> LayerActivity {
        let places = self.places.max(1) as f64;
        let channels = self.channels.iter().map(|totals| ChannelActivity {
            mean: (totals.sum / places) as f32,
            min: totals.least,
            max: totals.greatest,
            active: (totals.active as f64 / places) as f32,
            saturated: (totals.saturated as f64 / places) as f32,
        });
        let channels = channels.collect();
        LayerActivity { layer: layer.to_owned(), inputs: self.inputs, channels, skipped: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::ChannelSummary;

    /// An image of two channels: one of the given values, one of zeros.
    fn image(values: &[f32]) -> LayerSummary {
        let channel = |values: &[f32]| ChannelSummary {
            sum: values.iter().map(|&value| f64::from(value)).sum(),
            least: values.iter().copied().fold(f32::INFINITY, f32::min),
            greatest: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            active: values.iter().filter(|&&value| value > 0.0).count() as u32,
            saturated: 0,
            peak: 0,
        };
        let zeros = vec![0.0; values.len()];
        LayerSummary { rows: 1, columns: values.len(), channels: vec![channel(values), channel(&zeros)] }
    }

    #[test]
    fn the_order_of_the_images_does_not_matter() {
        let images: Vec<Vec<f32>> =
            (0..40_u16).map(|n| (0..9_u16).map(|k| (f32::from(n * 31 + k * 17) * 0.7).sin() * 1e3).collect()).collect();
        let tally = |order: &mut dyn Iterator<Item = &Vec<f32>>| {
            let mut tally = ActivityTally::default();
            order.for_each(|values| tally.add(&image(values)).unwrap());
            tally.activity("a")
        };
        let (there, back) = (tally(&mut images.iter()), tally(&mut images.iter().rev()));
        let all: Vec<f64> = images.iter().flatten().map(|&value| f64::from(value)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        assert_eq!((there.inputs, there.channels[1]), (40, back.channels[1]));
        let [first, second] = [there.channels[0], back.channels[0]];
        assert_eq!((first.max, first.min, first.active), (second.max, second.min, second.active));
        // One unit in the last place of a single: the sums are doubles.
        assert!((f64::from(first.mean) - mean).abs() < 1e-7 * mean.abs().max(1.0), "{} {mean}", first.mean);
        assert!((first.mean - second.mean).abs() <= f32::EPSILON * first.mean.abs());
    }

    #[test]
    fn dead_means_zero_on_everything_seen_so_far() {
        let mut tally = ActivityTally::default();
        assert!(tally.activity("a").sparsity().is_none() && tally.activity("a").dead().is_empty());
        tally.add(&image(&[0.0, 0.0])).unwrap();
        assert_eq!(tally.activity("a").dead(), [0, 1]);
        tally.add(&image(&[0.0, 0.5])).unwrap();
        let activity = tally.activity("a");
        assert_eq!(activity.dead(), [1], "the first channel has woken up");
        assert_eq!((activity.nearly_dead(0.3), activity.sparsity()), (vec![0], Some(0.875)));
        let narrow = LayerSummary { rows: 1, columns: 1, channels: Vec::new() };
        assert!(tally.add(&narrow).is_err());
        assert_eq!(tally.inputs(), 2);
    }
}
