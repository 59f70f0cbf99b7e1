//! Convolution of each channel by a kernel of its own.

use super::{
    super::each::each,
    Isa,
    after::Channels,
    direct::Window,
    image::{After, Target, View},
    isa::by_isa,
    lane::{LANE, Lane},
};
use crate::graph::Control;

/// Weights `[places of the kernel][channels]`.
#[derive(Debug, Clone)]
pub struct Weights {
    channels: usize,
    values: Vec<f32>,
}

impl Weights {
    /// From `weight(channel, place)`.
    #[must_use]
    pub fn new(channels: usize, places: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let values = (0..places).flat_map(|place| (0..channels).map(move |channel| (channel, place)));
        Self { channels, values: values.map(|(channel, place)| weight(channel, place)).collect() }
    }
}

/// One row of the output.
#[derive(Clone, Copy)]
struct Line<'a> {
    input: View<'a>,
    weights: &'a Weights,
    window: Window,
    after: After<'a>,
    output: Target,
    row: usize,
}

/// Convolves; the input has its zeros around it already. A cancelled run leaves part of the output as it was.
///
/// # Panics
/// When sizes do not fit each other.
pub fn convolve(
    isa: Isa,
    input: View,
    weights: &Weights,
    window: Window,
    after: After,
    output: Target,
    control: &Control,
) {
    input.check();
    window.check(&input, [output.batch, output.rows, output.columns]);
    let places = window.kernel[0] * window.kernel[1];
    assert!([input.channels, output.channels] == [weights.channels; 2], "weights for other channels");
    assert_eq!(weights.values.len(), places * weights.channels, "weights for another kernel");
    each(0..output.batch * output.rows, |row| {
        if control.is_cancelled() {
            return;
        }
        let line = &Line { input, weights, window, after, output, row };
        // SAFETY: each row is computed once; sizes have been checked, and `isa` names what the processor has.
        unsafe { by_isa!(isa => line_in[][](line: &Line)) };
    });
}

// Loops all through, without closures: a closure would be compiled for the processor's least instructions.
#[inline(always)]
unsafe fn line_in<L: Lane>(line: &Line) {
    let Line { input, weights, window, after, output, row } = *line;
    let (picture, of_picture) = (row / output.rows, row % output.rows);
    for channel in (0..output.channels).step_by(LANE) {
        let count = LANE.min(output.channels - channel);
        // SAFETY: the caller's.
        let channels = unsafe { Channels::<L>::new(after, channel, count) };
        for column in 0..output.columns {
            let mut sum = L::splat(0.0);
            for down in 0..window.kernel[0] {
                let y = of_picture * window.stride[0] + down * window.dilation[0];
                for across in 0..window.kernel[1] {
                    let x = column * window.stride[1] + across * window.dilation[1];
                    let place = down * window.kernel[1] + across;
                    // SAFETY: the window stays in the picture (`Window::check`), and there is a weight for each channel.
                    unsafe {
                        let pixel = L::load_some(input.values.as_ptr().add(input.at(picture, y, x) + channel), count);
                        let weight =
                            L::load_some(weights.values.as_ptr().add(place * weights.channels + channel), count);
                        sum = pixel.mul_add(weight, sum);
                    }
                }
            }
            let pixel = row * output.columns + column;
            // SAFETY: the pixel is one of this row, which nobody else writes.
            unsafe {
                let value = channels.finish(sum, pixel);
                value.store_some(output.cells.pointer(pixel * output.pixel + channel, count), count);
            }
        }
    }
}
