//! One convolution with its weights packed for the kernel that suits it, forward and back.

mod back;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::{Arc, OnceLock};

use candle_core::{DType, Result, Tensor, bail};

use super::{
    super::{
        buffers,
        memory::{self, Order},
        read, serve,
    },
    Isa, depthwise, direct,
    image::{After, Target, View},
    layout::{self, Edges},
    micro::WIDTH,
    phases::{self, Phases},
    pooled,
    winograd::{self, Tiling},
};
use crate::graph::{
    Control,
    ops::{Conv2d, MaxPool2d, Sizes},
};

pub use back::Back;

/// The pooling that Winograd's algorithm does on the way out.
const SQUARES: MaxPool2d = MaxPool2d::new([2, 2], [2, 2]);

/// Packed weights of one layer take at most so many elements (256 MiB); larger layers take the plain way.
const MOST: usize = 1 << 26;

/// From so many channels on, in and out, Winograd's transforms are worth their cost.
const WINOGRAD_FROM: [usize; 2] = [16, 32];

/// The same for kernels of 5×5, which save more.
const LARGE_WINOGRAD_FROM: [usize; 2] = [32, 32];

/// From so many pixels of a picture on tiles are large: with fewer, reading their transformed weights, four times as many as
/// the plain ones, takes longer than the plain sums.
const WINOGRAD_PIXELS: usize = 150;

/// The same where several pictures share the weights; where one has them alone, from so many on tiles are small.
const BATCHED_PIXELS: usize = 36;

/// From so many pairs of an input and an output on small tiles are worth their cost.
const SMALL_TILES_FROM: usize = 1 << 16;

/// What has been packed of one layer, at the first run that needs it.
#[derive(Debug, Default)]
pub struct Packed {
    /// Shared with the layer's twins: nothing of it depends on the zeros around the input.
    forward: Arc<BySize<Prepared>>,
    back: BySize<Back>,
}

/// How many pixels a picture has, or several together: how much may be read for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pixels {
    /// Plain sums do best.
    Few,
    /// Small tiles of Winograd's algorithm are worth their cost.
    Several,
    /// Large ones are.
    Many,
}

/// What has been packed for each number of pixels; `None` where the plain kernels have to do it or do as well.
#[derive(Debug)]
struct BySize<T>([OnceLock<Option<T>>; 3]);

impl<T> Default for BySize<T> {
    fn default() -> Self {
        Self([const { OnceLock::new() }; 3])
    }
}

impl<T> BySize<T> {
    fn get(&self, pixels: Pixels, prepare: impl FnOnce(Pixels) -> Result<Option<T>>) -> Result<Option<&T>> {
        let cell = &self.0[pixels as usize];
        // Not `get_or_init`: all threads pack together, and one that waits for the others may come by here again. Two
        // that come at the same time pack the same; the first one's is kept.
        if cell.get().is_none() {
            let _ = cell.set(prepare(pixels)?);
        }
        Ok(cell.get().and_then(Option::as_ref))
    }
}

impl Packed {
    /// For a layer that differs from this one in the zeros around its input alone.
    #[must_use]
    pub fn of_twin(&self) -> Self {
        Self { forward: Arc::clone(&self.forward), back: BySize::default() }
    }

    /// The layer for this input; `None` where the plain kernels have to do it or do as well.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn forward(&self, conv: &Conv2d, input: &Tensor, sizes: Sizes, control: &Control) -> Result<Option<&Prepared>> {
        if !suits(conv, input) {
            return Ok(None);
        }
        self.forward.get(pixels(sizes.output, sizes, control), |pixels| Prepared::forward(conv, sizes, pixels))
    }

    /// The way back through the layer for this gradient, `None` as above.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn back(&self, conv: &Conv2d, gradient: &Tensor, sizes: Sizes, control: &Control) -> Result<Option<&Back>> {
        if !suits(conv, gradient) {
            return Ok(None);
        }
        let pixels = if control.transforms_back() { pixels(sizes.input, sizes, control) } else { Pixels::Few };
        self.back.get(pixels, |pixels| Back::new(conv, sizes, pixels))
    }
}

/// The choice is the picture's, the layer's and the caller's, not the batch's: a picture's numbers do not depend on its
/// company.
fn pixels([rows, columns]: [usize; 2], sizes: Sizes, control: &Control) -> Pixels {
    let has_small_tiles = sizes.kernel == [3, 3] && sizes.inputs * sizes.outputs >= SMALL_TILES_FROM;
    match rows * columns {
        ..BATCHED_PIXELS => Pixels::Few,
        BATCHED_PIXELS..WINOGRAD_PIXELS if !control.is_batched() => {
            if has_small_tiles {
                Pixels::Several
            } else {
                Pixels::Few
            }
        }
        _ => Pixels::Many,
    }
}

fn suits(conv: &Conv2d, input: &Tensor) -> bool {
    [input, &conv.weight].iter().all(|tensor| tensor.dtype() == DType::F32 && serve(tensor))
}

/// What is done with a convolution's sums before they are stored, in this order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// A scale and a shift for each channel, as of a batch normalisation.
    pub norm: Option<(&'a Tensor, &'a Tensor)>,
    /// Added; has the output's shape.
    pub residual: Option<&'a Tensor>,
    /// Values are limited to these; a ReLU is 0 and infinity.
    pub limits: Option<(f32, f32)>,
    /// The maximum of windows is taken (only where [`Prepared::pools`]).
    pub pool: Option<&'a MaxPool2d>,
}

/// Where an output goes, if not into memory of its own: among the channels of wider pixels.
#[derive(Debug)]
pub struct Beside {
    /// Room for all pixels.
    pub memory: Vec<f32>,
    /// Channels of a pixel.
    pub pixel: usize,
    /// The first channel that is written.
    pub first: usize,
}

/// A convolution with packed weights: of a layer, or of the way back through one.
#[derive(Debug)]
pub struct Prepared {
    weights: Weights,
    /// One a channel; empty for none.
    bias: Vec<f32>,
    outputs: usize,
    window: direct::Window,
}

#[derive(Debug)]
enum Weights {
    Winograd(winograd::Weights),
    /// The same over the phases of the picture, for steps.
    Phases(Phases, winograd::Weights),
    Direct(direct::Panels),
    Depthwise(depthwise::Weights),
}

/// Zeros around a layer's input.
pub fn edges_of(conv: &Conv2d) -> Edges {
    Edges { before: conv.padding, after: conv.padding_end.unwrap_or(conv.padding) }
}

fn window_of(conv: &Conv2d, kernel: [usize; 2]) -> direct::Window {
    direct::Window { kernel, stride: conv.stride, dilation: conv.dilation }
}

impl Prepared {
    /// The layer itself; `None` where the plain kernels do as well.
    fn forward(conv: &Conv2d, sizes: Sizes, pixels: Pixels) -> Result<Option<Self>> {
        let Sizes { groups, inputs, outputs, kernel, .. } = sizes;
        let taps = kernel[0] * kernel[1];
        let bias = conv.bias.as_ref().map(Tensor::to_vec1::<f32>).transpose()?.unwrap_or_default();
        read(&conv.weight, |weight: &[f32]| {
            let weight = |output: usize, input: usize, tap: usize| weight[(output * inputs + input) * taps + tap];
            let shape = [groups, inputs, outputs];
            Ok(Self::new(shape, window_of(conv, kernel), bias, pixels, weight))
        })
    }

    /// From `weight(output, input of the group, place of the kernel)`.
    fn new(
        [groups, inputs, outputs]: [usize; 3],
        window: direct::Window,
        bias: Vec<f32>,
        pixels: Pixels,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Option<Self> {
        let [_, across] = window.kernel;
        let taps = window.kernel[0] * across;
        let depth = taps * inputs;
        let is_plain = groups == 1 && window.stride == [1, 1] && window.dilation == [1, 1];
        let has = |from: [usize; 2]| inputs >= from[0] && outputs >= from[1];
        let tiling = match (window.kernel, pixels) {
            ([3, 3], Pixels::Many) if has(WINOGRAD_FROM) => Some(Tiling::large(3)),
            ([3, 3], Pixels::Several) if has(WINOGRAD_FROM) => Some(Tiling::SMALL),
            ([5, 5], Pixels::Many) if has(LARGE_WINOGRAD_FROM) => Some(Tiling::large(5)),
            _ => None,
        };
        let tiling = tiling.filter(|&tiling| is_plain && winograd::Weights::size(tiling, inputs, outputs) <= MOST);
        let phases = Phases::of(window, inputs).filter(|phases| {
            let size = winograd::Weights::size(phases::TILING, phases.channels(inputs), outputs);
            pixels == Pixels::Many && groups == 1 && outputs >= WINOGRAD_FROM[1] && size <= MOST
        });
        let weights = if let Some(phases) = phases {
            let seen = |output, channel, row, column| {
                let place = phases.place(inputs, channel, row, column);
                place.map_or(0.0, |(input, row, column)| weight(output, input, row * across + column))
            };
            let weights = winograd::Weights::new(phases::TILING, phases.channels(inputs), outputs, seen);
            Weights::Phases(phases, weights)
        } else if let Some(tiling) = tiling {
            let weight = |output, input, row, column| weight(output, input, row * across + column);
            Weights::Winograd(winograd::Weights::new(tiling, inputs, outputs, weight))
        } else if [inputs, outputs] == [1, 1] {
            Weights::Depthwise(depthwise::Weights::new(groups, taps, |channel, place| weight(channel, 0, place)))
        } else if direct::Panels::size(groups, depth, outputs) <= MOST {
            let weight = |output, place| weight(output, place % inputs, place / inputs);
            Weights::Direct(direct::Panels::new(groups, depth, outputs, weight))
        } else {
            return None;
        };
        Some(Self { weights, bias, outputs: groups * outputs, window })
    }

    /// Whether this pooling of an output of so many rows and columns, to which a residual is added or not, can follow in the
    /// same go.
    pub fn pools(&self, pool: &MaxPool2d, size: [usize; 2], adds: bool) -> bool {
        match &self.weights {
            Weights::Winograd(_) | Weights::Phases(..) => *pool == SQUARES || !adds && pooled::can_be_pooled(pool),
            Weights::Direct(panels) => !adds && pooled::suits(panels, self.window, pool, size),
            Weights::Depthwise(_) => false,
        }
    }

    /// Convolves `[batch, channels, rows, columns]` with zeros around it; the result lies with the channels last.
    ///
    /// # Errors
    /// When the tensor library fails, or on cancellation.
    pub fn run(&self, input: &Tensor, edges: Edges, extras: Extras, control: &Control) -> Result<Tensor> {
        let ([batch, rows, columns, channels], output) = self.compute(input, edges, extras, None, control)?;
        memory::of_order(output, &[batch, channels, rows, columns], Order::Last)
    }

    /// The same into some channels of `beside`, whose memory is given back.
    ///
    /// # Errors
    /// As [`Prepared::run`], or when there is no room for all pixels.
    pub fn run_beside(
        &self,
        input: &Tensor,
        edges: Edges,
        extras: Extras,
        beside: Beside,
        control: &Control,
    ) -> Result<Vec<f32>> {
        Ok(self.compute(input, edges, extras, Some(beside), control)?.1)
    }

    /// The sizes of the output, `[batch, rows, columns, channels]`, and the memory it is in.
    fn compute(
        &self,
        input: &Tensor,
        edges: Edges,
        extras: Extras,
        beside: Option<Beside>,
        control: &Control,
    ) -> Result<([usize; 4], Vec<f32>)> {
        let (batch, _, rows, columns) = input.dims4()?;
        let padded = edges.around([rows, columns]);
        let Self { window, outputs, .. } = self;
        let size = [0, 1].map(|axis| {
            let reach = window.dilation[axis] * (window.kernel[axis] - 1);
            (padded[axis] - reach - 1) / window.stride[axis] + 1
        });
        let last = match extras.pool {
            Some(pool) => pool.output(size).map_err(candle_core::Error::msg)?,
            None => size,
        };
        let sizes = [batch, last[0], last[1], *outputs];
        let Beside { memory: mut output, pixel, first } = match beside {
            Some(beside) => beside,
            None => Beside { memory: buffers::take(sizes.iter().product()), pixel: *outputs, first: 0 },
        };
        let pixels = batch * last[0] * last[1];
        let (room, fits) = (output.len(), output.len() == pixels * pixel && first + outputs <= pixel);
        let Some(output_from) = output.get_mut(first..).filter(|_| fits) else {
            bail!("{outputs} channels of {pixels} pixels do not fit into {room} elements");
        };
        let target = Target::new(output_from, sizes, pixel);
        if let Some(pool) = extras.pool
            && let Some(together) = self.turn(pool, size, batch)
        {
            self.by_turns(input, edges, extras, pool, together, size, target, control)?;
            control.checked()?;
            return Ok((sizes, output));
        }
        let (input, edges, is_own) = self.laid_out(input, edges, size)?;
        let (_, channels, rows, columns) = input.dims4()?;
        let (scale, bias) = self.scale_and_bias(extras.norm)?;
        let residual = extras.residual.map(memory::channels_last).transpose()?;
        let isa = Isa::best();
        let run = |values: &[f32], residual: Option<&[f32]>| {
            let view = View::new(values, [batch, rows, columns, channels]);
            let residual = residual.map(|values| View::new(values, sizes));
            let after = After { scale: &scale, bias: &bias, residual, limits: extras.limits };
            match &self.weights {
                Weights::Winograd(weights) | Weights::Phases(_, weights) => {
                    winograd::convolve(isa, view, weights, edges, after, extras.pool.is_some(), target, control);
                }
                Weights::Direct(panels) => match extras.pool {
                    Some(pool) => pooled::convolve(isa, view, panels, *window, after, size, pool, target, control),
                    None => direct::convolve(isa, view, panels, *window, after, target, control),
                },
                Weights::Depthwise(weights) => {
                    depthwise::convolve(isa, view, weights, *window, after, target, control);
                }
            }
            Ok(())
        };
        memory::read_as(&input, Order::Last, |values: &[f32]| match &residual {
            Some(residual) => memory::read_as(residual, Order::Last, |residual: &[f32]| run(values, Some(residual))),
            None => run(values, None),
        })?;
        if is_own {
            buffers::give_tensor(&input)?;
        }
        control.checked()?;
        Ok((sizes, output))
    }

    /// The input as the kernel takes it, with the channels last, for an output of this size: what is still missing of the
    /// zeros around it, and whether its memory is given on afterwards.
    fn laid_out(&self, input: &Tensor, edges: Edges, size: [usize; 2]) -> Result<(Tensor, Edges, bool)> {
        let (batch, channels, rows, columns) = input.dims4()?;
        let none = Edges::default();
        match &self.weights {
            // The transform sees to the zeros itself.
            Weights::Winograd(_) => Ok((memory::channels_last(input)?, edges, false)),
            Weights::Phases(phases, _) => {
                let [rows, columns] = phases::seen(size);
                let shape = [batch, phases.channels(channels), rows, columns];
                Ok((memory::of_order(phases.split(input, edges, size)?, &shape, Order::Last)?, none, true))
            }
            _ if edges == none => Ok((memory::channels_last(input)?, none, false)),
            _ => {
                let [rows, columns] = edges.around([rows, columns]);
                let shape = [batch, channels, rows, columns];
                Ok((memory::of_order(padded_with(edges, input)?, &shape, Order::Last)?, none, true))
            }
        }
    }

    /// Factors and summands for each channel, filled up to whole panels; empty for none.
    fn scale_and_bias(&self, norm: Option<(&Tensor, &Tensor)>) -> Result<(Vec<f32>, Vec<f32>)> {
        let mut bias = self.bias.clone();
        let mut scale = Vec::new();
        if let Some((factors, shift)) = norm {
            scale = factors.to_vec1::<f32>()?;
            let mut shift = shift.to_vec1::<f32>()?;
            for (index, shift) in shift.iter_mut().enumerate() {
                *shift += bias.get(index).map_or(0.0, |bias| bias * scale[index]);
            }
            bias = shift;
        }
        for values in [&mut scale, &mut bias].into_iter().filter(|values| !values.is_empty()) {
            values.resize(values.len().next_multiple_of(WIDTH), 0.0);
        }
        Ok((scale, bias))
    }
}

/// The input with its zeros around it, channels last.
fn padded_with(edges: Edges, input: &Tensor) -> Result<Vec<f32>> {
    let (batch, channels, rows, columns) = input.dims4()?;
    let padded = edges.around([rows, columns]);
    let mut out = buffers::take(batch * padded[0] * padded[1] * channels);
    match Order::best(input) {
        Order::First => read(input, |values: &[f32]| {
            layout::to_last(values, [batch, channels, rows, columns], edges, &mut out);
            Ok(())
        })?,
        Order::Last => memory::read_as(input, Order::Last, |values: &[f32]| {
            layout::pad(View::new(values, [batch, rows, columns, channels]), edges, &mut out);
            Ok(())
        })?,
    }
    Ok(out)
}
