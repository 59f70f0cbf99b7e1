//! Average pooling over windows.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{
    super::ops::Window,
    each::each,
    for_float,
    memory::{Order, is_last, is_picture, of_order, read_as},
    read, tensor,
};

/// The mean of each window of rows × columns.
pub(in crate::graph) fn forward(input: &Tensor, windows: &[Vec<Window>; 2]) -> Result<Tensor> {
    if is_picture(input) && is_last(input) {
        return forward_last(input, windows);
    }
    for_float!(input, forward_of(input, windows))
}

fn forward_of<T: WithDType>(input: &Tensor, [rows, columns]: &[Vec<Window>; 2]) -> Result<Tensor> {
    let (batch, channels, height, width) = input.dims4()?;
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); batch * channels * rows.len() * columns.len()];
        let planes = output.par_chunks_mut(rows.len() * columns.len()).zip(values.par_chunks(height * width));
        planes.for_each(|(output, plane)| {
            for (line, row) in output.chunks_mut(columns.len()).zip(rows) {
                for (mean, column) in line.iter_mut().zip(columns) {
                    let mut sum = T::zero();
                    for y in row.start..row.end {
                        for &value in &plane[y * width + column.start..y * width + column.end] {
                            sum += value;
                        }
                    }
                    *mean = sum / T::from_f64((row.count * column.count) as f64);
                }
            }
        });
        Ok(output)
    })?;
    tensor(output, (batch, channels, rows.len(), columns.len()))
}

/// Each output's gradient spread evenly over its window; `size` is rows and columns of the input.
pub(in crate::graph) fn vjp(gradient: &Tensor, windows: &[Vec<Window>; 2], size: [usize; 2]) -> Result<Tensor> {
    if is_picture(gradient) && is_last(gradient) {
        return vjp_last(gradient, windows, size);
    }
    for_float!(gradient, vjp_of(gradient, windows, size))
}

fn vjp_of<T: WithDType>(
    gradient: &Tensor,
    [rows, columns]: &[Vec<Window>; 2],
    [height, width]: [usize; 2],
) -> Result<Tensor> {
    let (batch, channels, ..) = gradient.dims4()?;
    let back = read(gradient, |gradient: &[T]| {
        let mut back = vec![T::zero(); batch * channels * height * width];
        let planes = back.par_chunks_mut(height * width).zip(gradient.par_chunks(rows.len() * columns.len()));
        planes.for_each(|(plane, gradient)| {
            for (line, row) in gradient.chunks(columns.len()).zip(rows) {
                for (&g, column) in line.iter().zip(columns) {
                    let share = g / T::from_f64((row.count * column.count) as f64);
                    for y in row.start..row.end {
                        for value in &mut plane[y * width + column.start..y * width + column.end] {
                            *value += share;
                        }
                    }
                }
            }
        });
        Ok(back)
    })?;
    tensor(back, (batch, channels, height, width))
}

/// The same with the channels last: all channels of a pixel at a time.
fn forward_last(input: &Tensor, [rows, columns]: &[Vec<Window>; 2]) -> Result<Tensor> {
    let (batch, channels, height, width) = input.dims4()?;
    let output = read_as(input, Order::Last, |values: &[f32]| {
        let mut output = vec![0.0_f32; batch * rows.len() * columns.len() * channels];
        each(output.chunks_mut(channels).enumerate(), |(index, means)| {
            let (line, column) = (index / columns.len(), &columns[index % columns.len()]);
            let (picture, row) = (line / rows.len(), &rows[line % rows.len()]);
            for y in row.start..row.end {
                let first = ((picture * height + y) * width + column.start) * channels;
                for pixel in values[first..][..(column.end - column.start) * channels].chunks_exact(channels) {
                    means.iter_mut().zip(pixel).for_each(|(mean, &value)| *mean += value);
                }
            }
            let count = (row.count * column.count) as f32;
            for mean in means {
                *mean /= count;
            }
        });
        Ok(output)
    })?;
    of_order(output, &[batch, channels, rows.len(), columns.len()], Order::Last)
}

fn vjp_last(gradient: &Tensor, [rows, columns]: &[Vec<Window>; 2], [height, width]: [usize; 2]) -> Result<Tensor> {
    let (batch, channels, ..) = gradient.dims4()?;
    let shape = [batch, channels, height, width];
    let back = read_as(gradient, Order::Last, |gradient: &[f32]| {
        let mut back = vec![0.0_f32; shape.iter().product()];
        each(back.chunks_mut(width * channels).enumerate(), |(index, back)| {
            let (picture, y) = (index / height, index % height);
            for (r, row) in rows.iter().enumerate().filter(|(_, row)| (row.start..row.end).contains(&y)) {
                for (c, column) in columns.iter().enumerate() {
                    let first = ((picture * rows.len() + r) * columns.len() + c) * channels;
                    let gradient = &gradient[first..][..channels];
                    let count = (row.count * column.count) as f32;
                    for pixel in back[column.start * channels..column.end * channels].chunks_exact_mut(channels) {
                        pixel.iter_mut().zip(gradient).for_each(|(back, &g)| *back += g / count);
                    }
                }
            }
        });
        Ok(back)
    })?;
    of_order(back, &shape, Order::Last)
}
