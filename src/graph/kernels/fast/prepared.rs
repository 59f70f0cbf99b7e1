//! One convolution with its weights packed for the kernel that suits it.

use std::sync::OnceLock;

use candle_core::{DType, Result, Tensor};

use super::{
    super::{read, tensor},
    Isa, direct,
    image::{After, Target, View},
    layout::{self, Edges},
    micro::WIDTH,
    winograd,
};
use crate::graph::{
    Control,
    ops::{Conv2d, Sizes},
};

/// Packed weights of one layer take at most so many elements (256 MiB); larger layers take the plain way.
const MOST: usize = 1 << 26;

/// From so many channels on, in and out, Winograd's transforms are worth their cost.
const WINOGRAD_FROM: usize = 16;

/// What has been packed of one layer, at the first run that needs it.
#[derive(Debug, Default)]
pub struct Packed {
    quick: OnceLock<Option<Prepared>>,
    steady: OnceLock<Option<Prepared>>,
    back: OnceLock<Option<Prepared>>,
}

impl Packed {
    /// The layer for this input; `None` where the plain kernels have to do it or do as well.
    ///
    /// Where a gradient will be sent back (`record`) sums are plain: Grad-CAM++ and its like divide by next to nothing
    /// and make a few times as much of Winograd's rounding, which is a few times that of a sum.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn forward(&self, conv: &Conv2d, input: &Tensor, sizes: Sizes, record: bool) -> Result<Option<&Prepared>> {
        let cell = if record { &self.steady } else { &self.quick };
        kept(cell, conv, input, || Prepared::forward(conv, sizes, !record))
    }

    /// The way back through the layer for this gradient; `None` as above.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn back(&self, conv: &Conv2d, gradient: &Tensor, sizes: Sizes) -> Result<Option<&Prepared>> {
        kept(&self.back, conv, gradient, || Prepared::back(conv, sizes))
    }
}

fn kept<'a>(
    cell: &'a OnceLock<Option<Prepared>>,
    conv: &Conv2d,
    input: &Tensor,
    prepare: impl FnOnce() -> Result<Option<Prepared>>,
) -> Result<Option<&'a Prepared>> {
    if [input, &conv.weight].iter().any(|tensor| tensor.dtype() != DType::F32 || !tensor.device().is_cpu()) {
        return Ok(None);
    }
    // Not `get_or_init`: all threads pack together, and one that waits for the others may come by here again. Two that
    // come at the same time pack the same; the first one's is kept.
    if cell.get().is_none() {
        let _ = cell.set(prepare()?);
    }
    Ok(cell.get().and_then(Option::as_ref))
}

/// A convolution with packed weights: of a layer, or of the way back through one.
#[derive(Debug)]
pub struct Prepared {
    weights: Weights,
    /// Filled up with zeros to whole panels; empty for none.
    bias: Vec<f32>,
    outputs: usize,
    window: direct::Window,
    edges: Edges,
}

#[derive(Debug)]
enum Weights {
    Winograd(winograd::Weights),
    Direct(direct::Panels),
}

impl Prepared {
    /// The layer itself; `None` where the plain kernels do as well.
    ///
    /// # Errors
    /// When the tensor library fails.
    fn forward(conv: &Conv2d, sizes: Sizes, quick: bool) -> Result<Option<Self>> {
        let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
        let edges = Edges { before: conv.padding, after: conv.padding_end.unwrap_or(conv.padding) };
        let window = direct::Window { kernel, stride: conv.stride, dilation: conv.dilation };
        let taps = kernel[0] * kernel[1];
        let bias = conv.bias.as_ref().map(Tensor::to_vec1::<f32>).transpose()?.unwrap_or_default();
        read(&conv.weight, |weight: &[f32]| {
            let weight = |output: usize, input: usize, tap: usize| weight[(output * inputs + input) * taps + tap];
            Ok(Self::new([groups, inputs, outputs], window, edges, bias, quick, weight))
        })
    }

    /// The gradient with respect to the layer's input: for steps of 1 a convolution of the output's gradient with the
    /// flipped kernels whose input and output channels are exchanged. `None` where the plain kernels do as well.
    ///
    /// # Errors
    /// When the tensor library fails.
    fn back(conv: &Conv2d, sizes: Sizes) -> Result<Option<Self>> {
        let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
        let reach = [0, 1].map(|axis| conv.dilation[axis] * (kernel[axis] - 1));
        let end = conv.padding_end.unwrap_or(conv.padding);
        let narrows = (0..2).any(|axis| conv.padding[axis] > reach[axis] || end[axis] > reach[axis]);
        if conv.stride != [1, 1] || narrows {
            return Ok(None);
        }
        let edges = Edges {
            before: [0, 1].map(|axis| reach[axis] - conv.padding[axis]),
            after: [0, 1].map(|axis| reach[axis] - end[axis]),
        };
        let window = direct::Window { kernel, stride: [1, 1], dilation: conv.dilation };
        let taps = kernel[0] * kernel[1];
        read(&conv.weight, |weight: &[f32]| {
            let weight = |input: usize, output: usize, tap: usize| {
                let (group, input) = (input / inputs, input % inputs);
                weight[((group * outputs + output) * inputs + input) * taps + taps - 1 - tap]
            };
            Ok(Self::new([groups, outputs, inputs], window, edges, Vec::new(), false, weight))
        })
    }

    /// From `weight(output, input of the group, place of the kernel)`; by Winograd's algorithm only where `quick`.
    fn new(
        [groups, inputs, outputs]: [usize; 3],
        window: direct::Window,
        edges: Edges,
        mut bias: Vec<f32>,
        quick: bool,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Option<Self> {
        let [_, across] = window.kernel;
        let depth = window.kernel[0] * across * inputs;
        let suits_winograd = quick
            && window == direct::Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] }
            && groups == 1
            && inputs.min(outputs) >= WINOGRAD_FROM
            && winograd::Weights::size(inputs, outputs) <= MOST;
        let weights = if suits_winograd {
            let weight = |output, input, row, column| weight(output, input, row * across + column);
            Weights::Winograd(winograd::Weights::new(inputs, outputs, weight))
        } else if inputs * outputs > 4 && direct::Panels::size(groups, depth, outputs) <= MOST {
            let weight = |output, place| weight(output, place % inputs, place / inputs);
            Weights::Direct(direct::Panels::new(groups, depth, outputs, weight))
        } else {
            return None;
        };
        if !bias.is_empty() {
            bias.resize(bias.len().next_multiple_of(WIDTH), 0.0);
        }
        Some(Self { weights, bias, outputs: groups * outputs, window, edges })
    }

    /// Convolves `[batch, channels, rows, columns]`.
    ///
    /// # Errors
    /// When the tensor library fails, or on cancellation.
    pub fn run(&self, input: &Tensor, control: &Control) -> Result<Tensor> {
        let (batch, channels, rows, columns) = input.dims4()?;
        let padded = self.edges.around([rows, columns]);
        let Self { window, outputs, .. } = self;
        let size = [0, 1].map(|axis| {
            let reach = window.dilation[axis] * (window.kernel[axis] - 1);
            (padded[axis] - reach - 1) / window.stride[axis] + 1
        });
        let isa = Isa::best();
        let mut output = vec![0.0_f32; batch * size[0] * size[1] * outputs];
        let target = Target::new(&mut output, [batch, size[0], size[1], *outputs], *outputs);
        let after = After { bias: &self.bias, ..After::default() };
        // Winograd's transform sees to the zeros itself.
        let (edges, [rows_here, columns_here]) = match self.weights {
            Weights::Winograd(_) => (Edges::default(), [rows, columns]),
            Weights::Direct(_) => (self.edges, padded),
        };
        let mut last = vec![0.0_f32; batch * rows_here * columns_here * channels];
        read(input, |values: &[f32]| {
            layout::to_last(values, [batch, channels, rows, columns], edges, &mut last);
            Ok(())
        })?;
        let view = View::new(&last, [batch, rows_here, columns_here, channels]);
        match &self.weights {
            Weights::Winograd(weights) => {
                winograd::convolve(isa, view, weights, self.edges, after, false, target, control);
            }
            Weights::Direct(panels) => direct::convolve(isa, view, panels, *window, after, target, control),
        }
        control.checked()?;
        let mut first = vec![0.0_f32; output.len()];
        layout::to_first(View::new(&output, [batch, size[0], size[1], *outputs]), &mut first);
        tensor(first, (batch, *outputs, size[0], size[1]))
    }
}
