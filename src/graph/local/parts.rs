//! Which operations can be computed in part, and how.

use std::sync::Arc;

use super::super::{
    Node,
    op::Op,
    ops::{
        Add, AvgPool2d, BatchNorm2d, Binary, BinaryConstant, Concat, Conv2d, Dropout, LocalResponseNorm, LogSoftmax,
        Map, MaxPool2d, PRelu, Pad, PadMode, Relu, Slice, Softmax,
    },
    support::Support,
};
use super::rects::Window;

/// How part of an operation's output is computed from parts of its inputs.
#[derive(Debug)]
pub(in crate::graph) enum Part {
    /// From the same part of the inputs, by the operation itself: it does the same at each place.
    Pointwise,
    /// From the places under the windows, by the operation without its padding.
    Windows {
        /// The operation without padding; it puts windows wherever they fit.
        op: Arc<dyn Op>,
        /// Where the windows lie, along rows and columns.
        windows: [Window; 2],
        /// What lies around the input.
        fill: f64,
        /// Whether windows at the edge count their places differently, so that outputs have to be scaled.
        scaled: bool,
    },
    /// From the same part of the input, which lies further down and right in the output.
    Moved([usize; 2]),
    /// Not at all: the whole is computed.
    Whole,
}

impl Part {
    /// How a node is computed in part. Operations that are not known to do the same at each place are computed whole,
    /// which is right for all.
    pub fn of(node: &Node) -> Self {
        if let Some(conv) = node.op_as::<Conv2d>() {
            return Self::conv(node, conv);
        }
        if let Some(&pool) = node.op_as::<MaxPool2d>() {
            let plain = MaxPool2d::new(pool.kernel, pool.stride).dilation(pool.dilation);
            return Self::windows(&pool, plain, f64::NEG_INFINITY, false);
        }
        if let Some(&pool) = node.op_as::<AvgPool2d>() {
            let padded = pool.padding != [0; 2] || pool.padding_end != [0; 2];
            let scaled = pool.ceil || (padded && !pool.count_padding);
            return Self::windows(&pool, AvgPool2d::new(pool.kernel, pool.stride), 0.0, scaled);
        }
        if let Some(pad) = node.op_as::<Pad>() {
            return Self::pad(pad);
        }
        if is_pointwise(node) { Self::Pointwise } else { Self::Whole }
    }

    fn conv(node: &Node, conv: &Conv2d) -> Self {
        let is_padded = conv.padding != [0; 2] || conv.padding_end.is_some_and(|end| end != [0; 2]);
        let op = if is_padded { Arc::new(conv.unpadded()) } else { Arc::clone(&node.op) };
        Self::with_windows(conv, op, 0.0, false)
    }

    fn windows(op: &impl Op, plain: impl Op, fill: f64, scaled: bool) -> Self {
        Self::with_windows(op, Arc::new(plain), fill, scaled)
    }

    fn with_windows(whole: &impl Op, op: Arc<dyn Op>, fill: f64, scaled: bool) -> Self {
        // Regular windows do not depend on the input's shape.
        match whole.support(&[&[]], 0) {
            Support::Windows([down, across]) => match (Window::of(&down), Window::of(&across)) {
                (Some(down), Some(across)) => Self::Windows { op, windows: [down, across], fill, scaled },
                _ => Self::Whole,
            },
            _ => Self::Whole,
        }
    }

    fn pad(pad: &Pad) -> Self {
        let before = |amounts: &[i64; 2]| usize::try_from(amounts[0]).ok().filter(|_| amounts[1] >= 0);
        match (pad.mode, pad.amounts.as_slice()) {
            (PadMode::Constant(_), [[0, 0], [0, 0], down, across]) => match (before(down), before(across)) {
                (Some(down), Some(across)) => Self::Moved([down, across]),
                _ => Self::Whole,
            },
            _ => Self::Whole,
        }
    }

    /// Whether only the common picture's output itself is never asked for: part of it is computed from what has changed
    /// alone.
    pub fn is_carried(&self, inputs: usize) -> bool {
        inputs == 1 && matches!(self, Self::Pointwise)
    }
}

/// Whether the operation does the same at each place, of inputs that all have the output's rows and columns.
fn is_pointwise(node: &Node) -> bool {
    if let Some(constant) = node.op_as::<BinaryConstant>() {
        return constant.constant().dims().iter().rev().take(2).all(|&length| length == 1);
    }
    if let Some(join) = node.op_as::<Concat>() {
        return join.dimension == 1;
    }
    if let Some(slice) = node.op_as::<Slice>() {
        return slice.dimension == 1;
    }
    if node.op_as::<Softmax>().is_some() || node.op_as::<LogSoftmax>().is_some() {
        return node.op.support(&[&[1; 4]], 0) == Support::Same;
    }
    node.op_as::<Relu>().is_some()
        || node.op_as::<Map>().is_some()
        || node.op_as::<Dropout>().is_some()
        || node.op_as::<BatchNorm2d>().is_some()
        || node.op_as::<PRelu>().is_some()
        || node.op_as::<LocalResponseNorm>().is_some()
        || node.op_as::<Add>().is_some()
        || node.op_as::<Binary>().is_some()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::graph::ops::{AdaptiveAvgPool2d, Arithmetic};

    fn part(op: impl Op) -> Part {
        Part::of(&Node { name: "node".to_owned(), op: Arc::new(op), inputs: vec![0], functional: false })
    }

    #[test]
    fn what_depends_on_the_place_is_computed_whole() {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
        let add = |shape: &[usize]| BinaryConstant::new(Arithmetic::Add, ones(shape), false);
        assert!(matches!(part(add(&[3, 1, 1])), Part::Pointwise));
        assert!(matches!(part(add(&[])), Part::Pointwise));
        assert!(matches!(part(add(&[3, 1, 5])), Part::Whole), "a constant for each column");
        assert!(matches!(part(Concat::along(2)), Part::Whole));
        assert!(matches!(part(AdaptiveAvgPool2d::GLOBAL), Part::Whole));
        let pad = |amounts: [[i64; 2]; 2], mode| Pad { amounts: [&[[0; 2]; 2][..], &amounts[..]].concat(), mode };
        assert!(matches!(part(pad([[1, 2], [0, 3]], PadMode::Constant(0.0))), Part::Moved([1, 0])));
        assert!(matches!(part(pad([[1, 2], [-1, 3]], PadMode::Constant(0.0))), Part::Whole), "it cuts");
        assert!(matches!(part(pad([[1, 1], [1, 1]], PadMode::Reflect)), Part::Whole), "it mirrors");
    }

    #[test]
    fn windows_lose_their_padding_and_keep_the_rest() {
        let weight = Tensor::ones((2, 1, 3, 5), DType::F32, &Device::Cpu).unwrap();
        let conv = Conv2d::new(weight, None).unwrap().padding([1, 2]).stride([2, 1]).dilation([1, 3]).groups(2);
        let Part::Windows { op, windows, fill, scaled } = part(conv) else { panic!("a convolution has windows") };
        assert_eq!(op.shape(&[&[1, 2, 5, 13]]).unwrap(), [1, 2, 2, 1]);
        let [down, across] = windows;
        assert_eq!((down, across.reach, across.before), (Window { stride: 2, before: 1, reach: 2 }, 12, 2));
        assert!(fill == 0.0 && !scaled);
        let ceil = AvgPool2d::new([2; 2], [2; 2]).ceil(true);
        assert!(matches!(part(ceil), Part::Windows { scaled: true, .. }));
    }
}
