//! Rectangles in which pictures of a batch differ from the common one: of one size, so that they are computed together.

use super::super::support::Span;

/// One rectangle a picture, all of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rects {
    /// Rows and columns of each.
    pub size: [usize; 2],
    /// The first row and column of each.
    pub at: Vec<[usize; 2]>,
}

/// The first place and the one behind the last, along rows and along columns.
type Reach = [(usize, usize); 2];

impl Rects {
    /// Rectangles of one size that hold those given, within pictures of these rows and columns. A rectangle that grows
    /// over the edge is moved back: what it holds in addition has not changed, and computing it again does no harm.
    ///
    /// `None` when all are empty.
    fn around(reaches: &[Reach], bounds: [usize; 2]) -> Option<Self> {
        let length = |axis: usize| reaches.iter().map(|reach| reach[axis].1.saturating_sub(reach[axis].0)).max();
        let size = [length(0)?, length(1)?];
        if size.contains(&0) {
            return None;
        }
        let place = |reach: &Reach| [0, 1].map(|axis| reach[axis].0.min(bounds[axis] - size[axis]));
        Some(Self { size, at: reaches.iter().map(place).collect() })
    }

    fn reaches(&self) -> impl Iterator<Item = Reach> {
        self.at.iter().map(|at| [0, 1].map(|axis| (at[axis], at[axis] + self.size[axis])))
    }

    /// Where the output of an operation with these windows differs, of which there are `outputs`; `None` where no window
    /// sees a rectangle.
    pub fn seen_by(&self, windows: &[Window; 2], outputs: [usize; 2]) -> Option<Self> {
        let seen = |reach: Reach| [0, 1].map(|axis| windows[axis].seeing(reach[axis], outputs[axis]));
        let reaches: Vec<Reach> = self.reaches().map(seen).collect();
        Self::around(&reaches, outputs)
    }

    /// Rectangles that hold all those given, picture by picture.
    pub fn joined(all: &[&Self], bounds: [usize; 2]) -> Option<Self> {
        let (first, rest) = all.split_first()?;
        let mut reaches: Vec<Reach> = first.reaches().collect();
        for other in rest {
            for (reach, other) in reaches.iter_mut().zip(other.reaches()) {
                for (own, other) in reach.iter_mut().zip(other) {
                    *own = (own.0.min(other.0), own.1.max(other.1));
                }
            }
        }
        Self::around(&reaches, bounds)
    }

    /// The same further down and right.
    pub fn moved(&self, by: [usize; 2]) -> Self {
        let at = self.at.iter().map(|at| [at[0] + by[0], at[1] + by[1]]).collect();
        Self { size: self.size, at }
    }

    /// The places of the input that windows need for these places of their output: where each begins (before the input
    /// perhaps), and how large all are.
    pub fn needed_by(&self, windows: &[Window; 2]) -> (Vec<[i64; 2]>, [usize; 2]) {
        let start =
            |at: &[usize; 2]| [0, 1].map(|axis| (at[axis] * windows[axis].stride) as i64 - windows[axis].before as i64);
        let length = |axis: usize| (self.size[axis] - 1) * windows[axis].stride + windows[axis].reach + 1;
        (self.at.iter().map(start).collect(), [length(0), length(1)])
    }

    /// Where each begins, as places that may lie outside.
    pub fn starts(&self) -> Vec<[i64; 2]> {
        self.at.iter().map(|at| at.map(|place| place as i64)).collect()
    }

    /// The part of a picture of these rows and columns that a rectangle takes.
    pub fn share(&self, bounds: [usize; 2]) -> f64 {
        (self.size[0] * self.size[1]) as f64 / (bounds[0] * bounds[1]).max(1) as f64
    }
}

/// Regular windows along one axis: window `i` reaches from `i · stride − before` on over `reach` more places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::graph) struct Window {
    /// The distance between neighbouring windows.
    pub stride: usize,
    /// How far the first window begins before the input.
    pub before: usize,
    /// The distance between the first and the last place of a window.
    pub reach: usize,
}

impl Window {
    /// The windows of a span, if they are regular.
    pub fn of(span: &Span) -> Option<Self> {
        match *span {
            Span::Regular { kernel, stride, before, dilation } if kernel > 0 && stride > 0 => {
                Some(Self { stride, before, reach: (kernel - 1) * dilation })
            }
            _ => None,
        }
    }

    /// Which of `outputs` windows reach over any of the places `first .. end`.
    fn seeing(self, (first, end): (usize, usize), outputs: usize) -> (usize, usize) {
        let from = (first + self.before).saturating_sub(self.reach).div_ceil(self.stride).min(outputs);
        let to = ((end + self.before - 1) / self.stride + 1).min(outputs);
        (from, to.max(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_see_a_place_are_found_by_asking_each() {
        for stride in 1..4 {
            for (kernel, dilation) in [(1, 1), (3, 1), (2, 1), (3, 2), (5, 1)] {
                for before in 0..4 {
                    let window = Window { stride, before, reach: (kernel - 1) * dilation };
                    for (first, end) in [(0, 1), (3, 4), (2, 7), (0, 12), (11, 12)] {
                        let sees = |index: usize| {
                            let start = (index * stride) as i64 - before as i64;
                            start < end as i64 && start + window.reach as i64 >= first as i64
                        };
                        let expected: Vec<usize> = (0..9).filter(|&index| sees(index)).collect();
                        let (from, to) = window.seeing((first, end), 9);
                        assert_eq!((from..to).collect::<Vec<_>>(), expected, "{window:?} over {first}..{end}");
                    }
                }
            }
        }
    }

    #[test]
    fn rectangles_of_one_size_stay_inside() {
        let window = Window { stride: 2, before: 1, reach: 2 };
        let rects = Rects { size: [3, 3], at: vec![[0, 0], [5, 2], [3, 1]] };
        let seen = rects.seen_by(&[window; 2], [4, 4]).unwrap();
        // Rows 0..3 are seen by windows 0 and 1; 5..8 by 2 and 3; 3..6 by 1, 2 and 3.
        assert_eq!(seen, Rects { size: [3, 3], at: vec![[0, 0], [1, 1], [1, 0]] });
        let (starts, size) = seen.needed_by(&[window; 2]);
        assert_eq!((starts, size), (vec![[-1, -1], [1, 1], [1, -1]], [7, 7]));
        let skipped = Rects { size: [1, 1], at: vec![[1, 1]] };
        assert_eq!(skipped.seen_by(&[Window { stride: 2, before: 0, reach: 0 }; 2], [3, 3]), None);
    }

    #[test]
    fn joined_rectangles_hold_both() {
        let a = Rects { size: [1, 1], at: vec![[0, 0], [7, 7]] };
        let b = Rects { size: [2, 1], at: vec![[2, 3], [5, 6]] };
        let joined = Rects::joined(&[&a, &b], [8, 8]).unwrap();
        assert_eq!(joined, Rects { size: [4, 4], at: vec![[0, 0], [4, 4]] });
    }
}
