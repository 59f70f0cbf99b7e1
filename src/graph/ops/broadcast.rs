//! Two shapes stretched over each other by NumPy's rules.

use std::ops::Range;

/// How two operands lie under an output: dimensions count from the last, and one of length 1 (or a missing one) serves
/// every place along it. Neighbouring dimensions that behave alike are merged, so that few remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::graph) struct Broadcast {
    /// The output's shape.
    pub shape: Vec<usize>,
    /// The merged lengths; at least one.
    lengths: Vec<usize>,
    /// For each operand the distance between neighbours along each merged dimension, 0 where one serves all.
    strides: [Vec<usize>; 2],
}

impl Broadcast {
    /// The layout for two shapes without empty dimensions, or the reason why they do not fit.
    pub fn new(a: &[usize], b: &[usize]) -> Result<Self, String> {
        let rank = a.len().max(b.len());
        let padded = |shape: &[usize]| [vec![1; rank - shape.len()], shape.to_vec()].concat();
        let mut shape = Vec::with_capacity(rank);
        // The merged dimensions: a length, and which operands move along it.
        let mut merged: Vec<(usize, [bool; 2])> = Vec::new();
        for (a_length, b_length) in padded(a).into_iter().zip(padded(b)) {
            if a_length != b_length && a_length != 1 && b_length != 1 {
                return Err(format!("the shapes {a:?} and {b:?} do not stretch over each other"));
            }
            let length = a_length.max(b_length);
            shape.push(length);
            let moves = [a_length == length, b_length == length];
            match merged.last_mut() {
                _ if length == 1 => {}
                Some((merged_length, merged_moves)) if *merged_moves == moves => *merged_length *= length,
                _ => merged.push((length, moves)),
            }
        }
        if merged.is_empty() {
            merged.push((1, [true; 2]));
        }
        let strides = [0, 1].map(|operand| {
            let mut step = 1;
            let mut strides = vec![0; merged.len()];
            for (stride, (length, moves)) in strides.iter_mut().zip(&merged).rev() {
                if moves[operand] {
                    *stride = step;
                    step *= length;
                }
            }
            strides
        });
        Ok(Self { shape, lengths: merged.into_iter().map(|(length, _)| length).collect(), strides })
    }

    /// Whether the last merged dimension moves each operand; one that does not move gives one number per segment.
    pub fn moves(&self) -> [bool; 2] {
        [0, 1].map(|operand| self.strides[operand].last() == Some(&1))
    }

    /// The pieces of a range of output elements along each of which the operands move evenly: `use_it` gets the
    /// piece's place in the range, and where in each operand it begins.
    pub fn segments(&self, range: Range<usize>, mut use_it: impl FnMut(Range<usize>, [usize; 2])) {
        let Some((&inner, outer)) = self.lengths.split_last() else { return };
        let mut at = range.start;
        while at < range.end {
            let (mut row, column) = (at / inner, at % inner);
            let length = (inner - column).min(range.end - at);
            let mut begin = [0, 1].map(|operand| column * self.strides[operand][outer.len()]);
            for (dimension, &length) in outer.iter().enumerate().rev() {
                let index = row % length;
                row /= length;
                for (begin, strides) in begin.iter_mut().zip(&self.strides) {
                    *begin += index * strides[dimension];
                }
            }
            use_it(at - range.start..at - range.start + length, begin);
            at += length;
        }
    }
}

/// The dimensions of `whole` that are summed over to come back to `part`, which was stretched over it.
pub(super) fn stretched(whole: &[usize], part: &[usize]) -> Vec<usize> {
    let lacking = whole.len() - part.len();
    (0..whole.len()).filter(|&at| at < lacking || (part[at - lacking] == 1 && whole[at] != 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_that_behave_alike_are_merged() {
        let same = Broadcast::new(&[2, 3, 4, 5], &[2, 3, 4, 5]).unwrap();
        assert_eq!((same.lengths, same.strides), (vec![120], [vec![1], vec![1]]));
        let gate = Broadcast::new(&[2, 3, 4, 5], &[2, 3, 1, 1]).unwrap();
        assert_eq!(
            (gate.moves(), &gate.lengths, &gate.strides),
            ([true, false], &vec![6, 20], &[vec![20, 1], vec![1, 0]])
        );
        let bias = Broadcast::new(&[2, 7, 3], &[3]).unwrap();
        assert_eq!((&bias.lengths, &bias.strides), (&vec![14, 3], &[vec![3, 1], vec![0, 1]]));
        assert_eq!(Broadcast::new(&[], &[1, 1]).unwrap().shape, [1, 1]);
        assert!(Broadcast::new(&[2, 3], &[2]).unwrap_err().contains("do not stretch"));
    }

    #[test]
    fn segments_cover_a_range_that_begins_anywhere() {
        let outer = Broadcast::new(&[2, 1, 4], &[3, 1]).unwrap();
        assert_eq!(outer.shape, [2, 3, 4]);
        let mut seen = Vec::new();
        outer.segments(6..14, |place, begin| seen.push((place, begin)));
        assert_eq!(seen, [(0..2, [2, 1]), (2..6, [0, 2]), (6..8, [4, 0])]);
    }
}
