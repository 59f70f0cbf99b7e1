//! Maximum pooling and its switches.

mod last;

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::{Control, ops::MaxPool2d},
    fast::Reach,
    for_float,
    memory::{is_last, is_picture},
    read, tensor,
};

/// The largest value of each window; with `record` also its place in the window (row-major, `u32`).
/// Asks `control` before each plane, or row where the channels lie last.
///
/// # Errors
/// When the tensor library fails, or cancellation.
pub(in crate::graph) fn forward(
    input: &Tensor,
    pool: &MaxPool2d,
    size: [usize; 2],
    record: bool,
    control: &Control,
) -> Result<(Tensor, Option<Tensor>)> {
    if is_picture(input) && is_last(input) {
        return last::forward(input, pool, size, record, control);
    }
    let (largest, switches) = for_float!(input, forward_of(input, pool, size, control))?;
    Ok((largest, record.then_some(switches)))
}

fn forward_of<T: WithDType>(
    input: &Tensor,
    pool: &MaxPool2d,
    [rows, columns]: [usize; 2],
    control: &Control,
) -> Result<(Tensor, Tensor)> {
    let (batch, channels, height, width) = input.dims4()?;
    let count = batch * channels * rows * columns;
    let reached = [Reach::along(pool, 0, rows, height), Reach::along(pool, 1, columns, width)];
    let (largest, switches) = read(input, |values: &[T]| {
        let mut largest = vec![T::zero(); count];
        let mut switches = vec![0_u32; count];
        let outputs = largest.par_chunks_mut(rows * columns).zip(switches.par_chunks_mut(rows * columns));
        outputs.zip(values.par_chunks(height * width)).for_each(|((largest, switches), plane)| {
            if control.check().is_err() {
                return;
            }
            let lines = largest.chunks_mut(columns).zip(switches.chunks_mut(columns));
            for (row, (largest, switches)) in reached[0].iter().zip(lines) {
                for ((largest, switch), column) in largest.iter_mut().zip(switches).zip(&reached[1]) {
                    (*largest, *switch) = winner(plane, width, pool, [row, column]);
                }
            }
        });
        control.checked()?;
        Ok((largest, switches))
    })?;
    let shape = (batch, channels, rows, columns);
    Ok((tensor(largest, shape)?, tensor(switches, shape)?))
}

/// The first largest value of one window, which has a place inside the input; NaN is larger than all.
fn winner<T: WithDType>(plane: &[T], width: usize, pool: &MaxPool2d, [row, column]: [&Reach; 2]) -> (T, u32) {
    let [down, across] = pool.dilation;
    let mut best = plane[row.first * width + column.first];
    let mut place = row.places.start * pool.kernel[1] + column.places.start;
    for (index, y) in row.places.clone().enumerate() {
        let line = &plane[(row.first + index * down) * width..][..width];
        for (index, x) in column.places.clone().enumerate() {
            let value = line[column.first + index * across];
            // Chosen without a branch, which could not be predicted.
            let wins = (value > best) | is_nan(value);
            best = if wins { value } else { best };
            place = if wins { y * pool.kernel[1] + x } else { place };
        }
    }
    (best, place as u32)
}

fn is_nan<T: WithDType>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}

/// Each output's gradient at the place that won; `size` is rows and columns of the input. Asks `control` as [`forward`]
/// does.
///
/// # Errors
/// When the tensor library fails, or cancellation.
pub(in crate::graph) fn vjp(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    size: [usize; 2],
    control: &Control,
) -> Result<Tensor> {
    if is_picture(gradient) && is_last(switches) {
        return last::vjp(gradient, switches, pool, size, control);
    }
    for_float!(gradient, vjp_of(gradient, switches, pool, size, control))
}

fn vjp_of<T: WithDType>(
    gradient: &Tensor,
    switches: &Tensor,
    pool: &MaxPool2d,
    [height, width]: [usize; 2],
    control: &Control,
) -> Result<Tensor> {
    let (batch, channels, rows, columns) = gradient.dims4()?;
    let back = read(gradient, |gradient: &[T]| {
        read(switches, |switches: &[u32]| {
            let mut back = vec![T::zero(); batch * channels * height * width];
            let outputs = gradient.par_chunks(rows * columns).zip(switches.par_chunks(rows * columns));
            back.par_chunks_mut(height * width).zip(outputs).for_each(|(plane, (gradient, switches))| {
                if control.check().is_err() {
                    return;
                }
                for (index, (&g, &place)) in gradient.iter().zip(switches).enumerate() {
                    let (y, x) = (place as usize / pool.kernel[1], place as usize % pool.kernel[1]);
                    let y = index / columns * pool.stride[0] + y * pool.dilation[0] - pool.padding[0];
                    let x = index % columns * pool.stride[1] + x * pool.dilation[1] - pool.padding[1];
                    plane[y * width + x] += g;
                }
            });
            control.checked()?;
            Ok(back)
        })
    })?;
    tensor(back, (batch, channels, height, width))
}

#[cfg(test)]
mod tests;
