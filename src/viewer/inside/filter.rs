//! What is typed to find channels: numbers and ranges of them, or the word for those that never were active.

/// Which channels are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All.
    All,
    /// Those without any value but 0 so far.
    Dead,
    /// Those in one of these ranges, ends included.
    Numbers(Vec<(usize, usize)>),
}

impl Filter {
    /// Reads "7", "3, 9", "20-40" or "dead"; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self::All);
        }
        if text.eq_ignore_ascii_case("dead") {
            return Some(Self::Dead);
        }
        let parts = text.split([',', ' ', ';']).map(str::trim).filter(|part| !part.is_empty());
        let ranges = parts.map(|part| match part.split_once(['-', '–']) {
            // A range that is still being typed is its beginning.
            Some((first, "")) => first.parse().ok().map(|first| (first, first)),
            Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
            None => part.parse().ok().map(|number| (number, number)),
        });
        ranges.collect::<Option<Vec<_>>>().map(Self::Numbers)
    }

    /// Whether a channel is asked for.
    #[must_use]
    pub fn takes(&self, channel: usize, is_dead: bool) -> bool {
        match self {
            Self::All => true,
            Self::Dead => is_dead,
            Self::Numbers(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&channel)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ranges_and_the_dead_are_found() {
        let taken = |text: &str| {
            let filter = Filter::read(text)?;
            Some((0..30).filter(|channel| filter.takes(*channel, channel % 10 == 4)).collect::<Vec<_>>())
        };
        assert_eq!(taken("7"), Some(vec![7]));
        assert_eq!(taken(" 3, 9 12"), Some(vec![3, 9, 12]));
        assert_eq!(taken("20-22, 1"), Some(vec![1, 20, 21, 22]));
        assert_eq!(taken("20-"), Some(vec![20]));
        assert_eq!(taken("Dead"), Some(vec![4, 14, 24]));
        assert_eq!(taken("").map(|all| all.len()), Some(30));
        assert_eq!(taken("conv"), None);
        assert_eq!(taken("99"), Some(Vec::new()));
        assert_eq!(taken("9-3"), Some(Vec::new()));
    }
}
