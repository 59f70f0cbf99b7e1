//! Resizing by weighted neighbours along rows and columns.

use candle_core::{Result, Tensor, WithDType};
use rayon::prelude::*;

use super::{super::ops::Taps, for_float, read, tensor};

/// The output `[batch, channels, rows, columns]`.
pub(in crate::graph) fn forward(input: &Tensor, taps: &[Taps; 2]) -> Result<Tensor> {
    for_float!(input, forward_of(input, taps))
}

fn forward_of<T: WithDType>(input: &Tensor, [rows, columns]: &[Taps; 2]) -> Result<Tensor> {
    let (batch, channels, height, width) = input.dims4()?;
    let (tall, wide) = (rows.outputs(), columns.outputs());
    let across = weights::<T>(columns);
    let down = weights::<T>(rows);
    let output = read(input, |values: &[T]| {
        let mut output = vec![T::zero(); batch * channels * tall * wide];
        // Each output row by itself, since a segmentation's last layers have few channels and many rows.
        output.par_chunks_mut(wide).enumerate().with_min_len(grain(wide)).for_each_init(
            || vec![T::zero(); width],
            |line, (index, output)| {
                let plane = &values[index / tall * height * width..][..height * width];
                line.fill(T::zero());
                for &(row, weight) in &down[index % tall * rows.count..][..rows.count] {
                    for (sum, &value) in line.iter_mut().zip(&plane[row * width..][..width]) {
                        *sum += value * weight;
                    }
                }
                for (y, taps) in output.iter_mut().zip(across.chunks(columns.count)) {
                    for &(column, weight) in taps {
                        *y += line[column] * weight;
                    }
                }
            },
        );
        Ok(output)
    })?;
    tensor(output, (batch, channels, tall, wide))
}

/// The gradient with respect to the input, whose rows and columns are `size`.
pub(in crate::graph) fn vjp(gradient: &Tensor, taps: &[Taps; 2], size: [usize; 2]) -> Result<Tensor> {
    for_float!(gradient, vjp_of(gradient, taps, size))
}

fn vjp_of<T: WithDType>(gradient: &Tensor, [rows, columns]: &[Taps; 2], [height, width]: [usize; 2]) -> Result<Tensor> {
    let (batch, channels, tall, wide) = gradient.dims4()?;
    let across = weights::<T>(columns);
    let down = weights::<T>(rows);
    let back = read(gradient, |gradient: &[T]| {
        let mut back = vec![T::zero(); batch * channels * height * width];
        let planes = back.par_chunks_mut(height * width).zip(gradient.par_chunks(tall * wide));
        planes.for_each_init(
            || vec![T::zero(); width],
            |line, (plane, gradient)| {
                for (gradient, taps) in gradient.chunks(wide).zip(down.chunks(rows.count)) {
                    line.fill(T::zero());
                    for (&g, taps) in gradient.iter().zip(across.chunks(columns.count)) {
                        for &(column, weight) in taps {
                            line[column] += g * weight;
                        }
                    }
                    for &(row, weight) in taps {
                        for (b, &sum) in plane[row * width..][..width].iter_mut().zip(line.iter()) {
                            *b += sum * weight;
                        }
                    }
                }
            },
        );
        Ok(back)
    })?;
    tensor(back, (batch, channels, height, width))
}

/// The taps with weights of the element type.
fn weights<T: WithDType>(taps: &Taps) -> Vec<(usize, T)> {
    taps.taps.iter().map(|&(place, weight)| (place, T::from_f64(weight))).collect()
}

/// How many output rows of this length one thread takes at least.
fn grain(length: usize) -> usize {
    (super::CHUNK / length).max(1)
}
