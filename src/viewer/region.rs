//! Regions that somebody drew on a slice: outlines in slice coordinates, and the part of the network's input inside.

use std::collections::HashMap;
use std::sync::Arc;

use super::state::Explain;
use crate::explain::{Mask, Region};
use crate::model::Fit;
use crate::study::Source;

/// How a region is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stroke {
    /// From corner to corner.
    Rectangle,
    /// Along the pointer's way.
    Freehand,
}

/// A closed outline on a slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Rows and columns of the slice.
    pub slice: [usize; 2],
    /// Corners in slice coordinates, `(x, y)`; (0, 0) is the outer corner of the first pixel.
    pub corners: Vec<(f32, f32)>,
}

/// An outline that is being drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// The slot whose picture is drawn on.
    pub slot: usize,
    /// Where the pointer has been, in slice coordinates.
    pub way: Vec<(f32, f32)>,
}

impl Drawing {
    /// The corners as drawn so far.
    #[must_use]
    pub fn corners(&self, stroke: Stroke) -> Vec<(f32, f32)> {
        match (stroke, self.way.first(), self.way.last()) {
            (Stroke::Rectangle, Some(&(left, top)), Some(&(right, bottom))) => {
                vec![(left, top), (right, top), (right, bottom), (left, bottom)]
            }
            _ => self.way.clone(),
        }
    }
}

impl Outline {
    /// Which pixels of the network's input lie inside, by their centres (even-odd rule). `None` where no pixel does:
    /// the outline is smaller than a pixel, or lies where the network sees nothing of the slice.
    #[must_use]
    pub fn mask(&self, fit: &Fit) -> Option<Mask> {
        let [rows, columns] = fit.input;
        // Slice coordinates have pixel centres at halves, `Fit` has them at whole numbers.
        let corners: Vec<(f64, f64)> =
            self.corners.iter().map(|&(x, y)| fit.input_from_slice((f64::from(x) - 0.5, f64::from(y) - 0.5))).collect();
        let mut inside = vec![false; rows * columns];
        let mut crossings: Vec<f64> = Vec::new();
        for (row, line) in inside.chunks_exact_mut(columns.max(1)).enumerate() {
            let y = row as f64;
            crossings.clear();
            for (index, &(x0, y0)) in corners.iter().enumerate() {
                let (x1, y1) = corners[(index + 1) % corners.len()];
                if (y0 <= y) != (y1 <= y) {
                    crossings.push(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
                }
            }
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let first = pair[0].ceil().max(0.0) as usize;
                // Up to, but without, the right edge: a pixel on a common edge belongs to one side.
                let end = (pair[1].ceil().max(0.0) as usize).min(columns);
                line.get_mut(first..end).into_iter().for_each(|span| span.fill(true));
            }
        }
        inside.contains(&true).then_some(Mask { rows, columns, inside })
    }
}

/// The masks of all regions for the model in use, made once for each outline.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    known: HashMap<Source, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    outline: Arc<Outline>,
    fit: Fit,
    mask: Option<Arc<Mask>>,
}

impl Masks {
    /// Follows what has been drawn; `fit_of` says how a slice of some rows and columns lies in the network's input.
    pub fn follow(&mut self, explain: &Explain, fit_of: impl Fn([usize; 2]) -> Fit) {
        self.known.retain(|source, _| explain.regions.contains_key(source));
        for (source, outline) in &explain.regions {
            let fit = fit_of(outline.slice);
            let is_known =
                self.known.get(source).is_some_and(|known| Arc::ptr_eq(&known.outline, outline) && known.fit == fit);
            if !is_known {
                let mask = outline.mask(&fit).map(Arc::new);
                self.known.insert(source.clone(), Known { outline: Arc::clone(outline), fit, mask });
            }
        }
    }

    /// Where the logits of a slice are summed.
    #[must_use]
    pub fn region(&self, source: &Source) -> Region {
        let mask = self.known.get(source).and_then(|known| known.mask.clone());
        mask.map_or(Region::Predicted, Region::Drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretched(slice: [usize; 2], input: [usize; 2]) -> Fit {
        Fit { slice, input, resized: input, shift: [0, 0] }
    }

    #[test]
    fn a_rectangle_covers_the_pixels_whose_centres_lie_in_it() {
        let drawing = Drawing { slot: 0, way: vec![(1.0, 0.6), (2.0, 3.0), (3.2, 2.4)] };
        let outline = Outline { slice: [4, 4], corners: drawing.corners(Stroke::Rectangle) };
        let mask = outline.mask(&stretched([4, 4], [4, 4])).unwrap();
        let rows: Vec<String> =
            mask.inside.chunks(4).map(|row| row.iter().map(|&is| if is { '#' } else { '.' }).collect()).collect();
        assert_eq!(rows, ["....", ".##.", "....", "...."]);
    }

    #[test]
    fn a_freehand_outline_is_filled_by_the_even_odd_rule_and_follows_the_fit() {
        // A square with a square hole, drawn in one go, on a slice half as large as the network's input.
        let way = vec![
            (0.0, 0.0),
            (4.0, 0.0),
            (4.0, 4.0),
            (0.0, 4.0),
            (0.0, 0.0),
            (1.0, 1.0),
            (1.0, 3.0),
            (3.0, 3.0),
            (3.0, 1.0),
            (1.0, 1.0),
        ];
        let outline = Outline { slice: [4, 4], corners: Drawing { slot: 0, way }.corners(Stroke::Freehand) };
        let mask = outline.mask(&stretched([4, 4], [8, 8])).unwrap();
        assert_eq!(mask.inside.iter().filter(|&&is| is).count(), 64 - 16);
        assert!(mask.inside[0] && !mask.inside[3 * 8 + 3]);
    }

    #[test]
    fn what_is_smaller_than_a_pixel_or_outside_is_no_region() {
        let tiny = Outline { slice: [4, 4], corners: vec![(1.6, 1.6), (1.8, 1.6), (1.8, 1.8)] };
        assert!(tiny.mask(&stretched([4, 4], [4, 4])).is_none());
        let outside = Outline { slice: [4, 4], corners: vec![(-9.0, -9.0), (-2.0, -9.0), (-2.0, -2.0)] };
        assert!(outside.mask(&stretched([4, 4], [4, 4])).is_none());
    }
}
