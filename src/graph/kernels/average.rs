//! Average pooling over windows.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{super::ops::Window, for_float, read, tensor};

/// The mean of each window of rows × columns.
pub(in crate::graph) fn forward(input: &Tensor, windows: &[Vec<Window>; 2]) -> Result<Tensor> {
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
