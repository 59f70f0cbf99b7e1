//! Where changed inputs differ from the original, and those that wait to be run together.

use std::ops::Range;

/// Inputs that differ in a larger part of the picture than this are run as a whole.
const SMALL: f64 = 0.5;

/// Rows and columns.
pub(super) type Rectangle = [Range<usize>; 2];

/// Whether a rectangle is so small a part of a picture of these rows and columns that it is run by itself.
pub(super) fn is_small(within: &Rectangle, [rows, columns]: [usize; 2]) -> bool {
    (within[0].len() * within[1].len()) as f64 <= SMALL * (rows * columns) as f64
}

/// The rows of a rectangle in all channels, as places in pictures of these rows and columns.
fn lines(
    elements: usize,
    within: &Rectangle,
    [rows, columns]: [usize; 2],
) -> impl Iterator<Item = Range<usize>> + use<> {
    let (down, across) = (within[0].clone(), within[1].clone());
    (0..elements / (rows * columns).max(1)).flat_map(move |channel| {
        let across = across.clone();
        down.clone().map(move |row| {
            let first = (channel * rows + row) * columns;
            first + across.start..first + across.end
        })
    })
}

/// Whether two pictures differ within a rectangle.
pub(super) fn differs_within(a: &[f32], b: &[f32], within: &Rectangle, bounds: [usize; 2]) -> bool {
    lines(a.len(), within, bounds).any(|line| a[line.clone()] != b[line])
}

/// Copies what lies in a rectangle from one picture to another.
pub(super) fn copy_rectangle(from: &[f32], to: &mut [f32], within: &Rectangle, bounds: [usize; 2]) {
    for line in lines(from.len(), within, bounds) {
        to[line.clone()].copy_from_slice(&from[line]);
    }
}

/// The first row and column of a rectangle for each, all of the size that the largest takes, within a picture of these
/// rows and columns.
pub(super) fn rectangles(within: &[Rectangle], bounds: [usize; 2]) -> (Vec<[usize; 2]>, [usize; 2]) {
    let longest = |axis: usize| within.iter().map(|within| within[axis].len()).max().unwrap_or(0).max(1);
    let size = [longest(0), longest(1)];
    let place = |within: &Rectangle| [0, 1].map(|axis| within[axis].start.min(bounds[axis] - size[axis]));
    (within.iter().map(place).collect(), size)
}

/// Appends what lies in a rectangle of this place and size, `channels × rows × columns`: of `values`, but of the other
/// picture where that has its own rectangle.
pub(super) fn patch(
    values: &[f32],
    other: Option<(&[f32], &Rectangle)>,
    (at, size): ([usize; 2], [usize; 2]),
    bounds: [usize; 2],
    patches: &mut Vec<f32>,
) {
    let all = [at[0]..at[0] + size[0], at[1]..at[1] + size[1]];
    for line in lines(values.len(), &all, bounds) {
        let start = patches.len();
        patches.extend_from_slice(&values[line.clone()]);
        let row = line.start / bounds[1] % bounds[0];
        if let Some((other, within)) = other
            && within[0].contains(&row)
        {
            let first = line.start - at[1];
            let own = within[1].start.max(at[1])..within[1].end.min(at[1] + size[1]);
            patches[start + own.start - at[1]..start + own.end - at[1]]
                .copy_from_slice(&other[first + own.start..first + own.end]);
        }
    }
}

/// Where a changed input differs from the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Nowhere.
    None,
    /// Only in these rows and columns, a small part of the picture.
    Within(Rectangle),
    /// In much of the picture.
    Much,
}

impl Change {
    /// Where `changed` differs from `original`, both `channels × rows × columns`.
    pub fn between(original: &[f32], changed: &[f32], rows: usize, columns: usize) -> Self {
        let (mut top, mut bottom, mut left, mut right) = (rows, 0, columns, 0);
        let most = (SMALL * (rows * columns) as f64) as usize;
        let lines = original.chunks_exact(columns.max(1)).zip(changed.chunks_exact(columns.max(1)));
        for (index, (original, changed)) in lines.enumerate() {
            if original == changed {
                continue;
            }
            let row = index % rows;
            (top, bottom) = (top.min(row), bottom.max(row + 1));
            let differs = |column: &usize| original[*column] != changed[*column];
            left = (0..left).find(differs).unwrap_or(left);
            right = (right..columns).rfind(differs).map_or(right, |column| column + 1);
            if (bottom - top) * right.saturating_sub(left) > most {
                return Self::Much;
            }
        }
        if top >= bottom {
            return Self::None;
        }
        Self::Within([top..bottom, left..right])
    }
}

/// Changed inputs that wait to be run together.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Which they are, in order.
    pub indices: Vec<usize>,
    /// One after the other, each `channels × rows × columns`.
    pub values: Vec<f32>,
    /// Where they differ from the original; empty for those that do in much.
    pub within: Vec<Rectangle>,
    /// At how many they are run.
    pub most: usize,
}

impl Waiting {
    /// None, to be run at `most`.
    pub fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds one.
    pub fn push(&mut self, index: usize, values: &[f32], within: Option<Rectangle>) {
        if self.values.is_empty() {
            self.values.reserve_exact(self.most * values.len());
        }
        self.indices.push(index);
        self.values.extend_from_slice(values);
        self.within.extend(within);
    }

    /// Whether enough wait, or the first one has been waiting while so many others came.
    pub fn is_due(&self, index: usize, patience: usize) -> bool {
        let waits = |&first: &usize| first + patience <= index;
        self.indices.len() >= self.most.max(1) || self.indices.first().is_some_and(waits)
    }

    /// All that wait.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.most))
    }

    /// What lies in the rectangles, `inputs × channels × rows × columns`.
    pub fn patches(&self, at: &[[usize; 2]], size: [usize; 2], [rows, columns]: [usize; 2]) -> Vec<f32> {
        let each = self.values.len() / at.len().max(1);
        let mut patches = Vec::with_capacity(each / (rows * columns).max(1) * at.len() * size[0] * size[1]);
        for (values, &at) in self.values.chunks_exact(each.max(1)).zip(at) {
            patch(values, None, (at, size), [rows, columns], &mut patches);
        }
        patches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_in_all_channels() {
        let original = vec![1.0_f32; 2 * 4 * 5];
        let change = |places: &[(usize, usize, usize)]| {
            let mut changed = original.clone();
            for (channel, row, column) in places {
                changed[(channel * 4 + row) * 5 + column] = 2.0;
            }
            Change::between(&original, &changed, 4, 5)
        };
        assert_eq!(change(&[]), Change::None);
        assert_eq!(change(&[(0, 3, 4)]), Change::Within([3..4, 4..5]));
        assert_eq!(change(&[(1, 0, 1), (0, 2, 3), (1, 1, 2)]), Change::Within([0..3, 1..4]));
        assert_eq!(change(&[(0, 0, 0), (0, 2, 3)]), Change::Much, "12 of 20 pixels");
    }

    #[test]
    fn a_patch_shows_another_picture_in_its_rectangle_alone() {
        // Two channels of 3 × 4; the rectangle reaches over the patch's right edge.
        let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
        let fill = vec![-1.0; 24];
        let mut patches = Vec::new();
        patch(&values, Some((&fill, &[1..2, 2..4])), ([0, 1], [2, 2]), [3, 4], &mut patches);
        assert_eq!(patches, [1.0, 2.0, 5.0, -1.0, 13.0, 14.0, 17.0, -1.0]);
        let mut copy = values.clone();
        copy_rectangle(&fill, &mut copy, &[1..2, 2..4], [3, 4]);
        let changed: Vec<usize> = (0..24).filter(|&place| copy[place] < 0.0).collect();
        assert_eq!(changed, [6, 7, 18, 19]);
        assert!(differs_within(&values, &copy, &[1..3, 3..4], [3, 4]));
        assert!(!differs_within(&values, &copy, &[2..3, 0..4], [3, 4]));
        assert!(is_small(&[0..2, 0..3], [3, 4]) && !is_small(&[0..2, 0..4], [3, 4]));
    }

    #[test]
    fn patches_of_one_size_hold_what_has_changed() {
        let mut waiting = Waiting::new(2);
        let values: Vec<f32> = (0..12).map(|value| value as f32).collect();
        waiting.push(5, &values, Some([0..2, 1..2]));
        assert!(!waiting.is_due(6, 9) && waiting.is_due(14, 9));
        waiting.push(6, &values, Some([2..3, 3..4]));
        assert!(waiting.is_due(6, 9));
        let taken = waiting.take();
        assert!(waiting.indices.is_empty() && waiting.most == 2);
        let (at, size) = rectangles(&taken.within, [3, 4]);
        assert_eq!((at.as_slice(), size), (&[[0, 1], [1, 3]][..], [2, 1]), "moved up, where there is room");
        assert_eq!(taken.patches(&at, size, [3, 4]), [1.0, 5.0, 7.0, 11.0]);
    }
}
