//! Maximum pooling of pictures with the channels last: all channels of a pixel at a time.

use candle_core::{Result, Tensor};

use super::super::{
    super::{Control, ops::MaxPool2d},
    buffers,
    each::each,
    fast::{self, Isa, Reach, Rows},
    memory::{Order, of_order, read_as},
};

/// The largest value of each window; with `record` also its place in the window. Asks `control` before each row.
pub(super) fn forward(
    input: &Tensor,
    pool: &MaxPool2d,
    [rows, columns]: [usize; 2],
    record: bool,
    control: &Control,
) -> Result<(Tensor, Option<Tensor>)> {
    let (batch, channels, height, width) = input.dims4()?;
    let reached = [Reach::along(pool, 0, rows, height), Reach::along(pool, 1, columns, width)];
    let count = batch * rows * columns * channels;
    let (largest, switches) = read_as(input, Order::Last, |values: &[f32]| {
        let mut largest = buffers::take(count);
        let mut switches = vec![0_u32; if record { count } else { 0 }];
        let line = columns * channels;
        let picture = |index: usize| &values[index / rows * height * width * channels..][..height * width * channels];
        if record {
            let lines = largest.chunks_mut(line).zip(switches.chunks_mut(line)).enumerate();
            each(lines, |(index, (largest, switches))| {
                if control.check().is_err() {
                    return;
                }
                let source = Source { picture: picture(index), width, channels, pool };
                let mut window = Vec::new();
                let pixels = largest.chunks_mut(channels).zip(switches.chunks_mut(channels)).zip(&reached[1]);
                for ((largest, switches), column) in pixels {
                    window.clear();
                    window.extend(source.places(&reached[0][index % rows], column));
                    fast::winners(Isa::best(), &window, largest, switches);
                }
            });
        } else {
            each(largest.chunks_mut(line).enumerate(), |(index, largest)| {
                if control.check().is_err() {
                    return;
                }
                let pixels = Rows { values: picture(index), kept: height, width, channels };
                pixels.largest(Isa::best(), pool, &reached[0][index % rows], &reached[1], largest);
            });
        }
        control.checked()?;
        Ok((largest, switches))
    })?;
    let shape = [batch, channels, rows, columns];
    let switches = record.then(|| of_order(switches, &shape, Order::Last)).transpose()?;
    Ok((of_order(largest, &shape, Order::Last)?, switches))
}

/// One picture that windows look at.
struct Source<'a> {
    picture: &'a [f32],
    width: usize,
    channels: usize,
    pool: &'a MaxPool2d,
}

impl Source<'_> {
    /// The channels under each place of a window, and the place, in row-major order.
    fn places<'a>(&'a self, row: &'a Reach, column: &'a Reach) -> impl Iterator<Item = (&'a [f32], u32)> {
        let [down, across] = self.pool.dilation;
        row.places.clone().enumerate().flat_map(move |(r, y)| {
            column.places.clone().enumerate().map(move |(c, x)| {
                let pixel = (row.first + r * down) * self.width + column.first + c * across;
                let place = y * self.pool.kernel[1] + x;
                (&self.picture[pixel * self.channels..][..self.channels], place as u32)
            })
        })
    }
}

/// Each output's gradient at the place that won; `size` is rows and columns of the input. Asks `control` before each row.
pub(super) fn vjp(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    [height, width]: [usize; 2],
    control: &Control,
) -> Result<Tensor> {
    let (batch, channels, rows, columns) = gradient.dims4()?;
    let shape = [batch, channels, height, width];
    let back = read_as(gradient, Order::Last, |gradient: &[f32]| {
        read_as(switches, Order::Last, |switches: &[u32]| {
            let mut back = buffers::take(shape.iter().product());
            let line = width * channels;
            each(back.chunks_mut(line).enumerate(), |(index, back)| {
                if control.check().is_err() {
                    return;
                }
                let (picture, y) = (index / height, index % height);
                back.fill(0.0);
                // Of the windows that this row lies in, those whose winner lies in it.
                for down in 0..pool.kernel[0] {
                    let Some(from) = (y + pool.padding[0]).checked_sub(down * pool.dilation[0]) else { continue };
                    let row = from / pool.stride[0];
                    if !from.is_multiple_of(pool.stride[0]) || row >= rows {
                        continue;
                    }
                    let first = (picture * rows + row) * columns * channels;
                    let pixels = gradient[first..][..columns * channels].chunks_exact(channels);
                    let pixels = pixels.zip(switches[first..][..columns * channels].chunks_exact(channels));
                    for (column, (gradient, switches)) in pixels.enumerate() {
                        for across in 0..pool.kernel[1] {
                            let x = (column * pool.stride[1] + across * pool.dilation[1]).wrapping_sub(pool.padding[1]);
                            if x >= width {
                                continue;
                            }
                            let place = (down * pool.kernel[1] + across) as u32;
                            let back = &mut back[x * channels..][..channels];
                            fast::put_back(Isa::best(), gradient, switches, place, back);
                        }
                    }
                }
            });
            control.checked()?;
            Ok(back)
        })
    })?;
    of_order(back, &shape, Order::Last)
}
