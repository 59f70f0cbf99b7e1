//! Operations that put the same elements into another shape or order.

use candle_core::{Tensor, bail};

use super::super::support::{Span, Support};
use super::{
    super::op::{Forward, Op, Result, Rule, Saved},
    binary::sum_to,
    broadcast::Broadcast,
    image_shape, only,
};

/// The dimensions in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transpose {
    /// For each dimension of the output, which one of the input it is.
    pub order: Vec<usize>,
}

impl Op for Transpose {
    fn kind(&self) -> &'static str {
        "Transpose"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.len()) {
            return Err(format!("{:?} is no order of {} dimensions", self.order, input.len()));
        }
        Ok(self.order.iter().map(|&dimension| input[dimension]).collect())
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        Ok(Forward::stateless(inputs[0].permute(self.order.as_slice())?.contiguous()?))
    }

    fn vjp(&self, gradient: &Tensor, _which: usize, _saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let mut back = vec![0; self.order.len()];
        for (place, &dimension) in self.order.iter().enumerate() {
            back[dimension] = place;
        }
        gradient.permute(back)?.contiguous()
    }
}

/// The elements in row-major order in another shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reshape {
    /// The lengths; 0 copies the input's dimension at the same place, one −1 takes what is left.
    pub shape: Vec<i64>,
}

impl Op for Reshape {
    fn kind(&self) -> &'static str {
        "Reshape"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let input = only(inputs)?;
        let count: usize = input.iter().product();
        let unfit = || format!("{count} elements cannot have the shape {:?}", self.shape);
        let mut known: usize = 1;
        let mut inferred = None;
        let mut shape = Vec::with_capacity(self.shape.len());
        for (place, &length) in self.shape.iter().enumerate() {
            let length = match length {
                -1 if inferred.replace(place).is_some() => return Err("only one dimension may be left open".to_owned()),
                -1 => 1,
                0 => *input.get(place).ok_or_else(unfit)?,
                length => usize::try_from(length).map_err(|_| unfit())?,
            };
            known = known.checked_mul(length).ok_or_else(unfit)?;
            shape.push(length);
        }
        if let Some(place) = inferred {
            shape[place] = count / known;
            known *= shape[place];
        }
        if known == count { Ok(shape) } else { Err(unfit()) }
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let shape = self.shape(&[inputs[0].dims()]).map_err(candle_core::Error::msg)?;
        Ok(Forward::stateless(inputs[0].reshape(shape)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        gradient.reshape(saved.inputs[which].as_slice())
    }
}

/// The input and a shape stretched over each other as NumPy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// The lengths; 1 leaves the input's.
    pub shape: Vec<usize>,
}

impl Op for Expand {
    fn kind(&self) -> &'static str {
        "Expand"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if self.shape.contains(&0) {
            return Err("no dimension may be 0".to_owned());
        }
        Broadcast::new(only(inputs)?, &self.shape).map(|layout| layout.shape)
    }

    fn support(&self, _inputs: &[&[usize]], _which: usize) -> Support {
        Support::Same
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let shape = self.shape(&[inputs[0].dims()]).map_err(candle_core::Error::msg)?;
        Ok(Forward::stateless(inputs[0].broadcast_as(shape)?.contiguous()?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        sum_to(gradient, &saved.inputs[which])
    }
}

/// How a channel's number says where it goes in [`DepthToSpace`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepthMode {
    /// Row of the block, column of the block, channel: TensorFlow's and ONNX's default (`DCR`).
    BlockFirst,
    /// Channel, row of the block, column of the block: PyTorch's pixel shuffle (`CRD`).
    ChannelFirst,
}

/// Groups of `block²` channels as blocks of `block × block` places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthToSpace {
    /// Rows and columns of a block.
    pub block: usize,
    /// The order of the channels.
    pub mode: DepthMode,
}

impl DepthToSpace {
    /// The split shape, and its dimensions in the output's order: batch, channel, row, row of the block, column, column
    /// of the block.
    fn split(self, [batch, channels, rows, columns]: [usize; 4]) -> ([usize; 6], [usize; 6]) {
        let (block, left) = (self.block, channels / self.block / self.block);
        match self.mode {
            DepthMode::BlockFirst => ([batch, block, block, left, rows, columns], [0, 3, 4, 1, 5, 2]),
            DepthMode::ChannelFirst => ([batch, left, block, block, rows, columns], [0, 1, 4, 2, 5, 3]),
        }
    }
}

/// The four lengths of an image tensor.
fn lengths(shape: &[usize]) -> Result<[usize; 4]> {
    let Ok(lengths) = shape.try_into() else { bail!("an image tensor was expected, not {shape:?}") };
    Ok(lengths)
}

impl Op for DepthToSpace {
    fn kind(&self) -> &'static str {
        "DepthToSpace"
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [batch, channels, rows, columns] = image_shape(inputs)?;
        let block = self.block;
        match block.checked_mul(block) {
            Some(places) if places > 0 && channels.is_multiple_of(places) => {
                Ok(vec![batch, channels / places, rows * block, columns * block])
            }
            _ => Err(format!("{channels} channels cannot be blocks of {block}×{block} places")),
        }
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        let &[_, _, rows, columns] = inputs[which] else { return Support::Everything };
        let span = |length: usize| {
            Span::Listed((0..length * self.block).map(|at| Some((at / self.block, at / self.block))).collect())
        };
        Support::Windows([span(rows), span(columns)])
    }

    fn forward(&self, inputs: &[&Tensor], _record: bool) -> Result<Forward> {
        let shape = lengths(inputs[0].dims())?;
        let (split, order) = self.split(shape);
        let output = self.shape(&[&shape]).map_err(candle_core::Error::msg)?;
        Ok(Forward::stateless(inputs[0].reshape(split.as_slice())?.permute(order)?.contiguous()?.reshape(output)?))
    }

    fn vjp(&self, gradient: &Tensor, which: usize, saved: &Saved, _rule: Rule) -> Result<Tensor> {
        let shape = lengths(&saved.inputs[which])?;
        let (split, order) = self.split(shape);
        let mut back = [0; 6];
        for (place, &dimension) in order.iter().enumerate() {
            back[dimension] = place;
        }
        let ordered = order.map(|dimension| split[dimension]);
        gradient.reshape(ordered.as_slice())?.permute(back)?.contiguous()?.reshape(shape.as_slice())
    }
}
