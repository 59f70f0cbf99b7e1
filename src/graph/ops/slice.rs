//! A part of the elements along one dimension.

use candle_core::Tensor;

use super::super::support::{Span, Support};
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    only,
};

/// The elements `start, start + step, …` before `end` along one dimension, as ONNX and Python count them: negative
/// places from the end, places beyond an edge moved to it, and backwards with a negative step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The dimension.
    pub dimension: usize,
    /// The first place; negative from the end.
    pub start: i64,
    /// The place before which it ends; negative from the end. `i64::MAX` (or `i64::MIN`, backwards) is the edge.
    pub end: i64,
    /// The distance between neighbours, not 0.
    pub step: i64,
}

impl Slice {
    /// The first place and how many there are.
    fn places(self, length: usize) -> Result<(usize, usize), String> {
        let count = i64::try_from(length).map_err(|_| "the dimension is too long".to_owned())?;
        let from_start = |place: i64| if place < 0 { place.saturating_add(count) } else { place };
        let (start, distance) = match self.step {
            0 => return Err("a slice cannot have a step of 0".to_owned()),
            1.. => {
                let start = from_start(self.start).clamp(0, count);
                (start, from_start(self.end).clamp(0, count) - start)
            }
            _ => {
                let start = from_start(self.start).clamp(0, count - 1);
                (start, start - from_start(self.end).clamp(-1, count - 1))
            }
        };
        let places = usize::try_from(distance).unwrap_or(0).div_ceil(self.step.unsigned_abs() as usize);
        if places == 0 {
            return Err(format!("no elements lie from {} to {} of {length}", self.start, self.end));
        }
        Ok((start as usize, places))
    }

    /// The indices of the places along the dimension.
    fn indices(self, shape: &[usize], like: &Tensor) -> Result<Tensor> {
        let (start, places) = self.places(shape[self.dimension]).map_err(candle_core::Error::msg)?;
        let indices: Vec<u32> = (0..places as i64).map(|place| (start as i64 + place * self.step) as u32).collect();
        Tensor::from_vec(indices, places, like.device())
    }
}

impl Slice {
    /// Where the places along a dimension of this length come from.
    fn span(self, length: usize) -> Span {
        let Ok((start, places)) = self.places(length) else { return Span::Listed(Vec::new()) };
        let source = |index: i64| usize::try_from(start as i64 + index * self.step).ok().map(|place| (place, place));
        Span::Listed((0..places as i64).map(source).collect())
    }
}

impl Op for Slice {
    fn kind(&self) -> &'static str {
        "Slice"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let Some(&length) = input.get(self.dimension) else {
            return Err(format!("it works along dimension {}, which the input lacks", self.dimension));
        };
        let mut shape = input.to_vec();
        shape[self.dimension] = self.places(length)?.1;
        Ok(shape)
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        let input = inputs[which];
        match (self.dimension, input.len()) {
            (0 | 1, _) => Support::Same,
            (2, 4) => Support::Windows([self.span(input[2]), Span::SAME]),
            (3, 4) => Support::Windows([Span::SAME, self.span(input[3])]),
            _ => Support::Everything,
        }
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let input = inputs[0];
        if self.step == 1 {
            let (start, places) = self.places(input.dim(self.dimension)?).map_err(candle_core::Error::msg)?;
            return Ok(Forward::stateless(input.narrow(self.dimension, start, places)?.contiguous()?));
        }
        let indices = self.indices(input.dims(), input)?;
        Ok(Forward::stateless(input.contiguous()?.index_select(&indices, self.dimension)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let shape = &saved.inputs[which];
        if self.step == 1 {
            let length = shape[self.dimension];
            let (start, places) = self.places(length).map_err(candle_core::Error::msg)?;
            return gradient.pad_with_zeros(self.dimension, start, length - start - places)?.contiguous();
        }
        let zeros = Tensor::zeros(shape.as_slice(), gradient.dtype(), gradient.device())?;
        zeros.index_add(&self.indices(shape, gradient)?, &gradient.contiguous()?, self.dimension)
    }
}
