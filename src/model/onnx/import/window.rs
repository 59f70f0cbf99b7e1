//! What convolutions and poolings have in common: windows and padding.

use crate::model::onnx::{
    error::{Fault, Result},
    step::{At, Step, size},
};

/// Places before and after rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Padding {
    pub begin: [usize; 2],
    pub end: [usize; 2],
}

/// Where windows lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
}

impl Windows {
    /// The windows of a kernel of this size.
    pub fn read(step: &Step, kernel: [usize; 2]) -> Result<Self> {
        Ok(Self { kernel, stride: step.pair("strides", 1, 1)?, dilation: step.pair("dilations", 1, 1)? })
    }

    /// How far a window reaches.
    pub fn extent(self, axis: usize) -> usize {
        (self.kernel[axis] - 1) * self.dilation[axis] + 1
    }

    /// The padding that the file asks for around an input of these rows and columns.
    pub fn padding(self, step: &Step, input: [usize; 2]) -> Result<Padding> {
        let mut padding = Padding { begin: [0; 2], end: [0; 2] };
        let upper = match &*step.text("auto_pad", "NOTSET") {
            "NOTSET" | "" => return explicit(step),
            "VALID" => return Ok(padding),
            "SAME_UPPER" => true,
            "SAME_LOWER" => false,
            other => return Err(Fault::malformed(format!("`auto_pad` is \"{other}\""))),
        };
        for (axis, length) in input.into_iter().enumerate() {
            let stride = self.stride[axis];
            let covered = length.div_ceil(stride).saturating_sub(1) * stride + self.extent(axis);
            (padding.begin[axis], padding.end[axis]) = halves(covered.saturating_sub(length), upper);
        }
        Ok(padding)
    }
}

/// Two halves, of which the second (or the first) has the odd place.
pub(super) fn halves(total: usize, upper: bool) -> (usize, usize) {
    let half = total / 2;
    if upper { (half, total - half) } else { (total - half, half) }
}

/// `pads`: row and column before, row and column after.
pub(super) fn explicit(step: &Step) -> Result<Padding> {
    match step.ints("pads") {
        None | Some([]) => Ok(Padding { begin: [0; 2], end: [0; 2] }),
        Some(&[top, left, bottom, right]) => {
            let pad = |value| size("pads", value, 0);
            Ok(Padding { begin: [pad(top)?, pad(left)?], end: [pad(bottom)?, pad(right)?] })
        }
        Some(other) => Err(Fault::unsupported(format!("`pads` {other:?}, only rows and columns are"))),
    }
}

/// The channels, rows and columns of an input.
pub(super) fn image(at: &At) -> Result<[usize; 3]> {
    match at.shape.as_slice() {
        &[_, channels, rows, columns] => Ok([channels, rows, columns]),
        other => Err(Fault::unsupported(format!(
            "an input of {} dimensions, only [batch, channels, rows, columns] is",
            other.len()
        ))),
    }
}
