//! Borders added to an input or cut off it.

use candle_core::Tensor;

use super::super::support::{Span, Support};
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    only,
};

/// What a border holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PadMode {
    /// This number.
    Constant(f64),
    /// The elements mirrored at the edge, which itself is not repeated.
    Reflect,
    /// The edge's element.
    Edge,
}

/// A border around the input; where an amount is negative, so many elements are cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct Pad {
    /// For each dimension how many elements are added before and after.
    pub amounts: Vec<[i64; 2]>,
    /// What the border holds.
    pub mode: PadMode,
}

/// One dimension that changes: its number, its length and the amounts.
struct Axis {
    dimension: usize,
    length: usize,
    before: i64,
    after: i64,
}

impl Pad {
    fn axes<'a>(&'a self, shape: &'a [usize]) -> impl DoubleEndedIterator<Item = Axis> + 'a {
        let axes = self.amounts.iter().zip(shape).enumerate();
        // Zipped slices have exact lengths, so that the way back can go through them in reverse.
        axes.filter(|(_, (amounts, _))| **amounts != [0; 2]).map(|(dimension, (&[before, after], &length))| Axis {
            dimension,
            length,
            before,
            after,
        })
    }
}

impl Axis {
    /// The elements that stay: where they begin in the input, and how many they are.
    fn kept(&self) -> (usize, usize) {
        let cut = |amount: i64| amount.min(0).unsigned_abs() as usize;
        (cut(self.before), self.length - cut(self.before) - cut(self.after))
    }

    /// How many elements are added before and after.
    fn added(&self) -> [usize; 2] {
        [self.before, self.after].map(|amount| amount.max(0) as usize)
    }

    /// The place in the input of each element of the output, where the border repeats elements.
    fn sources(&self, reflect: bool, like: &Tensor) -> Result<Tensor> {
        let last = self.length as i64 - 1;
        let places: Vec<u32> = (-self.before..=last + self.after)
            .map(|place| match place {
                _ if !reflect => place.clamp(0, last) as u32,
                _ if place < 0 => -place as u32,
                _ if place > last => (2 * last - place) as u32,
                _ => place as u32,
            })
            .collect();
        let count = places.len();
        Tensor::from_vec(places, count, like.device())
    }
}

impl Pad {
    /// Where the places along a dimension of this length come from.
    fn span(&self, length: usize, [before, after]: [i64; 2]) -> Span {
        let last = length as i64 - 1;
        let source = |place: i64| {
            let place = match self.mode {
                PadMode::Constant(_) if !(0..=last).contains(&place) => return None,
                PadMode::Constant(_) | PadMode::Edge => place.clamp(0, last),
                PadMode::Reflect if place < 0 => -place,
                PadMode::Reflect if place > last => 2 * last - place,
                PadMode::Reflect => place,
            };
            let place = usize::try_from(place).ok()?;
            Some((place, place))
        };
        Span::Listed((-before..=last + after).map(source).collect())
    }
}

impl Op for Pad {
    fn kind(&self) -> &'static str {
        "Pad"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        if self.amounts.len() != input.len() {
            return Err(format!("it pads {} dimensions, not {}", self.amounts.len(), input.len()));
        }
        let padded = |(&length, &[before, after]): (&usize, &[i64; 2])| {
            let unfit = || format!("{length} elements cannot be padded by {before} and {after}");
            let signed = i64::try_from(length).map_err(|_| unfit())?;
            // Cutting must leave an element, and a mirror reaches at most to the other edge.
            let left = before.min(0).checked_add(after.min(0)).and_then(|cut| signed.checked_add(cut));
            let fits = left.is_some_and(|left| left > 0)
                && (self.mode != PadMode::Reflect || (before < signed && after < signed));
            let sum = signed.checked_add(before).and_then(|sum| sum.checked_add(after));
            sum.filter(|_| fits).and_then(|sum| usize::try_from(sum).ok()).ok_or_else(unfit)
        };
        input.iter().zip(&self.amounts).map(padded).collect()
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        let &[_, _, rows, columns] = inputs[which] else { return Support::Everything };
        let Some(&[_, _, down, across]) = self.amounts.get(..4) else { return Support::Everything };
        Support::Windows([self.span(rows, down), self.span(columns, across)])
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let mut output = inputs[0].clone();
        for axis in self.axes(inputs[0].dims()) {
            let dimension = axis.dimension;
            output = match self.mode {
                PadMode::Constant(value) => {
                    let (start, length) = axis.kept();
                    let [before, after] = axis.added();
                    let kept = output.narrow(dimension, start, length)?;
                    bordered(&kept, dimension, before, after, value)?
                }
                mode => {
                    let sources = axis.sources(mode == PadMode::Reflect, &output)?;
                    output.contiguous()?.index_select(&sources, dimension)?
                }
            };
        }
        Ok(Forward::stateless(output))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let mut back = gradient.clone();
        for axis in self.axes(&saved.inputs[which]).rev() {
            let dimension = axis.dimension;
            back = match self.mode {
                PadMode::Constant(_) => {
                    let (start, length) = axis.kept();
                    let kept = back.narrow(dimension, axis.added()[0], length)?;
                    kept.pad_with_zeros(dimension, start, axis.length - start - length)?
                }
                mode => {
                    let mut shape = back.dims().to_vec();
                    shape[dimension] = axis.length;
                    let zeros = Tensor::zeros(shape, back.dtype(), back.device())?;
                    let sources = axis.sources(mode == PadMode::Reflect, &back)?;
                    zeros.index_add(&sources, &back.contiguous()?, dimension)?
                }
            };
        }
        back.contiguous()
    }
}

/// A tensor with so many elements of one value before and after it along a dimension.
fn bordered(tensor: &Tensor, dimension: usize, before: usize, after: usize, value: f64) -> Result<Tensor> {
    let border = |length: usize| -> Result<Tensor> {
        let mut shape = tensor.dims().to_vec();
        shape[dimension] = length;
        // The value goes through the number's own type, not through a product with 0, so that −∞ arrives.
        Tensor::new(value, tensor.device())?.to_dtype(tensor.dtype())?.broadcast_as(shape)?.contiguous()
    };
    let mut parts = Vec::with_capacity(3);
    if before > 0 {
        parts.push(border(before)?);
    }
    parts.push(tensor.contiguous()?);
    if after > 0 {
        parts.push(border(after)?);
    }
    Tensor::cat(&parts, dimension)?.contiguous()
}
