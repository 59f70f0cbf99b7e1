//! The images that excite each channel of a layer most, and where in them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{InsideError, LayerSummary, ReceptiveField, Skipped};

/// One image that excites a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excited {
    /// The image's place in the list of images.
    pub input: usize,
    /// The channel's largest value in it.
    pub value: f32,
    /// Row and column of the unit with that value; `None` in a layer without rows and columns.
    pub unit: Option<(usize, usize)>,
    /// What the unit sees of the image, as `x0, y0, x1, y1` in slice pixels (the centre of the first pixel is 0, 0);
    /// `None` where it may see all of it, or nothing.
    pub patch: Option<[f32; 4]>,
}

/// For each channel of a layer the images that excite it most.
#[derive(Debug, Clone, PartialEq)]
pub struct Strongest {
    /// The layer's name.
    pub layer: String,
    /// How many images have been seen.
    pub inputs: usize,
    /// What the layer's units see of the network's input.
    pub field: Option<ReceptiveField>,
    /// For each channel, the strongest image first. An image in which a channel has no value above 0 does not excite it,
    /// so a dead channel has none.
    pub channels: Vec<Vec<Excited>>,
    /// Images that could not be taken into account.
    pub skipped: Vec<Skipped>,
}

/// Keeps the few strongest images of each channel, whatever their number.
#[derive(Debug, Clone)]
pub struct StrongestTally {
    count: usize,
    inputs: usize,
    channels: Vec<BinaryHeap<Candidate>>,
}

/// The weakest candidate is the greatest, so that a heap gives it up first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    value: f32,
    input: usize,
    unit: Option<(usize, usize)>,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        other.value.total_cmp(&self.value).then(self.input.cmp(&other.input))
    }
}

impl StrongestTally {
    /// Keeps this many images a channel.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { count, inputs: 0, channels: Vec::new() }
    }

    /// Takes one more image in. Of equally strong images that with the smaller `input` goes first, in whichever order
    /// they come.
    ///
    /// # Errors
    /// [`InsideError::Channels`] when it has another number of channels than those before.
    pub fn add(&mut self, input: usize, image: &LayerSummary) -> Result<(), InsideError> {
        if self.inputs == 0 {
            self.channels = vec![BinaryHeap::new(); image.channels.len()];
        }
        if self.channels.len() != image.channels.len() {
            return Err(InsideError::Channels { found: image.channels.len(), expected: self.channels.len() });
        }
        self.inputs += 1;
        for (heap, channel) in self.channels.iter_mut().zip(&image.channels) {
            let value = channel.greatest;
            if value.is_nan() || value <= 0.0 {
                continue;
            }
            let peak = channel.peak as usize;
            let unit = (image.places() > 1).then(|| (peak / image.columns, peak % image.columns));
            heap.push(Candidate { value, input, unit });
            if heap.len() > self.count {
                heap.pop();
            }
        }
        Ok(())
    }

    /// What has been found so far. `patch` says what a unit of an image (by its place in the list) sees of it.
    #[must_use]
    pub fn strongest(
        &self,
        layer: &str,
        field: Option<ReceptiveField>,
        patch: impl Fn(usize, (usize, usize)) -> Option<[f32; 4]>,
    ) -> Strongest {
        let excited = |candidate: Candidate| {
            let Candidate { value, input, unit } = candidate;
            Excited { input, value, unit, patch: unit.and_then(|unit| patch(input, unit)) }
        };
        let channels = self
            .channels
            .iter()
            .map(|heap| heap.clone().into_sorted_vec().into_iter().map(excited).collect())
            .collect();
        Strongest { layer: layer.to_owned(), inputs: self.inputs, field, channels, skipped: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::ChannelSummary;

    fn image(values: &[f32]) -> LayerSummary {
        let channels = values.iter().map(|&value| ChannelSummary {
            sum: f64::from(value),
            least: 0.0,
            greatest: value,
            active: 1,
            saturated: 0,
            peak: 5,
        });
        LayerSummary { rows: 2, columns: 3, channels: channels.collect() }
    }

    #[test]
    fn the_strongest_come_first_ties_by_index_in_any_order() {
        let values = [3.0, 7.0, 7.0, 1.0, 7.0, 0.0];
        for order in [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 4, 0, 1, 5, 3]] {
            let mut tally = StrongestTally::new(3);
            for input in order {
                tally.add(input, &image(&[values[input], 0.0])).unwrap();
            }
            let found =
                tally.strongest("a", None, |input, (row, column)| Some([input as f32, row as f32, column as f32, 0.0]));
            let first: Vec<(usize, f32)> = found.channels[0].iter().map(|one| (one.input, one.value)).collect();
            assert_eq!(first, [(1, 7.0), (2, 7.0), (4, 7.0)]);
            assert_eq!(found.channels[0][0].unit, Some((1, 2)));
            assert_eq!(found.channels[0][0].patch, Some([1.0, 1.0, 2.0, 0.0]));
            assert!(found.channels[1].is_empty(), "nothing excites a dead channel");
            assert_eq!(found.inputs, 6);
        }
    }

    #[test]
    fn nothing_is_kept_of_a_count_of_zero_or_of_no_images() {
        let mut tally = StrongestTally::new(0);
        assert!(tally.strongest("a", None, |_, _| None).channels.is_empty());
        tally.add(0, &image(&[1.0])).unwrap();
        assert_eq!(tally.strongest("a", None, |_, _| None).channels, [Vec::new()]);
        assert!(tally.add(1, &image(&[1.0, 2.0])).is_err());
    }
}
