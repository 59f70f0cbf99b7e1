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

/// The superpixels that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSegments {
    /// The shown superpixels, the most decisive first.
    pub shown: Vec<usize>,
    /// One a place: 1 where a shown superpixel speaks for the class, −1 where one speaks against it, else 0.
    pub signs: Vec<i8>,
    /// One a place: whether the place lies at the border of a shown superpixel. Lines are one place wide and lie
    /// inside the superpixel; the picture's own edge is no border.
    pub outline: Vec<bool>,
}

impl Segments {
    /// The superpixels that a threshold shows: only the most decisive one at 0, all with any evidence at 1, and
    /// evenly many more in between. `columns` is the map's width.
    #[must_use]
    pub fn shown(&self, columns: usize, threshold: f32, evidence: Evidence) -> ShownSegments {
        let speaks = |&segment: &usize| {
            let weight = self.weights[segment];
            match evidence {
                Evidence::Both => weight != 0.0,
                Evidence::For => weight > 0.0,
                Evidence::Against => weight < 0.0,
            }
        };
        let mut shown: Vec<usize> = self.order().into_iter().filter(speaks).collect();
        if let Some(further) = shown.len().checked_sub(1) {
            shown.truncate(1 + (f64::from(threshold.clamp(0.0, 1.0)) * further as f64).round() as usize);
        }
        let mut sign = vec![0_i8; self.weights.len()];
        for &segment in &shown {
            sign[segment] = if self.weights[segment] > 0.0 { 1 } else { -1 };
        }
        let of_place = |&label: &u32| sign.get(label as usize).copied().unwrap_or(0);
        let signs: Vec<i8> = self.labels.iter().map(of_place).collect();
        let outline = outline(&self.labels, &signs, columns);
        ShownSegments { shown, signs, outline }
    }
}

/// Places of shown superpixels beside another superpixel; between two shown ones only the first label's side is
/// marked, so that lines are equally thin everywhere.
fn outline(labels: &[u32], signs: &[i8], columns: usize) -> Vec<bool> {
    let columns = columns.max(1);
    let rows = labels.len() / columns;
    let borders = |place: usize, other: usize| {
        labels[place] != labels[other] && (signs[other] == 0 || labels[place] < labels[other])
    };
    (0..labels.len())
        .map(|place| {
            let (row, column) = (place / columns, place % columns);
            signs[place] != 0
                && ((row > 0 && borders(place, place - columns))
                    || (row + 1 < rows && borders(place, place + columns))
                    || (column > 0 && borders(place, place - 1))
                    || (column + 1 < columns && borders(place, place + 1)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four columns in a row of three, one superpixel each.
    fn columns() -> Segments {
        Segments { labels: [0, 1, 2, 3].repeat(3), weights: vec![0.5, -2.0, 0.0, 1.0] }
    }

    #[test]
    fn the_threshold_leads_from_the_most_decisive_outward() {
        let shown = |threshold, evidence| columns().shown(4, threshold, evidence).shown;
        assert_eq!(shown(0.0, Evidence::Both), [1]);
        assert_eq!(shown(0.5, Evidence::Both), [1, 3]);
        assert_eq!(shown(1.0, Evidence::Both), [1, 3, 0], "a superpixel without evidence is never shown");
        assert_eq!(shown(0.0, Evidence::For), [3]);
        assert_eq!(shown(1.0, Evidence::For), [3, 0]);
        assert_eq!(shown(1.0, Evidence::Against), [1]);
        assert_eq!(shown(f32::NAN, Evidence::Both), [1]);
        let silent = Segments { labels: vec![0; 4], weights: vec![0.0] };
        assert_eq!(silent.shown(2, 1.0, Evidence::Both).signs, [0; 4]);
    }

    #[test]
    fn signs_and_outlines_lie_on_the_map() {
        let shown = columns().shown(4, 0.5, Evidence::Both);
        assert_eq!(shown.signs, [0, -1, 0, 1].repeat(3));
        assert_eq!(shown.outline, [false, true, false, true].repeat(3));
        // A block of two columns: its middle is no border, nor is the picture's edge.
        let block = Segments { labels: [0, 0, 1].repeat(2), weights: vec![1.0, 0.0] };
        assert_eq!(block.shown(3, 1.0, Evidence::Both).outline, [false, true, false].repeat(2));
        // Between two shown superpixels there is one line.
        let pair = Segments { labels: [0, 0, 1, 1].repeat(2), weights: vec![1.0, -1.0] };
        assert_eq!(pair.shown(4, 1.0, Evidence::Both).outline, [false, true, false, false].repeat(2));
    }
}
