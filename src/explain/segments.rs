//! Superpixels as they are shown: from the single most decisive one outward, evidence for and against apart.

use super::Segments;

/// Which superpixels are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Evidence {
    /// Those that speak for the class and those that speak against it.
    #[default]
    Both,
    /// Only those that speak for it.
    For,
    /// Only those that speak against it.
    Against,
}

impl Evidence {
    /// Whether a superpixel of this weight is evidence of this kind; one without weight is none.
    #[must_use]
    pub fn includes(self, weight: f64) -> bool {
        match self {
            Self::Both => weight != 0.0,
            Self::For => weight > 0.0,
            Self::Against => weight < 0.0,
        }
    }
}

impl Segments {
    /// The superpixels that are evidence of this kind, the most decisive first.
    #[must_use]
    pub fn evidence(&self, evidence: Evidence) -> Vec<usize> {
        let mut order = self.order();
        order.retain(|&segment| evidence.includes(self.weights[segment]));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_decisive_come_first_and_none_without_weight() {
        let segments = Segments { labels: vec![0, 1, 2, 3], weights: vec![0.5, -2.0, 0.0, 1.0] };
        assert_eq!(segments.evidence(Evidence::Both), [1, 3, 0]);
        assert_eq!(segments.evidence(Evidence::For), [3, 0]);
        assert_eq!(segments.evidence(Evidence::Against), [1]);
        let silent = Segments { labels: vec![0; 4], weights: vec![0.0, f64::NAN] };
        assert_eq!(silent.evidence(Evidence::For), [0_usize; 0]);
    }
}
