//! Convolution in steps as one without: over the phases of the picture.
//!
//! Every `steps`-th row and column of a picture, from each of the first ones on, is a picture of its own: its phase. A
//! kernel that goes in steps sees each phase through every `steps`-th of its own rows and columns, without steps. So
//! 11×11 in steps of 4, AlexNet's first layer, becomes 3×3 over sixteen times the channels, which Winograd's algorithm
//! takes with a third of the products.

use candle_core::{Result, Tensor};

use super::{
    super::{
        buffers,
        each::each,
        memory::{self, Order},
        read,
    },
    direct::Window,
    layout::Edges,
    winograd::Tiling,
};

/// Winograd's products have to be fewer than the plain ones by this factor at least: transforms take their time, too.
const WORTH: usize = 2;

/// Of fewer channels, those of all phases together, the products are too short.
const FROM: usize = 12;

/// Rows and columns of the kernel that sees one phase. With 5, for 7×7 in steps of 2, transforms take longer than what
/// they save.
const TAPS: usize = 3;

/// How Winograd's algorithm takes one phase.
pub const TILING: Tiling = Tiling::large(TAPS);

/// Rows and columns that a kernel for one phase has to see for an output of this size.
pub fn seen(size: [usize; 2]) -> [usize; 2] {
    size.map(|side| side + TAPS - 1)
}

/// A way to take a convolution in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    steps: usize,
    kernel: usize,
}

impl Phases {
    /// For a square kernel in steps of `inputs` channels, if that is worth it.
    pub fn of(window: Window, inputs: usize) -> Option<Self> {
        let Window { kernel: [kernel, across], stride: [steps, aside], dilation } = window;
        let phases = Self { steps, kernel };
        let is_square = kernel == across && steps == aside && dilation == [1, 1];
        if !is_square || steps < 2 || kernel > TAPS * steps || phases.channels(inputs) < FROM {
            return None;
        }
        // Of each channel, for 4×4 pixels of the output.
        let (products, plain) = (36 * steps * steps, 16 * kernel * kernel);
        (WORTH * products <= plain).then_some(phases)
    }

    /// The channels of all phases.
    pub fn channels(self, inputs: usize) -> usize {
        self.steps * self.steps * inputs
    }

    /// Where in the kernel a channel of a phase is seen at a row and a column: the channel of the input, and the row and
    /// the column, or nowhere.
    pub fn place(self, inputs: usize, channel: usize, row: usize, column: usize) -> Option<(usize, usize, usize)> {
        let (phase, input) = (channel / inputs, channel % inputs);
        let row = row * self.steps + phase / self.steps;
        let column = column * self.steps + phase % self.steps;
        (row < self.kernel && column < self.kernel).then_some((input, row, column))
    }

    /// The phases of pictures with zeros around them, `[batch, rows, columns, phases, channels]`, for an output of this size.
    ///
    /// # Errors
    /// When the tensor library fails.
    pub fn split(self, input: &Tensor, edges: Edges, size: [usize; 2]) -> Result<Vec<f32>> {
        let (batch, channels, ..) = input.dims4()?;
        let [rows, columns] = seen(size);
        let mut out = buffers::take(batch * rows * columns * self.channels(channels));
        let line = columns * self.channels(channels);
        let order = Order::best(input);
        let fill = |values: &[f32]| {
            let picture = Picture::new(input, values, order)?;
            each(out.chunks_exact_mut(line).enumerate(), |(index, out)| {
                let mut seen = vec![0.0; columns * self.steps * channels];
                for down in 0..self.steps {
                    let row = (index % rows * self.steps + down).wrapping_sub(edges.before[0]);
                    picture.line(index / rows, row, edges.before[1], &mut seen);
                    let (from, to) = (self.steps * channels, down * self.steps * channels);
                    spread(&seen, from, &mut out[to..], self.channels(channels));
                }
            });
            Ok(())
        };
        match order {
            Order::First => read(input, fill)?,
            Order::Last => memory::read_as(input, Order::Last, fill)?,
        }
        Ok(out)
    }
}

/// Pieces of `length`, one after the other, to places that lie `step` apart.
fn spread(from: &[f32], length: usize, to: &mut [f32], step: usize) {
    /// The same with a length that the compiler knows.
    fn known<const LENGTH: usize>(from: &[f32], to: &mut [f32], step: usize) {
        for (from, to) in from.as_chunks::<LENGTH>().0.iter().zip(to.chunks_mut(step)) {
            to[..LENGTH].copy_from_slice(from);
        }
    }
    match length {
        // Colours in steps of 4.
        12 => known::<12>(from, to, step),
        _ => {
            from.chunks_exact(length)
                .zip(to.chunks_mut(step))
                .for_each(|(from, to)| to[..length].copy_from_slice(from));
        }
    }
}

/// Pictures as they lie.
struct Picture<'a> {
    values: &'a [f32],
    order: Order,
    channels: usize,
    rows: usize,
    columns: usize,
}

impl<'a> Picture<'a> {
    fn new(tensor: &Tensor, values: &'a [f32], order: Order) -> Result<Self> {
        let (_, channels, rows, columns) = tensor.dims4()?;
        Ok(Self { values, order, channels, rows, columns })
    }

    /// A row with the channels last and `before` zeros before it; what does not fit is left out, and beyond the picture there are zeros.
    fn line(&self, picture: usize, row: usize, before: usize, out: &mut [f32]) {
        let Self { values, channels, rows, columns, .. } = *self;
        if row >= rows || columns == 0 {
            return out.fill(0.0);
        }
        let start = (before * channels).min(out.len());
        let (zeros, out) = out.split_at_mut(start);
        zeros.fill(0.0);
        if out.is_empty() {
            return;
        }
        let length = (columns * channels).min(out.len());
        let (out, zeros) = out.split_at_mut(length);
        zeros.fill(0.0);
        if self.order == Order::Last {
            let from = (picture * rows + row) * columns * channels;
            return out.copy_from_slice(&values[from..from + length]);
        }
        let of_channel = |channel| &values[((picture * channels + channel) * rows + row) * columns..][..columns];
        if channels == 3 {
            // Colours, all of a pixel at once.
            let [red, green, blue] = [0, 1, 2].map(of_channel);
            for (pixel, ((&red, &green), &blue)) in
                out.as_chunks_mut().0.iter_mut().zip(red.iter().zip(green).zip(blue))
            {
                *pixel = [red, green, blue];
            }
            return;
        }
        for channel in 0..channels {
            let from = of_channel(channel);
            out[channel..].iter_mut().step_by(channels).zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::graph::{
        Control, Op,
        kernels::fast::tests::noise,
        ops::{Conv2d, MaxPool2d},
    };

    fn window(kernel: usize, steps: usize) -> Window {
        Window { kernel: [kernel; 2], stride: [steps; 2], dilation: [1, 1] }
    }

    #[test]
    fn only_what_is_worth_it_is_split() {
        assert!(Phases::of(window(11, 4), 3).is_some());
        assert!(Phases::of(window(5, 2), 3).is_some());
        // No steps, too few products saved, a kernel that would have four rows, too few channels.
        for (kernel, steps, inputs) in [(3, 1, 64), (3, 2, 64), (7, 2, 3), (5, 2, 1)] {
            assert_eq!(Phases::of(window(kernel, steps), inputs), None, "{kernel} {steps} {inputs}");
        }
        assert_eq!(Phases::of(Window { stride: [4, 2], ..window(11, 4) }, 3), None);
        assert_eq!(Phases::of(Window { dilation: [2, 2], ..window(11, 4) }, 3), None);
        assert_eq!(Phases::of(Window { kernel: [11, 9], ..window(11, 4) }, 3), None);
    }

    /// Whichever way the picture lies, whatever zeros are around it, and whether or not the steps end with the picture.
    #[test]
    fn steps_over_phases_are_the_plain_convolution() {
        for (kernel, steps, inputs, sizes, padding) in [
            (11, 4, 3, [2, 67, 83], [2, 2]),
            (11, 4, 1, [1, 60, 61], [5, 0]),
            (5, 2, 3, [1, 37, 40], [2, 1]),
            (6, 2, 5, [2, 40, 31], [0, 3]),
            (8, 3, 2, [1, 50, 49], [4, 7]),
        ] {
            let [batch, rows, columns] = sizes;
            let picture = noise(batch * inputs * rows * columns, 3);
            let picture = Tensor::from_vec(picture, (batch, inputs, rows, columns), &Device::Cpu).unwrap();
            let weight = noise(40 * inputs * kernel * kernel, 4);
            let weight = Tensor::from_vec(weight, (40, inputs, kernel, kernel), &Device::Cpu).unwrap();
            let bias = Tensor::from_vec(noise(40, 5), 40, &Device::Cpu).unwrap();
            let double = |tensor: &Tensor| tensor.to_dtype(DType::F64).unwrap();
            let conv = |weight, bias| Conv2d::new(weight, Some(bias)).unwrap().stride([steps; 2]).padding(padding);
            let expected = conv(double(&weight), double(&bias)).forward(&[&double(&picture)], false).unwrap().output;
            let layer = conv(weight, bias);
            let prepared = layer.prepared(&picture, &Control::default()).unwrap().unwrap();
            assert!(
                prepared.pools(&MaxPool2d::new([2, 2], [2, 2]), [2, 2], false),
                "{kernel} {steps}: not by Winograd's algorithm"
            );
            for picture in [picture.clone(), memory::channels_last(&picture).unwrap()] {
                let found = layer.forward(&[&picture], false).unwrap().output;
                assert_eq!(found.dims(), expected.dims());
                let all = |tensor: &Tensor| double(tensor).flatten_all().unwrap().to_vec1::<f64>().unwrap();
                let (found, expected) = (all(&found), all(&expected));
                let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                let error = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                // As for Winograd's algorithm without steps.
                assert!(error <= 5e-6 * largest, "{kernel} {steps}: {}", error / largest);
            }
        }
    }
}
