//! The order in which the grid shows the channels.

use std::sync::Arc;

use super::filter::Filter;
use super::history::ChannelHistory;
use crate::explain::Activations;
use crate::viewer::state::{ChannelOrder, Inside};

/// The channels of the grid in their order, made again only when something it rests on has changed.
#[derive(Debug, Clone, Default)]
pub struct Sorted {
    /// The channels, first the one shown first.
    pub channels: Arc<[usize]>,
    /// Whether what was typed could be read.
    pub filter_is_read: bool,
    of: Option<Of>,
}

/// What an order rests on.
#[derive(Debug, Clone)]
struct Of {
    activations: Arc<Activations>,
    contributions: Vec<f32>,
    order: ChannelOrder,
    filter: String,
    slices: usize,
}

impl Sorted {
    /// Follows what is in view and what is chosen. Until the contributions have come the layer's own order stays.
    pub fn follow(
        &mut self,
        activations: Option<&Arc<Activations>>,
        contributions: Option<&[f32]>,
        choices: &Inside,
        history: &ChannelHistory,
    ) {
        let Some(activations) = activations else {
            *self = Self::default();
            return;
        };
        let filter = Filter::read(&choices.filter);
        // The dead become fewer with each slice, and only one filter asks for them.
        let seen = if filter == Some(Filter::Dead) { history.slices() } else { 0 };
        let contributions = contributions.filter(|_| choices.order == ChannelOrder::Contribution).unwrap_or(&[]);
        let is_same = self.of.as_ref().is_some_and(|of| {
            Arc::ptr_eq(&of.activations, activations)
                && of.contributions == contributions
                && (of.order, &of.filter, of.slices) == (choices.order, &choices.filter, seen)
        });
        if is_same {
            return;
        }
        self.filter_is_read = filter.is_some();
        let filter = filter.unwrap_or(Filter::All);
        let mut channels: Vec<usize> =
            (0..activations.channels).filter(|channel| filter.takes(*channel, history.is_dead(*channel))).collect();
        if let Some(values) = values(activations, contributions, choices.order) {
            // Channels of equal value keep the layer's order.
            channels.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        }
        self.channels = channels.into();
        self.of = Some(Of {
            activations: Arc::clone(activations),
            contributions: contributions.to_vec(),
            order: choices.order,
            filter: choices.filter.clone(),
            slices: seen,
        });
    }

    /// The channel `steps` places further on from one in the shown order; from the first one where none is chosen.
    #[must_use]
    pub fn step(&self, from: Option<usize>, steps: isize) -> Option<usize> {
        let place = from.and_then(|from| self.channels.iter().position(|channel| *channel == from));
        let Some(place) = place else { return self.channels.first().copied() };
        let last = self.channels.len().checked_sub(1)?;
        self.channels.get(place.saturating_add_signed(steps).min(last)).copied()
    }
}

/// What an order goes by, one value a channel; `None` for the layer's own order.
fn values<'a>(activations: &'a Activations, contributions: &'a [f32], order: ChannelOrder) -> Option<&'a [f32]> {
    match order {
        ChannelOrder::Index => None,
        ChannelOrder::Contribution => Some(contributions).filter(|known| known.len() == activations.channels),
        ChannelOrder::Mean => Some(&activations.mean),
        ChannelOrder::Maximum => Some(&activations.maximum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> Arc<Activations> {
        Arc::new(Activations {
            contributions: None,
            layer: "conv".to_owned(),
            channels: 4,
            rows: 1,
            columns: 2,
            values: vec![0.0, 4.0, 3.0, 3.0, 0.0, 0.0, -1.0, 9.0],
            minimum: vec![0.0, 3.0, 0.0, -1.0],
            maximum: vec![4.0, 3.0, 0.0, 9.0],
            mean: vec![2.0, 3.0, 0.0, 4.0],
        })
    }

    fn order(choices: &Inside) -> Vec<usize> {
        let mut sorted = Sorted::default();
        sorted.follow(Some(&layer()), Some(&[0.1, -2.0, 3.0, 0.5]), choices, &ChannelHistory::default());
        sorted.channels.to_vec()
    }

    #[test]
    fn each_order_puts_its_largest_first() {
        let by = |kind| order(&Inside { order: kind, ..Inside::default() });
        assert_eq!(by(ChannelOrder::Index), [0, 1, 2, 3]);
        assert_eq!(by(ChannelOrder::Mean), [3, 1, 0, 2]);
        assert_eq!(by(ChannelOrder::Maximum), [3, 0, 1, 2]);
        assert_eq!(by(ChannelOrder::Contribution), [2, 3, 0, 1]);
        let filtered = Inside { order: ChannelOrder::Maximum, filter: "0-2".to_owned(), ..Inside::default() };
        assert_eq!(order(&filtered), [0, 1, 2]);
    }

    #[test]
    fn what_can_not_be_read_hides_nothing_and_is_said() {
        let mut sorted = Sorted::default();
        let choices = Inside { filter: "conv".to_owned(), ..Inside::default() };
        sorted.follow(Some(&layer()), None, &choices, &ChannelHistory::default());
        assert_eq!((sorted.channels.len(), sorted.filter_is_read), (4, false));
    }

    #[test]
    fn one_steps_through_the_shown_order_and_stops_at_its_ends() {
        let mut sorted = Sorted::default();
        let choices = Inside { order: ChannelOrder::Mean, ..Inside::default() };
        sorted.follow(Some(&layer()), None, &choices, &ChannelHistory::default());
        assert_eq!(sorted.step(None, 1), Some(3));
        assert_eq!(sorted.step(Some(3), 1), Some(1));
        assert_eq!(sorted.step(Some(2), 1), Some(2));
        assert_eq!(sorted.step(Some(3), -1), Some(3));
        assert_eq!(Sorted::default().step(Some(3), 1), None);
    }
}
