//! Maximum pooling and its switches.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::ops::{MaxPool2d, inside},
    for_float, read, tensor,
};

/// The largest value of each window, and its place in the window (row-major, `u32`).
pub(in crate::graph) fn forward(input: &Tensor, pool: &MaxPool2d, size: [usize; 2]) -> Result<(Tensor, Tensor)> {
    for_float!(input, forward_of(input, pool, size))
}

fn forward_of<T: WithDType>(input: &Tensor, pool: &MaxPool2d, [rows, columns]: [usize; 2]) -> Result<(Tensor, Tensor)> {
    let (batch, channels, height, width) = input.dims4()?;
    let count = batch * channels * rows * columns;
    let (largest, switches) = read(input, |values: &[T]| {
        let mut largest = vec![T::zero(); count];
        let mut switches = vec![0_u32; count];
        let outputs = largest.par_chunks_mut(rows * columns).zip(switches.par_chunks_mut(rows * columns));
        outputs.zip(values.par_chunks(height * width)).for_each(|((largest, switches), plane)| {
            for y in 0..rows {
                for x in 0..columns {
                    let (best, place) = winner(plane, [height, width], pool, [y, x]);
                    largest[y * columns + x] = best;
                    switches[y * columns + x] = place;
                }
            }
        });
        Ok((largest, switches))
    })?;
    let shape = (batch, channels, rows, columns);
    Ok((tensor(largest, shape)?, tensor(switches, shape)?))
}

/// The first largest value of one window; NaN is larger than all.
fn winner<T: WithDType>(
    plane: &[T],
    [height, width]: [usize; 2],
    pool: &MaxPool2d,
    [row, column]: [usize; 2],
) -> (T, u32) {
    let (top, left) = (row * pool.stride[0], column * pool.stride[1]);
    let [down, across] = pool.dilation;
    let rows = inside(top, pool.padding[0], down, pool.kernel[0], height);
    let columns = inside(left, pool.padding[1], across, pool.kernel[1], width);
    let mut best: Option<(T, u32)> = None;
    for y in rows {
        let line = &plane[(top + y * down - pool.padding[0]) * width..][..width];
        for x in columns.clone() {
            let value = line[left + x * across - pool.padding[1]];
            let place = (y * pool.kernel[1] + x) as u32;
            best = match best {
                Some((largest, _)) if value > largest || is_nan(value) => Some((value, place)),
                None => Some((value, place)),
                lower => lower,
            };
        }
    }
    best.unwrap_or((T::zero(), 0))
}

fn is_nan<T: WithDType>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}

/// Each output's gradient at the place that won; `size` is rows and columns of the input.
pub(in crate::graph) fn vjp(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    size: [usize; 2],
) -> Result<Tensor> {
    for_float!(gradient, vjp_of(gradient, switches, pool, size))
}

fn vjp_of<T: WithDType>(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    let (batch, channels, rows, columns) = gradient.dims4()?;
    let back = read(gradient, |gradient: &[T]| {
        read(switches, |switches: &[u32]| {
            let mut back = vec![T::zero(); batch * channels * height * width];
            let outputs = gradient.par_chunks(rows * columns).zip(switches.par_chunks(rows * columns));
            back.par_chunks_mut(height * width).zip(outputs).for_each(|(plane, (gradient, switches))| {
                for (index, (&g, &place)) in gradient.iter().zip(switches).enumerate() {
                    let (y, x) = (place as usize / pool.kernel[1], place as usize % pool.kernel[1]);
                    let y = index / columns * pool.stride[0] + y * pool.dilation[0] - pool.padding[0];
                    let x = index % columns * pool.stride[1] + x * pool.dilation[1] - pool.padding[1];
                    plane[y * width + x] += g;
                }
            });
            Ok(back)
        })
    })?;
    tensor(back, (batch, channels, height, width))
}
