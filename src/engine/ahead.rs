//! What will probably be looked at next: the rest of the series in view, from the slice in view outwards.

use super::source_list::SourceList;
use crate::study::Source;

/// A series whose pictures are fetched while nothing is more urgent.
#[derive(Debug, Clone)]
pub struct Ahead {
    sources: SourceList,
    at: usize,
    /// Steps from the slice in view that have been looked at: it, one up, one down, two up, …
    done: usize,
}

impl Ahead {
    /// From the slice at a place of the list on.
    pub fn new(sources: SourceList, at: usize) -> Self {
        Self { sources, at, done: 0 }
    }

    /// Whether both begin at the same slice of the same list.
    pub fn is(&self, sources: &SourceList, at: usize) -> bool {
        self.at == at && self.sources == *sources
    }

    /// Whether the series has this slice.
    pub fn contains(&self, source: &Source) -> bool {
        self.sources.contains(source)
    }

    /// The nearest slice that is not there. Each is looked at once: what has been there and is gone was driven out.
    pub fn next(&mut self, is_there: impl Fn(&Source) -> bool) -> Option<Source> {
        let centre = self.at.min(self.sources.len().saturating_sub(1));
        while self.done < 2 * self.sources.len() {
            let steps = self.done.div_ceil(2);
            let place = if self.done % 2 == 1 { centre.checked_add(steps) } else { centre.checked_sub(steps) };
            self.done += 1;
            let source = place.and_then(|place| self.sources.get(place));
            if let Some(source) = source.filter(|source| !is_there(source)) {
                return Some(source.clone());
            }
        }
        None
    }

    /// Nothing more is fetched until something else is in view.
    pub fn stop(&mut self) {
        self.done = usize::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(count: usize, at: usize) -> Vec<usize> {
        let sources: SourceList = (0..count).map(|frame| Source { path: "file".into(), frame }).collect();
        let mut ahead = Ahead::new(sources, at);
        std::iter::from_fn(|| ahead.next(|source| source.frame == 3)).map(|source| source.frame).collect()
    }

    #[test]
    fn a_series_is_fetched_outwards_each_slice_once() {
        assert_eq!(order(6, 2), [2, 1, 4, 0, 5], "3 is there");
        assert_eq!(order(5, 0), [0, 1, 2, 4]);
        assert_eq!(order(5, 4), [4, 2, 1, 0]);
        assert_eq!(order(5, 9), [4, 2, 1, 0], "a place beyond the end");
        assert!(order(0, 0).is_empty());
    }

    #[test]
    fn what_is_stopped_fetches_nothing() {
        let sources: SourceList = (0..4).map(|frame| Source { path: "file".into(), frame }).collect();
        let mut ahead = Ahead::new(sources.clone(), 1);
        assert!(ahead.is(&sources, 1) && !ahead.is(&sources, 2));
        ahead.stop();
        assert_eq!(ahead.next(|_| false), None);
    }
}
