//! The way back through a convolution: to the gradient with respect to its input.

use candle_core::{Result, Tensor};

use super::{
    super::{
        super::{
            buffers,
            memory::{self, Order},
            read,
        },
        Isa, direct, fold,
        image::View,
        layout::Edges,
    },
    Extras, MOST, Pixels, Prepared, edges_of, window_of,
};
use crate::graph::{
    Control,
    ops::{Conv2d, Sizes},
};

/// From so many channels of the input on, a panel of the way back is full enough.
const PANEL_FROM: usize = 16;

/// The way back through a convolution.
#[derive(Debug)]
pub enum Back {
    /// For steps of 1, a convolution of the output's gradient with the flipped kernels whose input and output channels
    /// are exchanged.
    Flipped {
        /// It.
        prepared: Prepared,
        /// Zeros around the output's gradient.
        edges: Edges,
    },
    /// Products that are added up where they belong.
    Folded {
        /// From a group's outputs to the kernel's places and the group's inputs.
        weights: direct::Panels,
        /// The layer's.
        window: direct::Window,
        /// The layer's.
        edges: Edges,
    },
}

impl Back {
    /// The gradient with respect to the layer's input; `None` where the plain kernels do as well.
    pub(super) fn new(conv: &Conv2d, sizes: Sizes, pixels: Pixels) -> Result<Option<Self>> {
        let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
        let taps = kernel[0] * kernel[1];
        let edges = edges_of(conv);
        let reach = [0, 1].map(|axis| conv.dilation[axis] * (kernel[axis] - 1));
        let widens = (0..2).all(|axis| edges.before[axis] <= reach[axis] && edges.after[axis] <= reach[axis]);
        let window = window_of(conv, kernel);
        read(&conv.weight, |weight: &[f32]| {
            // Few channels would leave most of a panel empty.
            if conv.stride == [1, 1] && widens && (inputs >= PANEL_FROM || [inputs, outputs] == [1, 1]) {
                let edges = Edges {
                    before: [0, 1].map(|axis| reach[axis] - edges.before[axis]),
                    after: [0, 1].map(|axis| reach[axis] - edges.after[axis]),
                };
                let weight = |input: usize, output: usize, tap: usize| {
                    let (group, input) = (input / inputs, input % inputs);
                    weight[((group * outputs + output) * inputs + input) * taps + taps - 1 - tap]
                };
                let shape = [groups, outputs, inputs];
                let flipped = Prepared::new(shape, window, Vec::new(), pixels, weight);
                return Ok(flipped.map(|prepared| Self::Flipped { prepared, edges }));
            }
            if [inputs, outputs] == [1, 1] || direct::Panels::size(groups, outputs, taps * inputs) > MOST {
                return Ok(None);
            }
            let weights = direct::Panels::new(groups, outputs, taps * inputs, |place, output| {
                let (group, place) = (place / (taps * inputs), place % (taps * inputs));
                let (tap, input) = (place / inputs, place % inputs);
                weight[((group * outputs + output) * inputs + input) * taps + tap]
            });
            Ok(Some(Self::Folded { weights, window, edges }))
        })
    }

    /// The gradient with respect to an input of this shape; it lies with the channels last.
    ///
    /// # Errors
    /// When the tensor library fails, or on cancellation.
    pub fn run(&self, gradient: &Tensor, shape: &[usize], control: &Control) -> Result<Tensor> {
        let (weights, window, edges) = match self {
            Self::Flipped { prepared, edges } => return prepared.run(gradient, *edges, Extras::default(), control),
            Self::Folded { weights, window, edges } => (weights, *window, *edges),
        };
        let (batch, channels, rows, columns) = gradient.dims4()?;
        let mut out = buffers::take(shape.iter().product());
        memory::read_as(gradient, Order::Last, |values: &[f32]| {
            let view = View::new(values, [batch, rows, columns, channels]);
            let size = [shape[2], shape[3], shape[1]];
            fold::back(Isa::best(), view, weights, window, edges, size, &mut out, control);
            Ok(())
        })?;
        control.checked()?;
        memory::of_order(out, shape, Order::Last)
    }
}
